//! `doctor`: every part that the worker leans on, a line each.

use std::time::Duration;

use jobs::ports::{Objects, PortError};

use crate::{
    config::Config,
    sandbox::{Drill, Locks},
    wire,
};

/// A service that does not answer in this time is not well.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints a line a part; 1 if a required part fails.
pub async fn run(config: Config) -> anyhow::Result<u8> {
    let mut status = scanner(&config).await | decoder(&config).await | channels(&config).await;
    // To look must not make anything: the folder may be another than is meant.
    if let Some(store) = wire::absent(&config) {
        let why = format!(
            "{} is not there: `serve` or `migrate` makes it, and the setting store.data_dir \
             (IVEN__STORE__DATA_DIR) names another folder",
            store.display()
        );
        return Ok(status | line("stores", Err(PortError::Unavailable(why))));
    }
    let engine = config.store.mongodb_url.text().map_or("embedded", |_| "MongoDB");
    let service = format!("http://{}", config.http.bind);
    match wire::open(&config).await {
        Ok(stores) => {
            let records = stores.documents.ping().await.map(|()| format!("{engine} answers"));
            let probed = stores.objects.probe().await;
            let differences = probed.clone().unwrap_or_default();
            let objects = probed.map(|_| place(&*stores.objects));
            status |= line("records", records) | line("objects", objects);
            differences.iter().for_each(|so| println!("note  objects   the store {so}"));
        }
        // The embedded store has one process: if that is the service, it is the one to ask.
        Err(error) if is_in_use(&error) => {
            status |= line("stores", running(&service, &error).await);
        }
        Err(error) => status |= line("stores", Err(PortError::Unavailable(format!("{error:#}")))),
    }
    Ok(status)
}

/// Whether the stores do not open because another process has them.
fn is_in_use(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<PortError>();
    matches!(error, Some(PortError::Refused { code, .. }) if code == "data_folder_in_use")
}

async fn scanner(config: &Config) -> u8 {
    let checked = match wire::scanner(config) {
        Ok(scanner) => scanner.check().await,
        Err(error) => Err(PortError::Unavailable(format!("{error:#}"))),
    };
    let sentence = |(scanner, signatures)| {
        format!("{scanner}, signatures: {signatures}; finds what it must find")
    };
    line("scanner", checked.map(sentence))
}

/// What holds those who decode files, tried by what they are there for.
async fn decoder(config: &Config) -> u8 {
    if !config.decoder.sandbox {
        println!("note  decoder   in the worker itself: a file that crashes it ends the worker");
        return 0;
    }
    let tried = async {
        let failed = |error: std::io::Error| PortError::Unavailable(error.to_string());
        let sandbox = wire::sandbox(config).map_err(failed)?;
        let Locks { seccomp, landlock } = sandbox.locks().await?;
        sandbox.drill(Drill::Films).await?;
        for drill in [Drill::Crash, Drill::Hoard, Drill::Call] {
            sandbox.drill(drill).await.err().filter(is_refused).ok_or_else(|| {
                PortError::Unavailable(format!("{drill:?} in a decoder did not end it"))
            })?;
        }
        let has = |is: bool| if is { "yes" } else { "NO" };
        Ok(format!(
            "files in processes of their own; system calls filtered: {}, files kept from it: {}; \
             a crash, want of memory and a forbidden call are survived; FFmpeg is there",
            has(seccomp),
            has(landlock)
        ))
    };
    line("decoder", tried.await)
}

/// The carriers of notifications; a channel that is off is no fault.
async fn channels(config: &Config) -> u8 {
    let lines = match wire::channels(config).await {
        Ok(lines) => lines,
        Err(error) => return line("channels", Err(PortError::Unavailable(format!("{error:#}")))),
    };
    let mut status = 0;
    for (channel, said) in lines {
        match said {
            Some(said) => status |= line(channel, said),
            None => println!("note  {channel:<9} off: nothing in its section of the settings"),
        }
    }
    status
}

fn is_refused(error: &PortError) -> bool {
    matches!(error, PortError::Refused { .. })
}

/// What the service that holds the stores says of them; without one, why they do not open.
async fn running(service: &str, why: &anyhow::Error) -> Result<String, PortError> {
    let asking = reqwest::Client::new().get(format!("{service}/readyz")).timeout(PATIENCE);
    match asking.send().await.and_then(reqwest::Response::error_for_status) {
        Ok(_) => Ok(format!("in use by the service at {service}, which is ready")),
        Err(_) => Err(PortError::Unavailable(format!("{why:#}"))),
    }
}

fn place(objects: &dyn Objects) -> String {
    let (bucket, region) = objects.place();
    format!("bucket {bucket}, region {region}; takes writes")
}

fn line(part: &str, answer: Result<String, PortError>) -> u8 {
    match answer {
        Ok(sentence) => {
            println!("ok    {part:<9} {sentence}");
            0
        }
        Err(error) => {
            println!("FAIL  {part:<9} {error}");
            1
        }
    }
}
