//! More and fewer visitors that a core remembers.

use std::hint::black_box;

use convert_sdk::{Core, SdkConfig};

use super::super::figure::Figure;
use super::super::measure::{Work, count};
use super::super::options::Options;
use super::super::workload;
use super::curve::{Curve, Growth};

pub(super) fn curves(options: &Options) -> Result<Vec<Curve>, String> {
    let sizes = if options.quick { QUICK } else { SIZES };
    let works: Result<Vec<_>, String> = sizes
        .iter()
        .map(|&size| {
            let core = core(size)?;
            remember(&core, size, 1);
            let mut turn = 0;
            let work = Work::new("scale", OPERATIONS, move || {
                for _ in 0..OPERATIONS {
                    // Far enough from the last one that no cache foresees it.
                    turn = (turn + 7_919) % size;
                    black_box(core.create_context(id(turn)).run_experience(&key(0)));
                }
            });
            Ok((count(size), work))
        })
        .collect();
    let name = "create_context and a known decision";
    let rounds = options.rounds();
    Ok(vec![Curve::measured(name, Growth::Level, works?, rounds, Figure::number)?])
}

/// Makes a core with room for so many visitors, and half as many again, as stripes fill unevenly.
pub(super) fn core(visitors: usize) -> Result<Core, String> {
    let json = workload::project(20).to_string();
    let config = SdkConfig::from_json(&json).map_err(|error| error.to_string())?;
    let config = config.environment("production").record_capacity(visitors + visitors / 2 + 640);
    Core::initialize(config).map_err(|error| error.to_string())
}

/// Has so many visitors decided for, in so many experiences that everybody is let into.
pub(super) fn remember(core: &Core, visitors: usize, experiences: usize) {
    for visitor in 0..visitors {
        let context = core.create_context(id(visitor));
        for experience in 0..experiences {
            context.run_experience(&key(experience));
        }
    }
}

/// As long as a UUID.
fn id(visitor: usize) -> String {
    format!("00000000-0000-0000-0000-{visitor:012}")
}

/// Every second experience has no audience.
fn key(experience: usize) -> String {
    format!("experience-{}", 2 * experience + 1)
}

const SIZES: &[usize] = &[1_000, 10_000, 100_000, 1_000_000];
const QUICK: &[usize] = &[1_000, 10_000];
const OPERATIONS: usize = 5_000;
