//! What the scanner says of files, on a real clamd.

mod archives;
pub mod server;

use std::{
    io::{Seek, Write},
    sync::Arc,
    time::Duration,
};

use iven_worker::adapters::clamd::{Clamd, ScanLimits};
use jobs::ports::{LocalFile, PortError, Scan, Scanner, Verdict};

use self::server::{TestClamd, clamd, eicar};

const MB: u64 = 1 << 20;

fn scanner(address: &str) -> Clamd {
    let limits = ScanLimits { max_file_bytes: 100 * MB, timeout: Duration::from_secs(60) };
    Clamd::new(address, limits).unwrap()
}

fn local(bytes: &[u8]) -> LocalFile {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    LocalFile { file: Arc::new(file), bytes: bytes.len() as u64 }
}

fn hole(bytes: u64) -> LocalFile {
    let file = tempfile::tempfile().unwrap();
    file.set_len(bytes).unwrap();
    LocalFile { file: Arc::new(file), bytes }
}

async fn verdict(scanner: &Clamd, file: &LocalFile) -> Verdict {
    scanner.scan(file).await.unwrap().verdict
}

fn infected() -> Verdict {
    Verdict::Infected { signature: "Eicar-Test-Signature".into() }
}

fn unscannable(reason: &str) -> Verdict {
    Verdict::Unscannable { reason: reason.into() }
}

fn both_ways() -> [Clamd; 2] {
    [scanner(&clamd().address()), scanner(&clamd().tcp_address())]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_names_who_gave_it() {
    for scanner in both_ways() {
        let scan = scanner.scan(&local(b"a harmless text")).await.unwrap();

        assert_eq!(scan.verdict, Verdict::Clean);
        assert!(scan.engine.starts_with("ClamAV 1."), "{}", scan.engine);
        assert_eq!(scan.signatures, "local (no official database)");
        assert_eq!(scanner.check().await.unwrap(), (scan.engine, scan.signatures));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_file_is_found_wherever_it_lies() {
    let padded = [vec![b'x'; 5 << 20], eicar(), vec![b'y'; 3 << 20]].concat();
    let zipped = archives::zip(&[("a.txt", b"harmless"), ("b.txt", &eicar())]);

    for scanner in both_ways() {
        assert_eq!(verdict(&scanner, &local(&eicar())).await, infected());
        assert_eq!(verdict(&scanner, &local(&padded)).await, infected());
        assert_eq!(verdict(&scanner, &local(&zipped)).await, infected());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_is_clean() {
    for scanner in both_ways() {
        assert_eq!(verdict(&scanner, &local(b"")).await, Verdict::Clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_above_the_limit_is_unscannable() {
    for scanner in both_ways() {
        assert_eq!(verdict(&scanner, &hole(100 * MB)).await, Verdict::Clean);
        assert_eq!(verdict(&scanner, &hole(100 * MB + 1)).await, unscannable("too_large"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_does_not_move_the_position_that_readers_share() {
    let file = local(&vec![7; 300_000]);
    (&*file.file).seek(std::io::SeekFrom::Start(1234)).unwrap();

    for scanner in both_ways() {
        assert_eq!(verdict(&scanner, &file).await, Verdict::Clean);
    }

    assert_eq!((&*file.file).stream_position().unwrap(), 1234);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clamd_with_lower_limits_than_ours_is_unfit() {
    let server = TestClamd::start(10);

    for address in [server.address(), server.tcp_address()] {
        let scanner = scanner(&address);

        let Err(PortError::Unavailable(why)) = scanner.check().await else { panic!("fit") };
        assert!(why.contains("MaxFileSize"), "{why}");
        // The photo would have been looked at; but nobody may rely on such a clamd.
        let scan = scanner.scan(&local(b"photo")).await;
        assert!(matches!(scan, Err(PortError::Unavailable(_))), "{scan:?}");
    }
    // Sent through a socket, the answer stands behind a broken pipe.
    let Err(PortError::Unavailable(why)) = scanner(&server.tcp_address()).check().await else {
        panic!("fit")
    };
    assert!(why.contains("size limit exceeded"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_clamd_there_is_no_verdict_until_it_is_back() {
    let server = TestClamd::start(100);
    for address in [server.address(), server.tcp_address()] {
        let scanner = scanner(&address);
        assert_eq!(verdict(&scanner, &local(b"text")).await, Verdict::Clean);

        server.stop();
        let away = scanner.scan(&local(b"text")).await;
        server.restart();

        assert!(matches!(away, Err(PortError::Unavailable(_))), "{away:?}");
        assert_eq!(verdict(&scanner, &local(&eicar())).await, infected());
    }
}

/// Scans the file with a clamd that dies in the middle of it.
async fn scan_and_kill(
    server: &TestClamd,
    scanner: &Clamd,
    file: &LocalFile,
) -> Result<Scan, PortError> {
    // So that the next scan does not begin with the scanner's own test.
    assert_eq!(verdict(scanner, &local(b"text")).await, Verdict::Clean);
    server.wait_until_idle();
    let (scanner, file) = (scanner.clone(), file.clone());
    #[expect(clippy::disallowed_methods, reason = "awaited below")]
    let scan = tokio::spawn(async move { scanner.scan(&file).await });
    server.wait_until_busy();
    server.kill();
    scan.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clamd_that_dies_in_the_middle_gave_no_verdict() {
    let slow = local(&archives::slow());
    for tcp in [false, true] {
        let server = TestClamd::start(100);
        let scanner = scanner(&if tcp { server.tcp_address() } else { server.address() });

        let scan = scan_and_kill(&server, &scanner, &slow).await;

        assert!(matches!(scan, Err(PortError::Unavailable(_))), "{scan:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_over_which_clamd_dies_three_times_is_unscannable() {
    let slow = local(&archives::slow());
    let server = TestClamd::start(100);
    let scanner = scanner(&server.address());

    for _ in 0..2 {
        let scan = scan_and_kill(&server, &scanner, &slow).await;
        assert!(matches!(scan, Err(PortError::Unavailable(_))), "{scan:?}");
        server.restart();
    }
    let third = scan_and_kill(&server, &scanner, &slow).await.unwrap();

    assert_eq!(third.verdict, unscannable("scanner_broke"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_takes_too_long_is_unscannable_only_if_clamd_is_well() {
    let server = TestClamd::start(2000);
    let limits = ScanLimits { max_file_bytes: 100 * MB, timeout: Duration::from_secs(3) };
    let scanner = Clamd::new(&server.address(), limits).unwrap();
    assert_eq!(verdict(&scanner, &local(b"text")).await, Verdict::Clean);

    assert_eq!(verdict(&scanner, &local(&archives::slow())).await, unscannable("timeout"));

    server.freeze();
    let deaf = scanner.scan(&local(b"text")).await;
    server.kill();
    assert!(matches!(deaf, Err(PortError::Unavailable(_))), "{deaf:?}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    let limits = ScanLimits { max_file_bytes: MB, timeout: Duration::from_secs(1) };

    let refused = Clamd::new("somewhere", limits).unwrap_err();

    assert!(matches!(refused, PortError::Refused { .. }), "{refused:?}");
}
