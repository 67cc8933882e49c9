//! Text messages, on a service of our own.

use iven_worker::adapters::sms::{Sms, SmsSettings};
use jobs::ports::{PortError, Texter};
use serde_json::json;

use super::{
    Duration, TestClock, said,
    service::{Reply, Service},
};

fn settings(url: &str) -> SmsSettings {
    SmsSettings {
        url: format!("{url}/2010-04-01/Accounts/AC1/Messages.json"),
        user: "AC1".into(),
        password: "geheim".into(),
        from: "+33700000000".into(),
        timeout: Duration::from_secs(5),
        extra_root_pem: None,
    }
}

#[tokio::test]
async fn a_text_arrives_whole() {
    let reply = |_: &_| Some(Reply::new(201, json!({ "sid": "SM1" }).to_string()));
    let service = Service::start(None, reply).await;
    let sms = Sms::new(&settings(&service.url()), TestClock::new()).unwrap();

    let taken = sms.send("+33612345678", "C'est prêt & à toi").await.unwrap();

    assert_eq!((taken.id.as_deref(), taken.is_reported), (Some("SM1"), false));
    let seen = service.seen().remove(0);
    assert_eq!(seen.path, "/2010-04-01/Accounts/AC1/Messages.json");
    assert_eq!(seen.headers["authorization"], "Basic QUMxOmdlaGVpbQ==");
    let form: Vec<(String, String)> =
        url::form_urlencoded::parse(&seen.body).into_owned().collect();
    let expected =
        [("From", "+33700000000"), ("To", "+33612345678"), ("Body", "C'est prêt & à toi")];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn refusals_say_what_becomes_of_text_and_number() {
    for (status, code, after, expected) in [
        (400, Some(21211), None, ("gone", "sms_21211", None)),
        (400, Some(21610), None, ("gone", "sms_21610", None)),
        (400, Some(21614), None, ("gone", "sms_21614", None)),
        (400, Some(21617), None, ("never", "sms_21617", None)),
        (404, None, None, ("never", "sms_404", None)),
        (401, Some(20003), None, ("away", "", None)),
        (429, Some(20429), Some("9"), ("away", "", Some(9))),
        (500, None, None, ("unknown", "", None)),
        (502, None, None, ("unknown", "", None)),
        (503, None, Some("9"), ("later", "sms_503", Some(9))),
    ] {
        let service = Service::start(None, move |_| {
            let body = json!({ "code": code, "message": "+33612345678 is wrong" });
            let reply = Reply::new(status, body.to_string());
            Some(
                after
                    .map_or(Reply::new(status, body.to_string()), |a| reply.with("retry-after", a)),
            )
        })
        .await;
        let sms = Sms::new(&settings(&service.url()), TestClock::new()).unwrap();

        let unsent = sms.send("+33612345678", "text").await.unwrap_err();

        assert_eq!(said(&unsent), expected, "{unsent:?}");
        assert!(!unsent.to_string().contains("336"), "{unsent}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_unknown_and_none_is_away() {
    let broken = Service::start(None, |_| None).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    for (url, expected) in [(broken.url(), "unknown"), (format!("http://{closed}"), "away")] {
        let sms = Sms::new(&settings(&url), TestClock::new()).unwrap();

        let unsent = sms.send("+33612345678", "text").await.unwrap_err();

        assert_eq!(said(&unsent), (expected, "", None), "{unsent:?}");
    }
    assert_eq!(broken.seen().len(), 1);
    let refused = Sms::new(&settings("geheim"), TestClock::new()).err();
    assert!(matches!(refused, Some(PortError::Refused { .. })));
}
