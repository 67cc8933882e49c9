//! What may happen to a queue: the steps that a case is made of.

use proptest::prelude::*;

/// So many workers share the queue.
pub const WORKERS: usize = 2;

/// A job that somebody wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Jobs of the same number have the same `uniqueKey`.
    pub name: u8,
    pub once: Option<u8>,
    pub priority: u8,
    /// Seconds until it is due.
    pub delay: u32,
    pub tries: u32,
}

/// What the work itself says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Says {
    Done,
    NotYet,
    Retry,
    Away,
    Fail,
}

/// One call of a worker, a sender or an operator. Jobs and leases are meant by their number among
/// those there are: the rest of the division counts.
#[derive(Debug, Clone)]
pub enum Op {
    Push(Wish),
    Put(Wish),
    Insert { wish: Wish, with_key: bool },
    TakeIn,
    Promote,
    Claim { worker: usize, slots: u32 },
    Run { worker: usize, lease: usize, says: Says },
    Extend { worker: usize },
    Alone { worker: usize, lease: usize },
    Release { worker: usize },
    Hear { worker: usize },
    Reap,
    Inherit { worker: usize },
    Cancel(usize),
    Retry(usize),
    Delete(usize),
    Pass { millis: u64 },
}

/// A call by itself, or one in the middle of another: just before the other's n-th call of the
/// store.
#[derive(Debug, Clone)]
pub enum Step {
    Once(Op),
    Amid { outer: Op, call: usize, inner: Op },
}

/// What happens by chance, and what is rare by chance: leases lapse, and calls meet each other.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let lapse = || Step::Once(Op::Pass { millis: 15_000 });
    let few = prop_oneof![
        6 => op().prop_map(|op| vec![Step::Once(op)]),
        2 => amid(op()).prop_map(|step| vec![step]),
        1 => amid(writer()).prop_map(|step| vec![step]),
        1 => Just(vec![lapse(), Step::Once(Op::Reap)]),
        2 => late().prop_map(move |step| vec![lapse(), step]),
    ];
    prop::collection::vec(few, 1..most).prop_map(|few| few.concat())
}

/// Whose lease has lapsed acts just as it is taken from him.
fn late() -> impl Strategy<Value = Step> {
    let inner =
        prop_oneof![2 => (0..WORKERS).prop_map(|worker| Op::Extend { worker }), 1 => writer()];
    inner.prop_map(|inner| Step::Amid { outer: Op::Reap, call: 1, inner })
}

/// Something in the middle of this.
fn amid(outer: impl Strategy<Value = Op> + 'static) -> BoxedStrategy<Step> {
    let inner = prop_oneof![1 => writer(), 1 => op()];
    let meeting = (outer, 1..3_usize, inner);
    meeting.prop_map(|(outer, call, inner)| Step::Amid { outer, call, inner }).boxed()
}

/// A call that changes jobs that are there.
fn writer() -> BoxedStrategy<Op> {
    prop_oneof![4 => worker(), 2 => keeper(), 1 => operator()].boxed()
}

fn op() -> BoxedStrategy<Op> {
    prop_oneof![
        4 => sender(),
        10 => worker(),
        4 => keeper(),
        2 => operator(),
        2 => passing().prop_map(|millis| Op::Pass { millis }),
    ]
    .boxed()
}

fn sender() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => wish().prop_map(Op::Push),
        1 => wish().prop_map(Op::Put),
        1 => (wish(), any::<bool>()).prop_map(|(wish, with_key)| Op::Insert { wish, with_key }),
        1 => Just(Op::TakeIn),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    let once = prop_oneof![2 => Just(None), 1 => (0..2_u8).prop_map(Some)];
    let parts = (0..3_u8, once, 3..6_u8, prop_oneof![3 => Just(0), 1 => 1..20_u32], 1..4_u32);
    parts.prop_map(|(name, once, priority, delay, tries)| Wish {
        name,
        once,
        priority,
        delay,
        tries,
    })
}

fn worker() -> impl Strategy<Value = Op> {
    let says = prop_oneof![
        3 => Just(Says::Done),
        3 => Just(Says::Retry),
        1 => Just(Says::NotYet),
        1 => Just(Says::Away),
        1 => Just(Says::Fail),
    ];
    let run = (0..WORKERS, 0..4_usize, says);
    prop_oneof![
        4 => (0..WORKERS, 1..4_u32).prop_map(|(worker, slots)| Op::Claim { worker, slots }),
        3 => run.prop_map(|(worker, lease, says)| Op::Run { worker, lease, says }),
        1 => (0..WORKERS, 0..4_usize).prop_map(|(worker, lease)| Op::Alone { worker, lease }),
    ]
}

fn keeper() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => (0..WORKERS).prop_map(|worker| Op::Extend { worker }),
        2 => Just(Op::Reap),
        2 => Just(Op::Promote),
        1 => (0..WORKERS).prop_map(|worker| Op::Release { worker }),
        1 => (0..WORKERS).prop_map(|worker| Op::Hear { worker }),
        1 => (0..WORKERS).prop_map(|worker| Op::Inherit { worker }),
    ]
}

fn operator() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..8_usize).prop_map(Op::Cancel),
        (0..8_usize).prop_map(Op::Retry),
        (0..8_usize).prop_map(Op::Delete),
    ]
}

/// Moments, leases, and now and then longer than a port may be away.
fn passing() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(1),
        1 => Just(1_000),
        4 => Just(5_000),
        4 => Just(15_000),
        1 => Just(8 * 86_400_000),
    ]
}
