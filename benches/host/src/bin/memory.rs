//! Bytes per entry of each map with 65,536 entries, as asked from the allocator. One figure a line, as JSON.
//!
//! A map is looked up in before it's measured: some have two tables until then.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bench_host::subjects::{Bare, Dash, LeftRight, Papaya, Scc, Spin, Subject, Twin, View};

const ENTRIES: u64 = 65_536;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: `System` does it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    measure::<Twin<u64>>();
    measure::<Spin<u64>>();
    measure::<Dash<u64>>();
    measure::<Papaya<u64>>();
    measure::<Scc<u64>>();
    measure::<LeftRight<u64>>();
    measure::<Bare<u64>>();
}

fn measure<M: Subject<u64>>() {
    let before = LIVE.load(Ordering::Relaxed);
    let map = M::with_capacity(0);
    let view = map.view();
    (0..ENTRIES).for_each(|key| _ = view.insert(key, key));
    for _ in 0..2 {
        (0..ENTRIES).for_each(|key| _ = view.get(&key));
    }
    let bytes = LIVE.load(Ordering::Relaxed) - before;
    let figure = serde_json::json!({
        "shape": "Memory65536", "threads": 1, "subject": M::NAME, "value": bytes as f64 / ENTRIES as f64, "unit": "bytes",
    });
    println!("{figure}");
}
