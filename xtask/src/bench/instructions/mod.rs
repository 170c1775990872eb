//! `cargo xtask bench --instructions`: how many instructions hot calls take, beside the stored counts.
//!
//! Callgrind runs this program once a figure and counts while [`watched`] does the figure's work,
//! not before and not after. The counts are the same on every run with the same compiler; what the
//! C library adds is compared only where the library is the same, too.

mod baseline;
mod callgrind;
mod environment;

use std::thread;

use self::baseline::{Baseline, Count};
use self::environment::Environment;
use super::fixture::Fixture;
use super::groups;
use super::options::Options;
use crate::process::Process;

/// Counts, prints, and compares with what is stored, or stores.
pub(super) fn run(options: &Options) -> Result<(), String> {
    if let Some(obstacle) = missing_tool() {
        eprintln!("SKIPPED: {obstacle}");
        return Ok(());
    }
    let names: Vec<&str> = HOT.iter().copied().filter(|name| options.wants(name)).collect();
    let counted = Baseline { environment: Environment::here()?, counts: count_all(&names)? };
    if options.json {
        counted.print_json();
        return Ok(());
    }
    if options.store {
        return counted.write();
    }
    let stored = Baseline::read()?;
    counted.print_table(&stored);
    if let Some(difference) = stored.environment.obstacle(&counted.environment) {
        eprintln!("SKIPPED: the comparison with the stored counts: {difference}");
        return Ok(());
    }
    counted.compare(&stored)
}

/// Does the work of one figure, first unwatched to warm up, then watched.
pub(super) fn watch(name: &str) -> Result<(), String> {
    let fixture = Fixture::new(VISITORS)?;
    let works = groups::works(&fixture, &[name.to_owned()])?;
    let work = works.into_iter().find(|work| work.name() == name);
    let mut work = work.ok_or_else(|| format!("bench: no work is called `{name}`"))?;
    work.watched(|run| run())?;
    work.watched(|run| watched(run))?;
    println!("{}", work.operations());
    Ok(())
}

/// Says why nothing can be compared here, if so.
pub(crate) fn obstacle() -> Result<Option<String>, String> {
    if let Some(tool) = missing_tool() {
        return Ok(Some(tool));
    }
    Ok(Baseline::read()?.environment.obstacle(&Environment::here()?))
}

fn missing_tool() -> Option<String> {
    let works = Process::new("valgrind", &["--version"]).works();
    (!works).then(|| "valgrind is not installed".to_owned())
}

/// Counts the figures, as many at a time as there are processors.
fn count_all(names: &[&str]) -> Result<Vec<Count>, String> {
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    let mut counts = Vec::new();
    for some in names.chunks(at_once) {
        let counted: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> =
                some.iter().map(|name| scope.spawn(|| callgrind::count(name))).collect();
            let ended = running.into_iter().map(thread::ScopedJoinHandle::join);
            ended
                .map(|it| it.unwrap_or_else(|_| Err("a counting thread panicked".to_owned())))
                .collect()
        });
        for count in counted {
            counts.push(count?);
        }
    }
    Ok(counts)
}

/// What callgrind looks for; see `callgrind::WATCHED`.
#[inline(never)]
fn watched(work: &mut dyn FnMut()) {
    work();
}

/// The figures whose instructions are counted.
const HOT: &[&str] = &[
    "murmur3_45",
    "bucket_value",
    "bucket_value_bulk",
    "run_experience_fresh",
    "run_experience_regex",
    "run_experience_first",
    "run_experience_first_regex",
    "run_experience_sticky",
    "run_experience_sticky_guarded",
    "context_and_run",
    "run_experience_tracked",
    "explain_experience",
    "run_experiences_100",
    "load_config_1000",
    "store_memory_merge",
];
/// Enough that all the kinds of visitors of the workload come up.
const VISITORS: usize = 100;
