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
    let others =
        [libraries::eppo(), libraries::yggdrasil(), published::javascript(), published::python()];
    for other in others {
        match other {
            Ok(contender) => contenders.extend(contender),
            Err(reason) => eprintln!("SKIPPED: a peer: {reason}"),
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

/// Every call that is measured.
const CALLS: [Call; 3] = [Call::Decide, Call::Build, Call::Explain];
