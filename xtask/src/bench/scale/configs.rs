//! Larger and smaller configs.

use std::hint::black_box;

use convert_sdk::ProjectConfig;

use super::super::figure::Figure;
use super::super::measure::{Work, count};
use super::super::options::Options;
use super::super::workload;
use super::curve::{Curve, Growth};

pub(super) fn curves(options: &Options) -> Result<Vec<Curve>, String> {
    let sizes = SIZES.iter().filter(|size| !options.quick || **size <= 1_000);
    let works = sizes.map(|&size| {
        let json = workload::written_project(size);
        let kilobytes = count(json.len()) / 1_000.0;
        // Small ones are loaded again and again, or the clock would see nothing.
        let repeats = 1_000 / size.min(1_000);
        let work = Work::new("scale", repeats, move || {
            for _ in 0..repeats {
                let _ = black_box(ProjectConfig::from_json(black_box(&json)));
            }
        });
        (kilobytes, work)
    });
    let (works, rounds) = (works.collect(), options.rounds());
    let name = "ProjectConfig::from_json";
    let milliseconds = |figure: &Figure| figure.number() / 1e6;
    Ok(vec![Curve::measured(name, Growth::Proportional, works, rounds, milliseconds)?])
}

pub(super) const SIZES: &[usize] = &[10, 100, 1_000, 10_000];
