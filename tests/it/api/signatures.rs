//! Tokens that an API service signs itself, and tokens that only look so.

use axum::{body::Body, http::StatusCode};
use base64::{Engine, engine::general_purpose};
use iven_worker::api::{Access, Key, Scope};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::access::{LATER, Town};
use crate::house::{HandClock, House, TOKEN_SECRET};

/// The first two pairs of keys of RFC 8032, section 7.1: secret and public.
const OURS: (&str, &str) = (
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
);
const FOREIGN: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";

/// What stands before an Ed25519 key in PKCS #8 and in SPKI (RFC 8410).
const PKCS8: &str = "302e020100300506032b657004220420";
const SPKI: &str = "302a300506032b6570032100";

fn der(head: &str, key: &str) -> Vec<u8> {
    hex::decode(format!("{head}{key}")).unwrap()
}

/// The public key as it stands in the settings.
fn pem() -> String {
    let base64 = general_purpose::STANDARD.encode(der(SPKI, OURS.1));
    format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n")
}

fn claims(exp: i64) -> Value {
    json!({ "sub": "42", "events": [1], "exp": exp })
}

fn eddsa(secret: &str, exp: i64) -> String {
    let key = EncodingKey::from_ed_der(&der(PKCS8, secret));
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims(exp), &key).unwrap()
}

fn shared(algorithm: Algorithm, secret: &[u8]) -> String {
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::new(algorithm), &claims(LATER), &key).unwrap()
}

/// The token with another header before what was signed.
fn under(header: &Value, token: &str) -> String {
    let header = general_purpose::URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}", token.split_once('.').unwrap().1)
}

/// Whether a service with these means of checking takes the token.
fn takes(secret: Option<&str>, public: Option<&str>, token: &str) -> bool {
    let keys = vec![Key::new("a key of 16 characters or more", vec![Scope::Admin])];
    let access = Access::new(keys, secret, public, HandClock::new()).unwrap();
    access.caller(Some(token)).is_some()
}

#[test]
fn a_token_counts_by_its_own_algorithm_and_key_only() {
    let (good, pem, public) = (eddsa(OURS.0, LATER), pem(), der(SPKI, OURS.1));
    let hs256 = shared(Algorithm::HS256, TOKEN_SECRET.as_bytes());
    let unsigned = {
        let token = under(&json!({ "alg": "none", "typ": "JWT" }), &good);
        format!("{}.", token.rsplit_once('.').unwrap().0)
    };
    let worthless = [
        ("of another key", eddsa(FOREIGN, LATER)),
        ("that has ended", eddsa(OURS.0, 1_000_000_000)),
        ("that lives longer than a month", eddsa(OURS.0, LATER + 1)),
        ("with the public key's text as shared key", shared(Algorithm::HS256, pem.as_bytes())),
        ("with the public key as shared key", shared(Algorithm::HS256, &public)),
        ("with its bare bytes as shared key", shared(Algorithm::HS256, &public[12..])),
        ("EdDSA said to be HS256", under(&json!({ "alg": "HS256" }), &good)),
        ("HS256 said to be EdDSA", under(&json!({ "alg": "EdDSA" }), &hs256)),
        ("of HS384", shared(Algorithm::HS384, TOKEN_SECRET.as_bytes())),
        ("of HS512", shared(Algorithm::HS512, TOKEN_SECRET.as_bytes())),
        ("without a signature", unsigned),
        ("with an empty one", format!("{}.", good.rsplit_once('.').unwrap().0)),
    ];
    let (both, none) = ((Some(TOKEN_SECRET), Some(pem.as_str())), (None, None));
    let (only_shared, only_public) = ((both.0, None), (None, both.1));

    for (secret, public) in [both, only_shared, only_public, none] {
        assert_eq!(takes(secret, public, &good), public.is_some());
        assert_eq!(takes(secret, public, &hs256), secret.is_some());
        for (what, token) in &worthless {
            assert!(!takes(secret, public, token), "a token {what}");
        }
    }
}

#[tokio::test]
async fn a_token_that_an_api_service_signed_opens_the_door() {
    let pem = pem().replace('\n', "\\n");
    let key = "keys = [{ name = \"a\", key = \"a key of 16 characters\", scopes = [\"read\"] }]";
    let house = House::with_settings(&format!("token_public_key = \"{pem}\"\n{key}")).await;
    let ask = async |token: String| {
        let path = "/v1/media?eventId=1";
        Town::send(&house, "GET", path, Some(&token), Body::empty()).await.0
    };

    assert_eq!(ask(eddsa(OURS.0, LATER)).await, StatusCode::OK);
    assert_eq!(ask(eddsa(FOREIGN, LATER)).await, StatusCode::UNAUTHORIZED);
}
