//! From `Mutex<HashMap>` to `SyncMap`: the same functions over either, the same results.
//!
//! The mutex made several operations in a row one. Now, to read, compute and write back is `update`; a reference is a
//! guard, which keeps its value, but keeps nobody from replacing it; and iteration excludes nobody.
//!
//! What it costs: two keys that must change together need one value that has both, or still a mutex.

use std::thread;

mod before {
    use std::{collections::HashMap, sync::LazyLock, sync::Mutex, sync::MutexGuard};

    static STOCK: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

    fn stock() -> MutexGuard<'static, HashMap<String, u32>> {
        STOCK.lock().expect("poisoned")
    }

    pub fn add(part: &str, n: u32) {
        *stock().entry(part.to_owned()).or_default() += n;
    }
    pub fn count(part: &str) -> Option<u32> {
        stock().get(part).copied()
    }
    pub fn take_all(part: &str) -> Option<u32> {
        stock().remove(part)
    }
    pub fn total() -> u32 {
        stock().values().sum()
    }
    pub fn forget_fewer_than(n: u32) {
        stock().retain(|_part, count| *count >= n);
    }
}

mod after {
    use twinmap::SyncMap;

    static STOCK: SyncMap<String, u32> = SyncMap::new();

    pub fn add(part: &str, n: u32) {
        // Not `insert(part, count(part) + n)`: what others add in between would be lost.
        STOCK.update_or_insert(part.to_owned(), |count| count + n, n);
    }
    pub fn count(part: &str) -> Option<u32> {
        STOCK.get(part).as_deref().copied() // Copied, so that no guard is kept.
    }
    pub fn take_all(part: &str) -> Option<u32> {
        STOCK.remove(part).as_deref().copied() // Of two that take at once, one gets it all.
    }
    pub fn total() -> u32 {
        STOCK.pin().values().sum() // Not of one moment: what changes meanwhile is in it with the old count or the new.
    }
    pub fn forget_fewer_than(n: u32) {
        STOCK.pin().retain(|_part, count| *count >= n); // Looks again if the count changed before it was removed.
    }
}

macro_rules! results {
    ($map:ident) => {{
        thread::scope(|scope| {
            let add = || (0..30_000).for_each(|i| $map::add(["bolt", "nut", "nut"][i % 3], 1));
            (0..4).for_each(|_| drop(scope.spawn(add)));
        });
        $map::add("gear", 7);
        let counts = ($map::count("bolt"), $map::count("nut"), $map::take_all("gear"), $map::take_all("gear"));
        $map::forget_fewer_than(50_000);
        (counts, $map::count("bolt"), $map::total())
    }};
}

fn main() {
    let (before, after) = (results!(before), results!(after));
    assert_eq!(before, ((Some(40_000), Some(80_000), Some(7), None), None, 80_000));
    assert_eq!(after, before);
    println!("from_mutex_hashmap: ok: both have {} parts in the end", after.2);
}
