//! `cargo xtask bench --peers`: the same decision by other libraries, side by side in one run.

mod contender;
mod libraries;
mod own;
mod published;
mod settings;
mod table;

pub(super) use self::own::print_allocations;
pub(super) use self::table::{Row, draw, markdown};

use self::contender::{Call, Contender};
use super::options::Options;

/// Measures, prints a table or JSON lines, and draws the plot.
pub(super) fn run(options: &Options) -> Result<(), String> {
    let rows = measure(options)?;
    if options.json {
        table::print_json(&rows);
    } else {
        table::print(&rows);
    }
    // A quick run is too rough to be shown.
    if options.quick { Ok(()) } else { draw(&rows) }
}

/// Measures every library that can be had, round by round in turn; the first row is this SDK.
pub(super) fn measure(options: &Options) -> Result<Vec<Row>, String> {
    let mut contenders = vec![own::contender()?];
    let mut skipped = Vec::new();
    for (name, find) in OTHERS {
        match find() {
            Ok(Some(contender)) => contenders.push(contender),
            // What is missing has been said.
            Ok(None) => skipped.push(Row::skipped(name)),
            Err(reason) => {
                eprintln!("SKIPPED: {name}: {reason}");
                skipped.push(Row::skipped(name));
            }
        }
    }
    agree(&contenders)?;
    let rounds = if options.quick { 5 } else { 25 };
    for _ in 0..rounds {
        for contender in &mut contenders {
            contender.round()?;
        }
    }
    let mut rows: Vec<Row> = Vec::new();
    for contender in contenders {
        let row = Row::new(contender, rows.first());
        rows.push(row);
    }
    rows.extend(skipped);
    Ok(rows)
}

/// Makes sure that the libraries decide the same, or they could not be compared: Convert's own SDKs
/// the same variation for everybody, the others something for the same visitors.
fn agree(contenders: &[Contender]) -> Result<(), String> {
    let Some((own, others)) = contenders.split_first() else { return Ok(()) };
    for other in others {
        let pairs = own.decided.iter().zip(&other.decided);
        let differ = pairs.filter(|(mine, theirs)| {
            mine.is_some() != theirs.is_some() || (other.is_sibling && mine != theirs)
        });
        let (differ, all) = (differ.count(), own.decided.len());
        if differ > 0 || other.decided.len() != all {
            return Err(format!("{} decides differently for {differ} of {all}", other.name));
        }
    }
    Ok(())
}

/// Starts a library; nothing where a tool that it needs is missing.
type Find = fn() -> Result<Option<Contender>, String>;

/// The libraries beside this SDK.
const OTHERS: [(&str, Find); 4] = [
    ("eppo_core", libraries::eppo),
    ("unleash-yggdrasil", libraries::yggdrasil),
    ("Convert SDK (JavaScript)", published::javascript),
    ("Convert SDK (Python)", published::python),
];
/// Every call that is measured.
const CALLS: [Call; 3] = [Call::Decide, Call::Build, Call::Explain];
