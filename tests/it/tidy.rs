//! The house's rules about its own text. Each rule is shown to catch one violation first.

mod borders;
mod files;
mod paths;
mod shape;
mod words;

use files::File;

/// Looks at all files and says what is wrong, a line each.
type Rule = fn(&[File]) -> Vec<String>;

/// `rule` says `fault` about a file with this text, and nothing about the repository.
fn holds(rule: Rule, path: &str, text: &str, fault: &str) {
    let violation = File { path: path.to_owned(), bytes: text.into() };
    assert_eq!(rule(&[violation]), [fault], "the rule does not catch what it is for");

    let faults = rule(&File::all());
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// `rule` says nothing about a file with this text.
fn allows(rule: Rule, path: &str, text: &str) {
    assert_eq!(rule(&[File { path: path.to_owned(), bytes: text.into() }]), [""; 0]);
}

#[test]
fn the_files_are_really_looked_at() {
    let files = File::all();

    for path in ["Cargo.toml", "jobs/lib.rs", "src/lib.rs", "tests/it/tidy.rs", ".clippy.toml"] {
        assert!(files.iter().any(|file| file.path == path), "{path} is not among the files");
    }
    assert!(!files.iter().any(|file| file.path.starts_with(".git/")));
}

#[test]
fn no_source_file_is_longer_than_400_lines() {
    allows(shape::length, "src/a.rs", &"//! A.\n".repeat(400));
    holds(shape::length, "src/a.rs", &"//! A.\n".repeat(401), "src/a.rs has 401 lines");
}

#[test]
fn no_source_line_is_longer_than_100_characters() {
    allows(shape::width, "src/a.rs", &"é".repeat(100));
    let long = "é".repeat(101);
    holds(shape::width, "src/a.rs", &format!("a\n{long}"), "src/a.rs:2 has 101 characters");
}

#[test]
fn every_source_file_says_what_it_is_for() {
    allows(shape::purpose, "src/a.rs", "//! Is for something.\n");
    allows(shape::purpose, "jobs/lib.rs", "#![doc = include_str!(\"README.md\")]\n");
    holds(shape::purpose, "src/a.rs", "use b;\n", "src/a.rs does not begin with `//!`");
}

#[test]
fn modules_have_a_name() {
    allows(shape::names, "src/retypes.rs", "");
    let name = concat!("ut", "ils");
    let fault = format!("src/{name}/a.rs: `{name}` is no name for a module");
    holds(shape::names, &format!("src/{name}/a.rs"), "", &fault);
    assert_eq!(shape::names(&[File::new("src/types.rs", "")]).len(), 1);
    assert_eq!(shape::names(&[File::new("src/a.rs", "pub(crate) mod common {\n")]).len(), 1);
}

#[test]
fn no_test_is_ignored() {
    let text = concat!("#[ig", "nore]\n");
    holds(shape::ignored, "tests/it/a.rs", text, "tests/it/a.rs:1 ignores a test");
    assert_eq!(shape::ignored(&[File::new("src/a.rs", concat!("#[ig", "nore = \"\"]"))]).len(), 1);
}

#[test]
fn no_test_sleeps() {
    let nap = concat!("tokio::time::sl", "eep(second).await;\n");
    allows(shape::naps, "src/a.rs", nap);
    allows(shape::naps, "tests/it/servers.rs", nap);
    allows(shape::naps, "tests/it/a.rs", concat!("clock.oversl", "eep();\n// sl", "eep()\n"));
    let tested = format!("#[cfg(test)]\nmod tests {{\n{nap}");
    assert_eq!(shape::naps(&[File::new("src/a.rs", &tested)]), ["src/a.rs:3 sleeps in a test"]);
    holds(shape::naps, "tests/it/a.rs", nap, "tests/it/a.rs:1 sleeps in a test");
}

#[test]
fn what_is_still_to_do_has_an_issue() {
    let mark = concat!("TO", "DO");
    allows(words::to_do, "src/a.rs", &format!("// {mark}(#12): faster"));
    allows(words::to_do, "src/a.rs", &format!("let {mark}S = 1;"));
    let fault = format!("src/a.rs:1 has a {mark} without an issue: {mark}(#12)");
    holds(words::to_do, "src/a.rs", &format!("// {mark}: faster"), &fault);
}

#[test]
fn no_machine_s_own_path_is_written_down() {
    allows(words::machine_paths, "README.md", "see https://example.org/work\n");
    let path = concat!("/wo", "rk/main");
    let fault = format!("README.md:1 names a path of one machine: {path}");
    holds(words::machine_paths, "README.md", path, &fault);
    let home = concat!("cd /ro", "ot/iven");
    assert_eq!(words::machine_paths(&[File::new("scripts/run", home)]).len(), 1);
}

#[test]
fn the_text_is_about_the_product() {
    allows(words::off_topic, "README.md", "The co-pilot flies.\n");
    let word: String = "tnatsissA".chars().rev().collect();
    let fault = format!("README.md:1 has the word {}", word.to_lowercase());
    holds(words::off_topic, "README.md", &format!("The {word}.\n"), &fault);
}

#[test]
fn the_anti_virus_test_file_lies_nowhere_in_clear() {
    let file = words::eicar();
    assert_eq!(file.len(), 68);
    let bytes = format!("\u{0}\n{file}\n");
    let fault = "fixtures/a.com holds the anti-virus test file in clear";
    holds(words::in_clear, "fixtures/a.com", &bytes, fault);
}

#[test]
fn a_foreign_crate_has_one_home() {
    allows(borders::homes, "src/adapters/mongo/find.rs", "use mongodb::Client;");
    allows(borders::homes, "src/adapters/mongo.rs", "use mongodb::Client;");
    allows(borders::homes, "src/wire.rs", "// mongodb::Client\nlet url = \"mongodb://db\";");
    let fault = "src/wire.rs names the crate mongodb, whose home is src/adapters/mongo";
    holds(borders::homes, "src/wire.rs", "use {mongodb::{Client, options::A}};", fault);
    for (path, text) in [
        ("src/adapters/mongodb.rs", "use mongodb;"),
        ("src/api/mod.rs", "fn a(row: &rusqlite::Row) {}"),
        ("src/api/mod.rs", "use apalis_core::backend::Backend;"),
        ("src/worker/mod.rs", "use axum::Router;"),
        ("src/adapters/disk.rs", "use aws_sdk_s3::Client;"),
        ("src/adapters/mailbox.rs", "use lettre::Message;"),
        ("src/templates.rs", "use minijinja::Value;"),
        ("src/adapters/smtp.rs", "mrml::parse(text)"),
        ("src/adapters/decoder.rs", "use ffmpeg_sys_next as ffmpeg;"),
        ("jobs/scan_virus.rs", "turbojpeg_sys::tj3Init(0)"),
        ("jobs/scan_virus.rs", "use clamav_client::tokio::scan_socket;"),
    ] {
        assert_eq!(borders::homes(&[File::new(path, text)]).len(), 1, "{text} in {path}");
    }
}

#[test]
fn the_fence_of_jobs_and_decode_stands() {
    allows(borders::fence, "jobs/Cargo.toml", "[dependencies]\nbson = \"3\"\n[lints]\naxum = 1\n");
    let text = "[dependencies]\nbson.workspace = true\nmongodb = \"3\"\n";
    holds(borders::fence, "jobs/Cargo.toml", text, "jobs/Cargo.toml lets mongodb in");
    for (manifest, text) in [
        ("jobs/Cargo.toml", "[dependencies]\naws-sdk-s3 = { version = \"1\" }"),
        ("jobs/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nlettre.workspace = true"),
        ("jobs/Cargo.toml", "[dependencies.reqwest]\nversion = \"1\""),
        ("jobs/decode/Cargo.toml", "[dependencies]\ntokio = \"1\""),
    ] {
        assert_eq!(borders::fence(&[File::new(manifest, text)]).len(), 1, "{text}");
    }
}

#[test]
fn no_job_names_another_job() {
    let list = "$then! {\n$crate::scan_virus::ScanVirus,\n$crate::sweep::Sweep,\n}";
    let jobs = |path, text| [File::new("jobs/lib.rs", list), File::new(path, text)];
    let fault = ["jobs/sweep.rs names the job scan_virus; only jobs/route.rs may"];

    for text in ["use crate::{model::A, scan_virus::B};", "super::scan_virus::b()"] {
        assert_eq!(borders::jobs(&jobs("jobs/sweep.rs", text)), fault, "{text}");
        assert_eq!(borders::jobs(&jobs("jobs/route.rs", text)), [""; 0]);
        assert_eq!(borders::jobs(&jobs("jobs/scan_virus.rs", text)), [""; 0]);
    }
    assert_eq!(borders::jobs(&File::all()), [""; 0]);
    assert!(borders::job_modules(&File::all()).len() >= 6, "the list of jobs is not found");
}

#[test]
fn only_wire_names_everybody() {
    allows(borders::layers, "src/wire.rs", "use crate::{adapters::disk, api, worker};");
    allows(borders::layers, "src/cli.rs", "crate::wire::tools()");
    allows(borders::layers, "src/api/media.rs", "use super::error; use crate::api::page;");
    allows(borders::layers, "src/templates.rs", "use crate::adapters::templates::Files;");
    let fault = "src/api/media.rs names crate::adapters::disk; api may not name adapters";
    holds(borders::layers, "src/api/media.rs", "use crate::{adapters::disk};", fault);
    for (path, text) in [
        ("src/worker/mod.rs", "use super::api::page;"),
        ("src/adapters/disk.rs", "use crate::wire::tools;"),
        ("src/adapters/mongo/find.rs", "use super::super::super::worker;"),
        ("src/cli.rs", "use crate::adapters::disk::Disk;"),
        ("src/cli.rs", "use crate::adapters::templates::Files;"),
        ("src/templates.rs", "use crate::adapters::disk::Disk;"),
    ] {
        assert_eq!(borders::layers(&[File::new(path, text)]).len(), 1, "{text} in {path}");
    }
}

#[test]
fn no_adapter_names_another() {
    let adapters = |path, text| [File::new("src/adapters/disk.rs", ""), File::new(path, text)];
    for (path, text) in [
        ("src/adapters/records/media.rs", "use crate::adapters::documents::Guard;"),
        ("src/adapters/embedded/mod.rs", "use super::documents::Guard;"),
        ("src/adapters/disk.rs", "use crate::adapters::disk::part; use super::Anything;"),
        ("src/adapters/mod.rs", "pub use disk::Disk;"),
    ] {
        assert_eq!(borders::adapters(&adapters(path, text)), [""; 0], "{text} in {path}");
    }

    let fault = ["src/adapters/s3.rs names the adapter disk"];
    assert_eq!(borders::adapters(&adapters("src/adapters/s3.rs", "use super::disk::A;")), fault);
    let text = "fn a() { crate::adapters::disk::b() }";
    assert_eq!(borders::adapters(&adapters("src/adapters/s3/mod.rs", text)).len(), 1);
    let documents = [
        File::new("src/adapters/documents.rs", ""),
        File::new("src/adapters/s3.rs", "use crate::adapters::{documents::Guard};"),
    ];
    assert_eq!(borders::adapters(&documents).len(), 1);
    assert_eq!(borders::adapters(&File::all()), [""; 0]);
}
