//! Phones that send photos through two APIs, by three doors, and try again as good clients do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{StreamExt, stream};
use reqwest::{Client, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{house::fixture, process::service::until};

/// So many send at the same time.
const AT_ONCE: usize = 8;
/// An answer that does not come is not waited for any longer.
const SILENCE: Duration = Duration::from_secs(30);

/// The photo with this number: no two have the same bytes.
pub fn photo(number: usize) -> Vec<u8> {
    let mut photo = fixture("images/orientation_1.jpg");
    photo.extend_from_slice(number.to_string().as_bytes());
    photo
}

/// The addresses of both APIs, and what happens there.
pub struct Doors {
    client: Client,
    ports: [AtomicU16; 2],
    under_way: [AtomicUsize; 2],
    broken: AtomicUsize,
}

/// What an API has answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Doors {
    /// Both at these ports.
    pub fn at(ports: [u16; 2]) -> Self {
        let client = Client::builder().timeout(SILENCE).build().unwrap();
        let (under_way, broken) = (Default::default(), AtomicUsize::new(0));
        Self { client, ports: ports.map(AtomicU16::new), under_way, broken }
    }

    /// One of them is at another port from now on.
    pub fn moved(&self, which: usize, port: u16) {
        self.ports[which].store(port, Relaxed);
    }

    /// How many requests it has that it has not answered.
    pub fn under_way(&self, which: usize) -> usize {
        self.under_way[which].load(Relaxed)
    }

    /// How many requests broke off or were not even taken.
    pub fn broken(&self) -> usize {
        self.broken.load(Relaxed)
    }

    /// Sends a request once; `None` where it may be sent again.
    async fn once(
        &self,
        which: usize,
        request: impl Fn(&Client, String) -> RequestBuilder,
    ) -> Option<Answer> {
        let which = which % 2;
        let base = format!("http://127.0.0.1:{}", self.ports[which].load(Relaxed));
        self.under_way[which].fetch_add(1, Relaxed);
        let answer = whole(request(&self.client, base)).await;
        self.under_way[which].fetch_sub(1, Relaxed);
        let Ok(answer) = answer else {
            self.broken.fetch_add(1, Relaxed);
            return None;
        };
        let again = answer.status.is_server_error() || answer.body["code"] == "conflict";
        (!again).then_some(answer)
    }

    /// Sends a request until it is answered well, by turns to both.
    async fn ask(
        &self,
        mut which: usize,
        request: impl Fn(&Client, String) -> RequestBuilder,
    ) -> Answer {
        let answer = until("an answer", async || {
            which += 1;
            self.once(which, &request).await
        });
        let answer = answer.await;
        assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
        answer
    }
}

async fn whole(request: RequestBuilder) -> reqwest::Result<Answer> {
    let answer = request.send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await?;
    Ok(Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

/// All phones, which send what they may.
pub struct Senders {
    doors: Arc<Doors>,
    may: Semaphore,
    sent: AtomicUsize,
}

impl Senders {
    /// Phones that may send nothing yet.
    pub fn at(doors: &Arc<Doors>) -> Self {
        Self { doors: doors.clone(), may: Semaphore::new(0), sent: AtomicUsize::new(0) }
    }

    /// So many more may be sent.
    pub fn may_send(&self, more: usize) {
        self.may.add_permits(more);
    }

    /// Waits until so many have been taken, as long as more are.
    pub async fn have_sent(&self, count: usize) {
        let mut before = 0;
        while before < count {
            before = until("the taking of an upload", async || {
                let sent = self.sent.load(Relaxed);
                (sent > before).then_some(sent)
            })
            .await;
        }
    }

    /// Sends so many, each as soon as it may; the media's ids.
    pub async fn send(&self, uploads: usize) -> Vec<String> {
        let sending = (0..uploads).map(|number| async move {
            self.may.acquire().await.unwrap().forget();
            let media = send(&self.doors, number).await;
            self.sent.fetch_add(1, Relaxed);
            media
        });
        stream::iter(sending).buffered(AT_ONCE).collect().await
    }
}

/// The id of the medium that the upload has become.
async fn send(doors: &Doors, number: usize) -> String {
    match number % 3 {
        0 => by_chunks(doors, number).await,
        1 => at_once(doors, number).await,
        _ => by_tus(doors, number).await,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

fn key(number: usize) -> String {
    format!("photo-{number}")
}

async fn by_chunks(doors: &Doors, number: usize) -> String {
    let photo = photo(number);
    let wish = json!({
        "eventId": 7, "userId": 42, "filename": format!("{number}.jpg"), "size": photo.len(),
        "mimeType": "image/jpeg",
    });
    let announced = doors.ask(number, |client, base| {
        let post = client.post(format!("{base}/v1/uploads"));
        post.header("idempotency-key", key(number)).json(&wish)
    });
    let upload = text(&announced.await.body["uploadId"]);
    let put = doors.ask(number, |client, base| {
        client.put(format!("{base}/v1/uploads/{upload}/chunks/1")).body(photo.clone())
    });
    put.await;
    let complete = doors
        .ask(number, |client, base| client.post(format!("{base}/v1/uploads/{upload}/complete")));
    text(&complete.await.body["mediaId"])
}

async fn at_once(doors: &Doors, number: usize) -> String {
    let photo = photo(number);
    let taken = doors.ask(number, |client, base| {
        let path = format!("/v1/media?eventId=7&userId=42&filename={number}.jpg");
        let post = client.post(format!("{base}{path}")).header("content-type", "image/jpeg");
        post.header("idempotency-key", key(number)).body(photo.clone())
    });
    text(&taken.await.body["mediaId"])
}

/// The protocol has no key for a creation: one whose answer got lost is made again, and the first
/// one expires without bytes.
async fn by_tus(doors: &Doors, number: usize) -> String {
    let (photo, mut which) = (photo(number), number);
    let name = BASE64_STANDARD.encode(format!("{number}.jpg"));
    let kind = BASE64_STANDARD.encode("image/jpeg");
    // eventId 7 and userId 42.
    let metadata = format!("eventId Nw==,userId NDI=,filename {name},filetype {kind}");
    let created = doors.ask(number, |client, base| {
        let post = client.post(format!("{base}/v1/tus")).header("tus-resumable", "1.0.0");
        post.header("upload-length", photo.len()).header("upload-metadata", &metadata)
    });
    let path = created.await.headers["location"].to_str().unwrap().to_owned();
    until("the last byte", async || {
        which += 1;
        let head = doors.once(which, |client, base| {
            client.head(format!("{base}{path}")).header("tus-resumable", "1.0.0")
        });
        let head = head.await?;
        assert_eq!(head.status, StatusCode::OK, "{path}");
        let offset: usize = head.headers["upload-offset"].to_str().unwrap().parse().unwrap();
        if offset == photo.len() {
            return Some(());
        }
        let patch = doors.once(which, |client, base| {
            let patch = client.patch(format!("{base}{path}")).header("tus-resumable", "1.0.0");
            let patch = patch.header("content-type", "application/offset+octet-stream");
            patch.header("upload-offset", offset).body(photo[offset..].to_vec())
        });
        // Whatever it says, the next look tells how far the upload is.
        drop(patch.await);
        None
    })
    .await;
    let upload = path.rsplit('/').next().unwrap();
    let shown = doors.ask(number, |client, base| client.get(format!("{base}/v1/uploads/{upload}")));
    text(&shown.await.body["mediaId"])
}
