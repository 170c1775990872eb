//! Times decisions of another library, line by line as `xtask/js/decide.mjs` does.
//!
//! This file and its neighbours are no part of the workspace: `cargo xtask bench --peers` copies them
//! into projects of their own, one for each library.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};

/// Whatever goes wrong; it is only shown.
pub type Failure = Box<dyn std::error::Error>;

/// A library with its config.
pub trait Peer: Sized {
    /// A visitor as the library wants one.
    type Visitor;
    /// What the library answers.
    type Decision;

    /// Reads the config, as the library's own service writes it.
    fn new(config: &Value, flag: &str) -> Result<Self, Failure>;

    /// Makes of a visitor what an application makes for every request.
    fn visitor(&self, id: &str, attributes: &Map<String, Value>) -> Self::Visitor;

    /// Decides.
    fn decide(&self, visitor: &Self::Visitor) -> Self::Decision;

    /// Returns the name of what was decided, if anything was.
    fn name(decision: &Self::Decision) -> Option<String>;

    /// Decides and says why; false where the library does not.
    fn explain(&self, _visitor: &Self::Visitor) -> bool {
        false
    }
}

/// Answers until there is nothing more to read. `count` runs the work and returns its allocations
/// and their bytes, where it counts them.
pub fn run<P: Peer>(count: fn(&mut dyn FnMut()) -> Option<(u64, u64)>) -> Result<(), Failure> {
    let mut lines = std::io::stdin().lock().lines();
    let first: Value = serde_json::from_str(&lines.next().ok_or("nothing to read")??)?;
    let flag = first["flag"].as_str().ok_or("no flag")?;
    let peer = P::new(&first["config"], flag)?;
    let people: Vec<(&str, &Map<String, Value>)> = first["visitors"]
        .as_array()
        .ok_or("no visitors")?
        .iter()
        .filter_map(|visitor| Some((visitor["id"].as_str()?, visitor["attributes"].as_object()?)))
        .collect();
    let visitors: Vec<P::Visitor> =
        people.iter().map(|(id, attributes)| peer.visitor(id, attributes)).collect();
    let decided: Vec<_> = visitors.iter().map(|it| P::name(&peer.decide(it))).collect();
    answer(&json!({ "decided": decided }))?;
    for line in lines {
        let request: Value = serde_json::from_str(&line?)?;
        let repeats = request["repeats"].as_u64().unwrap_or(1);
        let operations = (repeats * people.len() as u64) as f64;
        let mut work = || {
            for _ in 0..repeats {
                pass(&peer, request["call"].as_str().unwrap_or_default(), &people, &visitors);
            }
        };
        let begin = now();
        let counted = count(&mut work);
        let ns = (now() - begin).as_secs_f64() * 1e9 / operations;
        let each = |total: u64| total as f64 / operations;
        let allocs = counted.map(|(allocs, _)| each(allocs));
        let bytes = counted.map(|(_, bytes)| each(bytes));
        answer(&json!({ "ns": ns, "allocs": allocs, "bytes": bytes }))?;
    }
    Ok(())
}

fn pass<P: Peer>(
    peer: &P,
    call: &str,
    people: &[(&str, &Map<String, Value>)],
    visitors: &[P::Visitor],
) {
    match call {
        "decide" => {
            for visitor in visitors {
                black_box(peer.decide(black_box(visitor)));
            }
        }
        "build_and_decide" => {
            for (id, attributes) in people {
                black_box(peer.decide(&peer.visitor(id, attributes)));
            }
        }
        _ => {
            for visitor in visitors {
                black_box(peer.explain(black_box(visitor)));
            }
        }
    }
}

fn answer(answer: &Value) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{answer}")?;
    Ok(output.flush()?)
}

/// The processor's time for this process.
fn now() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}
