//! The program with `privacy.strip_originals`: its sandbox says what to take out.

use std::{fs::File, io::Write, time::Duration};

use decode::{Format, Limits};
use sha2::{Digest, Sha256};

use super::{fixture, ingest, service::Service};

#[tokio::test]
async fn files_come_out_without_their_places_where_that_is_set() {
    let data = tempfile::tempdir().unwrap();
    let settings = [("IVEN__PRIVACY__STRIP_ORIGINALS", "true")];
    let service = Service::start_with(data.path(), &settings).await;
    let names = ["images/gps_iphone.jpg", "images/exif_as_text.png", "videos/rot90_gps.mp4"];
    let files = names.map(fixture);

    let said = ingest(&data, service.port, &files);

    assert_eq!(said.status, Some(0), "{said:?}");
    let documents = said.documents();
    assert_eq!(documents.len(), files.len());
    for (document, file) in documents.iter().zip(&files) {
        let id = document["_id"].as_str().unwrap();
        let bytes = service.bytes(&format!("/v1/media/{id}/file")).await;
        assert_eq!(document["sha256"], hex::encode(Sha256::digest(&bytes)), "{file}");
        assert_eq!(document["fileSize"], bytes.len(), "{file}");
        let sent = std::fs::read(file).unwrap();
        assert_eq!(document["original"]["fileSize"], sent.len(), "{file}");
        assert_ne!(bytes, sent, "{file}");
        let mut served: File = tempfile::tempfile().unwrap();
        served.write_all(&bytes).unwrap();
        let format = Format::from_mime(document["mimeType"].as_str().unwrap()).unwrap();
        let limits = Limits::within(Duration::from_secs(30));
        let exif = decode::facts(&served, format, &limits).unwrap().exif;
        assert_eq!(exif.and_then(|exif| exif.gps), None, "{file}");
    }
    assert!(documents[0]["metadata"]["exif"]["location"].is_object(), "the record keeps it");
}
