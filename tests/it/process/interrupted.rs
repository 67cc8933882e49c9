//! `ingest` that is interrupted, or given what is no file.

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    NOBODY, fixture, ingest,
    service::{PATIENCE, program, until},
};

/// The next request to this door, whose first line begins so; its body may still be on the way.
async fn next(door: &TcpListener, wanted: &str) -> TcpStream {
    let accepting = tokio::time::timeout(PATIENCE, door.accept());
    let (mut caller, _) = accepting.await.unwrap_or_else(|_| panic!("no {wanted}")).unwrap();
    let mut head = vec![0; wanted.len()];
    caller.read_exact(&mut head).await.unwrap();
    assert_eq!(String::from_utf8(head).unwrap(), wanted);
    caller
}

#[tokio::test]
async fn an_interrupted_ingest_cancels_its_upload() {
    let data = tempfile::tempdir().unwrap();
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut command = program(data.path(), door.local_addr().unwrap().port());
    let photo = fixture("images/gps_iphone.jpg");
    command.args(["ingest", "--event", "7", "--user", "42", &photo]);
    let log = std::fs::File::create(data.path().join("log")).unwrap();
    let mut child = command.stderr(log).spawn().unwrap();

    let mut announced = next(&door, "POST /v1/uploads ").await;
    let body = r#"{"uploadId":"upload_1","chunkSize":10485760,"chunkCount":1}"#;
    let head = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nConnection: close";
    let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    announced.write_all(answer.as_bytes()).await.unwrap();
    let _hanging = next(&door, "PUT /v1/uploads/upload_1/chunks/1 ").await;
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    let mut cancelled = next(&door, "DELETE /v1/uploads/upload_1 ").await;
    cancelled.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    let status = until("the end", async || child.try_wait().unwrap()).await;

    assert_eq!(status.code(), Some(130));
    let said = std::fs::read_to_string(data.path().join("log")).unwrap();
    assert!(said.contains("gps_iphone.jpg: interrupted, the upload is cancelled"), "{said}");
}

#[test]
fn what_is_no_file_is_refused_and_its_name_is_shown_plainly() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("a\u{1b}[2J");
    std::fs::create_dir(&folder).unwrap();

    let said = ingest(&data, NOBODY, &[folder.display().to_string(), "/dev/null".to_owned()]);

    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.err.contains("a\\u{1b}[2J: it is a folder"), "{said:?}");
    assert!(said.err.contains("/dev/null: it is a pipe or a device"), "{said:?}");
}
