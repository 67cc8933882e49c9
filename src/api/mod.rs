//! The HTTP API: `/v1`, JSON, RFC 9457 problems. One table of routes, in `routes.rs`.

mod access;
mod activity;
mod body;
mod caller;
mod chunks;
mod contacts;
mod cors;
mod cursor;
mod depths;
mod health;
mod jobs;
mod json;
mod media;
mod notifications;
mod notify;
mod one_shot;
mod parts;
mod problem;
mod queues;
mod receipts;
mod reprocess;
mod routes;
mod schedules;
mod signed;
mod socket;
mod stream;
mod tokens;
mod trace;
mod tus;
mod uploads;
mod uppy;
mod users;
mod wish;
mod workers;

use std::{sync::Arc, time::Duration};

use ::jobs::{intake, ports::PortError, tools::Tools};
use tokio_util::task::TaskTracker;

use crate::spare::Spare;

pub use access::{Access, Key, Scope, is_public_key};
pub use routes::{ROUTES, Route, router, watched};

/// What the handlers work with.
#[derive(Clone)]
pub struct Api {
    tools: Tools,
    intake: Arc<intake::Needs>,
    access: Arc<Access>,
    limits: UploadLimits,
    serving: Serving,
    signer: Arc<signed::Signer>,
    spool: Arc<Spare>,
    origins: Arc<[String]>,
    /// Requests that are gone through with when their callers hang up.
    under_way: TaskTracker,
    ready: Arc<dyn Ready>,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    depths: Arc<depths::Depths>,
}

/// What an upload may cost.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    /// The largest file, in bytes.
    pub file_bytes: u64,
    /// Without a new chunk for so long, an upload expires.
    pub idle: Duration,
    /// After so long it expires in any case.
    pub hard: Duration,
}

/// How readers get bytes.
#[derive(Debug, Clone, Copy)]
pub struct Serving {
    /// They are sent to a signed address of the object store, if it has such.
    pub redirects: bool,
    /// A signed address is good for so long.
    pub signed: Duration,
}

/// What addresses are signed with, and where bytes lie for the time of a request.
#[derive(Debug)]
pub struct Own<'own> {
    /// Scheme, host and port under which readers reach the API.
    pub public_url: &'own str,
    /// A secret that all processes of the service share.
    pub secret: Option<&'own str>,
    /// Their folder.
    pub spool: Spare,
    /// Pages of these origins may call the API.
    pub origins: &'own [String],
}

/// Says whether the stores answer.
#[async_trait::async_trait]
pub trait Ready: Send + Sync {
    /// The first store that does not answer, as a sentence.
    async fn check(&self) -> Result<(), PortError>;
}

impl Api {
    /// Waits until nothing is under way any more that nobody waits for.
    pub async fn quiet(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }

    /// Does `work` to its end, whether its caller waits for it or hangs up.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, problem::Problem>> + Send + 'static,
    ) -> Result<T, problem::Problem> {
        self.under_way.spawn(work).await.unwrap_or_else(|error| {
            let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
            let detail = format!("the request broke: {error}");
            Err(problem::Problem::new(status, "internal", detail))
        })
    }

    /// The API over these tools.
    pub fn new(
        tools: Tools,
        access: Access,
        (limits, serving): (UploadLimits, Serving),
        own: Own<'_>,
        ready: Arc<dyn Ready>,
        metrics: Arc<dyn Fn() -> String + Send + Sync>,
    ) -> Self {
        let intake = Arc::new(intake::Needs::from(&tools));
        let (access, depths) = (Arc::new(access), Arc::default());
        let signer = Arc::new(signed::Signer::new(own.public_url, own.secret));
        let (spool, origins) = (Arc::new(own.spool), own.origins.into());
        Self {
            tools,
            intake,
            access,
            limits,
            serving,
            signer,
            spool,
            origins,
            under_way: TaskTracker::new(),
            ready,
            metrics,
            depths,
        }
    }
}
