//! Processor time of this process, and the middle and the tail of many times.

use std::time::Duration;

/// The processor time spent so far, in seconds.
pub fn cpu() -> f64 {
    let mut spent = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of ours that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut spent) };
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// The value below which this share of them lies, in milliseconds.
pub fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    let at = (share * last as f64).round() as usize;
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
