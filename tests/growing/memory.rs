//! What is allocated, and given back.

use twinmap::Garbage;

use crate::Map;
use crate::suite::alloc::usage;
use crate::suite::memory::any_operation;
use crate::suite::tracked::{Census, Tracked};
use crate::suite::{Random, count};

/// Nodes and entries that a map keeps for the next insertion.
const SPARES: isize = if cfg!(target_os = "none") { 4 + 2 } else { 8 + 2 };

#[test]
fn allocations_are_what_live_entries_need_and_drops_are_exact() {
    static CENSUS: Census = Census::new();
    let start = usage();
    let (mut most, map, mut random) = (0, Map::default(), Random::new(3));
    for i in 0..count(40_000, 600) {
        any_operation(&map, &CENSUS, &mut random);
        if i % 40 == 0 {
            map.promote(); // Gives up removed keys, which stay until then.
            map.reclaim();
            assert!(map.garbage().is_empty());
            assert_eq!(CENSUS.live(), 2 * map.len());
            // For each key an entry, a node, and the boxes in key and value; and one table, which is two allocations.
            let other = usage().live_since(start) - 4 * map.len() as isize;
            assert!((0..=2 + SPARES).contains(&other), "{other}");
            most = most.max(map.len());
        }
    }
    assert!(most > 20, "the map was never full");
    drop(map);
    CENSUS.assert_all_dropped();
    let end = usage();
    assert_eq!((end.live_since(start), end.bytes), (0, start.bytes));
}

#[test]
fn overwriting_allocates_nothing_when_nobody_is_pinned() {
    static CENSUS: Census = Census::new();
    let map = Map::<u32, u64>::default();
    map.insert(1, 0);
    for promoted in [false, true] {
        (0..10).for_each(|i| drop(map.insert(1, i)));
        let before = usage();
        for i in 0..count(50_000, 500) as u64 {
            map.insert(1, i);
        }
        assert_eq!(usage(), before, "promoted: {promoted}");
        assert!(map.garbage().is_empty());
        map.promote();
    }

    // And what was overwritten is dropped at once.
    let map = Map::<u32, Tracked>::default();
    for i in 0..100 {
        map.insert(1, CENSUS.track(i));
        assert_eq!(CENSUS.live(), 1);
    }
    drop(map);
    CENSUS.assert_all_dropped();
}

#[test]
fn removing_most_of_a_large_map_gives_its_memory_back() {
    let keys = count(100_000, 1_000);
    let start = usage().bytes;
    let map = Map::<usize, [usize; 2]>::default();
    (0..keys).for_each(|key| drop(map.insert(key, [key; 2])));
    map.promote();
    map.reclaim();
    let full = usage().bytes - start;

    (0..keys).filter(|key| key % 100 != 0).for_each(|key| assert!(map.remove(&key).is_some()));
    // Each removal has freed a few of the others.
    let Garbage { values, entries, tables } = map.garbage();
    assert_eq!((map.len(), values, tables), (keys / 100, 0, 0));
    assert!(entries <= 2 * map.len(), "{entries} removed keys for {} that are left", map.len());
    let left = usage().bytes - start;
    // It lags behind: each removal copies a few buckets of the larger table only.
    assert!(left * 5 < full, "{left} of {full} bytes left for 1 % of the keys");

    map.promote();
    map.reclaim();
    let left = usage().bytes - start;
    assert!(left * 50 < full, "{left} of {full} bytes left for 1 % of the keys, after `promote`");
    assert!((0..keys).all(|key| map.contains_key(&key) == (key % 100 == 0)));

    (0..keys).for_each(|key| drop(map.remove(&key)));
    map.promote();
    map.reclaim();
    let left = usage().bytes - start;
    assert!(left < 1_000, "{left} bytes left for nothing");
}

/// Pins that overlap, so that there is always one.
#[test]
fn tables_do_not_pile_up_under_short_pins() {
    let (old, new) = (count(1_000, 100) as u32, count(200, 40) as u32);
    let map: Map<u32, u32> = (0..old).map(|key| (key, key)).collect();
    map.promote();
    let mut pin = map.pin();
    for key in old..old + new {
        map.insert(key, key);
        assert!(map.pin().iter().count() > old as usize);
        pin = map.pin();
        assert!(map.garbage().tables <= 4, "{:?}", map.garbage());
    }
    drop(pin);
}

/// Those who write while another one frees a long batch, whose destructors may take any time, do not leave it theirs.
#[cfg(not(target_os = "none"))]
#[test]
fn values_do_not_pile_up_while_somebody_frees_others() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::thread;

    static MAP: LazyLock<Map<u32, Slow>> = LazyLock::new(Map::default);
    static BEGUN: AtomicBool = AtomicBool::new(false);
    static END: AtomicBool = AtomicBool::new(false);

    struct Slow(bool);

    impl Drop for Slow {
        fn drop(&mut self) {
            BEGUN.fetch_or(self.0, SeqCst);
            while self.0 && !END.load(SeqCst) {
                thread::yield_now();
            }
        }
    }

    /// Ends it also when the test fails, which would otherwise wait for ever.
    struct Ending;

    impl Drop for Ending {
        fn drop(&mut self) {
            END.store(true, SeqCst);
        }
    }

    const BATCH: u32 = 100;
    (0..BATCH).for_each(|key| drop(MAP.insert(key, Slow(key == BATCH / 2))));
    MAP.promote();
    let pin = MAP.pin();
    (0..BATCH).for_each(|key| drop(MAP.insert(key, Slow(false))));
    drop(pin);
    thread::scope(|scope| {
        let _ending = Ending;
        scope.spawn(|| MAP.reclaim());
        while !BEGUN.load(SeqCst) {
            thread::yield_now();
        }
        for i in 0..4 * BATCH {
            MAP.insert(i % BATCH, Slow(false));
            assert!(MAP.garbage().values <= BATCH as usize, "{:?}", MAP.garbage());
        }
    });
    assert!(MAP.garbage().is_empty(), "{:?}", MAP.garbage());
}

/// Each destructor retires so much that it is freed while others collect, as does the next one, that is run by it.
#[cfg(not(target_os = "none"))]
#[test]
#[cfg_attr(miri, ignore = "so many writes take an interpreter an hour; the test above frees while others write")]
fn destructors_that_write_much_do_not_nest_for_ever() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    static MAP: LazyLock<Map<u32, Value>> = LazyLock::new(Map::default);
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static DEPTH: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    const CHAIN: usize = 200;
    const MANY: u32 = 80;

    enum Value {
        Leaf,
        Next,
    }

    impl Drop for Value {
        fn drop(&mut self) {
            if matches!(self, Self::Leaf) || CALLS.fetch_add(1, SeqCst) >= CHAIN {
                return;
            }
            let [now, most] = &DEPTH;
            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            (1..MANY).for_each(|key| drop(MAP.insert(key, Self::Leaf)));
            MAP.insert(0, Self::Next);
            now.fetch_sub(1, SeqCst);
        }
    }

    (1..MANY).for_each(|key| drop(MAP.insert(key, Value::Leaf)));
    MAP.insert(0, Value::Next);
    MAP.promote();
    MAP.insert(0, Value::Next);
    while CALLS.load(SeqCst) < CHAIN {
        MAP.insert(0, Value::Next);
    }
    let most = DEPTH[1].load(SeqCst);
    // One of each context that may free while others collect, and one of who may not.
    assert_eq!(most, 32 + 1);
    MAP.reclaim();
    assert!(MAP.garbage().is_empty(), "{:?}", MAP.garbage());
}

/// As for tables, with values, of which a longer pin has left many behind: a write looks which of them can be freed.
#[test]
fn values_do_not_pile_up_under_short_pins() {
    let map: Map<u32, u32> = (0..8).map(|key| (key, key)).collect();
    map.promote();
    map.reclaim();
    let mut pin = map.pin();
    (0..100).for_each(|i| drop(map.insert(i % 8, i)));
    for i in 0..count(1_000, 300) as u32 {
        map.insert(i % 8, i);
        assert!(map.garbage().values <= 200, "{:?}", map.garbage());
        pin = map.pin();
    }
    drop(pin);
    map.reclaim();
    assert!(map.garbage().is_empty());
}
