//! Local servers of S3's language.

mod copies;
pub mod real;
mod rules;

use std::{path::Path, sync::Arc};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use iven_worker::adapters::{
    clock::SystemClock,
    s3::{Place, S3},
};
use jobs::ports::Objects;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use self::rules::Rules;

pub use self::rules::Books;

/// The bucket of a test.
pub const BUCKET: &str = "media";
/// The key of a test and its secret.
pub const KEY: (&str, &str) = ("a-test-key", "and-its-secret");

/// A server in this process, on its files under `folder`; it holds all callers to signatures and
/// checksums. It ends with the runtime of the test.
pub async fn in_process(folder: &Path) -> Place {
    watched(folder).await.0
}

/// The same, and what it knows.
pub async fn watched(folder: &Path) -> (Place, Books) {
    let books = Books::default();
    (serve(Rules::over(files(folder), books.clone())).await, books)
}

fn files(folder: &Path) -> FileSystem {
    let root = folder.join("s3");
    std::fs::create_dir_all(root.join(BUCKET)).unwrap();
    FileSystem::new(root).unwrap()
}

async fn serve(store: impl s3s::S3) -> Place {
    let mut service = S3ServiceBuilder::new(store);
    service.set_auth(SimpleAuth::from_single(KEY.0, KEY.1));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            let serve = async move {
                let server = Builder::new(TokioExecutor::new());
                let connection = server.serve_connection(TokioIo::new(socket), service);
                // A caller that hangs up is part of some tests.
                drop(connection.await);
            };
            #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
            tokio::spawn(serve);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(serve);
    at(port)
}

/// The bucket on a server of this machine.
fn at(port: u16) -> Place {
    Place {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        key: Some((KEY.0.to_owned(), KEY.1.to_owned())),
        path_style: true,
        copies_bytes: 64 << 20,
        copy_bytes: 5 << 20,
        copy_part_bytes: 5 << 20,
        ..Place::new(BUCKET, "us-east-1")
    }
}

async fn open(place: Place, folder: &Path) -> S3 {
    S3::open(place, &folder.join("copies"), Arc::new(SystemClock)).await.unwrap()
}

#[tokio::test]
async fn the_doctor_finds_nothing_where_all_is_as_in_s3() {
    let folder = tempfile::tempdir().unwrap();
    let place = in_process(folder.path()).await;

    let s3 = open(place, folder.path()).await;

    let said = s3.probe().await.unwrap();

    assert_eq!(said, [""; 0]);
    assert_eq!(s3.arrived(0, "", 9).await.unwrap(), []);
    assert_eq!(s3.stale(0, "", 9).await.unwrap(), []);
}

#[tokio::test]
async fn the_doctor_says_what_a_store_does_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let place = serve(files(folder.path())).await;

    let said = open(place, folder.path()).await.probe().await.unwrap();

    let told = |word: &str| assert!(said.iter().any(|so| so.contains(word)), "{word}: {said:?}");
    told("does not list unfinished uploads");
    told("does not check the SHA-256 of parts");
    told("does not say the SHA-256 of the parts that it has");
}
