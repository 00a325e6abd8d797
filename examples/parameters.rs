//! A parameter table with change notification, as a drive or an autopilot has: the bus, a console and the controller
//! set parameters by id, and each subscriber is told of each change, once, with the values before and after.
//!
//! A change is one `compare_exchange`, so of two writers only one makes a given change and reports it. To set what is
//! set already is no change. Only parameters that are defined can be set: a wrong id defines none.
//!
//! What it costs: no lock, for all ids were defined and promoted. Changes of one parameter by two writers may be
//! reported in another order than they were made; the value before tells which follows which.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use twinmap::{CompareExchangeError, SyncMap};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    id: u16,
    from: i32,
    to: i32,
}

struct Parameters {
    values: SyncMap<u16, i32>,
    subscribers: Vec<Sender<Change>>,
}

impl Parameters {
    fn subscribe(&mut self) -> Receiver<Change> {
        let (sender, receiver) = channel();
        self.subscribers.push(sender);
        receiver
    }

    /// Whether it changed; `None` if there is no such parameter.
    fn set(&self, id: u16, to: i32) -> Option<bool> {
        let values = self.values.pin();
        let mut from = *values.get(&id)?;
        while from != to {
            match values.compare_exchange(&id, &from, to) {
                Ok(_) => {
                    for subscriber in &self.subscribers {
                        let _unsubscribed = subscriber.send(Change { id, from, to });
                    }
                    return Some(true);
                }
                Err(CompareExchangeError { kind: Some(kind), .. }) => panic!("parameter {id} not set: {kind}"),
                Err(error) => from = *error.found?, // Another writer was first.
            }
        }
        Some(false)
    }
}

fn main() {
    let defaults = [(100, 0), (101, 0), (200, -40)];
    let mut parameters = Parameters { values: SyncMap::from(defaults), subscribers: Vec::new() };
    let (display, log) = (parameters.subscribe(), parameters.subscribe());
    parameters.values.promote();
    assert_eq!(parameters.set(300, 1), None);
    assert_eq!(parameters.set(200, -40), Some(false));
    assert_eq!(parameters.set(200, -30), Some(true));

    let write = |limit| (0..60_000).filter(|i| parameters.set(100, i / 3 % limit) == Some(true)).count();
    let changes = thread::scope(|scope| {
        let (bus, console) = (scope.spawn(|| write(5)), scope.spawn(|| write(7)));
        1 + bus.join().unwrap() + console.join().unwrap()
    });

    parameters.subscribers.clear();
    let (mut display, mut log): (Vec<_>, Vec<_>) = (display.iter().collect(), log.iter().collect());
    assert_eq!(log.len(), changes);
    for (id, default) in defaults {
        let steps: i32 = log.iter().filter(|change| change.id == id).map(|change| change.to - change.from).sum();
        assert_eq!(parameters.values.get(&id).as_deref(), Some(&(default + steps)), "parameter {id}");
    }
    display.sort();
    log.sort();
    assert_eq!(display, log);
    println!("parameters: ok: both subscribers were told the {changes} changes that 120002 writes made");
}
