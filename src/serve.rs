//! Starts and stops the service in order: stores, workers, door; then the other way round.

use std::{convert::Infallible, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::{self, Api},
    wire::House,
    worker::{self, Engine, Pool, Supply},
};

/// Which parts run in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Both.
    All,
    /// The HTTP API.
    Api,
    /// The workers.
    Worker,
}

/// How long open requests may go on after the stop is asked for.
const DOOR_CLOSES: Duration = Duration::from_secs(5);
/// Until then each value of a histogram takes its place in memory.
const SUM_UP: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or Ctrl-C.
pub async fn serve(house: House, role: Role, metrics: PrometheusHandle) -> anyhow::Result<()> {
    if role != Role::All && house.config.store.mongodb_url.text().is_none() {
        anyhow::bail!("--role needs MongoDB (MONGODB_URL): the embedded store has one process");
    }
    for line in house.store.migrate().await? {
        tracing::info!("{line}");
    }
    house.set_clock().await?;
    // Before anything runs that has to be stopped in order.
    let mut asked = Asked::listen()?;
    let stop = CancellationToken::new();
    let keeper = TaskTracker::new();
    let kept = house.clone();
    let keeping = async move { kept.keep_stores().await };
    keeper.spawn(stop.clone().run_until_cancelled_owned(keeping));
    keeper.spawn(stop.clone().run_until_cancelled_owned(sum_up(metrics.clone())));
    // Nobody else gets at the embedded store.
    if role != Role::Api && house.config.store.mongodb_url.text().is_some() {
        for arrivals in [house.arrivals.clone(), house.notices.clone()] {
            let taking_in = worker::take_in(arrivals);
            keeper.spawn(stop.clone().run_until_cancelled_owned(taking_in));
        }
        let listener = house.clone();
        let listening = async move { listener.listen().await };
        keeper.spawn(stop.clone().run_until_cancelled_owned(listening));
    }
    if role != Role::Worker {
        let listeners = house.clone();
        let passing_on = async move { listeners.pass_on().await };
        keeper.spawn(stop.clone().run_until_cancelled_owned(passing_on));
    }
    let pool = match role {
        Role::Api => None,
        Role::All | Role::Worker => Some(start(&house).context("no threads for the workers")?),
    };
    let doors = open(&house, role, Arc::new(move || metrics.render()), &stop).await?;
    tokio::select! {
        () = asked.heard() => {}
        never = look_for_scanner(&house) => match never {},
    }
    tracing::info!("stopping");
    stop.cancel();
    house.tools.live.close();
    // A request that hangs must not keep the process: its sender repeats it.
    let _ = tokio::time::timeout(DOOR_CLOSES, doors.wait()).await;
    if let Some(pool) = pool {
        pool.stop().await;
    }
    Ok(())
}

/// Starts the workers.
pub fn start(house: &House) -> std::io::Result<Pool> {
    start_with(house, house.engine())
}

/// Starts workers that run their jobs by this engine.
pub fn start_with(house: &House, engine: Engine) -> std::io::Result<Pool> {
    let (leases, clock) = (house.leases.clone(), house.tools.clock.clone());
    let book = house.tools.book.clone();
    let apart = house.clone();
    let own = Box::pin(async move { apart.own_leases().await });
    let supply = Supply { leases, own, book, clock, pace: house.pace() };
    Pool::start(engine, supply, house.scheduler(), house.slots())
}

/// Opens the doors of this role; the tracker is empty when they are closed.
async fn open(
    house: &House,
    role: Role,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    stop: &CancellationToken,
) -> anyhow::Result<TaskTracker> {
    let (api, http) = (house.api(metrics)?, &house.config.http);
    let doors = TaskTracker::new();
    if role != Role::Worker {
        listen(&http.bind, api::router(api.clone()), &api, stop, &doors).await?;
    }
    if !http.metrics_bind.is_empty() {
        listen(&http.metrics_bind, api::watched(api.clone()), &api, stop, &doors).await?;
    }
    doors.close();
    Ok(doors)
}

async fn listen(
    bind: &str,
    door: Router,
    api: &Api,
    stop: &CancellationToken,
    doors: &TaskTracker,
) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(bind).await.with_context(|| format!("{bind} cannot be listened to"))?;
    let address = listener.local_addr()?;
    let service =
        axum::serve(listener, door).with_graceful_shutdown(stop.clone().cancelled_owned());
    tracing::info!("listening on http://{address}");
    let api = api.clone();
    doors.spawn(async move {
        let served = service.await;
        // What somebody sent and did not wait for is written down, too.
        api.quiet().await;
        served
    });
    Ok(())
}

async fn sum_up(metrics: PrometheusHandle) {
    let mut every = tokio::time::interval(SUM_UP);
    loop {
        every.tick().await;
        metrics.run_upkeep();
    }
}

/// Says once how the scanner is.
async fn look_for_scanner(house: &House) -> Infallible {
    match house.tools.scanner.check().await {
        Ok((engine, signatures)) => tracing::info!(engine, signatures, "the scanner is ready"),
        Err(error) => tracing::warn!(%error, "the scanner is not ready, scans wait for it"),
    }
    std::future::pending().await
}

/// How people and service managers ask for the end.
struct Asked {
    terminate: Signal,
    interrupt: Signal,
}

impl Asked {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn heard(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
