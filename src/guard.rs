//! [`Ref`]: the guard that keeps one value, and ends the write that it comes from.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::{self, NonNull};

use crate::entry::Node;
use crate::garbage::Effort;
use crate::map::Core;
use crate::readers::Pin;
use crate::storage::Storage;

/// A value in a map, which stays where it is until this guard is dropped.
///
/// Returned by the operations on the map itself; it is a [`Pinned`](crate::Pinned) for one value. When it comes from a
/// write, dropping it frees what can be freed, as the write would have done; a value that the write replaced or removed
/// (in a `FixedMap`, and the key) is the guard's own, and is lost with it when it is forgotten (`mem::forget`).
///
/// ```
/// use twinmap::{Ref, SyncMap};
///
/// static MODES: SyncMap<u8, String> = SyncMap::new();
///
/// fn mode(id: u8) -> Ref<'static, u8, String> {
///     MODES.get_or_insert_with(id, || "default".to_owned())
/// }
///
/// let first = mode(1);
/// MODES.insert(1, "fast".to_owned());
/// assert_eq!((&**first, &**mode(1)), ("default", "fast"));
/// ```
pub struct Ref<'a, K, V> {
    // In this order: unpin, then end the write.
    _pin: Pin<'a>,
    value: EndOnDrop<'a, V>,
    _entry: PhantomData<(&'a K, &'a V)>,
}

/// A map as the guard of a write sees it. Not of the type of the value, which the guard could
/// otherwise not give up a part of.
trait Write {
    /// Ends the write, whose pin is gone.
    ///
    /// # Safety
    ///
    /// `value` is what the guard was made with. It is not used again.
    unsafe fn end(&self, value: NonNull<()>);
}

impl<K, V, St: Storage<K, V>, L> Write for Core<K, V, St, L> {
    unsafe fn end(&self, _value: NonNull<()>) {
        self.collect(Effort::SOME);
    }
}

/// The map of a guard that owns the node of its value.
#[repr(transparent)]
struct Unlinking<K, V, St: Storage<K, V>, L>(Core<K, V, St, L>);

impl<K, V, St: Storage<K, V>, L> Write for Unlinking<K, V, St, L> {
    unsafe fn end(&self, value: NonNull<()>) {
        // SAFETY: the guard was made with a node that its write unlinked.
        unsafe { self.0.end(value.cast()) };
    }
}

struct EndOnDrop<'a, V> {
    value: NonNull<V>,
    write: Option<&'a dyn Write>,
}

impl<V> Drop for EndOnDrop<'_, V> {
    #[inline]
    fn drop(&mut self) {
        if let Some(map) = self.write {
            // SAFETY: the map that the guard was made with, and `Ref` dropped the pin before.
            unsafe { map.end(self.value.cast()) };
        }
    }
}

// SAFETY: it gives `&V`, and dropping it may drop keys and values that any thread has put into the map.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Ref<'_, K, V> {}
// SAFETY: it gives `&V`.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Ref<'_, K, V> {}

impl<K: RefUnwindSafe, V: RefUnwindSafe> UnwindSafe for Ref<'_, K, V> {}
impl<K: RefUnwindSafe, V: RefUnwindSafe> RefUnwindSafe for Ref<'_, K, V> {}

impl<'a, K, V> Ref<'a, K, V> {
    /// The guard of a lookup.
    ///
    /// # Safety
    ///
    /// The value was found under the pin.
    #[inline]
    pub(crate) unsafe fn found(value: NonNull<V>, pin: Pin<'a>) -> Self {
        Self { _pin: pin, value: EndOnDrop { value, write: None }, _entry: PhantomData }
    }

    /// The guard of a write that leaves this node in the map.
    ///
    /// # Safety
    ///
    /// The node was found or published under the pin.
    #[inline]
    pub(crate) unsafe fn written<St: Storage<K, V>, L>(
        map: &'a Core<K, V, St, L>,
        node: *mut Node<V>,
        pin: Pin<'a>,
    ) -> Self {
        // SAFETY: under a pin, a node is where it was.
        let value = unsafe { map.value_at(node) };
        Self { _pin: pin, value: EndOnDrop { value, write: Some(map) }, _entry: PhantomData }
    }

    /// The guard of a write that took this node out.
    ///
    /// # Safety
    ///
    /// The node is the caller's to retire, and was unlinked under the pin.
    #[inline]
    pub(crate) unsafe fn unlinked<St: Storage<K, V>, L>(
        map: &'a Core<K, V, St, L>,
        node: *mut Node<V>,
        pin: Pin<'a>,
    ) -> Self {
        // SAFETY: as above; the types are the same but for their name.
        let (value, map) = unsafe { (map.value_at(node), &*ptr::from_ref(map).cast::<Unlinking<K, V, St, L>>()) };
        Self { _pin: pin, value: EndOnDrop { value, write: Some(map) }, _entry: PhantomData }
    }
}

impl<K, V> Deref for Ref<'_, K, V> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        // SAFETY: the pin keeps it.
        unsafe { self.value.value.as_ref() }
    }
}

impl<K, V> AsRef<V> for Ref<'_, K, V> {
    fn as_ref(&self) -> &V {
        self
    }
}

impl<K, V: fmt::Debug> fmt::Debug for Ref<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<K, V: fmt::Display> fmt::Display for Ref<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
