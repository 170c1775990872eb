//! More and fewer threads that decide from one core.

use super::super::deciding::{PASSES, on_threads};
use super::super::figure::{Figure, Reading};
use super::super::fixture::{Fixture, guarded};
use super::super::measure::{Work, count};
use super::super::options::Options;
use super::curve::{Curve, Growth};

/// How much they decide together; the machine's cores are the limit.
pub(super) fn rates(options: &Options) -> Result<Vec<Curve>, String> {
    let name = "all threads together";
    Ok(vec![curve(name, Growth::Stated, options, Figure::number)?])
}

/// What a decision costs, which shows whether they wait for one another or for the same memory.
pub(super) fn costs(options: &Options) -> Result<Vec<Curve>, String> {
    let cost = |figure: &Figure| match &figure.reading {
        Reading::Rate(rate) => rate.cpu_ns.median(),
        _ => figure.number(),
    };
    Ok(vec![curve("a decision", Growth::Level, options, cost)?])
}

fn curve(
    name: &'static str,
    growth: Growth,
    options: &Options,
    read: fn(&Figure) -> f64,
) -> Result<Curve, String> {
    let fixture = Fixture::new(VISITORS)?;
    let works = THREADS.iter().map(|&threads| {
        let operations = threads * VISITORS * PASSES * guarded().len();
        (count(threads), Work::rate("scale", operations, on_threads(fixture.fresh(), threads)))
    });
    Curve::measured(name, growth, works.collect(), options.rounds(), read)
}

const THREADS: &[usize] = &[1, 2, 4, 8];
const VISITORS: usize = 2_000;
