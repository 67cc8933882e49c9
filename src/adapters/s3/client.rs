//! How the store is reached.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{
    Client,
    config::{
        Credentials, RequestChecksumCalculation, ResponseChecksumValidation,
        StalledStreamProtectionConfig,
    },
};

/// A store that is there takes a connection within milliseconds; this allows for a far one.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// The longest silence of a store that has a request.
const READ_TIME: Duration = Duration::from_secs(30);
/// The same where the client counts the time of a body that passes through, or the store moves
/// gigabytes: a phone on a slow network needs minutes for a chunk, and a sender that stands still
/// is given up elsewhere.
const LONG_READ_TIME: Duration = Duration::from_secs(3600);
/// How often a request is made at most; bodies that pass through are sent once.
const ATTEMPTS: u32 = 4;
/// An answer that stops coming is broken off after this.
const STALLED: Duration = Duration::from_secs(20);
/// CopyObject takes no more: 5 GiB (Amazon S3's limits).
const COPY_BYTES: u64 = 5 << 30;
/// One piece of a larger copy; S3 takes 10,000 of them.
const COPY_PART_BYTES: u64 = 1 << 30;

/// A bucket and the way to it.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its name.
    pub bucket: String,
    /// Where it is; stores of others take what they are set to.
    pub region: String,
    /// Scheme, host and port of a store that is not Amazon's.
    pub endpoint: Option<String>,
    /// The key and its secret; without them, those of the machine (environment, profile, role).
    pub key: Option<(String, String)>,
    /// Whether the bucket's name stands in the path and not in the host's name.
    pub path_style: bool,
    /// Whether the store checks the SHA-256 of parts.
    pub checksums: bool,
    /// Local copies may take so many bytes.
    pub copies_bytes: u64,
    /// Objects above this are copied in pieces.
    pub copy_bytes: u64,
    /// One piece.
    pub copy_part_bytes: u64,
}

impl Place {
    /// The bucket of this name at Amazon, by the machine's own key.
    pub fn new(bucket: &str, region: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            region: region.to_owned(),
            endpoint: None,
            key: None,
            path_style: false,
            checksums: true,
            copies_bytes: 0,
            copy_bytes: COPY_BYTES,
            copy_part_bytes: COPY_PART_BYTES,
        }
    }
}

/// The client of this place, and the same for calls that take long; asks nobody but, for the key,
/// this machine.
pub(super) async fn clients(place: &Place) -> (Client, Client) {
    let times = TimeoutConfig::builder().connect_timeout(CONNECT_TIME).read_timeout(READ_TIME);
    let stalled = StalledStreamProtectionConfig::enabled()
        // Senders on slow networks are waited for elsewhere.
        .upload_enabled(false)
        .grace_period(STALLED)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http())
        .region(Region::new(place.region.clone()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(times.build())
        .stalled_stream_protection(stalled);
    if let Some(endpoint) = &place.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some((key, secret)) = &place.key {
        let settings = "the settings";
        loader = loader.credentials_provider(Credentials::new(key, secret, None, None, settings));
    }
    let config = aws_sdk_s3::config::Builder::from(&loader.load().await)
        .force_path_style(place.path_style)
        // What is wanted is said with each request.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build();
    let long = TimeoutConfig::builder().connect_timeout(CONNECT_TIME).read_timeout(LONG_READ_TIME);
    let patient = config.to_builder().timeout_config(long.build()).build();
    (Client::from_conf(config), Client::from_conf(patient))
}

/// TLS by ring, which the driver of MongoDB brings already.
fn http() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    use aws_smithy_http_client::{
        Builder,
        tls::{Provider, rustls_provider::CryptoMode},
    };
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
