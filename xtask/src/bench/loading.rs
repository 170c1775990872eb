//! Loading a large config, and what it takes up.

use std::hint::black_box;

use convert_sdk::ProjectConfig;

use super::allocations;
use super::figure::Figure;
use super::measure::{Work, count};
use super::workload;

/// The time that loading takes.
pub(super) fn works() -> Vec<Work<'static>> {
    let large = workload::large_project();
    vec![Work::new("load_config_1000", 1, move || {
        let _ = black_box(ProjectConfig::from_json(black_box(&large)));
    })]
}

/// What stays on the heap of a config, beside its text.
pub(super) fn figures() -> Vec<Figure> {
    let large = workload::large_project();
    let memory = allocations::held(|| ProjectConfig::from_json(&large));
    let ratio = memory.map(|bytes| bytes / count(large.len()));
    ratio.map(|ratio| Figure::value("config_memory_ratio", ratio)).into_iter().collect()
}
