//! Firebase Cloud Messaging, on a Google of our own.

use std::time::Instant;

use futures_util::future::join_all;
use hyper::Version;
use iven_worker::adapters::fcm::{Fcm, FcmSettings};
use jobs::{
    model::{Device, DeviceAddress},
    ports::{PortError, Push, Pusher},
};
use serde_json::json;

use super::{Arc, Duration, TestClock, fcm_server::FcmServer, push, said};
use crate::certificates;

fn settings(server: &FcmServer) -> FcmSettings {
    FcmSettings {
        service_account: server.account(),
        endpoint: Some(server.service.url()),
        token_uri: None,
        timeout: Duration::from_secs(5),
        extra_root_pem: Some(certificates::known().pem.clone()),
    }
}

async fn google() -> (FcmServer, Fcm, Arc<TestClock>) {
    let server = FcmServer::start(Some(certificates::known().server(&["h2", "http/1.1"]))).await;
    let clock = TestClock::new();
    let fcm = Fcm::new(&settings(&server), clock.clone()).unwrap();
    (server, fcm, clock)
}

fn phone(token: &str) -> Device {
    super::device(DeviceAddress::Fcm { token: token.into() })
}

#[tokio::test]
async fn a_push_arrives_whole() {
    let (server, fcm, _) = google().await;

    let taken = fcm.send(&phone("phone-1"), &push()).await.unwrap();

    assert_eq!(taken.id.as_deref(), Some("projects/iven-test/messages/phone-1"));
    let expected = json!({
        "token": "phone-1",
        "notification": { "title": "Fête", "body": "C'est prêt" },
        "data": { "eventId": "7" },
        "android": {
            "collapse_key": "65f0c0ffee65f0c0ffee65f0",
            "priority": "NORMAL",
            "ttl": "600s",
            "notification": { "tag": "65f0c0ffee65f0c0ffee65f0" },
        },
        "apns": {
            "headers": {
                "apns-collapse-id": "65f0c0ffee65f0c0ffee65f0",
                "apns-expiration": "1767226200",
                "apns-priority": "5",
            },
            "payload": { "aps": {} },
        },
        "webpush": {
            "headers": {
                "Topic": "65f0c0ffee65f0c0ffee65f0",
                "TTL": "600",
                "Urgency": "normal",
            },
            "notification": { "tag": "65f0c0ffee65f0c0ffee65f0" },
        },
    });
    assert_eq!(server.messages(), [expected]);
    assert!(server.service.seen().iter().all(|seen| seen.version == Version::HTTP_2));
    assert_eq!(fcm.check().await.unwrap(), "FCM lets us send for the project iven-test");
}

#[tokio::test]
async fn an_urgent_push_wakes_the_device_and_a_long_tag_is_shortened() {
    let (server, fcm, _) = google().await;
    let urgent = Push { is_urgent: true, tag: "é".repeat(100), ..push() };

    fcm.send(&phone("phone-1"), &urgent).await.unwrap();

    let message = server.messages().remove(0);
    assert_eq!(message["android"]["priority"], "HIGH");
    assert_eq!(message["apns"]["headers"]["apns-priority"], "10");
    assert_eq!(message["apns"]["payload"]["aps"]["sound"], "default");
    assert_eq!(message["webpush"]["headers"]["Urgency"], "high");
    assert_eq!(message["webpush"]["headers"]["Topic"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_cut_and_data_that_is_too_long_is_refused() {
    let (server, fcm, _) = google().await;
    let long = Push { body: "é".repeat(5000), ..push() };
    let mut full = push();
    full.data.insert("all".into(), "x".repeat(4096));

    fcm.send(&phone("phone-1"), &long).await.unwrap();
    let refused = fcm.send(&phone("phone-1"), &full).await.unwrap_err();

    let message = server.messages().remove(0);
    let payload = json!({ "notification": message["notification"], "data": message["data"] });
    assert!((4090..=4096).contains(&payload.to_string().len()));
    assert!(message["notification"]["body"].as_str().unwrap().ends_with("é…"));
    assert_eq!(said(&refused), ("never", "fcm_too_large", None));
}

#[tokio::test]
async fn refusals_say_what_becomes_of_push_and_device() {
    let (_server, fcm, _) = google().await;

    for (token, expected) in [
        ("UNREGISTERED", ("gone", "fcm_unregistered", None)),
        ("INVALID_ARGUMENT", ("never", "fcm_invalid_argument", None)),
        ("SENDER_ID_MISMATCH", ("never", "fcm_sender_id_mismatch", None)),
        ("THIRD_PARTY_AUTH_ERROR", ("later", "fcm_third_party_auth_error", None)),
        ("QUOTA_EXCEEDED", ("away", "", Some(60))),
        ("QUOTA_EXCEEDED 7", ("away", "", Some(7))),
        ("UNAVAILABLE", ("away", "", None)),
        ("UNAVAILABLE Thu, 01 Jan 2026 00:00:30 GMT", ("away", "", Some(30))),
        ("INTERNAL", ("later", "fcm_internal", None)),
        ("NOT_FOUND", ("later", "fcm_not_found", None)),
        ("PERMISSION_DENIED", ("away", "", None)),
        ("BROKEN", ("unknown", "", None)),
    ] {
        let unsent = fcm.send(&phone(token), &push()).await.unwrap_err();

        assert_eq!(said(&unsent), expected, "{token}: {unsent:?}");
    }
}

#[tokio::test]
async fn nobody_there_means_away() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (server, _, clock) = google().await;
    let endpoint = Some(format!("http://{closed}"));
    let fcm = Fcm::new(&FcmSettings { endpoint, ..settings(&server) }, clock).unwrap();

    let unsent = fcm.send(&phone("phone-1"), &push()).await.unwrap_err();

    assert_eq!(said(&unsent), ("away", "", None), "{unsent:?}");
}

#[tokio::test]
async fn one_token_is_fetched_for_all_and_renewed_before_its_end() {
    let (server, fcm, clock) = google().await;
    let (phone, push) = (phone("phone-1"), push());

    let all = join_all((0..50).map(|_| fcm.send(&phone, &push))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(server.given(), 1);

    clock.advance(3600 - 301);
    fcm.send(&phone, &push).await.unwrap();
    assert_eq!(server.given(), 1);

    clock.advance(1);
    fcm.send(&phone, &push).await.unwrap();
    assert_eq!(server.given(), 2);

    // While Google gives none, the last one is used to its end.
    clock.advance(3600 - 100);
    server.refuse(true);
    fcm.send(&phone, &push).await.unwrap();
    clock.advance(100);
    let unsent = fcm.send(&phone, &push).await.unwrap_err();
    assert_eq!(said(&unsent), ("away", "", None));
    assert_eq!(unsent.to_string(), "Google gives no token: 400 invalid_grant");
    assert!(matches!(fcm.check().await, Err(PortError::Unavailable(_))));
}

#[tokio::test]
async fn a_token_that_was_withdrawn_is_replaced_once() {
    let (server, fcm, _) = google().await;
    fcm.send(&phone("phone-1"), &push()).await.unwrap();

    server.withdraw();
    fcm.send(&phone("phone-2"), &push()).await.unwrap();

    assert_eq!((server.given(), server.messages().len()), (2, 3));
}

#[tokio::test]
async fn accounts_that_are_none_are_refused_without_their_secrets() {
    let clock = TestClock::new();
    let server = FcmServer::start(None).await;
    for account in [
        "",
        "no-such-file.json",
        "{}",
        r#"{"project_id": "p", "client_email": "e", "private_key": "geheim"}"#,
        r#"{"project_id": "p/../q", "client_email": "e", "private_key": "geheim"}"#,
        r#"{"project_id": ["geheim"]}"#,
    ] {
        let settings = FcmSettings { service_account: account.into(), ..settings(&server) };
        let Err(refused) = Fcm::new(&settings, clock.clone()) else { panic!("{account}") };

        assert!(!refused.to_string().contains("geheim"), "{refused}");
    }
}

/// The number is for reading; the limit is far below what any machine does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_share_a_few_connections() {
    const PUSHES: u32 = 2000;
    let server = FcmServer::start(None).await;
    let fcm = Fcm::new(&settings(&server), TestClock::new()).unwrap();
    let (phone, push) = (phone("phone-1"), push());
    fcm.check().await.unwrap();

    let began = Instant::now();
    let all = join_all((0..PUSHES).map(|_| fcm.send(&phone, &push))).await;
    let seconds = began.elapsed().as_secs_f64();

    assert!(all.iter().all(Result::is_ok));
    println!("{:.0} pushes/s", f64::from(PUSHES) / seconds);
    assert!(server.service.connections() <= 5, "{}", server.service.connections());
    assert!(seconds < 20.0, "{PUSHES} pushes take {seconds} s");
}
