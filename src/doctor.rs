//! `doctor`: every part that the worker leans on, a line each.

use jobs::ports::{Objects, PortError};

use crate::{config::Config, wire};

/// Prints a line a part; 1 if a required part fails.
pub async fn run(config: Config) -> anyhow::Result<u8> {
    let engine = config.store.mongodb_url.text().map_or("embedded", |_| "MongoDB");
    let house = match wire::house(config).await {
        Ok(house) => house,
        Err(error) => {
            println!("FAIL  parts     {error:#}");
            return Ok(1);
        }
    };
    let records = house.store.ping().await.map(|()| format!("{engine} answers"));
    let objects = house.tools.objects.ping().await.map(|()| place(&*house.tools.objects));
    let scanner = house.tools.scanner.check().await.map(|(scanner, signatures)| {
        format!("{scanner}, signatures: {signatures}; finds what it must find")
    });
    let mut status = 0;
    for (part, answer) in [("records", records), ("objects", objects), ("scanner", scanner)] {
        status |= line(part, answer);
    }
    Ok(status)
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
