//! The process of one file, or of one after the other.

use std::{
    fs::File,
    os::fd::{AsRawFd, OwnedFd},
};

use super::{
    frame::{self, Drill, Locks, Order, Said, Task},
    locks::{self, Base},
};
use crate::{decoder::work::Refusal, memory};

/// Reads the order, gives up all rights, does the work, answers and ends, or waits for the next
/// order. The work is not done if the zygote has a lack.
pub fn live(base: &Base, lack: Option<&Refusal>, file: OwnedFd, socket: OwnedFd) -> ! {
    locks::die_with_parent();
    locks::keep_only(base, &[file.as_raw_fd(), socket.as_raw_fd()]);
    // Read and written like a file: calls of sockets are not among those that are left.
    let (file, mut socket) = (File::from(file), File::from(socket));
    let served = match frame::read::<Order>(&mut socket) {
        Ok(order) => {
            let locks = locks::lock(base, order.limits, order.stays);
            memory::end_when_spent();
            serve(order, file, &mut socket, |order, file| match lack {
                Some(lack) => Err(lack.clone()),
                None => done(order, file, locks),
            })
        }
        Err(error) => Err(error),
    };
    // SAFETY: it ends the process at once, without what others have put down for its end.
    unsafe { libc::_exit(served.is_err().into()) }
}

/// Does this work, and then what comes.
fn serve(
    mut order: Order,
    mut file: File,
    socket: &mut File,
    work: impl Fn(&Order, &File) -> Result<Said, Refusal>,
) -> std::io::Result<()> {
    loop {
        frame::reply(socket, work(&order, &file))?;
        drop(file);
        let next = order.stays.then(|| frame::receive_file(socket)).flatten();
        let Some(next) = next else { return Ok(()) };
        file = next;
        order = frame::read(socket)?;
    }
}

fn done(order: &Order, file: &File, locks: Locks) -> Result<Said, Refusal> {
    match &order.task {
        Task::Decode(work) => work.run(file, order.limits).map(Said::Answer),
        Task::Drill(drill) => {
            drill.run();
            Ok(Said::Locks(locks))
        }
    }
}

impl Drill {
    fn run(self) {
        match self {
            Self::Nothing | Self::Films => {}
            // SAFETY: none; that is what it is for. The process ends by it.
            Self::Crash => unsafe { std::ptr::null_mut::<u8>().write_volatile(1) },
            Self::Hoard => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(std::hint::black_box(vec![1u8; 1 << 20]));
                }
            }
            Self::Loop => loop {
                std::hint::spin_loop();
            },
            Self::Call => drop(std::net::UdpSocket::bind("127.0.0.1:0")),
        }
    }
}
