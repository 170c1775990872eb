//! Loading a large config, and what it takes up.

use std::hint::black_box;

use convert_sdk::{Core, ProjectConfig, SdkConfig};

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

/// What stays in memory of a config, beside its text, and the threads of a core at rest.
pub(super) fn figures() -> Vec<Figure> {
    let large = workload::large_project();
    let mut kept = None;
    let counted = allocation_counter::measure(|| kept = ProjectConfig::from_json(&large).ok());
    let memory = u32::try_from(counted.bytes_current).map_or(f64::NAN, f64::from);
    let before = threads();
    let core = kept.map(|config| Core::initialize(SdkConfig::from_data(config)));
    let started = count(threads().saturating_sub(before));
    drop(core);
    vec![
        Figure::value("config_memory_ratio", memory / count(large.len())),
        Figure::value("idle_threads", started),
    ]
}

/// How many threads the process has, where the system tells.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}
