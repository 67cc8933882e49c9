//! The stop of a service with listeners.

use std::time::{Duration, Instant};

use axum::body::Body;

use super::service::Service;
use crate::live::Listener;

#[tokio::test]
async fn the_stop_does_not_wait_for_listeners() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path()).await;
    let url = format!("http://127.0.0.1:{}/v1/stream?eventId=1", service.port);
    let answer = reqwest::get(url).await.unwrap().error_for_status().unwrap();
    let mut listener = Listener::of(Body::from_stream(answer.bytes_stream())).begun().await;

    let began = Instant::now();
    assert_eq!(service.terminate().await.code(), Some(0));

    assert_eq!(listener.next().await, None);
    let took = began.elapsed();
    // Requests that hang are waited for five seconds.
    assert!(took < Duration::from_secs(4), "{took:?}");
}
