//! The MongoDB-compatible server of a test run: found, started once, gone with the run.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use mongodb::bson::doc;
use rustix::process::{Pid, Signal, kill_process};

const NO_SERVER: &str = "no MongoDB-compatible server for the tests: set MONGODB_TEST_URL, or put \
    mongod or secantusd-rs on the PATH, or run scripts/test, which installs SecantusDB";
/// A cold start of the slowest, on a busy machine.
const START_TIME: Duration = Duration::from_secs(90);
/// Somebody else may take the free port before the server does.
const ATTEMPTS: u32 = 3;
/// Where the servers of test runs keep their files, a folder for each run.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

/// The url of a database that nobody else has, on the server of this run.
pub fn mongodb_url() -> String {
    static SERVER: LazyLock<Server> = LazyLock::new(Server::find);
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    SERVER.database(&format!("it_{}_{count}", std::process::id()))
}

/// A url in two parts, between which the database's name stands.
struct Server {
    before: String,
    after: String,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "a test run has no Config")]
    fn find() -> Self {
        if let Ok(url) = std::env::var("MONGODB_TEST_URL") {
            return Self::of(&url);
        }
        let program = Program::found().unwrap_or_else(|| panic!("{NO_SERVER}"));
        let (_, port) = program.started(&own_folder(""));
        Self::of(&program.url(port))
    }

    fn of(url: &str) -> Self {
        let (url, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (scheme, rest) = url.split_once("://").expect("MONGODB_TEST_URL has a scheme");
        let hosts = rest.split('/').next().unwrap_or(rest);
        Self { before: format!("{scheme}://{hosts}/"), after: format!("?{parameters}") }
    }

    fn database(&self, name: &str) -> String {
        format!("{}{name}{}", self.before, self.after)
    }
}

/// A server of one test, which may stop it; it is gone with this value.
pub struct OwnServer {
    child: Child,
    folder: PathBuf,
    program: Program,
    port: u16,
    /// The url of a database on it.
    pub url: String,
}

impl OwnServer {
    /// Starts one, if there is a program for it: `MONGODB_TEST_URL` names a server of others.
    pub fn start() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = own_folder(&format!(".{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        let program = Program::found()?;
        let (child, port) = program.started(&folder);
        let url = Server::of(&program.url(port)).database("own");
        Some(Self { child, folder, program, port, url })
    }

    /// Ends the process in order; its files stay.
    pub fn end(&mut self) {
        self.signal(Signal::TERM);
        self.child.wait().unwrap();
    }

    /// Starts it again on its files, at its port.
    pub fn start_again(&mut self) {
        self.child = begun((self.program.command)(&self.folder, self.port), &self.folder);
        assert!(answers(&mut self.child, self.port), "the server does not come back");
    }

    /// Stops the process where it stands, or lets it go on.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// How a server is started, and what its url needs.
struct Program {
    command: fn(&Path, u16) -> Command,
    parameters: &'static str,
}

impl Program {
    fn found() -> Option<Self> {
        let secantus = Path::new(env!("CARGO_MANIFEST_DIR")).join(".local/secantus/bin");
        if on_path("mongod") {
            return Some(Self { command: mongod, parameters: "replicaSet=it" });
        }
        let command: fn(&Path, u16) -> Command = if on_path("secantusd-rs") {
            |folder, port| secantusd(Path::new("secantusd-rs"), folder, port)
        } else if secantus.join("secantusd-py").exists() {
            installed_secantusd
        } else {
            return None;
        };
        Some(Self { command, parameters: SECANTUS })
    }

    /// Starts it with its files in this folder; the process and its port.
    fn started(&self, folder: &Path) -> (Child, u16) {
        let (child, port) = started(self.command, folder);
        if self.parameters != SECANTUS {
            make_replica_set(port);
        }
        (child, port)
    }

    fn url(&self, port: u16) -> String {
        format!("mongodb://127.0.0.1:{port}/?{}", self.parameters)
    }
}

/// SecantusDB says that it is a replica set of one; without this the driver takes it so as well.
const SECANTUS: &str = "replicaSet=secantus";

fn mongod(folder: &Path, port: u16) -> Command {
    let mut command = Command::new("mongod");
    command.args(["--bind_ip", "127.0.0.1", "--replSet", "it", "--port", &port.to_string()]);
    command.arg("--dbpath").arg(folder);
    command
}

fn installed_secantusd(folder: &Path, port: u16) -> Command {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".local/secantus/bin/secantusd-py");
    secantusd(&program, folder, port)
}

fn secantusd(program: &Path, folder: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--log-level", "WARNING"]);
    command.arg("--storage-path").arg(folder.join("db"));
    command
}

#[expect(clippy::disallowed_methods, reason = "a test run has no Config")]
fn on_path(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Starts the server, and returns it with its port once it takes connections.
fn started(command: fn(&Path, u16) -> Command, folder: &Path) -> (Child, u16) {
    remove_left_over();
    for attempt in 1..=ATTEMPTS {
        std::fs::create_dir_all(folder).unwrap();
        let port = free_port();
        let mut child = begun(command(folder, port), folder);
        if answers(&mut child, port) {
            return (child, port);
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(attempt < ATTEMPTS, "the MongoDB-compatible server did not start: {log}");
        drop(child.kill());
        drop(child.wait());
        drop(std::fs::remove_dir_all(folder));
    }
    unreachable!("the last attempt returns or panics")
}

/// The process of this command, with its log in the folder.
fn begun(mut command: Command, folder: &Path) -> Child {
    let log = File::create(folder.join("log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    // Some look for settings there, and ours must not depend on whose machine it is.
    command.current_dir(folder).env("HOME", folder);
    spawned(command)
}

/// The server ends with this program, however that ends: the system kills it when the thread
/// that started it does, and this thread never does.
fn spawned(mut command: Command) -> Child {
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || {
        die_with_parent(&mut command);
        give.send(command.spawn().expect("the server's program can be started")).unwrap();
        loop {
            std::thread::park();
        }
    });
    take.recv().expect("the server's program can be started")
}

/// The system kills the program when the thread that starts it ends.
#[cfg(target_os = "linux")]
pub fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: `prctl` is safe to call between fork and exec, and touches no memory.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

/// Other systems have no such thing.
#[cfg(not(target_os = "linux"))]
pub fn die_with_parent(_command: &mut Command) {}

/// A port that nobody has at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn answers(child: &mut Child, port: u16) -> bool {
    let (begin, address) = (Instant::now(), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    while begin.elapsed() < START_TIME && matches!(child.try_wait(), Ok(None)) {
        if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
            return true;
        }
        // Not the time of a test: nothing else tells when a server listens.
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

fn make_replica_set(port: u16) {
    let url = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
    let config =
        doc! { "_id": "it", "members": [{ "_id": 0, "host": format!("127.0.0.1:{port}") }] };
    let make = async move {
        let client = mongodb::Client::with_uri_str(url).await?;
        client.database("admin").run_command(doc! { "replSetInitiate": config }).await
    };
    // A thread of its own: the test that comes first already runs in a runtime.
    let made = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(make)
    });
    made.join().unwrap().expect("mongod becomes a replica set of one");
}

fn own_folder(which: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("mongodb-{}{which}", std::process::id()))
}

/// A killed server cannot clean up, so the next run does.
fn remove_left_over() {
    let Ok(entries) = std::fs::read_dir(FOLDER) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let owner = name.strip_prefix("mongodb-").and_then(|name| name.split('.').next());
        let owner = owner.and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            drop(std::fs::remove_dir_all(path));
        }
    }
}
