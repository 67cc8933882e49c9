//! Every route with no key, a wrong scope, another user's and another event's token.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use iven_worker::api::{ROUTES, Route, Scope};
use jobs::{
    delivery::receipts,
    model::{DeviceId, MediaId},
};
use serde_json::{Value, json};

use crate::house::{House, TOKEN_SECRET, answer, fixture};

pub const KEYS: &str = r#"
keys = [
    { name = "all", key = "the key of everything", scopes = ["admin"] },
    { name = "upload", key = "a key for uploads", scopes = ["upload"] },
    { name = "read", key = "a key for reading", scopes = ["read"] },
    { name = "notify", key = "a key for notices", scopes = ["notify"] },
    { name = "enqueue", key = "a key for enqueuing", scopes = ["enqueue"] },
]
"#;

/// A house with keys, an upload under way and a published medium of user 42 in event 1.
pub(super) struct Town {
    pub(super) house: House,
    pub(super) upload: String,
    tus: String,
    pub(super) media: MediaId,
    job: String,
    /// A notification of user 42 that is in the app's list.
    notification: String,
    /// What a push and a mail of it carry.
    seals: (String, String),
}

fn notice() -> Value {
    json!({
        "userId": 42, "type": "message", "title": "t", "body": "b", "channels": ["in_app"],
        "data": { "eventId": 1 },
    })
}

impl Town {
    pub(super) async fn new() -> Self {
        Self::over(House::with_settings(KEYS).await).await
    }

    /// The same in a house that has these keys.
    pub(super) async fn over(house: House) -> Self {
        let photo = fixture("images/gps_iphone.jpg");
        let path = "/v1/media?eventId=1&userId=42&filename=a.jpg";
        let body = Body::from(photo);
        let (status, media) = Self::send(&house, "POST", path, Some(KEY), body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{media}");
        house.drain().await;
        let wish = json!({
            "eventId": 1, "userId": 42, "filename": "a.jpg", "size": 3, "mimeType": "image/jpeg",
        });
        let body = Body::from(wish.to_string());
        let (_, upload) = Self::send(&house, "POST", "/v1/uploads", Some(KEY), body).await;
        let upload = upload["uploadId"].as_str().unwrap().to_owned();
        let tus = Request::post("/v1/tus").header("authorization", format!("Bearer {KEY}"));
        let tus = with_tus(tus).body(Body::empty()).unwrap();
        let tus = house.send(tus).await.headers()["location"].to_str().unwrap().to_owned();
        let tus = tus.strip_prefix("/v1/tus/").unwrap().to_owned();
        let (_, jobs) = Self::send(&house, "GET", "/v1/jobs", Some(KEY), Body::empty()).await;
        let job = jobs["items"][0]["_id"].as_str().unwrap().to_owned();
        let media = media["mediaId"].as_str().unwrap().parse().unwrap();
        let notice = Body::from(notice().to_string());
        let (status, kept) =
            Self::send(&house, "POST", "/v1/notifications", Some(KEY), notice).await;
        assert_eq!(status, StatusCode::CREATED, "{kept}");
        house.drain().await;
        let notification = kept["_id"].as_str().unwrap().to_owned();
        let tools = &house.parts.tools;
        let of = tools.notifications.notification(notification.parse().unwrap()).await.unwrap();
        let device = DeviceId("phone".to_owned());
        let receipt = receipts::receipt(&tools.seals, of.id, &device);
        let seals = (receipt, receipts::unsubscribe(&tools.seals, &of));
        Self { house, upload, tus, media, job, notification, seals }
    }

    pub(super) async fn send(
        house: &House,
        method: &str,
        path: &str,
        credential: Option<&str>,
        body: Body,
    ) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = credential
            .iter()
            .fold(request, |request, key| request.header("authorization", format!("Bearer {key}")));
        let request = if path.starts_with("/v1/tus") { with_tus(request) } else { request };
        answer(house.send(request.body(body).unwrap()).await).await
    }

    /// Walks every route with a credential of one scope.
    async fn opens_only(&self, scope: Scope, credential: &str) {
        for route in ROUTES {
            let opens = route.scope.is_none_or(|needed| needed == scope);
            // A cancelled upload would change the answers of the routes behind it.
            if opens && (route.method == "DELETE" || route.path.starts_with("/signed/")) {
                continue;
            }
            let (status, problem) = self.knock(route, Some(credential)).await;
            if opens {
                let shut = matches!(status.as_u16(), 401 | 403 | 404);
                assert!(!shut, "{route:?} {scope:?} {problem}");
            } else {
                assert_eq!(status, StatusCode::FORBIDDEN, "{route:?} {scope:?}");
            }
        }
    }

    /// A request that a caller who may would be granted, or that fails for its content only.
    async fn knock(&self, route: &Route, credential: Option<&str>) -> (StatusCode, Value) {
        let is_tus = route.path.starts_with("/v1/tus");
        let path = route
            .path
            .replace("{uploadId}", if is_tus { &self.tus } else { &self.upload })
            .replace("{mediaId}", &self.media.to_string())
            .replace("{userId}", "42")
            .replace("{deviceId}", "phone")
            .replace("{notificationId}", &self.notification)
            .replace(
                "{token}",
                if route.path.contains("receipts") { &self.seals.0 } else { &self.seals.1 },
            )
            .replace("{n}", "1")
            .replace("{name}", "320")
            .replace("{jobId}", &self.job)
            .replace("{queue}", "scan");
        let (path, body) = asked(route, path);
        Self::send(&self.house, route.method, &path, credential, body).await
    }
}

/// The address and the body of a request that is right but for its caller.
fn asked(route: &Route, path: String) -> (String, Body) {
    match (route.method, route.path) {
        ("GET", "/v1/media" | "/v1/stream") => (format!("{path}?eventId=1"), Body::empty()),
        ("POST", "/v1/media") => {
            (format!("{path}?eventId=1&userId=42&filename=a.jpg"), Body::from("x"))
        }
        ("POST", "/v1/uploads") => {
            let wish = json!({
                "eventId": 1, "userId": 42, "filename": "a.jpg", "size": 3,
                "mimeType": "image/jpeg",
            });
            (path, Body::from(wish.to_string()))
        }
        ("POST", "/v1/uploads/{uploadId}/parts") => {
            let part = json!({ "number": 1, "sha256": "0".repeat(64) });
            (path, Body::from(json!({ "parts": [part] }).to_string()))
        }
        ("GET", "/s3/params") => {
            let of = "metadata%5BeventId%5D=1&metadata%5BuserId%5D=42";
            (format!("{path}?filename=a.jpg&type=image/jpeg&{of}"), Body::empty())
        }
        ("POST", "/s3/multipart") => {
            let of = json!({ "eventId": 1, "userId": 42 });
            let file = json!({ "filename": "a.jpg", "type": "image/jpeg", "metadata": of });
            (path, Body::from(file.to_string()))
        }
        (_, signed) if signed.starts_with("/signed/") => {
            (format!("{path}?until=9999999999999&signature={}", "0".repeat(64)), Body::empty())
        }
        ("POST", "/v1/tokens") => (path, Body::from(json!({ "userId": 42 }).to_string())),
        ("POST", "/v1/jobs") => {
            (path, Body::from(json!({ "kind": "sweep", "args": {} }).to_string()))
        }
        ("POST", "/v1/jobs/retry") => (path, Body::from("{}")),
        ("POST", "/v1/media/reprocess") => {
            (path, Body::from(json!({ "recipeOlderThan": 0 }).to_string()))
        }
        ("PUT", "/v1/users/{userId}" | "/v1/users/{userId}/preferences") => {
            (path, Body::from("{}"))
        }
        ("PUT", "/v1/users/{userId}/devices/{deviceId}") => {
            (path, Body::from(json!({ "kind": "fcm", "token": "t" }).to_string()))
        }
        ("PUT", "/v1/schedules/{name}") => {
            let schedule = json!({ "cron": "0 9 * * *", "notification": notice() });
            (path, Body::from(schedule.to_string()))
        }
        ("PATCH", "/v1/notifications/{notificationId}") => (path, Body::from("{}")),
        ("POST", "/v1/notifications") => (path, Body::from(notice().to_string())),
        ("GET", "/v1/notifications") => (format!("{path}?userId=42"), Body::empty()),
        ("DELETE", "/v1/notifications") => (format!("{path}?eventId=9"), Body::empty()),
        ("GET", "/v1/notifications/{notificationId}/explain") => (path, Body::empty()),
        ("POST", "/v1/receipts/{token}") => (path, Body::empty()),
        _ => (path, Body::from("abc")),
    }
}

const KEY: &str = "the key of everything";

/// What clients of tus say of a file.
fn with_tus(request: axum::http::request::Builder) -> axum::http::request::Builder {
    // eventId 1 and userId 42.
    let metadata = "eventId MQ==,userId NDI=,filename YS5qcGc=";
    let request = request.header("tus-resumable", "1.0.0").header("upload-metadata", metadata);
    request.header("upload-length", "3").header("upload-offset", "0")
}

pub fn token(claims: Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(TOKEN_SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

/// A month behind the start of a house's hand clock: the longest life that a token may have.
pub(super) const LATER: i64 = 1_705_350_900 + 31 * 24 * 3600;

#[tokio::test]
async fn without_a_credential_only_the_open_routes_answer() {
    let town = Town::new().await;

    for route in ROUTES {
        for credential in [None, Some("nonsense"), Some("a.b.c")] {
            let (status, _) = town.knock(route, credential).await;
            match route.scope {
                Some(_) => assert_eq!(status, StatusCode::UNAUTHORIZED, "{route:?}"),
                None if route.path.starts_with("/signed/") => {
                    assert_eq!(status, StatusCode::FORBIDDEN, "{route:?}");
                }
                None => assert!(status.is_success(), "{route:?} {status}"),
            }
        }
    }
}

#[tokio::test]
async fn a_key_opens_the_routes_of_its_scopes_and_no_other() {
    let town = Town::new().await;
    let keys = [
        (Scope::Upload, "a key for uploads"),
        (Scope::Read, "a key for reading"),
        (Scope::Notify, "a key for notices"),
        (Scope::Enqueue, "a key for enqueuing"),
    ];

    for (scope, key) in keys {
        town.opens_only(scope, key).await;
    }
}

#[tokio::test]
async fn a_token_opens_the_routes_of_its_scopes_and_no_other() {
    let town = Town::new().await;

    for (scope, word) in [(Scope::Upload, "upload"), (Scope::Read, "read")] {
        let claims = json!({ "sub": "42", "events": [1], "exp": LATER, "scope": word });
        town.opens_only(scope, &token(claims)).await;
    }
}

#[tokio::test]
async fn a_token_reaches_only_its_users_uploads_and_its_events_media() {
    let town = Town::new().await;
    let own = token(json!({ "sub": "42", "events": [1], "exp": LATER }));
    let strangers = [
        ("another user of the event", json!({ "sub": "43", "events": [1], "exp": LATER })),
        ("the user in another event", json!({ "sub": "42", "events": [2], "exp": LATER })),
        ("another user of another event", json!({ "sub": "43", "events": [2], "exp": LATER })),
    ];

    for route in ROUTES.iter().filter(|route| route.scope.is_some()) {
        let service = !matches!(route.scope, Some(Scope::Upload | Scope::Read));
        for (who, claims) in &strangers {
            let (status, problem) = town.knock(route, Some(&token(claims.clone()))).await;
            let refused = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
            let guest = claims["events"] == json!([1]) && route.scope == Some(Scope::Read);
            // Who is invited to an event has to know before there is a token for it.
            let is_own = claims["sub"] == "42" && route.path.starts_with("/v1/notifications");
            assert!(refused || guest || is_own, "{route:?} is open to {who}: {status} {problem}");
        }
        let (status, problem) = town.knock(route, Some(&own)).await;
        let shut = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        assert_eq!(shut, service, "{route:?} for the user: {status} {problem}");
    }
}

#[tokio::test]
async fn a_token_ends_is_bound_and_cannot_be_forged() {
    let town = Town::new().await;
    let path = format!("/v1/uploads/{}", town.upload);
    let ask = |credential: String| {
        let path = path.clone();
        let house = &town.house;
        async move { Town::send(house, "GET", &path, Some(&credential), Body::empty()).await.0 }
    };
    let forged = {
        let key = jsonwebtoken::EncodingKey::from_secret(b"another secret of 32 characters !");
        let claims = json!({ "sub": "42", "events": [1], "exp": LATER });
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    };
    let over = token(json!({ "sub": "42", "events": [1], "exp": 1_000_000_000 }));
    let bound = token(json!({ "sub": "42", "events": [1], "exp": LATER, "upload": town.upload }));
    let elsewhere = token(json!({ "sub": "42", "events": [1], "exp": LATER, "upload": "other" }));
    let admin = token(json!({ "sub": "42", "events": [1], "exp": LATER, "scope": "admin" }));

    assert_eq!(ask(forged).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(over).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(bound).await, StatusCode::OK);
    assert_eq!(ask(elsewhere).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(admin).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_token_that_would_open_nothing_or_too_long_is_not_minted() {
    let town = Town::new().await;
    let wishes = [
        json!({ "userId": 42, "scope": "admin" }),
        json!({ "userId": 42, "scope": "read notify" }),
        json!({ "userId": 42, "scope": "write" }),
        json!({ "userId": 42, "scope": "" }),
        json!({ "userId": 42, "expiresIn": 0 }),
        json!({ "userId": 42, "expiresIn": 86_401 }),
    ];

    for wish in wishes {
        let body = Body::from(wish.to_string());
        let (status, said) = Town::send(&town.house, "POST", "/v1/tokens", Some(KEY), body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wish}: {said}");
        assert_eq!(said["code"], "bad_parameter", "{wish}");
    }
    for scope in ["upload", "read", "upload read"] {
        let wish = json!({ "userId": 42, "scope": scope, "expiresIn": 86_400 });
        let body = Body::from(wish.to_string());
        let (status, said) = Town::send(&town.house, "POST", "/v1/tokens", Some(KEY), body).await;
        assert_eq!(status, StatusCode::CREATED, "{scope}: {said}");
    }
}

#[tokio::test]
async fn a_minted_token_works_in_the_header_and_in_the_address() {
    let town = Town::new().await;
    let wish = Body::from(json!({ "userId": 42, "events": [1] }).to_string());
    let (status, minted) = Town::send(&town.house, "POST", "/v1/tokens", Some(KEY), wish).await;
    assert_eq!(status, StatusCode::CREATED, "{minted}");
    let token = minted["token"].as_str().unwrap();

    let path = format!("/v1/media/{}/file?token={token}", town.media);
    assert!(town.house.bytes(&path).await.is_ok());
}

#[tokio::test]
async fn the_key_of_a_service_is_not_taken_from_the_address() {
    let key = "a-key-without-spaces";
    let keys = format!("keys = [{{ name = \"a\", key = \"{key}\", scopes = [\"read\"] }}]");
    let house = House::with_settings(&keys).await;

    let header = Town::send(&house, "GET", "/v1/media?eventId=1", Some(key), Body::empty()).await;
    let path = format!("/v1/media?eventId=1&token={key}");
    let address = Town::send(&house, "GET", &path, None, Body::empty()).await;

    assert_eq!((header.0, address.0), (StatusCode::OK, StatusCode::UNAUTHORIZED));
}
