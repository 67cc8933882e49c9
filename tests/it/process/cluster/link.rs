//! The way from one process to a server, which a test can cut.

use std::{io, net::Ipv4Addr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};
use tokio_util::task::TaskTracker;

/// So much is on the way at a time, each way.
const PIECE: usize = 16 << 10;

/// A port of this machine behind which a server seems to be.
///
/// Not a network namespace: that takes rights which not every machine gives, and this does the
/// same to what is sent. While it is cut nothing passes, no new connection is taken up, and nobody
/// is told, as where packets get lost. What was under way arrives late, when it is mended, as TCP
/// sends again what got lost: writes of a worker that others took for dead by then are among it.
pub struct Link {
    is_whole: watch::Sender<bool>,
    /// Where it begins, on this machine.
    pub port: u16,
}

impl Link {
    /// To the server at this `host:port`; it ends with the runtime of the test.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_whole, seen) = watch::channel(true);
        TaskTracker::new().spawn(take_up(listener, server.to_owned(), seen));
        Self { is_whole, port }
    }

    /// Nothing passes any more.
    pub fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    /// All passes again, first what was under way.
    pub fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

async fn take_up(listener: TcpListener, server: String, mut is_whole: watch::Receiver<bool>) {
    let connections = TaskTracker::new();
    while is_whole.wait_for(|is_whole| *is_whole).await.is_ok() {
        let Ok((near, _)) = listener.accept().await else { return };
        let (server, is_whole) = (server.clone(), is_whole.clone());
        connections.spawn(async move {
            // Whoever hangs up is heard by the other side, and that is all there is to say.
            drop(connect(near, &server, is_whole).await);
        });
    }
}

async fn connect(near: TcpStream, server: &str, is_whole: watch::Receiver<bool>) -> io::Result<()> {
    let far = TcpStream::connect(server).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let there = pass(from_near, to_far, is_whole.clone());
    let back = pass(from_far, to_near, is_whole);
    tokio::try_join!(there, back).map(drop)
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut is_whole: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut bytes = vec![0; PIECE];
    loop {
        let count = from.read(&mut bytes).await?;
        if is_whole.wait_for(|is_whole| *is_whole).await.is_err() {
            return Ok(());
        }
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..count]).await?;
    }
}
