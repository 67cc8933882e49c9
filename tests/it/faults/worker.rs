//! One worker process: this program, started again.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    sync::Arc,
    time::Duration,
};

use iven_worker::{config::Config, serve, telemetry, wire, worker::Engine};
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use super::{kinds::WithThese, within};
use crate::servers::die_with_parent;

/// Names the settings file to the process; without it the process is a plain test run.
pub const SETTINGS: &str = "IVEN_TEST_WORKER";
/// An orderly stop drains for 25 s at most.
const STOPS: Duration = Duration::from_secs(40);

/// The process's work: the product's pool on the store of the settings, until it is asked to stop.
pub async fn work(settings: &Path) {
    let mut asked = signal(SignalKind::terminate()).unwrap();
    let text = std::fs::read_to_string(settings).unwrap();
    let config = Config::read(Some(&text), Vec::new()).unwrap();
    telemetry::logs(&config.log).unwrap();
    let house = wire::house(config).await.unwrap();
    house.set_clock().await.unwrap();
    let engine = Engine::new(house.tools.clone(), house.leases.clone(), Arc::new(WithThese));
    let pool = serve::start_with(&house, engine).unwrap();
    tokio::select! {
        _ = asked.recv() => {}
        () = house.listen() => panic!("it stops listening"),
    }
    pool.stop().await;
}

/// A running worker process; it is killed with this value.
pub struct Worker {
    child: Child,
    log: PathBuf,
}

impl Worker {
    /// Starts one with these settings; its log is added to this file.
    pub fn start(settings: &Path, log: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "faults::worker_process", "--nocapture"]);
        command.env(SETTINGS, settings);
        let to = File::options().create(true).append(true).open(log).unwrap();
        command.stdout(to.try_clone().unwrap()).stderr(to);
        die_with_parent(&mut command);
        Self { child: command.spawn().unwrap(), log: log.to_owned() }
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        assert_eq!(self.ended(), None, "it ended by itself");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits until it has, without a fault.
    pub async fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let status = within(STOPS, "the end of a worker", async || self.ended()).await;
        assert!(status.success(), "{status}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Fails when it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
