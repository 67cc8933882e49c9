//! Local servers of S3's language.

mod rules;

use std::path::Path;

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use iven_worker::adapters::s3::Place;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use self::rules::Rules;

/// The bucket of a test.
pub const BUCKET: &str = "media";
/// The key of a test and its secret.
pub const KEY: (&str, &str) = ("a-test-key", "and-its-secret");

/// A server in this process, on its files under `folder`; it holds all callers to signatures and
/// checksums. It ends with the runtime of the test.
pub async fn in_process(folder: &Path) -> Place {
    let root = folder.join("s3");
    std::fs::create_dir_all(root.join(BUCKET)).unwrap();
    let mut service = S3ServiceBuilder::new(Rules::over(FileSystem::new(root).unwrap()));
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
