//! Two copies of hashbrown's map: readers have one, the writer the other one.
//!
//! There is one writer at a time, and each write is published at once, as in the other maps.

use std::sync::{Mutex, MutexGuard};

use left_right::{Absorb, ReadHandle, ReadHandleFactory, WriteHandle};

use super::locked::Table;
use super::{Key, Subject, View};

#[derive(Clone)]
pub struct Side<K>(Table<K>);

enum Write<K> {
    Insert(K, u64),
    Remove(K),
}

impl<K: Key> Absorb<Write<K>> for Side<K> {
    fn absorb_first(&mut self, write: &mut Write<K>, _: &Self) {
        match write {
            Write::Insert(key, value) => self.0.insert(key.clone(), *value),
            Write::Remove(key) => self.0.remove(key),
        };
    }

    fn sync_with(&mut self, first: &Self) {
        self.0.clone_from(&first.0);
    }
}

pub struct LeftRight<K: Key> {
    writer: Mutex<WriteHandle<Side<K>, Write<K>>>,
    readers: ReadHandleFactory<Side<K>>,
}

pub struct Handle<'a, K: Key> {
    map: &'a LeftRight<K>,
    reader: ReadHandle<Side<K>>,
}

impl<K: Key> Subject<K> for LeftRight<K> {
    const NAME: &'static str = "left-right";
    type View<'a> = Handle<'a, K>;

    fn with_capacity(capacity: usize) -> Self {
        let side = Side(Table::with_capacity_and_hasher(capacity, Default::default()));
        let (writer, reader) = left_right::new_from_empty(side);
        Self { writer: Mutex::new(writer), readers: reader.factory() }
    }

    fn view(&self) -> Handle<'_, K> {
        Handle { map: self, reader: self.readers.handle() }
    }
}

type Writer<'a, K> = MutexGuard<'a, WriteHandle<Side<K>, Write<K>>>;

impl<K: Key> Handle<'_, K> {
    fn read<R>(reader: &ReadHandle<Side<K>>, f: impl FnOnce(&Table<K>) -> R) -> R {
        f(&reader.enter().expect("the writer outlives its readers").0)
    }

    /// Writes what `f` makes of the key's value, if anything: that value.
    fn write(&self, key: &K, f: impl FnOnce(Option<u64>) -> Option<Write<K>>) -> Option<u64> {
        let mut writer: Writer<'_, K> = self.map.writer.lock().expect("a writer panicked");
        let found = Self::read(&writer, |table| table.get(key).copied());
        if let Some(write) = f(found) {
            writer.append(write);
            writer.publish();
        }
        found
    }
}

impl<K: Key> View<K> for Handle<'_, K> {
    #[inline]
    fn get(&self, key: &K) -> Option<u64> {
        Self::read(&self.reader, |table| table.get(key).copied())
    }

    fn insert(&self, key: K, value: u64) -> Option<u64> {
        self.write(&key, |_| Some(Write::Insert(key.clone(), value)))
    }

    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        self.get(&key)
            .or_else(|| self.write(&key, |found| found.is_none().then(|| Write::Insert(key.clone(), value))))
            .unwrap_or(value)
    }

    fn remove(&self, key: &K) -> Option<u64> {
        self.write(key, |found| found.map(|_| Write::Remove(key.clone())))
    }

    fn compare_exchange(&self, key: &K, current: u64, new: u64) -> bool {
        self.write(key, |found| (found == Some(current)).then(|| Write::Insert(key.clone(), new))) == Some(current)
    }

    fn compare_remove(&self, key: &K, current: u64) -> bool {
        self.write(key, |found| (found == Some(current)).then(|| Write::Remove(key.clone()))) == Some(current)
    }

    fn for_each(&self, mut f: impl FnMut(&K, u64)) {
        Self::read(&self.reader, |table| table.iter().for_each(|(key, value)| f(key, *value)));
    }

    fn any(&self) -> Option<K> {
        Self::read(&self.reader, |table| table.keys().next().cloned())
    }
}
