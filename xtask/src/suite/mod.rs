//! `cargo xtask test`: every test of the workspace, then every example of the documentation.

mod need;
mod runner;

use std::collections::BTreeMap;

use self::need::{NEEDS, Need};
use self::runner::{Runner, Test};
use crate::process::Process;
use crate::workspace;

/// Runs the suite with cargo-nextest where it is installed, else with cargo's own runner.
///
/// Arguments are handed to the runner, to choose packages and tests; the documentation's examples
/// run only without any. Tests that need what this machine lacks are left out, counted by the runner
/// as skipped, and named at the end.
///
/// # Errors
///
/// Fails when a test fails, and where `CI=true` if something is missing that `.ci/run` installs.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let missing: Vec<(&Need, String)> =
        NEEDS.iter().filter_map(|need| Some((need, need.obstacle()?))).collect();
    if workspace::is_ci() {
        refuse(&missing)?;
    }
    let runner = Runner::find();
    if runner == Runner::Cargo {
        println!("cargo-nextest is not installed: cargo's own runner takes its place");
    }
    // Some arguments make sense for running alone; without a list, nothing is counted.
    let tests = runner.list(arguments).unwrap_or_default();
    let needs: Vec<&Need> = missing.iter().map(|(need, _)| *need).collect();
    let is_left_out = |test: &&Test| needs.iter().any(|need| need.covers(&test.binary, &test.name));
    let left_out: Vec<&Test> = tests.iter().filter(is_left_out).collect();
    let result = runner.run(arguments, &needs, &left_out);
    let examples = if arguments.is_empty() && result.is_ok() {
        Process::cargo(&["test", "--workspace", "--doc"]).run()
    } else {
        Ok(())
    };
    for line in account(&tests, &missing) {
        println!("{line}");
    }
    result.and(examples)
}

/// Fails if something is missing that a build server must have.
fn refuse(missing: &[(&Need, String)]) -> Result<(), String> {
    let required = missing.iter().filter(|(need, _)| need.is_required_in_ci());
    let reasons: Vec<&str> = required.map(|(_, reason)| reason.as_str()).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    Err(format!("CI=true, so no test may be skipped: {}", reasons.join("; ")))
}

/// Returns a line for each reason for which tests did not run, with their number. The numbers add up
/// to those that the runner reports as skipped.
fn account(tests: &[Test], missing: &[(&Need, String)]) -> Vec<String> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    let mut not_chosen = 0;
    let mut ignored = 0;
    for test in tests {
        let is_covered = |(need, _): &(&Need, String)| need.covers(&test.binary, &test.name);
        if !test.is_chosen {
            not_chosen += 1;
        } else if test.is_ignored {
            ignored += 1;
        } else if let Some(index) = missing.iter().position(is_covered) {
            *counts.entry(index).or_default() += 1;
        }
    }
    let mut lines = Vec::new();
    if not_chosen > 0 {
        lines.push(format!("{not_chosen} skipped: not chosen by the arguments"));
    }
    if ignored > 0 {
        lines.push(format!(
            "{ignored} skipped: started by other tests, or by tasks that take minutes"
        ));
    }
    for (index, (_, reason)) in missing.iter().enumerate() {
        match counts.get(&index) {
            Some(count) => lines.push(format!("{count} skipped: {reason}")),
            None if tests.is_empty() => lines.push(format!("skipped: {reason}")),
            None => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(binary: &str, name: &str, is_ignored: bool, is_chosen: bool) -> Test {
        Test { binary: binary.to_owned(), name: name.to_owned(), is_ignored, is_chosen }
    }

    fn missing() -> Vec<(&'static Need, String)> {
        let covered =
            |binary: &str, test: &str| NEEDS.iter().find(|need| need.covers(binary, test)).unwrap();
        vec![
            (covered("redis_interop", "a"), "no node".to_owned()),
            (covered("redis_faults", "a"), "no redis-server".to_owned()),
        ]
    }

    #[test]
    fn every_test_that_does_not_run_is_counted_once_with_its_reason() {
        let tests = [
            test("redis_interop", "a", false, true),
            test("redis_faults", "a", false, true),
            test("redis_faults", "b", false, true),
            test("redis_faults", "c", false, false),
            test("redis_race", "child", true, true),
            test("stores", "a", false, true),
        ];
        let lines = account(&tests, &missing());
        let expected = [
            "1 skipped: not chosen by the arguments",
            "1 skipped: started by other tests, or by tasks that take minutes",
            "1 skipped: no node",
            "2 skipped: no redis-server",
        ];
        assert_eq!(lines, expected);
        assert_eq!(account(&[], &missing()), ["skipped: no node", "skipped: no redis-server"]);
        assert!(account(&tests[5..], &missing()).is_empty());
    }

    #[test]
    fn a_build_server_must_have_what_its_script_installs() {
        let refused = refuse(&missing()).unwrap_err();
        assert!(refused.ends_with("no node; no redis-server"), "{refused}");
        let data = NEEDS.iter().find(|need| need.covers("x", "reference_data")).unwrap();
        assert!(refuse(&[(data, "no data".to_owned())]).is_ok());
    }
}
