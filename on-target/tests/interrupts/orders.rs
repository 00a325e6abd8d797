//! Orders to another context, an interrupt or a core, that carries them out in the midst of an
//! operation; and what must come of both.

use core::cell::Cell;

use critical_section::Mutex;
use twinmap::ErrorKind;

use crate::serial::{ALL, Contents, KEYS, Op, Outcome, perform};
use crate::subject::{CAPACITY, Subject};

/// Most orders at a time.
pub const MOST: usize = 4;
pub type Outcomes = [Outcome; MOST];

/// What there is to do, to which map, and what came of it.
static ORDERS: Mutex<Cell<&[Op]>> = Mutex::new(Cell::new(&[]));
static MAP: Mutex<Cell<usize>> = Mutex::new(Cell::new(0));
static OUTCOMES: Mutex<Cell<Option<Outcomes>>> = Mutex::new(Cell::new(None));

/// Gives the next orders. Who gives them keeps the map until they have been carried out.
pub fn lend<M: Subject>(map: &M, orders: &'static [Op]) {
    critical_section::with(|section| {
        MAP.borrow(section).set((&raw const *map).addr());
        ORDERS.borrow(section).set(orders);
        OUTCOMES.borrow(section).set(None);
    });
}

/// For the other context: the map.
pub fn lent<M: Subject>() -> &'static M {
    let map = critical_section::with(|section| MAP.borrow(section).get());
    // SAFETY: it was lent until there are outcomes.
    unsafe { &*(map as *const M) }
}

/// For the other context.
pub fn carry_out<M: Subject>() {
    let (map, orders) = (lent::<M>(), critical_section::with(|section| ORDERS.borrow(section).get()));
    let mut outcomes = [Outcome::Done; MOST];
    orders.iter().zip(&mut outcomes).for_each(|(&order, outcome)| *outcome = perform(map, order));
    critical_section::with(|section| OUTCOMES.borrow(section).set(Some(outcomes)));
}

/// Once they have been carried out.
pub fn outcomes() -> Option<Outcomes> {
    critical_section::with(|section| OUTCOMES.borrow(section).get())
}

/// A new map, and what these operations leave in it.
pub fn in_state<M: Subject>(state: &[Op]) -> (M, Contents) {
    let (map, mut contents) = (M::default(), Contents::default());
    for &op in state {
        let outcome = perform(&map, op);
        assert!(contents.replay(op, outcome, ALL));
    }
    (map, contents)
}

/// Whether `op` and the orders came to what they come to one after the other, and left the same. The operation is under
/// way all the time that the orders are carried out: it may take effect before, after, or in between.
pub fn is_serial(
    before: &Contents,
    (op, outcome): (Op, Outcome),
    (orders, outcomes): (&[Op], Outcomes),
    after: &Contents,
) -> bool {
    let with_earlier = |earlier: usize, keys: u32| {
        let mut contents = *before;
        let theirs = orders.iter().copied().zip(outcomes);
        { theirs.clone().take(earlier) }.all(|(order, outcome)| contents.replay(order, outcome, keys))
            && contents.replay(op, outcome, keys)
            && { theirs }.skip(earlier).all(|(order, outcome)| contents.replay(order, outcome, keys))
            && contents.agrees(after, keys)
    };
    let in_some_order = |keys: u32| (0..=orders.len()).any(|earlier| with_earlier(earlier, keys));
    if op.is_atomic() { in_some_order(ALL) } else { (0..KEYS).all(|key| in_some_order(1 << key)) }
}

/// That a fixed map takes as many new keys as there is room for, and no more. It takes a while; what it would find goes
/// wrong for good, so it need not be looked for each time.
pub fn assert_holds_as_many_as_it_should<M: Subject>(map: &M, contents: &Contents) {
    let keys = 0..KEYS as u32;
    let new = keys.clone().filter(|&key| contents.number(key).is_none());
    new.take(CAPACITY - contents.len()).for_each(|key| assert_eq!(map.insert(key, 1), Ok(None)));
    let refused = keys.filter(|&key| map.insert(key, 2) == Err(ErrorKind::Full)).count();
    assert_eq!(refused, KEYS - CAPACITY);
}
