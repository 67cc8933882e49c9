//! What readers get of a medium, and what they do not.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use jobs::model::{FileType, Media, ThumbnailInfo};
use zune_jpeg::{JpegDecoder, zune_core::bytestream::ZCursor};

use crate::house::House;

/// The longest edges that the default settings ask for.
const EDGES: [u32; 3] = [320, 960, 1920];

/// What is wrong with what a published medium serves.
pub async fn faults_of_published(
    house: &House,
    media: &Media,
    sent: &[u8],
    longest_edge: Option<u32>,
) -> Vec<String> {
    let mut faults = file(house, media, sent).await;
    faults.extend(sizes(media, longest_edge));
    for thumbnail in &media.thumbnails {
        let path = format!("/v1/media/{}/thumbnails/{}", media.id, thumbnail.name);
        match house.bytes(&path).await {
            Ok(bytes) => faults.extend(picture(thumbnail, &bytes)),
            Err(status) => faults.push(format!("thumbnail {} answers {status}", thumbnail.name)),
        }
    }
    faults
}

/// What is wrong with what a withheld medium keeps back.
pub async fn faults_of_withheld(house: &House, media: &Media) -> Vec<String> {
    let mut faults = Vec::new();
    let names = ["file", "thumbnails/320", "thumbnails/960", "thumbnails/1920"];
    for name in names {
        let answer = house.bytes(&format!("/v1/media/{}/{name}", media.id)).await;
        if answer != Err(StatusCode::FORBIDDEN) {
            faults.push(format!("{name} is not forbidden: {:?}", answer.map(|b| b.len())));
        }
    }
    if media.file_url.is_some() || media.thumbnail_url.is_some() || media.s3_info.key.is_some() {
        faults.push("it has an address".to_owned());
    }
    let id = media.id.to_string();
    let files = house.ground.files();
    let public = files.iter().filter(|file| file.contains(&id) && !is_quarantine(file));
    faults.extend(public.map(|file| format!("{file} is there")));
    faults
}

fn is_quarantine(file: &str) -> bool {
    file.starts_with("objects/quarantine/")
}

/// The served file is the sent one, under the type that its bytes have, and runs nowhere.
async fn file(house: &House, media: &Media, sent: &[u8]) -> Vec<String> {
    let path = format!("/v1/media/{}/file", media.id);
    let response = house.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let (head, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut faults = Vec::new();
    if head.status != StatusCode::OK || bytes != sent {
        faults.push(format!("the file answers {} with other bytes", head.status));
    }
    let told = |name| head.headers.get(name).map(|value| value.to_str().unwrap());
    if told(header::CONTENT_TYPE) != media.sniffed_mime_type.as_deref() {
        faults.push(format!("it is served as {:?}", told(header::CONTENT_TYPE)));
    }
    if told(header::X_CONTENT_TYPE_OPTIONS) != Some("nosniff") {
        faults.push("browsers may guess its type".to_owned());
    }
    faults
}

/// Each size that says more than the one below it is there, with the long edge that was asked for.
fn sizes(media: &Media, longest_edge: Option<u32>) -> Vec<String> {
    let has_picture = matches!(media.file_type, FileType::Image | FileType::Video);
    let made = media.processing_steps.thumbnail_generation.completed;
    if !has_picture || !made {
        let none = media.thumbnails.is_empty() && media.thumbnail_url.is_none();
        return if none { Vec::new() } else { vec!["it has thumbnails".to_owned()] };
    }
    let Some(size) = media.metadata.dimensions else { return vec!["it has no size".to_owned()] };
    let longest = longest_edge.unwrap_or(size.width.max(size.height));
    let enough = EDGES.iter().position(|edge| *edge >= longest).map_or(EDGES.len(), |at| at + 1);
    let expected: Vec<_> =
        EDGES[..enough].iter().map(|e| (e.to_string(), longest.min(*e))).collect();
    let edge = |t: &ThumbnailInfo| (t.name.clone(), t.width.max(t.height));
    let found: Vec<_> = media.thumbnails.iter().map(edge).collect();
    let mut faults = Vec::new();
    if found != expected {
        faults.push(format!("thumbnails {found:?} instead of {expected:?}"));
    }
    if media.thumbnail_url.is_none() || media.placeholder.is_none() {
        faults.push("it has no thumbnail to show first".to_owned());
    }
    faults
}

/// A decoder that is not the one that made the picture reads it whole.
fn picture(thumbnail: &ThumbnailInfo, bytes: &[u8]) -> Vec<String> {
    let name = &thumbnail.name;
    if bytes.len() as u64 != thumbnail.bytes || thumbnail.mime_type != "image/jpeg" {
        return vec![format!("thumbnail {name} is not the file that the document names")];
    }
    let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
    match decoder.decode() {
        Ok(_) => {
            let size = decoder.dimensions().unwrap();
            let told = (thumbnail.width as usize, thumbnail.height as usize);
            let fault = format!("thumbnail {name} is {size:?} instead of {told:?}");
            if size == told { Vec::new() } else { vec![fault] }
        }
        Err(error) => vec![format!("thumbnail {name}: {error:?}")],
    }
}
