//! From settings to parts: the only place that chooses adapters.

mod carriers;
mod listen;

pub use carriers::Checked;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use async_trait::async_trait;
use jobs::{
    delivery::{self, App},
    job::Queue,
    links::Links,
    ports::{Arrivals, Clock, Decoder, Leases, Objects, PortError, Rate, Rates, Scanner},
    steps::Recorder,
    tools::{Ports, Privacy, Tools},
};

use crate::{
    adapters::{
        clamd::{Clamd, ScanLimits},
        clock::SystemClock,
        disk::Disk,
        documents::Documents,
        embedded,
        metered::Metered,
        mongo::{self, Mongo, MongoClock},
        records::{LiveRooms, Records, collections},
        s3::{Place, S3},
    },
    api::{Access, Api, Key, Own, Ready, Serving, UploadLimits},
    config::Config,
    decoder::{DecodeLimits, Decoding, InProcess},
    sandbox::Sandbox,
    spare::Spare,
    worker::{Engine, EveryKind, Notices, Pace, Scheduler, Slots},
};

/// Clocks drift by some milliseconds in this time, and records expire by the day.
const KEEP_STORES: Duration = Duration::from_secs(30);

/// Everything that the service is made of.
#[derive(Clone)]
pub struct House {
    /// The store of documents.
    pub store: Arc<dyn Documents>,
    /// The ports that jobs need.
    pub tools: Tools,
    /// The worker's side of the queue.
    pub leases: Arc<dyn Leases>,
    /// What other services put past the API.
    pub arrivals: Arc<dyn Arrivals>,
    /// Notifications that they put past it.
    pub notices: Arc<dyn Arrivals>,
    /// Who listens in this process.
    pub live: Arc<LiveRooms>,
    /// How much of their rate the lanes have left.
    pub rates: Arc<dyn Rates>,
    /// The settings it was made by.
    pub config: Arc<Config>,
    /// The server's clock, which has to be asked now and then.
    store_clock: Option<Arc<MongoClock>>,
    /// The server that tells what others write.
    server: Option<Mongo>,
}

/// The stores of the settings, open.
pub struct Opened {
    /// The store of documents.
    pub documents: Arc<dyn Documents>,
    /// The store of objects.
    pub objects: Arc<dyn Objects>,
    clock: Arc<dyn Clock>,
    store_clock: Option<Arc<MongoClock>>,
    server: Option<Mongo>,
}

/// The first store in the data folder that is not there yet; [`open`] would make it.
pub fn absent(config: &Config) -> Option<PathBuf> {
    let data = &config.store.data_dir;
    let records = config.store.mongodb_url.text().is_none().then(|| data.join("records"));
    let objects = config.s3.bucket.is_empty().then(|| data.join("objects"));
    records.into_iter().chain(objects).find(|store| !store.exists())
}

/// Opens the stores and nothing else: `migrate` and `doctor` do without a scanner.
pub async fn open(config: &Config) -> anyhow::Result<Opened> {
    let data = &config.store.data_dir;
    std::fs::create_dir_all(data)
        .with_context(|| format!("the data folder {} cannot be made", data.display()))?;
    let (mut store_clock, mut server) = (None, None);
    let (documents, clock): (Arc<dyn Documents>, Arc<dyn Clock>) =
        match config.store.mongodb_url.text() {
            Some(url) => {
                let store = mongo::connect(url, collections::ALL).await?;
                let clock = Arc::new(MongoClock::new(store.clone()));
                store_clock = Some(clock.clone());
                server = Some(store.clone());
                (Arc::new(store), clock)
            }
            None => {
                let store = embedded::open(&data.join("records"), collections::ALL)?;
                (Arc::new(store), Arc::new(SystemClock))
            }
        };
    let objects: Arc<dyn Objects> = match bucket(config) {
        Some(place) => Arc::new(S3::open(place, &data.join("copies"), clock.clone()).await?),
        None => Arc::new(Disk::open(&data.join("objects"))?),
    };
    let documents = Arc::new(Metered::new(documents));
    Ok(Opened { documents, objects, clock, store_clock, server })
}

/// Where objects lie if not on disk.
fn bucket(config: &Config) -> Option<Place> {
    let s3 = &config.s3;
    if s3.bucket.is_empty() {
        return None;
    }
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let key = s3.access_key.text().zip(s3.secret_key.text());
    Some(Place {
        endpoint: text(&s3.endpoint),
        key: key.map(|(key, secret)| (key.to_owned(), secret.to_owned())),
        path_style: s3.path_style == "yes" || (s3.path_style == "auto" && !s3.endpoint.is_empty()),
        checksums: s3.checksums,
        copies_bytes: s3.copies_mb << 20,
        ..Place::new(&s3.bucket, &s3.region)
    })
}

/// Opens the stores and builds every part; nothing runs yet.
pub async fn house(config: Config) -> anyhow::Result<House> {
    let scanner = scanner(&config)?;
    let Opened { documents, objects, clock, store_clock, server } = open(&config).await?;
    let decoder = decoder(&config);
    let house = assemble(config, documents, objects, scanner, (clock, decoder))?;
    Ok(House { store_clock, server, ..house })
}

/// What one decode may cost.
fn decode_limits(config: &Config) -> DecodeLimits {
    DecodeLimits {
        memory_bytes: config.decoder.memory_mb << 20,
        still_bytes: config.decoder.max_still_mb << 20,
        pixels: config.decoder.max_megapixels * 1_000_000,
        frames: config.decoder.max_frames,
        film: Duration::from_secs(config.decoder.max_film_seconds),
        time: Duration::from_secs(config.decoder.timeout_seconds),
    }
}

/// Processes of their own; where that is not wished or not possible, this one.
fn decoder(config: &Config) -> Arc<dyn Decoder> {
    let here = || in_process(config);
    if !config.decoder.sandbox {
        tracing::warn!("decoder.sandbox is off: a file that crashes its decoder ends this process");
        return here();
    }
    match sandbox(config) {
        Ok(sandbox) => Arc::new(Decoding(sandbox)),
        Err(error) => {
            tracing::warn!(%error, "no sandbox: a file that crashes its decoder ends this process");
            here()
        }
    }
}

/// A decoder in this process.
pub fn in_process(config: &Config) -> Arc<dyn Decoder> {
    Arc::new(Decoding(InProcess::new(decode_limits(config))))
}

/// Decodes in processes of this program.
pub fn sandbox(config: &Config) -> std::io::Result<Sandbox> {
    // Not by its name: another version may lie there by the time that it is started again.
    Sandbox::start(std::path::Path::new("/proc/self/exe"), decode_limits(config))
}

/// Builds every part over the given stores, scanner, clock and decoder.
pub fn assemble(
    config: Config,
    store: Arc<dyn Documents>,
    objects: Arc<dyn Objects>,
    scanner: Arc<dyn Scanner>,
    (clock, decoder): (Arc<dyn Clock>, Arc<dyn Decoder>),
) -> anyhow::Result<House> {
    let templates = carriers::templates(&config.notifications.templates_dir)?;
    let carriers = carriers::carriers(&config, &clock)?;
    let records = Arc::new(Records::new(store.clone(), clock.clone()));
    let public_url = match config.http.public_url.as_str() {
        "" => format!("http://{}", config.http.bind),
        url => url.to_owned(),
    };
    let cdn = Some(config.s3.public_url.clone()).filter(|url| !url.is_empty());
    let live = Arc::new(LiveRooms::new(store.clone(), clock.clone(), config.http.max_listeners));
    let recorder = Recorder {
        media: records.clone(),
        queue: records.clone(),
        clock: clock.clone(),
        live: live.clone(),
    };
    let tools = Tools::new(Ports {
        clock,
        uploads: records.clone(),
        media: records.clone(),
        albums: records.clone(),
        users: records.clone(),
        contacts: records.clone(),
        notifications: records.clone(),
        carriers: Arc::new(carriers),
        templates,
        seals: Arc::new(carriers::seals(&config)),
        app: Arc::new(App {
            name: config.notifications.app_name.clone(),
            url: config.notifications.app_url.trim_end_matches('/').to_owned(),
            report_wait: Duration::from_secs(config.email.report_wait_seconds),
        }),
        live: live.clone(),
        queue: records.clone(),
        activities: records.clone(),
        book: records.clone(),
        schedules: records.clone(),
        workers: records.clone(),
        recorder: Arc::new(recorder),
        objects,
        scanner,
        decoder,
        links: Arc::new(Links { public_url, cdn }),
        recipe: Arc::new(config.thumbnails.recipe()),
        privacy: Arc::new(Privacy { strip_originals: config.privacy.strip_originals }),
    });
    let config = Arc::new(config);
    let notices = Arc::new(Notices::new(delivery::Needs::from(&tools), store.is_shared()));
    let (leases, arrivals, rates) = (records.clone(), records.clone(), records);
    let (store_clock, server) = (None, None);
    Ok(House { store, tools, leases, arrivals, notices, live, rates, config, store_clock, server })
}

impl House {
    /// Asks the server for its time: a lease by a clock that is behind would have lapsed at once.
    pub async fn set_clock(&self) -> Result<(), PortError> {
        match &self.store_clock {
            Some(clock) => clock.refresh().await,
            None => Ok(()),
        }
    }

    /// What the stores need done now and then, for as long as it is let: the server's time is asked
    /// for, and expired records are removed where the store does not do so by itself.
    pub async fn keep_stores(&self) {
        let mut every = tokio::time::interval(KEEP_STORES);
        loop {
            every.tick().await;
            if let Err(error) = self.set_clock().await {
                tracing::warn!(%error, "the server's time is not known");
            }
            for of in collections::ALL.iter().filter(|of| of.expires()) {
                if let Err(error) = self.store.expire(of, self.tools.clock.now()).await {
                    tracing::warn!(%error, "expired records of {} are still there", of.name);
                }
            }
        }
    }

    /// The leases over a connection that nothing else uses, so that they are renewed however busy
    /// the others are; the embedded store has a thread for its writes anyway.
    pub async fn own_leases(&self) -> Result<Arc<dyn Leases>, PortError> {
        let Some(url) = self.config.store.mongodb_url.text() else {
            return Ok(self.leases.clone());
        };
        let store = Metered::new(Arc::new(mongo::connect(url, collections::ALL).await?));
        Ok(Arc::new(Records::new(Arc::new(store), self.tools.clock.clone())))
    }

    /// The engine that runs one job after the other.
    pub fn engine(&self) -> Engine {
        Engine::new(self.tools.clone(), self.leases.clone(), Arc::new(EveryKind))
    }

    /// How many jobs run at the same time.
    pub fn slots(&self) -> Slots {
        let worker = &self.config.worker;
        let slots = Queue::ALL.map(|queue| {
            let places = match queue {
                Queue::Ingest => worker.ingest,
                Queue::Scan => worker.scan,
                Queue::Media => worker.media,
                Queue::Housekeeping => worker.housekeeping,
                Queue::Notify => worker.notify,
                Queue::Push => worker.push,
                Queue::Email => worker.email,
                Queue::Sms => worker.sms,
            };
            (queue, places)
        });
        Slots(HashMap::from(slots))
    }

    /// How fast all workers together begin jobs.
    pub fn pace(&self) -> Pace {
        let settings = &self.config.rate;
        let burst = Duration::from_secs(settings.burst_seconds.into());
        let rates = Queue::ALL.map(|queue| {
            let per_minute = match queue {
                Queue::Ingest => settings.ingest,
                Queue::Scan => settings.scan,
                Queue::Media => settings.media,
                Queue::Housekeeping => settings.housekeeping,
                Queue::Notify => settings.notify,
                Queue::Push => settings.push,
                Queue::Email => settings.email,
                Queue::Sms => settings.sms,
            };
            (queue, Rate { per_minute, burst })
        });
        let limited = rates.into_iter().filter(|(_, rate)| rate.per_minute > 0);
        Pace::new(self.rates.clone(), limited.collect())
    }

    /// What puts the jobs of schedules.
    pub fn scheduler(&self) -> Scheduler {
        let Ports { schedules, queue, clock, .. } = &*self.tools;
        Scheduler::new(schedules.clone(), queue.clone(), clock.clone())
    }

    /// The HTTP API.
    pub fn api(&self, metrics: Arc<dyn Fn() -> String + Send + Sync>) -> anyhow::Result<Api> {
        let auth = &self.config.auth;
        let keys = auth.keys.iter().map(|key| Key::new(&key.key.0, key.scopes.clone())).collect();
        let public = Some(auth.token_public_key.as_str()).filter(|pem| !pem.is_empty());
        let clock = self.tools.clock.clone();
        let access = Access::new(keys, auth.token_secret.text(), public, clock)
            .context("auth.token_public_key is no Ed25519 public key in PEM")?;
        let uploads = &self.config.uploads;
        let limits = UploadLimits {
            file_bytes: uploads.max_file_mb << 20,
            idle: Duration::from_secs(uploads.idle_seconds),
            hard: Duration::from_secs(uploads.hard_seconds),
        };
        let s3 = &self.config.s3;
        let signed = Duration::from_secs(s3.signed_seconds);
        let serving = Serving { redirects: s3.downloads == "redirect", signed };
        let spool = self.config.store.data_dir.join("spool");
        let spool = Spare::open(&spool)
            .with_context(|| format!("the folder {} cannot be made", spool.display()))?;
        let public_url = &self.tools.links.public_url;
        let origins = &self.config.http.cors_origins;
        let own = Own { public_url, secret: auth.token_secret.text(), spool, origins };
        let stores = Stores { store: self.store.clone(), objects: self.tools.objects.clone() };
        let limits = (limits, serving);
        Ok(Api::new(self.tools.clone(), access, limits, own, Arc::new(stores), metrics))
    }
}

struct Stores {
    store: Arc<dyn Documents>,
    objects: Arc<dyn Objects>,
}

#[async_trait]
impl Ready for Stores {
    async fn check(&self) -> Result<(), PortError> {
        self.store.ping().await?;
        self.objects.ping().await
    }
}

/// What `doctor` asks of each channel of notifications.
pub async fn channels(config: &Config) -> anyhow::Result<Vec<Checked>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(carriers::checked(&carriers::carriers(config, &clock)?).await)
}

/// The virus scanner; there is no doing without.
pub fn scanner(config: &Config) -> anyhow::Result<Arc<dyn Scanner>> {
    let settings = &config.scanner;
    if settings.address.is_empty() {
        anyhow::bail!(
            "scanner.address is not set: nothing is published unscanned. \
             Set CLAMD=unix:/path/of/clamd.sock, or start everything with scripts/run"
        );
    }
    let limits = ScanLimits {
        max_file_bytes: settings.max_file_mb << 20,
        timeout: Duration::from_secs(settings.timeout_seconds),
    };
    Ok(Arc::new(Clamd::new(&settings.address, limits)?))
}
