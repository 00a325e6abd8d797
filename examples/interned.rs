//! Interned strings: a host tool reads logs in which the same names come again and again, and keeps a number for each.
//!
//! `get_or_insert` decides a race: whoever interns a string gets the number that the first one gave it. A string is
//! looked up as `&str`; none is made to look for it.
//!
//! What it costs: a string that is known takes no lock, once it was promoted, and allocates nothing; a new one takes
//! the lock of either map for a moment, and allocates. A number that lost a race is not used again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;
use twinmap::{Ref, SyncMap};

static STRINGS: Interner = Interner { ids: SyncMap::new(), texts: SyncMap::new(), next: AtomicU32::new(0) };

struct Interner {
    ids: SyncMap<Arc<str>, u32>,
    texts: SyncMap<u32, Arc<str>>,
    next: AtomicU32,
}

impl Interner {
    fn intern(&self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let text: Arc<str> = text.into();
        let id = self.next.fetch_add(1, Relaxed);
        // The text first: whoever has the number finds the text.
        self.texts.insert(id, text.clone());
        let first = *self.ids.get_or_insert(text, id);
        if first != id {
            self.texts.remove(&id);
        }
        first
    }

    /// The one copy of a string.
    fn text(&self, id: u32) -> Option<Ref<'_, u32, Arc<str>>> {
        self.texts.get(&id)
    }
}

fn main() {
    const LOG: &str = "can0 up motor on motor off can1 up pump on can1 down pump off motor on can0 down";
    const ROUNDS: usize = 500;
    let words: Vec<String> =
        (0..ROUNDS).flat_map(|i| LOG.split(' ').map(move |word| format!("{word}.{}", i / 50))).collect();

    let start = Barrier::new(4);
    let ids = thread::scope(|scope| {
        let intern = || {
            start.wait();
            words.iter().map(|word| STRINGS.intern(word)).collect::<Vec<_>>()
        };
        let threads = [(); 4].map(|()| scope.spawn(intern));
        threads.map(|thread| thread.join().unwrap())
    });

    assert!(ids.iter().all(|other| *other == ids[0]), "a string with two numbers");
    for (word, id) in words.iter().zip(&ids[0]) {
        assert_eq!(STRINGS.text(*id).as_deref().map(|text| &**text), Some(&**word));
    }
    let different = words.iter().collect::<HashSet<_>>().len();
    assert_eq!(ids[0].iter().collect::<HashSet<_>>().len(), different);
    assert_eq!((STRINGS.ids.len(), STRINGS.texts.len()), (different, different));
    println!("interned: ok: {} words on each of 4 threads are the same {different} strings", words.len());
}
