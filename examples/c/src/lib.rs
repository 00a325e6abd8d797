//! A map of 32-bit keys and values for firmware in C: main, interrupt handlers and tasks may call all of it, any time.
//!
//! Its lock is a critical section. `cortex-m` implements it, by masking interrupts (PRIMASK): right on one core, in
//! privileged mode, under every RTOS, and C cannot get it wrong. Otherwise, leave `cortex-m` out, and have
//! `critical_section::set_impl!` call what the RTOS has.

#![no_std]

use core::{ffi::c_void, mem::MaybeUninit};
use cortex_m as _;
use twinmap::{CriticalSectionLock, ErrorKind, FixedMap, Ref};

static MAP: FixedMap<u32, u32, 64, CriticalSectionLock> = FixedMap::with_lock(CriticalSectionLock::new());

/// What came of a call.
#[repr(C)]
pub enum Twinmap {
    /// Done.
    Ok,
    /// There is no such key.
    Absent,
    /// As many keys are there as there may be, and this is another one.
    Full,
    /// No memory until somebody is done with the map. A handler must not wait for that: the next time.
    Busy,
}

/// Sets the value of a key. `previous`, unless null, receives the value that is replaced, if there is one.
// SAFETY, here and below: no other function has the name.
#[unsafe(no_mangle)]
pub extern "C" fn twinmap_insert(key: u32, value: u32, previous: Option<&mut MaybeUninit<u32>>) -> Twinmap {
    match MAP.insert(key, value).map(|replaced| found(replaced, previous)) {
        Ok(_) => Twinmap::Ok,
        Err(rejected) if rejected.kind == ErrorKind::Full => Twinmap::Full,
        Err(_) => Twinmap::Busy,
    }
}

/// Looks a key up, without a lock if it is known. `value`, unless null, receives its value.
#[unsafe(no_mangle)]
pub extern "C" fn twinmap_get(key: u32, value: Option<&mut MaybeUninit<u32>>) -> Twinmap {
    found(MAP.get(&key), value)
}

/// Removes a key. `value`, unless null, receives the value that it had.
#[unsafe(no_mangle)]
pub extern "C" fn twinmap_remove(key: u32, value: Option<&mut MaybeUninit<u32>>) -> Twinmap {
    found(MAP.remove(&key), value)
}

/// The number of keys.
#[unsafe(no_mangle)]
pub extern "C" fn twinmap_len() -> usize {
    MAP.len()
}

/// Calls `each` for all keys, in no particular order. Meanwhile others may change the map, and so may `each`.
#[unsafe(no_mangle)]
pub extern "C" fn twinmap_for_each(
    each: extern "C" fn(key: u32, value: u32, context: *mut c_void),
    context: *mut c_void,
) {
    MAP.pin().iter().for_each(|(key, value)| each(*key, *value, context));
}

/// Null is `None`; C promises that other pointers may be written to.
fn found(value: Option<Ref<u32, u32>>, place: Option<&mut MaybeUninit<u32>>) -> Twinmap {
    let Some(value) = value else { return Twinmap::Absent };
    if let Some(place) = place {
        place.write(*value);
    }
    Twinmap::Ok
}

/// Never called: the map panics only when a key's `Eq` uses the map.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
