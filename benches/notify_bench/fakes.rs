//! A mail server and a Google that take everything, and say what came and how late it was.

use std::{
    io::{self, BufRead},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{account, certificates, fcm_fake, seen::Seen, smtp_fake};

#[derive(Debug, Args)]
pub struct Wish {
    /// How long Google takes for an answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

/// Prints the ports, the service account and the certificate, then what came at each line of the
/// input; at its end the last of that.
pub async fn run(wish: &Wish) -> Value {
    let seen = Arc::<Seen>::default();
    let smtp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fcm = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let account = account(&format!("https://127.0.0.1:{}/token", port(&fcm)));
    let ca = &certificates::known().pem;
    println!("{}", json!({ "smtp": port(&smtp), "fcm": port(&fcm), "account": account, "ca": ca }));
    let mut servers = JoinSet::new();
    servers.spawn(smtp_fake::listen(smtp, Arc::clone(&seen)));
    let latency = Duration::from_millis(wish.latency_ms);
    servers.spawn(fcm_fake::listen(fcm, latency, Arc::clone(&seen)));
    let asked = Arc::clone(&seen);
    let asking = tokio::task::spawn_blocking(move || {
        for _ in io::stdin().lock().lines() {
            println!("{}", asked.told());
        }
    });
    asking.await.unwrap();
    seen.told()
}
