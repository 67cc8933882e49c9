//! Decoding in processes of their own: whatever a file does to its codec, the next one is decoded.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use iven_worker::{
    decoder::{DecodeLimits, Decoding, InProcess},
    sandbox::{Drill, Sandbox},
};
use jobs::ports::{Decoder, LocalFile, PictureFormat, PictureSize, PortError};

const LIMITS: DecodeLimits = DecodeLimits {
    memory_bytes: 256 << 20,
    still_bytes: 128 << 20,
    pixels: 500_000_000,
    frames: 100_000,
    film: Duration::from_secs(86_400),
    time: Duration::from_secs(10),
};

fn sandbox(limits: DecodeLimits) -> Sandbox {
    Sandbox::start(Path::new(env!("CARGO_BIN_EXE_iven-worker")), limits).unwrap()
}

fn fixture(name: &str) -> LocalFile {
    open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name))
}

fn open(path: &Path) -> LocalFile {
    let file = File::open(path).unwrap();
    let bytes = file.metadata().unwrap().len();
    LocalFile { file: Arc::new(file), bytes }
}

fn code<T: std::fmt::Debug>(answer: Result<T, PortError>) -> String {
    match answer {
        Err(PortError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

fn sizes() -> Vec<PictureSize> {
    [96, 320].map(PictureSize::square).into()
}

#[tokio::test]
async fn the_kernel_holds_a_cell_by_both_locks() {
    let locks = sandbox(LIMITS).locks().await.unwrap();

    // Where a test machine has no landlock, the doctor says so; the filter is everywhere.
    assert!(locks.seccomp, "{locks:?}");
}

#[tokio::test]
async fn a_crash_a_hoard_a_loop_and_a_forbidden_call_are_each_said_and_survived() {
    let limits = DecodeLimits { time: Duration::from_secs(1), ..LIMITS };
    let sandbox = sandbox(limits);
    let cases = [
        (Drill::Crash, "decoder_crashed"),
        (Drill::Hoard, "decoder_out_of_memory"),
        (Drill::Loop, "decode_timeout"),
        (Drill::Call, "decoder_forbidden_call"),
    ];

    for (drill, said) in cases {
        assert_eq!(code(sandbox.drill(drill).await), said, "{drill:?}");
        assert!(sandbox.drill(Drill::Nothing).await.is_ok(), "after {drill:?}");
    }
}

#[tokio::test]
async fn an_avif_is_coded_behind_both_locks() {
    let avif = PictureSize { format: PictureFormat::Avif, quality: 60, ..PictureSize::square(320) };

    let sandbox = Decoding(sandbox(LIMITS));
    let file = fixture("images/photo.jpg");
    let made = sandbox.pictures(&file, "image/jpeg", &[avif]).await.unwrap();

    let [picture] = made.pictures.as_slice() else { panic!("{}", made.pictures.len()) };
    assert_eq!((picture.width, picture.height, picture.format), (320, 224, PictureFormat::Avif));
    assert_eq!(picture.bytes.get(4..12), Some(&b"ftypavif"[..]));
}

#[tokio::test]
async fn a_moving_picture_is_made_behind_both_locks() {
    let sandbox = Decoding(sandbox(LIMITS));
    let file = fixture("videos/rot90_gps.mp4");

    let made = sandbox.preview(&file, "video/mp4", 2).await.unwrap().unwrap();
    let photo = sandbox.preview(&fixture("images/photo.jpg"), "image/jpeg", 2).await.unwrap();

    assert_eq!((made.width, made.height, made.format), (90, 160, PictureFormat::WebP));
    assert_eq!(made.bytes.get(8..12), Some(&b"WEBP"[..]));
    assert_eq!(photo, None);
}

#[tokio::test]
async fn films_have_what_they_need_and_pictures_are_spared_it() {
    sandbox(LIMITS).drill(Drill::Films).await.unwrap();

    // Linked with FFmpeg, every fork would take ten times as long, and each process 25 MB more.
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_iven-worker"));
    let linked = program.env("LD_TRACE_LOADED_OBJECTS", "1").output().unwrap();
    let linked = String::from_utf8(linked.stdout).unwrap();
    assert!(linked.contains("libc.so") && !linked.contains("libav"), "{linked}");
}

#[tokio::test]
async fn cells_side_by_side_do_not_disturb_each_other() {
    let sandbox = Arc::new(sandbox(LIMITS));
    let decoder = Arc::new(Decoding((*sandbox).clone()));
    let photo = fixture("images/gps_iphone.jpg");
    let mut under_way = tokio::task::JoinSet::new();
    for n in 0..24 {
        let (sandbox, decoder, photo) = (sandbox.clone(), decoder.clone(), photo.clone());
        under_way.spawn(async move {
            if n % 3 == 0 {
                let drill = if n % 2 == 0 { Drill::Crash } else { Drill::Call };
                assert!(sandbox.drill(drill).await.is_err());
            } else {
                let made = decoder.pictures(&photo, "image/jpeg", &sizes()).await.unwrap();
                assert!(!made.pictures.is_empty());
            }
        });
    }

    while let Some(ended) = under_way.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn a_cell_that_stays_does_each_file_as_if_it_were_the_first() {
    let decoder = Arc::new(Decoding(sandbox(LIMITS)));
    let (photo, broken) = (fixture("images/gps_iphone.jpg"), fixture("expected.csv"));
    let expected = Decoding(InProcess::new(LIMITS)).facts(&photo, "image/jpeg").await.unwrap();
    let mut under_way = tokio::task::JoinSet::new();
    // More than one cell does, and more at once than wait.
    for n in 0..300 {
        let (decoder, photo, broken) = (decoder.clone(), photo.clone(), broken.clone());
        let expected = expected.clone();
        under_way.spawn(async move {
            match n % 7 {
                3 => assert_eq!(code(decoder.facts(&broken, "image/jpeg").await), "corrupt_file"),
                5 => assert_eq!(decoder.sniff(&broken).await.unwrap(), None),
                _ => assert_eq!(decoder.facts(&photo, "image/jpeg").await.unwrap(), expected),
            }
        });
    }

    while let Some(ended) = under_way.join_next().await {
        ended.unwrap();
    }
}

/// All files of the fixtures, and what is in folders of theirs.
fn all_fixtures() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

#[tokio::test]
async fn a_cell_answers_as_the_decoder_in_this_process_does() {
    let (apart, here) = (Decoding(sandbox(LIMITS)), Decoding(InProcess::new(LIMITS)));
    let mut decoded = 0;

    for path in all_fixtures() {
        let file = open(&path);
        let sniffed = here.sniff(&file).await.unwrap();
        assert_eq!(apart.sniff(&file).await.unwrap(), sniffed, "{path:?}");
        let Some(sniffed) = sniffed else { continue };
        let kind = sniffed.mime_type;
        assert_eq!(apart.facts(&file, &kind).await, here.facts(&file, &kind).await, "{path:?}");
        let (there, ours) = (
            apart.pictures(&file, &kind, &sizes()).await,
            here.pictures(&file, &kind, &sizes()).await,
        );
        assert_eq!(there, ours, "{path:?}");
        assert_eq!(apart.strip(&file, &kind).await, here.strip(&file, &kind).await, "{path:?}");
        decoded += usize::from(ours.is_ok());
    }

    assert!(decoded > 30, "{decoded} files are decoded");
}

/// The hostile files of the corpus, if it is there.
fn hostile() -> Vec<PathBuf> {
    let Some(corpus) = crate::walk::corpus::root() else { return Vec::new() };
    let folders = ["hostile", "bombs"].map(|folder| corpus.join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Each within two seconds and the memory of the settings, by headers and limits of its own: the
/// sandbox has nothing to end. What becomes of each is in `fixtures/expected.csv`.
#[tokio::test]
async fn no_hostile_file_has_to_be_ended_by_the_sandbox() {
    let limits = DecodeLimits { memory_bytes: 512 << 20, time: Duration::from_secs(2), ..LIMITS };
    let decoder = Decoding(sandbox(limits));
    let ended = [
        "decoder_crashed",
        "decoder_out_of_memory",
        "decoder_forbidden_call",
        "decode_timeout",
        "decoder_panicked",
    ];

    for path in hostile() {
        let file = open(&path);
        let Some(sniffed) = decoder.sniff(&file).await.unwrap() else { continue };
        let kind = sniffed.mime_type;
        let facts = decoder.facts(&file, &kind).await.map(drop);
        let pictures = decoder.pictures(&file, &kind, &sizes()).await.map(drop);
        let edits = decoder.strip(&file, &kind).await.map(drop);
        for answer in [facts, pictures, edits] {
            match answer {
                Ok(()) => {}
                Err(PortError::Refused { code, message }) => {
                    assert!(!ended.contains(&code.as_str()), "{path:?}: {code}: {message}");
                }
                Err(error) => panic!("{path:?}: {error}"),
            }
        }
    }
}
