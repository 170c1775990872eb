//! What is allocated.
//!
//! Counting takes time, so it is done by a second build of this program, which has a counting
//! allocator in place and prints a JSON object a figure; the first one, which measures time, asks it.

use serde_json::{Value, json};

use super::figure::{Figure, Memory, Reading};
use super::fixture::Fixture;
use super::groups;
use super::measure::{self, Work};
use super::options::Options;
use crate::process::Process;

/// Has the counting program complete the figures.
pub(super) fn complete(figures: &mut Vec<Figure>, options: &Options) -> Result<(), String> {
    let mut arguments = vec!["--allocations".to_owned()];
    if !options.only.is_empty() {
        arguments.extend(["--only".to_owned(), options.only.join(",")]);
    }
    for line in ask(&arguments)? {
        let number = |member: &str| line.get(member).and_then(Value::as_f64);
        let name = line.get("name").and_then(Value::as_str).and_then(groups::name);
        let Some(name) = name else { continue };
        let measured = figures.iter_mut().find(|figure| figure.name == name);
        match (number("allocs"), number("bytes"), number("value"), measured) {
            (Some(allocs), Some(bytes), _, Some(figure)) => {
                figure.remember(Memory { allocs, bytes });
            }
            (_, _, Some(value), None) => figures.push(Figure::value(name, value)),
            _ => {}
        }
    }
    Ok(())
}

/// Builds and runs the counting program, and returns the objects it prints.
pub(super) fn ask(arguments: &[String]) -> Result<Vec<Value>, String> {
    let build = ["run", "--release", "--quiet", "--package", "xtask"];
    let program = ["--features", "count-allocations", "--", "bench"];
    let told = Process::cargo(&[&build[..], &program].concat()).args(arguments).output()?;
    told.lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{line:?}: {error}")))
        .collect()
}

/// Counts, and prints, where this is the counting program.
pub(super) fn print(options: &Options) -> Result<(), String> {
    let fixture = Fixture::new(VISITORS)?;
    print_counts(groups::works(&fixture, &options.only)?)?;
    for figure in groups::memory(&options.only) {
        if let Reading::Value(value) = figure.reading {
            println!("{}", json!({"name": figure.name, "value": value}));
        }
    }
    Ok(())
}

/// Runs the works, and prints what they allocate.
pub(super) fn print_counts(works: Vec<Work<'_>>) -> Result<(), String> {
    for mut work in works.into_iter().filter(|work| !work.is_rate()) {
        // The first run is not like the others: caches are filled, and visitors become known.
        work.watched(|run| run())?;
        let counted = count(&mut work)?.ok_or("this program was not built to count allocations")?;
        let Memory { allocs, bytes } = counted;
        println!("{}", json!({"name": work.name(), "allocs": allocs, "bytes": bytes}));
    }
    Ok(())
}

/// Counts what one operation allocates, on this thread; nothing where this program cannot count.
fn count(work: &mut Work<'_>) -> Result<Option<Memory>, String> {
    let counted = work.watched(allocated)?;
    let operations = work.operations();
    Ok(counted.map(|[allocs, bytes]| Memory {
        allocs: measure::total(allocs) / operations,
        bytes: measure::total(bytes) / operations,
    }))
}

/// Returns how often there is an allocation during the work, and of how many bytes altogether.
fn allocated(run: &mut dyn FnMut()) -> Option<[u64; 2]> {
    #[cfg(feature = "count-allocations")]
    let counted = {
        let counted = allocation_counter::measure(run);
        Some([counted.count_total, counted.bytes_total])
    };
    #[cfg(not(feature = "count-allocations"))]
    let counted = {
        run();
        None
    };
    counted
}

/// Returns the bytes of the heap that what `make` makes holds on to, as far as this thread has
/// allocated them.
#[cfg(feature = "count-allocations")]
pub(super) fn held<T>(make: impl FnOnce() -> T) -> Option<f64> {
    let mut kept = None;
    let counted = allocation_counter::measure(|| kept = Some(make()));
    drop(kept);
    u32::try_from(counted.bytes_current).ok().map(f64::from)
}

#[cfg(not(feature = "count-allocations"))]
pub(super) fn held<T>(_: impl FnOnce() -> T) -> Option<f64> {
    None
}

/// Allocations of an operation are the same every time, so few visitors will do.
const VISITORS: usize = 500;
