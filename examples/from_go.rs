//! From Go's `sync.Map`: what each of its methods becomes, the Go in a comment above the Rust.
//!
//! The algorithm is Go's. What differs is the types: keys and values have their own, and `(value, ok)` is an `Option`.
//! A value comes with a guard, a `Ref`, or by reference under `pin()`: guards replace the garbage collector.
//!
//! What it costs: the memory of what was replaced or removed waits for the guards that were there then. Drop them soon.

use std::thread;
use twinmap::SyncMap;

// var m sync.Map
static M: SyncMap<String, u32> = SyncMap::new();

fn main() {
    // m.Store("a", 1)
    M.insert("a".to_owned(), 1);

    // v, ok := m.Load("a")
    assert_eq!(M.get("a").as_deref(), Some(&1));
    // _, ok = m.Load("b")
    assert!(!M.contains_key("b"));

    // previous, loaded := m.Swap("a", 2)
    assert_eq!(M.insert("a".to_owned(), 2).as_deref(), Some(&1));

    // actual, _ := m.LoadOrStore("a", 3)    (whether it was there is not told)
    assert_eq!(*M.get_or_insert("a".to_owned(), 3), 2);
    // Without making a value that may not be needed:
    assert_eq!(*M.get_or_insert_with("b".to_owned(), || 4), 4);

    // swapped := m.CompareAndSwap("a", 2, 5)
    assert!(M.pin().compare_exchange("a", &2, 5).is_ok());
    // On failure, what is there is told.
    assert_eq!(M.pin().compare_exchange("a", &2, 6).unwrap_err().found, Some(&5));

    // deleted := m.CompareAndDelete("a", 2)
    assert!(M.pin().remove_if("a", |v| *v == 2).is_none());

    // v, loaded := m.LoadAndDelete("a")
    assert_eq!(M.remove("a").as_deref(), Some(&5));
    // m.Delete("b")
    M.remove("b");
    assert!(M.is_empty());

    // for {
    //     v, _ := m.LoadOrStore("n", 0)
    //     if m.CompareAndSwap("n", v, v.(int)+1) { break }
    // }
    M.get_or_insert("n".to_owned(), 0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1_000).for_each(|_| drop(M.update("n", |v| v + 1))));
        }
    });

    // sum := 0
    // m.Range(func(key, value any) bool {
    //     if key == "stop" { return false }
    //     sum += value.(int)
    //     return true
    // })
    let mut sum = 0;
    for (key, value) in &M.pin() {
        if key == "stop" {
            break;
        }
        sum += value;
    }
    assert_eq!(sum, 4_000);

    // m.Clear()
    M.clear();
    assert_eq!(M.len(), 0);
    println!("from_go: ok: all ten methods, and a sum of {sum} by Range");
}
