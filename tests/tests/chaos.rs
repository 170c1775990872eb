//! A process that is killed again and again while it delivers: nothing promised may be lost.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::path::PathBuf;
use std::process::Command;

use convert_tests::chaos::{Plan, act_as_child, run};

/// Starts this program again, as the process to be killed.
fn start() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["the_process_to_be_killed", "--exact", "--ignored", "--nocapture"]);
    command
}

fn check(plan: Plan) {
    let name = format!("convert-chaos-{}", std::process::id());
    let directory: PathBuf = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&directory);
    let ledger = run(plan, &directory, start).unwrap();
    println!("{ledger}");
    assert!(ledger.is_sound(), "{ledger}");
    std::fs::remove_dir_all(directory).unwrap();
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Plays the process to be killed.
#[test]
#[ignore = "another test starts it as a process of its own"]
fn the_process_to_be_killed() {
    act_as_child();
}

#[test]
fn a_few_kills_lose_and_double_nothing() {
    check(Plan { events: 20_000, kills: 4, faults: 20 });
}

#[test]
#[ignore = "takes minutes; `cargo xtask chaos` runs it"]
fn many_kills_lose_and_double_nothing() {
    check(Plan {
        events: number("CONVERT_CHAOS_EVENTS", 1_000_000),
        kills: number("CONVERT_CHAOS_KILLS", 20),
        faults: 20,
    });
}
