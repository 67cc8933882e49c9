//! How the process's memory is handed out.

/// Lets glibc keep memory in two places instead of eight a processor: what one thread has freed is
/// then used again by the next, and pictures are large. Measured with `scripts/bench pipeline` on
/// two processors, four photos at once: 176 MB at the peak instead of 238, at the same speed (one
/// place: 127 MB; returning large blocks at once: 124 MB, at little more than half the speed).
///
/// To be called before other threads are started.
#[cfg(target_env = "gnu")]
pub fn share_freed_memory() {
    // SAFETY: it only writes a number inside the allocator, and there is no other thread yet.
    let taken = unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) };
    debug_assert_eq!(taken, 1, "glibc knows the parameter");
}

/// Other C libraries have no such places.
#[cfg(not(target_env = "gnu"))]
pub fn share_freed_memory() {}
