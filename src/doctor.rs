//! `doctor`: every part that the worker leans on, a line each.

use jobs::ports::{Objects, PortError};

use crate::{config::Config, wire};

/// Prints a line a part; 1 if a required part fails.
pub async fn run(config: Config) -> anyhow::Result<u8> {
    let mut status = scanner(&config).await;
    let engine = config.store.mongodb_url.text().map_or("embedded", |_| "MongoDB");
    let service = format!("http://{}", config.http.bind);
    match wire::open(&config).await {
        Ok(stores) => {
            let records = stores.documents.ping().await.map(|()| format!("{engine} answers"));
            let objects = stores.objects.ping().await.map(|()| place(&*stores.objects));
            status |= line("records", records) | line("objects", objects);
        }
        // The embedded store has one process: if that is the service, it is the one to ask.
        Err(error) => status |= line("stores", running(&service, &error).await),
    }
    Ok(status)
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

/// What the service that holds the stores says of them; without one, why they do not open.
async fn running(service: &str, why: &anyhow::Error) -> Result<String, PortError> {
    let asked = reqwest::get(format!("{service}/readyz")).await;
    match asked.and_then(reqwest::Response::error_for_status) {
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
