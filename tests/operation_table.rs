//! README.md's table of what each operation does, against what each is seen to do: in the states of a map that its row
//! speaks of, for both maps, with a lock, an allocator, keys and values that count.
//!
//! Every text in the table has a meaning here, and a text or an operation without one fails:
//! who changes the table comes here.
//!
//! What masks interrupts is what takes the lock, when that is a `CriticalSectionLock`: here the one column is checked
//! against the other's counts. That it is nothing else is counted in instructions: xtask/src/bench_mcu/masked.rs.
//!
//! (Not under Miri, which would take hours for it, and makes the same calls in the suite.)
#![cfg(all(feature = "alloc", feature = "heapless", not(any(loom, shuttle, soon_built, miri))))]

mod operations;

use operations::{LARGE, Others, SMALL, Seen, Which, see_all};

const COLUMNS: [&str; 7] = [
    "operation",
    "takes the lock",
    "allocates",
    "frees, runs `Drop`",
    "masks interrupts¹",
    "worst case²",
    "from a handler, with `SpinLock`",
];

/// Whether what was seen is what the cell says. `None`: it says nothing that is known here.
fn is_so(column: &str, cell: &str, seen: &Seen) -> Option<bool> {
    let Seen { state, did, .. } = *seen;
    let locks = did.waits + did.tries;
    // The copy is complete: of many times the last one is left.
    let once = usize::from(state.others != Others::OneMissShort);
    let tidies = seen.tidies();
    // Of the keys that wait to be freed. (A guard that came after them need not keep them.)
    let few = match seen.waiting.entries {
        0 => 0..=0,
        // (Only a promotion leaves so many that they are freed a few at a time.)
        waiting if !seen.grows => 0..=waiting,
        _ if state.guard => 0..=12,
        _ => 1..=12,
    };
    Some(match (column, cell) {
        ("takes the lock", "no") => locks == 0,
        ("takes the lock", "no⁵") => did.waits == 0 && (did.tries != 0) == tidies && did.tries <= 8,
        // (That a removed key is absent can be seen without the lock, as long as its entry is there.)
        ("takes the lock", "if some key is recent³") => match did.waits {
            0 => did.tries == 0 && (!seen.some_recent() || state.key == Which::Removed),
            _ => seen.some_recent(),
        },
        ("takes the lock", "if some key is recent, many times⁵") => match seen.some_recent() {
            true => did.waits > once,
            false => did.waits == 0 && (did.tries != 0) == tidies,
        },
        ("takes the lock", "yes") => did.waits != 0,
        ("takes the lock", "yes⁷") => {
            (did.waits != 0) != (seen.grows && state.key == Which::Removed && !seen.some_recent())
        }
        ("takes the lock", "if some key is recent or removed, many times") => match did.waits {
            0 => did.tries == 0 && !(seen.some_recent() || state.some_removed()),
            waits => waits > once && (seen.some_recent() || state.some_removed()),
        },
        // (Compiled for size, the step that may follow finds out itself that there is none.)
        ("takes the lock", "once or twice") => did.waits == 1 && did.tries <= 1,

        ("allocates", _) if !seen.grows && did.allocations != 0 => false, // Footnote 7.
        ("allocates", "no") => did.allocations == 0,
        ("allocates", "no⁵") => (did.allocations != 0) == (tidies && seen.grows && !seen.some_recent()),
        ("allocates", "a value, if none can be used again⁴" | "as above; `insert`: an entry, too") => {
            let entry = usize::from(cell != "a value, if none can be used again⁴" && seen.operation == "insert");
            match state.others {
                Others::SomeUnlinked => did.allocations <= 1 + entry,
                _ if state.guard && seen.grows => did.allocations == 1 + entry,
                _ => did.allocations <= entry,
            }
        }
        ("allocates", "`compare_exchange`: a value, if none can be used again⁴") => {
            did.allocations <= usize::from(seen.operation == "compare_exchange")
        }
        // A table is two: for itself, and for its buckets.
        ("allocates", "value, entry; seldom a table") => match state.others {
            Others::OneRecent if state.guard && seen.grows => did.allocations == 2,
            Others::OneRecent => did.allocations <= 2,
            _ => did.allocations <= 2 + 2,
        },
        ("allocates", "a table, if there is something to drop") => {
            // (With recent keys, a table is there.)
            let drops = seen.grows && state.some_removed();
            (did.allocations != 0) == drops || drops && seen.some_recent()
        }

        ("frees, runs `Drop`", "no") => seen.frees_nothing(),
        ("frees, runs `Drop`", "what was replaced") => {
            seen.unlinks(1) && seen.left == seen.len && did.keys <= *few.end()
        }
        ("frees, runs `Drop`", "a few removed keys") => {
            seen.unlinks(0) && (few.contains(&did.keys) || seen.is_used_up())
        }
        ("frees, runs `Drop`", "at most a few removed keys") => seen.unlinks(0) && did.keys <= *few.end(),
        ("frees, runs `Drop`", "what was removed") => {
            seen.unlinks(1) && seen.left == seen.len - 1 && did.keys <= 1 + few.end()
        }
        ("frees, runs `Drop`", "`retain`: what was removed") if seen.is_any_of(&["retain"]) => seen.unlinks(1),
        ("frees, runs `Drop`", "`retain`: what was removed") => seen.frees_nothing(),
        ("frees, runs `Drop`", "old tables, removed keys") => {
            let keys = state.some_removed() || seen.waiting.entries != 0;
            let tables = keys || seen.some_recent();
            let all = (did.keys != 0) == keys && (did.frees != 0) == (tables && seen.grows);
            seen.unlinks(0) && (all || state.guard)
        }
        ("frees, runs `Drop`", "everything") => {
            state.guard || did.values == seen.len + seen.waiting.values && did.keys >= seen.len
        }
        ("frees, runs `Drop`", "what nobody sees any more⁶") => {
            let own = usize::from(seen.operation != "reclaim");
            let all = did.values == own + seen.waiting.values && (did.keys == seen.waiting.entries || own == 1);
            if state.guard { did.values + did.keys <= seen.waiting.values + seen.waiting.entries } else { all }
        }

        ("masks interrupts¹", "no") => locks == 0,
        ("masks interrupts¹", "no⁵") => locks == 0 || tidies,
        ("masks interrupts¹", "while locked") => true,

        ("worst case²", "constant") => seen.is_constant() && locks + did.probes == 0 && !seen.changes(),
        ("worst case²", "probe") => seen.is_constant() && locks == 0 && !seen.changes(),
        ("worst case²", "probe + step") => seen.is_constant() && !seen.changes(),
        ("worst case²", "retry") => seen.is_constant() && (locks == 0 || tidies) && seen.changes(),
        ("worst case²", "step + retry") => seen.is_constant() && seen.changes(),
        ("worst case²", "step + retry⁷") => seen.is_used_up() || seen.is_constant() && seen.changes(),
        ("worst case²", "buckets × step") if state.size == SMALL => true,
        ("worst case²", "buckets × step") if seen.some_recent() => did.waits > once * LARGE / 20,
        ("worst case²", "buckets × step") if seen.operation != "promote" => did.waits == 0,
        ("worst case²", "buckets × step") if seen.is_used_up() => did.waits > 1,
        ("worst case²", "buckets × step") => (did.waits > LARGE / 20) == state.some_removed(),
        ("worst case²", "entries") => state.size == SMALL || state.guard || did.keys > LARGE / 20,
        ("worst case²", "what is freed") => locks + did.probes == 0,

        ("from a handler, with `SpinLock`", "yes") => !seen.hangs,
        ("from a handler, with `SpinLock`", "no") => true,
        ("from a handler, with `SpinLock`", "no⁸") => seen.grows || !seen.hangs,
        ("from a handler, with `SpinLock`", operation) if operation.starts_with("`try_") => true,
        _ => return None,
    })
}

/// Whether it has to be seen at least once, of each operation, that this is so: for else the cell could say less.
fn is_seen(column: &str, cell: &str, seen: &Seen) -> bool {
    let locks = seen.did.waits + seen.did.tries;
    match (column, cell) {
        ("takes the lock", "yes⁷") => locks == 0 || !seen.grows,
        ("masks interrupts¹", "while locked") => locks != 0 || seen.never_waits(),
        ("masks interrupts¹", "no⁵") => locks != 0 || !seen.grows,
        ("frees, runs `Drop`", "at most a few removed keys") => seen.did.keys != 0,
        ("worst case²", "probe") => seen.did.probes != 0,
        ("worst case²", "what is freed") => seen.did.keys + seen.did.values > LARGE / 20,
        ("worst case²", text) if text.contains("step") => locks != 0 || seen.never_waits(),
        ("allocates", "value, entry; seldom a table") => seen.did.allocations == 4 || !seen.grows,
        ("allocates", text) if text.starts_with("`compare_exchange`") => {
            seen.did.allocations != 0 || !seen.grows || seen.operation != "compare_exchange"
        }
        ("from a handler, with `SpinLock`", handler) => seen.hangs || handler == "yes" || seen.never_waits(),
        _ => true,
    }
}

/// The operations of a row, and the keys that it speaks of.
fn row(cell: &str) -> (Vec<&str>, &'static [Which]) {
    use Which::*;
    let (operations, of) = cell.rsplit_once(": ").map_or((cell, None), |(operations, of)| (operations, Some(of)));
    let keys: &[_] = match of {
        None | Some("known key") => &[Known],
        Some("recent key") => &[Recent],
        Some("recent or absent key") => &[Recent, Absent, Removed],
        Some("new key" | "absent key") => &[Absent, Removed],
        Some(other) => panic!("a key without a test: {other}"),
    };
    (names(operations), keys)
}

fn names(cell: &str) -> Vec<&str> {
    cell.split(", ").map(|operation| operation.trim_matches('`')).collect()
}

#[test]
fn the_operations_do_what_the_table_says() {
    let section = include_str!("../README.md").split("## What each operation does").nth(1).expect("no such section");
    let lines = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let rows: Vec<_> = lines.map(cells).collect();
    assert_eq!(rows[0], COLUMNS);
    assert_eq!(rows.len(), 2 + 14, "rows came or went");
    let mut wrong = Vec::new();
    for (above, cells) in rows[1..].iter().zip(&rows[2..]) {
        let (operations, keys) = row(cells[0]);
        for handler in names(cells[6]).into_iter().filter(|name| name.starts_with("try_")) {
            assert!(operations.contains(&&handler[4..]), "{}: another row's: {}", cells[0], cells[6]);
            let seen = [true, false].map(|grows| see_all(handler, keys, grows));
            let hangs = seen.iter().flatten().filter(|seen| seen.hangs);
            wrong.extend(hangs.map(|seen| format!("{}: {}: {seen:?}", cells[0], cells[6])));
        }
        for (operation, grows) in operations.into_iter().flat_map(|operation| [(operation, true), (operation, false)]) {
            // A `FixedMap` has no recent keys.
            let keys: Vec<_> = keys.iter().copied().filter(|&key| grows || key != Which::Recent).collect();
            let seen = see_all(operation, &keys, grows);
            if seen.is_empty() {
                continue;
            }
            for (i, column) in COLUMNS.into_iter().enumerate().skip(1) {
                let cell = if cells[i] == "as above" { above[i] } else { cells[i] };
                let mut say = |what: String| wrong.push(format!("{}: {column}: {cell}: {what}", cells[0]));
                let is_not = |seen: &&Seen| is_so(column, cell, seen) != Some(true);
                match seen.iter().find(is_not) {
                    Some(seen) if is_so(column, cell, seen).is_none() => say("no test knows this text".to_owned()),
                    Some(seen) => say(format!("{seen:?}")),
                    None if seen.iter().any(|seen| is_seen(column, cell, seen)) => {}
                    None => say(format!("never seen of {operation}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "the table is not so:\n{}", wrong.join("\n"));
}
