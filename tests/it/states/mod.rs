//! All the ways that a job can go: calls of workers, senders and operators in any order, and one
//! in the middle of another, on the real records beside a model of what each call does.

mod deed;
mod gate;
mod job;
mod laws;
mod real;
mod steps;
mod walk;
mod whole;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use self::steps::{Op, Says, Step, Wish};
use crate::faults::is_full;

/// So many cases, each of at most so many steps (some of them double).
const SHORT: (u32, usize) = (60, 60);
const LONG: (u32, usize) = (1_000, 120);
/// How long the runner looks for a shorter case that fails, too.
const SHRINKS: u32 = 1_500;

#[test]
fn however_calls_follow_each_other_the_queue_does_what_the_model_says() {
    let (cases, most) = if is_full() { LONG } else { SHORT };
    let config =
        Config { cases, max_shrink_iters: SHRINKS, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    let walked = TestRunner::new(config).run(&steps::steps(most), |steps| {
        // Back-off is random: the same case must end in the same way while it is made shorter.
        fastrand::seed(7);
        runtime.block_on(walk::walk(&steps)).map_err(TestCaseError::fail)
    });

    if let Err(TestError::Fail(reason, _)) = &walked {
        panic!("{reason}");
    }
    walked.unwrap();
}

#[tokio::test]
async fn a_job_that_crashed_alone_in_its_last_attempt_has_no_other() {
    let wish = Wish { name: 0, once: None, priority: 3, delay: 0, tries: 3 };
    let claim = Op::Claim { worker: 0, slots: 1 };
    let run = |lease, says| Op::Run { worker: 0, lease, says };
    let mut ops = vec![Op::Push(wish)];
    for lease in 0..2 {
        ops.extend([claim.clone(), run(lease, Says::Retry), Op::Pass { millis: 5_000 }]);
        ops.push(Op::Promote);
    }
    // Beside others first, then alone.
    ops.extend([claim.clone(), Op::Pass { millis: 15_000 }, Op::Reap, claim.clone()]);
    ops.extend([Op::Alone { worker: 0, lease: 3 }, Op::Pass { millis: 15_000 }, Op::Reap, claim]);
    ops.push(run(3, Says::Done));

    let steps: Vec<Step> = ops.into_iter().map(Step::Once).collect();
    walk::walk(&steps).await.unwrap();
}
