//! A bucket of a real store, for who has one: `S3_TEST_BUCKET`, with `S3_TEST_ENDPOINT` where it
//! is not Amazon's, `S3_TEST_REGION`, and the key where the SDK looks for it (`AWS_ACCESS_KEY_ID`
//! and so on). Each test **empties it**: its name has to have `test` in it.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use iven_worker::adapters::s3::Place;
use tokio::sync::{Mutex, MutexGuard};

/// The bucket is one, and the tests are many.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The bucket, empty, for one test at a time.
pub struct Bucket {
    pub place: Place,
    _alone: MutexGuard<'static, ()>,
}

impl Bucket {
    /// `None` where none is named.
    pub async fn alone() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "it is a setting of the tests alone")]
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(name) = set("S3_TEST_BUCKET") else {
            eprintln!("skipped: S3_TEST_BUCKET names no bucket");
            return None;
        };
        assert!(name.contains("test"), "{name} would be emptied and has no `test` in its name");
        let (region, endpoint) = (set("S3_TEST_REGION"), set("S3_TEST_ENDPOINT"));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let path_style = endpoint.is_some();
        let place = Place::new(&name, &region);
        let place = Place { endpoint, path_style, copies_bytes: 64 << 20, ..place };
        let _alone = ALONE.lock().await;
        empty(&place).await;
        Some(Self { place, _alone })
    }
}

async fn empty(place: &Place) {
    let config = aws_config::defaults(BehaviorVersion::latest());
    let https = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = config.http_client(https).region(Region::new(place.region.clone()));
    let config = config.load().await;
    let mut config = aws_sdk_s3::config::Builder::from(&config).force_path_style(place.path_style);
    config.set_endpoint_url(place.endpoint.clone());
    let client = Client::from_conf(config.build());
    let bucket = &place.bucket;
    let uploads = client.list_multipart_uploads().bucket(bucket).send().await.unwrap();
    for upload in uploads.uploads() {
        let (key, id) = (upload.key().unwrap(), upload.upload_id().unwrap());
        let abort = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
        abort.send().await.unwrap();
    }
    let objects = client.list_objects_v2().bucket(bucket).send().await.unwrap();
    for object in objects.contents() {
        let delete = client.delete_object().bucket(bucket).key(object.key().unwrap());
        delete.send().await.unwrap();
    }
}
