//! What a core does while nobody asks it anything.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use convert_sdk::{Core, SdkConfig};
use test_support::RecordingTransport;

use super::figure::Figure;
use super::measure::count;
use super::workload;

/// The threads of a core with direct data that has decided, and how often the one that has
/// delivered wakes up in a second at rest. Nothing where the system does not tell.
pub(super) fn figures() -> Result<Vec<Figure>, String> {
    let json = workload::project(10).to_string();
    let config = || SdkConfig::from_json(&json).map_err(|error| error.to_string());
    let Some(before) = tasks() else { return Ok(Vec::new()) };
    let quiet = start(config()?)?;
    quiet.create_context("visitor").run_experiences();
    let started = tasks().unwrap_or_default().len().saturating_sub(before.len());
    drop(quiet);

    let delivering = config()?.tracking(true).transport_impl(RecordingTransport::default());
    let core = start(delivering)?;
    core.create_context("visitor").run_experiences();
    core.flush(PATIENCE).map_err(|error| error.to_string())?;
    rest(SETTLING);
    let wakeups = switches(&before);
    rest(RESTING);
    let wakeups = switches(&before).saturating_sub(wakeups);
    core.close(PATIENCE);
    Ok(vec![
        Figure::value("idle_threads", count(started)),
        Figure::value("idle_wakeups", count(wakeups)),
    ])
}

fn start(config: SdkConfig) -> Result<Core, String> {
    Core::initialize(config.environment("production")).map_err(|error| error.to_string())
}

/// Waits for something that does not come.
fn rest(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time);
}

/// Adds up how often the threads that are not among `others` have been woken up.
fn switches(others: &[String]) -> usize {
    let tasks = tasks().unwrap_or_default();
    let added = tasks.iter().filter(|task| !others.contains(task));
    let of = |task: &String| -> Option<usize> {
        let status = fs::read_to_string(format!("/proc/self/task/{task}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        line.split_whitespace().last()?.parse().ok()
    };
    added.filter_map(of).sum()
}

/// Lists the process's threads.
fn tasks() -> Option<Vec<String>> {
    let entries = fs::read_dir("/proc/self/task").ok()?.flatten();
    Some(entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

const PATIENCE: Duration = Duration::from_secs(20);
/// Until the worker has gone to rest after its last delivery.
const SETTLING: Duration = Duration::from_millis(200);
/// Wake-ups are counted per second.
const RESTING: Duration = Duration::from_secs(1);
