//! Feature `serde`: maps as maps, guards as what they guard.

use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::marker::PhantomData;

use mutex_traits::ScopedRawMutex;
use serde_core::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_core::ser::{Error, Serialize, SerializeMap, Serializer};

use crate::error::ErrorKind;
use crate::guard::Ref;
use crate::lock::Wait;
use crate::pinned::Pinned;
use crate::storage::Storage;
use crate::twin_map::TwinMap;

/// As [`Pinned`]'s.
impl<K, V, St, L, S> Serialize for TwinMap<K, V, St, L, S>
where
    K: Serialize,
    V: Serialize,
    St: Storage<K, V>,
    L: ScopedRawMutex,
{
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        self.pin().serialize(serializer)
    }
}

/// A map of what [`iter`](Pinned::iter) gives: others may write meanwhile. Allocates nothing; takes the lock as `iter`
/// does, but not while anything is serialized.
///
/// # Errors
///
/// The format's. A format that says that it is not for humans (postcard, bincode) has the number of
/// entries first: when others remove a key or insert it again before the last entry is out, so that the
/// number is wrong, that is an error too.
impl<K, V, St, L, S> Serialize for Pinned<'_, TwinMap<K, V, St, L, S>>
where
    K: Serialize,
    V: Serialize,
    St: Storage<K, V>,
    L: ScopedRawMutex,
{
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        let entries = self.iter();
        let promised = (!serializer.is_human_readable()).then(|| entries.clone().count());
        let mut map = serializer.serialize_map(promised)?;
        let mut written = 0;
        for (key, value) in entries {
            if promised == Some(written) {
                return Err(changed());
            }
            map.serialize_entry(key, value)?;
            written += 1;
        }
        if promised.is_some_and(|promised| promised > written) {
            return Err(changed());
        }
        map.end()
    }
}

/// The value.
impl<K, V: Serialize> Serialize for Ref<'_, K, V> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        (**self).serialize(serializer)
    }
}

fn changed<E: Error>() -> E {
    E::custom("keys were removed or inserted while the map was serialized")
}

/// Of a key that comes twice, the last value stays. The map is returned by value: a large `FixedMap` wants a large
/// stack. Where the input is an attacker's, so is the choice of keys: take a keyed hasher.
///
/// # Errors
///
/// The format's; and when there is no memory for an entry, or no room, as with more than `N` keys for a `FixedMap`.
impl<'de, K, V, St, L, S> Deserialize<'de> for TwinMap<K, V, St, L, S>
where
    K: Deserialize<'de> + Eq + Hash,
    V: Deserialize<'de>,
    St: Storage<K, V>,
    L: ScopedRawMutex + Default,
    S: BuildHasher + Default,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// Makes a map `M` of the entries it is shown.
struct Entries<M>(PhantomData<M>);

impl<'de, K, V, St, L, S> Visitor<'de> for Entries<TwinMap<K, V, St, L, S>>
where
    K: Deserialize<'de> + Eq + Hash,
    V: Deserialize<'de>,
    St: Storage<K, V>,
    L: ScopedRawMutex + Default,
    S: BuildHasher + Default,
{
    type Value = TwinMap<K, V, St, L, S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")?;
        St::LIMIT.map_or(Ok(()), |limit| write!(f, " of at most {limit} keys"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        // It grows by itself: what the input says of its length need not be true.
        let map = TwinMap::default();
        while let Some((key, value)) = entries.next_entry()? {
            if let Err(error) = map.insert_with::<Wait>(key, value) {
                return Err(match error.kind {
                    ErrorKind::Full => de::Error::invalid_length(map.len() + 1, &self),
                    kind => de::Error::custom(kind),
                });
            }
        }
        Ok(map)
    }
}
