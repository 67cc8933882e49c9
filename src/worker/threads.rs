//! Threads of their own for what nothing else may hold up, or what may hold up others.

use std::{future::Future, io, time::Duration};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinHandle,
};

/// A runtime beside the process's own; it ends with this value, whatever still runs on it.
pub struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    /// For attempts at jobs, as many as there are processors: a job that blocks them blocks no
    /// claim, no lease and no request.
    pub fn for_jobs() -> io::Result<Self> {
        Self::start(Builder::new_multi_thread().thread_name("job"))
    }

    /// One for the leases: they are renewed even while all other threads are busy.
    pub fn for_leases() -> io::Result<Self> {
        Self::start(Builder::new_multi_thread().worker_threads(1).thread_name("leases"))
    }

    fn start(builder: &mut Builder) -> io::Result<Self> {
        let runtime = builder.enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// What spawns on them.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends what runs on them at its next pause; what makes none goes on after this time.
    pub async fn end(mut self, within: Duration) {
        if let Some(runtime) = self.runtime.take() {
            let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(within));
            if ended.await.is_err() {
                tracing::error!("threads of the pool did not end well");
            }
        }
    }

    /// Lets this run on them.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(work)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for them is not allowed here, and a job that hangs would never end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
