//! What is wrong with settings, though each is of its type.

use std::net::SocketAddr;

use super::{Config, Worker};
use crate::{api, telemetry};

impl Config {
    /// Everything that is wrong, each as a sentence.
    pub fn faults(&self) -> Vec<String> {
        let faults = [
            self.of_the_doors(),
            self.of_the_parts(),
            self.of_the_bucket(),
            self.thumbnails.faults(),
            self.of_the_work(),
        ];
        let wrong = faults.into_iter().flatten().filter(|(wrong, _)| *wrong);
        wrong.map(|(_, sentence)| sentence.to_owned()).collect()
    }

    fn of_the_doors(&self) -> Vec<(bool, &'static str)> {
        let bind = self.http.bind.parse::<SocketAddr>();
        let open = self.auth.keys.is_empty();
        let far = bind.as_ref().is_ok_and(|address| !address.ip().is_loopback());
        let watched = &self.http.metrics_bind;
        let odd_watched = !watched.is_empty() && watched.parse::<SocketAddr>().is_err();
        let url = &self.http.public_url;
        let odd_url = !url.is_empty() && (!url.starts_with("http") || url.ends_with('/'));
        let is_origin = |origin: &String| {
            let (scheme, host) = origin.split_once("://").unwrap_or_default();
            origin == "*"
                || (matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/'))
        };
        let odd_origin = !self.http.cors_origins.iter().all(is_origin);
        let short = self.auth.token_secret.text().is_some_and(|secret| secret.len() < 32);
        let weak = self.auth.keys.iter().any(|key| key.key.0.len() < 16);
        let pem = &self.auth.token_public_key;
        let no_key = !pem.is_empty() && !api::is_public_key(pem);
        vec![
            (bind.is_err(), "http.bind is not of the form 127.0.0.1:8787"),
            (
                open && far,
                "http.bind is reachable from other machines, which needs a key in auth.keys",
            ),
            (odd_watched, "http.metrics_bind is not of the form 127.0.0.1:9787"),
            (odd_url, "http.public_url is not of the form https://media.example.org"),
            (odd_origin, "http.cors_origins are not of the form https://app.example.org, or *"),
            (short, "auth.token_secret has fewer than 32 characters"),
            (weak, "a key in auth.keys has fewer than 16 characters"),
            (no_key, "auth.token_public_key is not an Ed25519 public key in PEM"),
        ]
    }

    fn of_the_parts(&self) -> Vec<(bool, &'static str)> {
        let address = &self.scanner.address;
        let no_scanner = !address.is_empty() && !is_of_clamd(address);
        let no_database = self.store.mongodb_url.text().is_some_and(|url| !is_of_mongodb(url));
        let no_level = telemetry::filter(&self.log.level).is_none();
        let collector = &self.telemetry.otlp_endpoint;
        let no_collector = !collector.is_empty() && !telemetry::is_collector(collector);
        let no_format = !["pretty", "json"].contains(&self.log.format.as_str());
        vec![
            (
                no_scanner,
                "scanner.address is not of the form unix:/path/of/clamd.sock or host:port",
            ),
            (no_database, "store.mongodb_url is not of the form mongodb://host/database"),
            (no_collector, "telemetry.otlp_endpoint is not of the form http://host:4318"),
            (no_format, "log.format is neither pretty nor json"),
            (
                no_level,
                "log.level is not error, warn, info, debug, trace or off, nor of the form \
                 info,iven_worker::worker=debug",
            ),
        ]
    }

    fn of_the_bucket(&self) -> Vec<(bool, &'static str)> {
        let s3 = &self.s3;
        let odd_url =
            |url: &str| !url.is_empty() && (!url.starts_with("http") || url.ends_with('/'));
        let alone = s3.bucket.is_empty() && !s3.endpoint.is_empty();
        let half = s3.access_key.text().is_some() != s3.secret_key.text().is_some();
        let one_of = |text: &str, words: &[&str]| words.contains(&text);
        vec![
            (alone, "s3.endpoint is set, and s3.bucket is not"),
            (s3.region.is_empty(), "s3.region is empty"),
            (odd_url(&s3.endpoint), "s3.endpoint is not of the form http://127.0.0.1:9000"),
            (odd_url(&s3.public_url), "s3.public_url is not of the form https://cdn.example.org"),
            (half, "s3.access_key and s3.secret_key are not both set"),
            (
                !one_of(&s3.path_style, &["yes", "no", "auto"]),
                "s3.path_style is not yes, no or auto",
            ),
            (
                !one_of(&s3.downloads, &["proxy", "redirect"]),
                "s3.downloads is neither proxy nor redirect",
            ),
            (
                !(1..=604_800).contains(&s3.signed_seconds),
                "s3.signed_seconds is not from 1 to 604800",
            ),
        ]
    }

    fn of_the_work(&self) -> Vec<(bool, &'static str)> {
        let Worker { ingest, scan, media, housekeeping, notify, push, email, sms } = self.worker;
        let places = [ingest, scan, media, housekeeping, notify, push, email, sms];
        let odd_places = places.iter().any(|places| !(1..=256).contains(places));
        let (uploads, scanner) = (&self.uploads, &self.scanner);
        let odd_file = !(1..=48_000).contains(&uploads.max_file_mb);
        let odd_scan = !(1..=48_000).contains(&scanner.max_file_mb);
        let odd_burst = !(1..=3_600).contains(&self.rate.burst_seconds);
        let odd_still = !(1..=2048).contains(&self.decoder.max_still_mb);
        let odd_pixels = !(1..=5000).contains(&self.decoder.max_megapixels);
        let odd_frames = !(1..=200_000).contains(&self.decoder.max_frames);
        let odd_end = uploads.hard_seconds < uploads.idle_seconds;
        vec![
            (odd_places, "a number of places in [worker] is not from 1 to 256"),
            (odd_file, "uploads.max_file_mb is not from 1 to 48000"),
            (odd_burst, "rate.burst_seconds is not from 1 to 3600"),
            (uploads.idle_seconds == 0, "uploads.idle_seconds is 0"),
            (odd_end, "uploads.hard_seconds is below uploads.idle_seconds"),
            (odd_scan, "scanner.max_file_mb is not from 1 to 48000"),
            (scanner.timeout_seconds == 0, "scanner.timeout_seconds is 0"),
            (self.decoder.timeout_seconds == 0, "decoder.timeout_seconds is 0"),
            (self.decoder.memory_mb < 64, "decoder.memory_mb is below 64"),
            (odd_still, "decoder.max_still_mb is not from 1 to 2048"),
            (odd_pixels, "decoder.max_megapixels is not from 1 to 5000"),
            (odd_frames, "decoder.max_frames is not from 1 to 200000"),
            (self.decoder.max_film_seconds == 0, "decoder.max_film_seconds is 0"),
        ]
    }
}

/// A path of this machine, or a host with a port.
fn is_of_clamd(address: &str) -> bool {
    if let Some(path) = address.strip_prefix("unix:") {
        return !path.is_empty();
    }
    let host = address.strip_prefix("tcp:").unwrap_or(address).rsplit_once(':');
    let reachable =
        host.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    address.starts_with('/') || reachable
}

/// Hosts and the name of a database; what stands in them is the driver's to judge.
fn is_of_mongodb(url: &str) -> bool {
    let rest = url.strip_prefix("mongodb://").or_else(|| url.strip_prefix("mongodb+srv://"));
    rest.and_then(|rest| rest.split_once('/')).is_some_and(|(hosts, name)| {
        !hosts.is_empty() && !name.is_empty() && !name.starts_with('?')
    })
}
