//! The program as people and systemd run it: its commands, its signals, its sudden end.

mod cluster;
mod examples;
mod interrupted;
mod killed;
mod large;
mod listened;
mod notified;
mod operator;
mod schedules;
mod service;
mod stripped;
mod together;
mod traced;
mod transactions;
mod watched;

use std::{path::PathBuf, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::Value;

use self::service::{Service, program, run};
use crate::servers::free_port;

/// A port on which nobody answers.
const NOBODY: u16 = 1;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    path.to_str().unwrap().to_owned()
}

fn ingest(data: &tempfile::TempDir, port: u16, files: &[String]) -> service::Said {
    let mut arguments = ["ingest", "--event", "7", "--user", "42", "--patience", "90"].to_vec();
    arguments.extend(files.iter().map(String::as_str));
    run(program(data.path(), port), &arguments)
}

fn endings(documents: &[Value]) -> Vec<(&str, &str)> {
    let told = documents.iter().map(|document| {
        let text = |field: &str| document[field].as_str().unwrap();
        (text("originalFilename"), text("processingStatus"))
    });
    told.collect()
}

#[tokio::test]
async fn files_go_in_and_their_documents_come_out() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path()).await;
    let photos = ["images/gps_iphone.jpg", "images/orientation_6.jpg", "videos/rot90_gps.mp4"];
    let mut files: Vec<String> = photos.iter().map(|name| fixture(name)).collect();

    let good = ingest(&data, service.port, &files);
    let page = data.path().join("page.jpg");
    std::fs::write(&page, "<html><script>alert(1)</script></html>").unwrap();
    files.insert(1, page.to_str().unwrap().to_owned());
    let mixed = ingest(&data, service.port, &files);
    let absent = ingest(&data, service.port, &[fixture("none.jpg"), files[0].clone()]);

    assert_eq!(good.status, Some(0), "{good:?}");
    let documents = good.documents();
    let (photo, turned, film) = ("gps_iphone.jpg", "orientation_6.jpg", "rot90_gps.mp4");
    let all = [(photo, "completed"), (turned, "completed"), (film, "completed")];
    assert_eq!(endings(&documents), all);
    assert!(documents.iter().all(|document| document["eventId"] == 7));
    let url = documents[0]["fileUrl"].as_str().unwrap();
    let path = url.strip_prefix(&format!("http://127.0.0.1:{}", service.port)).unwrap();
    assert_eq!(service.bytes(path).await, std::fs::read(&files[0]).unwrap());
    assert_eq!(mixed.status, Some(1), "{mixed:?}");
    assert!(mixed.err.contains("page.jpg: failed: unsupported_type\n"), "{mixed:?}");
    let with_page =
        [(photo, "completed"), ("page.jpg", "failed"), (turned, "completed"), (film, "completed")];
    assert_eq!(endings(&mixed.documents()), with_page);
    assert_eq!(absent.status, Some(1), "{absent:?}");
    assert!(absent.err.contains("none.jpg: the file cannot be opened"), "{absent:?}");
    assert_eq!(endings(&absent.documents()), [(photo, "completed")], "the next file goes on");
}

#[tokio::test]
async fn a_data_folder_has_one_process() {
    let data = tempfile::tempdir().unwrap();
    let first = Service::start(data.path()).await;

    let second = run(program(data.path(), free_port()), &["serve"]);

    assert_eq!(second.status, Some(1), "{second:?}");
    let owner = format!("in use by process {}: only one process can have it", first.pid());
    assert!(second.err.contains(&owner), "{second:?}");
    let (status, _) = first.ask(Method::GET, "/readyz", Vec::new()).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn sigterm_ends_the_service_well_and_soon() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path()).await;
    let began = std::time::Instant::now();

    let status = service.terminate().await;

    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn the_settings_are_shown_without_their_secrets() {
    let data = tempfile::tempdir().unwrap();
    let mut program = program(data.path(), 8787);
    program.env("IVEN__AUTH__TOKEN_SECRET", "a secret of tests, 32 characters long");
    program.env("MONGODB_URL", "mongodb://me:hidden@localhost/iven");

    let shown = run(program, &["config"]);

    assert_eq!(shown.status, Some(0), "{shown:?}");
    let settings: toml::Table = shown.out.parse().unwrap();
    assert_eq!(settings["auth"]["token_secret"].as_str(), Some("***"));
    assert_eq!(settings["store"]["mongodb_url"].as_str(), Some("***"));
    assert_eq!(settings["http"]["bind"].as_str(), Some("127.0.0.1:8787"));
}

#[test]
fn wrong_settings_are_said_all_at_once() {
    let data = tempfile::tempdir().unwrap();
    let mut wrong = program(data.path(), 8787);
    wrong.env("IVEN_BIND", "0.0.0.0:80").env("IVEN__WORKER__MEDIA", "0");
    let mut unknown = program(data.path(), 8787);
    unknown.env("IVEN__HTTP__PORT", "80").env("IVEN__WORKER__SCAN", "many");
    unknown.env("IVEN_PORT", "80");
    let mut unscanned = program(data.path(), 8787);
    unscanned.env_remove("CLAMD");

    let said = [wrong, unknown, unscanned].map(|program| run(program, &["serve"]));

    assert!(said.iter().all(|said| said.status == Some(1) && said.out.is_empty()), "{said:?}");
    let [wrong, unknown, unscanned] = said.map(|said| said.err);
    assert!(wrong.contains("\n- http.bind is reachable from other machines"), "{wrong}");
    assert!(wrong.contains("\n- a number of places in [worker] is not"), "{wrong}");
    assert!(unknown.contains("\n- http.port is no setting (IVEN__HTTP__PORT)"), "{unknown}");
    assert!(unknown.contains("\n- worker.scan is not a whole number"), "{unknown}");
    assert!(unknown.contains("IVEN_PORT is no setting and changes nothing"), "{unknown}");
    assert!(unscanned.contains("nothing is published unscanned"), "{unscanned}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();

    let said = run(program(data.path(), port), &["serve"]);

    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.err.contains(&format!("127.0.0.1:{port} cannot be listened to")), "{said:?}");
}

/// The verdict and the name of each part, in the order of the names.
fn parts(out: &str) -> Vec<(&str, &str)> {
    let words = out.lines().map(|line| {
        let mut words = line.split_whitespace();
        (words.next().unwrap(), words.next().unwrap())
    });
    let mut parts: Vec<_> = words.collect();
    parts.sort_by_key(|(_, part)| *part);
    // No channel of notifications is set up here, and each says so.
    let (off, parts) = parts.into_iter().partition::<Vec<_>, _>(|(word, _)| *word == "note");
    assert_eq!(off, ["email", "fcm", "sms", "webpush"].map(|channel| ("note", channel)), "{out}");
    parts
}

#[test]
fn the_doctor_looks_at_each_part() {
    let data = tempfile::tempdir().unwrap();
    run(program(data.path(), NOBODY), &["migrate"]);
    let mut deaf = program(data.path(), NOBODY);
    deaf.env("CLAMD", format!("127.0.0.1:{NOBODY}"));

    let well = run(program(data.path(), NOBODY), &["doctor"]);
    let ill = run(deaf, &["doctor"]);

    let healthy = [("ok", "decoder"), ("ok", "objects"), ("ok", "records"), ("ok", "scanner")];
    assert_eq!((well.status, parts(&well.out).as_slice()), (Some(0), &healthy[..]), "{well:?}");
    let without = [("ok", "decoder"), ("ok", "objects"), ("ok", "records"), ("FAIL", "scanner")];
    assert_eq!((ill.status, parts(&ill.out).as_slice()), (Some(1), &without[..]), "{ill:?}");
}

#[test]
fn the_doctor_makes_no_stores() {
    let data = tempfile::tempdir().unwrap();
    let elsewhere = data.path().join("elsewhere");
    let mut program = program(&elsewhere, NOBODY);
    program.env_remove("IVEN__STORE__DATA_DIR").env("IVEN_DATA", data.path());
    program.current_dir(data.path());

    let said = run(program, &["doctor"]);

    let ill = [("ok", "decoder"), ("ok", "scanner"), ("FAIL", "stores")];
    assert_eq!((said.status, parts(&said.out).as_slice()), (Some(1), &ill[..]), "{said:?}");
    assert!(said.out.contains("data/records is not there"), "{said:?}");
    assert!(said.err.contains("IVEN_DATA is for the scripts"), "{said:?}");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_doctor_asks_the_service_about_stores_in_use_and_about_no_others() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path()).await;
    let blocked = data.path().join("file");
    std::fs::write(&blocked, "no folder").unwrap();

    let in_use = run(program(data.path(), service.port), &["doctor"]);
    let alone = run(program(data.path(), NOBODY), &["doctor"]);
    let wrong = run(program(&blocked, service.port), &["doctor"]);

    let well = [("ok", "decoder"), ("ok", "scanner"), ("ok", "stores")];
    assert_eq!((in_use.status, parts(&in_use.out).as_slice()), (Some(0), &well[..]), "{in_use:?}");
    let ill = [("ok", "decoder"), ("ok", "scanner"), ("FAIL", "stores")];
    for said in [alone, wrong] {
        assert_eq!((said.status, parts(&said.out).as_slice()), (Some(1), &ill[..]), "{said:?}");
    }
}

#[test]
fn a_second_migration_has_nothing_to_do() {
    let data = tempfile::tempdir().unwrap();
    let migrate = || {
        let mut alone = program(data.path(), 8787);
        alone.env_remove("CLAMD");
        run(alone, &["migrate"])
    };

    let (first, second) = (migrate(), migrate());

    assert_eq!((first.status, second.status), (Some(0), Some(0)), "{first:?} {second:?}");
    assert!(first.out.contains("created collection event_media\n"), "{first:?}");
    assert!(first.out.contains("created index claim of jobs\n"), "{first:?}");
    assert_eq!(second.out, "nothing to do: every collection and index is there\n");
}

#[test]
fn without_a_service_ingest_says_how_to_start_one() {
    let data = tempfile::tempdir().unwrap();

    let said = ingest(&data, NOBODY, &[fixture("images/gps_iphone.jpg")]);

    assert_eq!((said.status, said.out.as_str()), (Some(1), ""), "{said:?}");
    let sentence = "no service answers at http://127.0.0.1:1: start one with scripts/run";
    assert!(said.err.contains(sentence), "{said:?}");
}
