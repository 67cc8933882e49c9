//! The doors through which a file comes in.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use jobs::model::MediaId;
use serde_json::{Value, json};

use crate::house::{House, answer};

/// A way in.
#[derive(Debug, Clone, Copy)]
pub enum Door {
    /// Announced, then in numbered chunks.
    Chunks,
    /// In one request, as it is.
    Raw,
    /// In one request, as a form.
    Form,
}

impl Door {
    /// Most files come in chunks, every eighth through each of the others.
    pub fn of(index: usize) -> Self {
        match index % 8 {
            3 => Self::Raw,
            7 => Self::Form,
            _ => Self::Chunks,
        }
    }

    /// Brings a file in; its medium, or the code with which the door refuses it.
    pub async fn send(self, house: &House, name: &str, bytes: &[u8]) -> Result<MediaId, String> {
        let query = format!("/v1/media?eventId=1&userId=42&filename={name}");
        let post = Request::post(query);
        match self {
            Self::Chunks => return chunks(house, name, bytes).await,
            Self::Raw => {
                let request = post.header("content-type", "application/octet-stream");
                let request = request.body(Body::from(bytes.to_vec())).unwrap();
                taken(answer(house.send(request).await).await)
            }
            Self::Form => {
                let request = post.header("content-type", "multipart/form-data; boundary=-x-");
                let request = request.body(Body::from(form(name, bytes))).unwrap();
                taken(answer(house.send(request).await).await)
            }
        }
    }
}

async fn chunks(house: &House, name: &str, bytes: &[u8]) -> Result<MediaId, String> {
    if !bytes.is_empty() {
        return Ok(house.media(name, bytes).await);
    }
    let wish = json!({
        "eventId": 1, "userId": 42, "filename": name, "size": 0, "mimeType": "image/jpeg",
    });
    taken(house.ask("POST", "/v1/uploads", wish).await)
}

fn taken((status, body): (StatusCode, Value)) -> Result<MediaId, String> {
    if status == StatusCode::ACCEPTED {
        return Ok(body["mediaId"].as_str().unwrap().parse().unwrap());
    }
    Err(body["code"].as_str().unwrap_or_default().to_owned())
}

fn form(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "---x-\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n---x---\r\n"].concat()
}
