//! An application under attack for a while; see [`convert_tests::soak`].

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::process::Command;
use std::time::Duration;

use convert_tests::chaos;
use convert_tests::directory::Directory;
use convert_tests::soak::{Plan, guest, run};

/// Starts this program again, to play a part.
fn play(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([part, "--exact", "--ignored", "--nocapture"]);
    command
}

#[test]
#[ignore = "another test starts it as a process of its own"]
fn the_guest() {
    guest::act();
}

#[test]
#[ignore = "another test starts it as a process of its own"]
fn the_process_to_be_killed() {
    chaos::act_as_child();
}

#[test]
#[ignore = "takes minutes; `cargo xtask soak` runs it"]
fn the_attack_on_network_disk_redis_and_clock_loses_nothing_without_a_count() {
    let number = |variable: &str, default| {
        std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let plan = Plan {
        duration: Duration::from_secs(number("CONVERT_SOAK_SECONDS", 60)),
        seed: number("CONVERT_SOAK_SEED", 1),
    };
    let directory = Directory::new();
    let broken =
        run(plan, directory.path(), || play("the_guest"), || play("the_process_to_be_killed"));
    assert_eq!(broken.unwrap(), Vec::<String>::new());
}
