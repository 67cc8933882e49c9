//! The real program: started in a folder of its own, ended with the test that started it.

use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output},
    time::Duration,
};

use reqwest::{Client, Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    clamd::server::clamd,
    servers::{die_with_parent, free_port},
};

/// What should happen has happened after so long, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How often a test looks.
const LOOK: Duration = Duration::from_millis(20);

/// The program with the settings of a test and nothing of this machine's environment.
pub fn program(data: &Path, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iven-worker"));
    command.env_clear().env("CLAMD", clamd().address()).env("IVEN__STORE__DATA_DIR", data);
    command.env("IVEN_BIND", format!("127.0.0.1:{port}"));
    die_with_parent(&mut command);
    command
}

/// Runs the program to its end.
pub fn run<A: AsRef<OsStr>>(mut program: Command, arguments: &[A]) -> Said {
    let Output { status, stdout, stderr } = program.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { status: status.code(), out: text(stdout), err: text(stderr) }
}

/// What a run of the program said.
#[derive(Debug)]
pub struct Said {
    /// Its exit status.
    pub status: Option<i32>,
    /// Its answer.
    pub out: String,
    /// Its log and complaints.
    pub err: String,
}

impl Said {
    /// The JSON documents of the answer, one after the other.
    pub fn documents(&self) -> Vec<Value> {
        let documents = serde_json::Deserializer::from_str(&self.out).into_iter();
        documents.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Looks until `seen` gives something.
pub async fn until<T>(what: &str, seen: impl AsyncFnMut() -> Option<T>) -> T {
    until_in(PATIENCE, what, seen).await
}

/// The same for what takes longer on a slow machine.
pub async fn until_in<T>(
    patience: Duration,
    what: &str,
    mut seen: impl AsyncFnMut() -> Option<T>,
) -> T {
    let looking = async {
        let mut every = tokio::time::interval(LOOK);
        loop {
            every.tick().await;
            if let Some(found) = seen().await {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(patience, looking).await;
    found.unwrap_or_else(|_| panic!("{what} does not happen"))
}

/// A running service; it is killed with this value.
pub struct Service {
    child: Child,
    /// Where it listens.
    pub port: u16,
    data: PathBuf,
    client: Client,
}

impl Service {
    /// Starts one on this data folder and waits until it is ready.
    pub async fn start(data: &Path) -> Self {
        Self::start_with(data, &[]).await
    }

    /// The same with these settings.
    pub async fn start_with(data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_as("all", data, settings).await
    }

    /// The same in this role. A worker is asked at the address for those who watch.
    pub async fn start_as(role: &str, data: &Path, settings: &[(&str, &str)]) -> Self {
        std::fs::create_dir_all(data).unwrap();
        let port = free_port();
        let log = File::options().create(true).append(true).open(data.join("log")).unwrap();
        let mut command = program(data, port);
        command.envs(settings.iter().copied());
        if role == "worker" {
            command.env("IVEN__HTTP__METRICS_BIND", format!("127.0.0.1:{port}"));
        }
        command.args(["serve", "--role", role]);
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let (child, client) = (child.unwrap(), Client::new());
        let mut service = Self { child, port, data: data.to_owned(), client };
        until("a ready service", async || {
            let ended = service.child.try_wait().unwrap();
            assert_eq!(ended, None, "it ended at once: {}", service.log());
            let ready = service.client.get(service.url("/readyz")).send().await;
            ready.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        service
    }

    /// Everything that services on this folder have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.join("log")).unwrap_or_default()
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Sends a request; its status and JSON (null where there is none).
    pub async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let request = self.client.request(method, self.url(path)).body(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or(Value::Null))
    }

    /// The bytes behind a path.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.client.get(self.url(path)).send().await.unwrap();
        answer.error_for_status().unwrap().bytes().await.unwrap().to_vec()
    }

    /// Asks it to stop, as systemd does; its exit status.
    pub async fn terminate(mut self) -> ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        until("the end of the service", async || self.child.try_wait().unwrap()).await
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Fails when it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}
