//! How the process's memory is handed out, and what happens when there is none left.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, Ordering},
};

/// How a process ends that has spent its memory, after [`end_when_spent`].
pub const SPENT: i32 = 77;

static ENDS: AtomicBool = AtomicBool::new(false);

/// From now on this process ends with the status [`SPENT`] where it would get no memory: for those
/// whose limit is there to be met.
pub fn end_when_spent() {
    ENDS.store(true, Ordering::Relaxed);
}

/// The system's allocator, which can say that there is nothing left.
#[derive(Debug)]
pub struct Memory;

impl Memory {
    fn given(pointer: *mut u8) -> *mut u8 {
        if pointer.is_null() && ENDS.load(Ordering::Relaxed) {
            // SAFETY: it ends the process at once.
            unsafe { libc::_exit(SPENT) }
        }
        pointer
    }
}

// SAFETY: all is the system's own.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        Self::given(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        Self::given(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as promised by the caller.
        Self::given(unsafe { System.realloc(pointer, layout, size) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

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
