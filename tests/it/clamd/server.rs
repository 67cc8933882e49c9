//! Real clamds for tests: one for all of a run, and private ones that may be stopped.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

use rustix::process::{Pid, Signal, kill_process};

/// A running clamd; it ends with this value, and in any case with the test program.
pub struct TestClamd {
    folder: PathBuf,
    options: Vec<String>,
    port: u16,
}

/// The clamd that all tests share: files of up to 2,000 MB, one-line signatures.
pub fn clamd() -> &'static TestClamd {
    static SHARED: OnceLock<TestClamd> = OnceLock::new();
    SHARED.get_or_init(|| {
        remove_leftovers();
        TestClamd::start(2000)
    })
}

/// The EICAR test file, put together so that the source is not a finding.
pub fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}", "$EIC", "AR-STANDARD-ANTIVIRUS", "-TEST-FILE!$H+H*"]
        .concat()
        .into_bytes()
}

impl TestClamd {
    /// Starts a private one that looks at files of up to `max_mb`.
    pub fn start(max_mb: u32) -> Self {
        let folder = folder();
        // The port is free now; another program may take it before clamd does.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let options = ["--tcp", &port.to_string(), "--max-mb", &max_mb.to_string()];
            let clamd =
                Self { folder: folder.clone(), options: options.map(String::from).into(), port };
            if clamd.run("start") {
                return clamd;
            }
        }
        panic!("clamd does not start; scripts/setup installs what it needs");
    }

    /// Its unix socket, as the setting `CLAMD` takes it.
    pub fn address(&self) -> String {
        format!("unix:{}/clamd.sock", self.folder.display())
    }

    /// The same clamd on TCP.
    pub fn tcp_address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it; files in its folder stay.
    pub fn stop(&self) {
        assert!(self.run("stop"));
    }

    /// Starts it again at the same address.
    pub fn restart(&self) {
        assert!(self.run("start"));
    }

    /// Waits until it works on a file.
    pub fn wait_until_busy(&self) {
        self.wait_until(true);
    }

    /// Waits until it works on none: a scan stays in its list for a moment after its answer.
    pub fn wait_until_idle(&self) {
        self.wait_until(false);
    }

    fn wait_until(&self, wanted: bool) {
        let busy = |stats: String| stats.contains("\tFILDES ") || stats.contains("\tINSTREAM ");
        let began = Instant::now();
        while busy(self.statistics()) != wanted {
            assert!(began.elapsed() < Duration::from_secs(60), "busy never becomes {wanted}");
        }
    }

    fn statistics(&self) -> String {
        let mut stream = UnixStream::connect(self.folder.join("clamd.sock")).unwrap();
        stream.write_all(b"zSTATS\0").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Stops it in the middle of whatever it does.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Makes it deaf: it takes calls and answers none.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    fn signal(&self, signal: Signal) {
        let pid = fs::read_to_string(self.folder.join("clamd.pid")).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn run(&self, verb: &str) -> bool {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/clamd");
        let mut command = Command::new(script);
        command.arg(verb).arg(&self.folder).env("IVEN_FRESHCLAM", "no");
        if verb == "start" {
            command.args(&self.options).arg("--while").arg(process::id().to_string());
        }
        let output = command.output().unwrap();
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        output.status.success()
    }
}

impl Drop for TestClamd {
    fn drop(&mut self) {
        self.run("stop");
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Short, because the name of a socket may have only 107 bytes.
fn folder() -> PathBuf {
    let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    std::env::temp_dir().join(format!("iven-clamd-{}-{nanos}", process::id()))
}

/// The shared clamd ends with the program that made it, but its folder stays.
fn remove_leftovers() {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix("iven-clamd-") else { continue };
        let owner = rest.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(owner).exists() {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}
