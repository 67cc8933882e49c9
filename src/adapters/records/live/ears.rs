//! Who listens in this process, and how far each has heard.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bson::oid::ObjectId;
use jobs::ports::{Heard, Hearing, PortError};
use tokio::sync::{mpsc, watch};

use super::kept::Kept;

/// So many events wait for a listener; one who is slower is cut off. More than a room keeps.
const BUFFER: usize = 256;
/// An event comes to its user and to its event: whoever listens to both hears it once. The second
/// of the two comes at once.
const RECENT: usize = 64;
/// Where all places are taken, one may be free then.
const COME_AGAIN: Duration = Duration::from_secs(10);

/// The listeners of this process.
pub struct Ears {
    most: u32,
    seats: watch::Sender<u32>,
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    listeners: HashMap<u64, Listener>,
    of_rooms: HashMap<String, HashSet<u64>>,
    next: u64,
    is_closed: bool,
}

struct Listener {
    /// Each room as it was entered, and how many of its events were heard.
    rooms: HashMap<String, (ObjectId, i64)>,
    recent: VecDeque<ObjectId>,
    sender: mpsc::Sender<Heard>,
    /// Where to go on, once it is cut off.
    cut: Arc<Mutex<Option<String>>>,
}

/// One of the places for listeners; free again when it is dropped.
pub struct Seat {
    ears: Arc<Ears>,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.ears.lock().forget(self.number);
        self.ears.count(|seats| seats.saturating_sub(1));
    }
}

impl Ears {
    /// Room for so many listeners.
    pub fn new(most: u32) -> Self {
        Self { most, seats: watch::channel(0).0, all: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(u32) -> u32) {
        self.seats.send_modify(|seats| *seats = change(*seats));
        metrics::gauge!("live_listeners").set(f64::from(*self.seats.borrow()));
    }

    /// Returns when so many listen.
    pub async fn until(&self, is_so: impl Fn(u32) -> bool) {
        // The sender lives as long as `self`.
        let _ = self.seats.subscribe().wait_for(|seats| is_so(*seats)).await;
    }

    /// All rooms that somebody listens to.
    pub fn rooms(&self) -> Vec<String> {
        self.lock().of_rooms.keys().cloned().collect()
    }

    /// Takes a place.
    pub fn sit_down(self: &Arc<Self>) -> Result<Seat, PortError> {
        let mut all = self.lock();
        let is_full = *self.seats.borrow() >= self.most;
        if is_full || all.is_closed {
            let message = "this process has no room for more listeners".to_owned();
            return Err(PortError::Busy { message, after: COME_AGAIN });
        }
        all.next += 1;
        let number = all.next;
        drop(all);
        self.count(|seats| seats.saturating_add(1));
        Ok(Seat { ears: self.clone(), number })
    }

    /// Lets whoever sits there hear what happens in these rooms, from `after` on if it is given.
    pub fn listen(&self, seat: Seat, rooms: &[Kept], after: Option<&str>) -> (String, Hearing) {
        let (sender, receiver) = mpsc::channel(BUFFER);
        let (mut place, cut) = (String::new(), Arc::<Mutex<Option<String>>>::default());
        let mut listener =
            Listener { rooms: HashMap::new(), recent: VecDeque::new(), sender, cut: cut.clone() };
        for room in rooms {
            let resumed = after.map(|after| room.before(after));
            let heard = resumed.flatten().unwrap_or(room.seq);
            place = room.place(heard);
            if resumed == Some(None) {
                // There is room: it is the first.
                let _ = listener.sender.try_send(Heard::Missed(place.clone()));
            }
            listener.rooms.insert(room.name.clone(), (room.born, heard));
        }
        let mut all = self.lock();
        if !all.is_closed {
            for room in rooms {
                all.of_rooms.entry(room.name.clone()).or_default().insert(seat.number);
            }
            all.listeners.insert(seat.number, listener);
        }
        let hearing = (receiver, cut, seat);
        let hearing = futures_util::stream::unfold(hearing, |(mut receiver, cut, seat)| async {
            let heard = match receiver.recv().await {
                Some(heard) => heard,
                None => {
                    let mut cut = cut.lock().unwrap_or_else(PoisonError::into_inner);
                    Heard::Missed(cut.take()?)
                }
            };
            Some((heard, (receiver, cut, seat)))
        });
        (place, Box::pin(hearing))
    }

    /// Tells the listeners of a room what is new to them.
    pub fn pass_on(&self, room: &Kept) {
        let mut all = self.lock();
        let Some(numbers) = all.of_rooms.get(&room.name) else { return };
        let numbers: Vec<u64> = numbers.iter().copied().collect();
        for number in numbers {
            let Some(listener) = all.listeners.get_mut(&number) else { continue };
            if let Err(place) = listener.hear(room) {
                metrics::counter!("live_resets_total").increment(1);
                *listener.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
                all.forget(number);
            }
        }
    }

    /// Ends what everybody hears, for good.
    pub fn close(&self) {
        let mut all = self.lock();
        all.is_closed = true;
        all.listeners.clear();
        all.of_rooms.clear();
    }
}

impl All {
    fn forget(&mut self, number: u64) {
        let Some(listener) = self.listeners.remove(&number) else { return };
        for name in listener.rooms.keys() {
            let Some(numbers) = self.of_rooms.get_mut(name) else { continue };
            numbers.remove(&number);
            if numbers.is_empty() {
                self.of_rooms.remove(name);
            }
        }
    }
}

impl Listener {
    /// Hears what is new; where it would have to go on, if it cannot.
    fn hear(&mut self, room: &Kept) -> Result<(), String> {
        let Some((born, heard)) = self.rooms.get_mut(&room.name) else { return Ok(()) };
        if *born != room.born || *heard < room.lost() {
            return Err(room.place(room.seq));
        }
        for (seq, (id, event)) in (room.lost().saturating_add(1)..).zip(&room.events) {
            if seq <= *heard {
                continue;
            }
            let is_new = !self.recent.contains(id);
            if let Some(event) = event.as_ref().filter(|_| is_new) {
                let said = Heard::Event(room.place(seq), event.clone());
                self.sender.try_send(said).map_err(|_| room.place(*heard))?;
                if self.recent.len() >= RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back(*id);
            }
            *heard = seq;
        }
        Ok(())
    }
}
