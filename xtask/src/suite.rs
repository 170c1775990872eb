//! `cargo xtask test`: every test of the workspace, then every example of the documentation.

use crate::process::{Process, has_subcommand};

/// Runs the suite with cargo-nextest where it is installed, else with cargo's own runner.
///
/// Arguments are handed to the runner, to name the tests wanted; the documentation's examples run
/// only without any.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if has_subcommand("nextest") {
        Process::cargo(&["nextest", "run", "--workspace"]).args(arguments).run()?;
    } else {
        println!("cargo-nextest is not installed: cargo's own runner takes its place");
        // The examples come last either way, so they are left out here.
        let targets = ["test", "--workspace", "--lib", "--bins", "--tests", "--examples"];
        Process::cargo(&targets).args(arguments).run()?;
    }
    if arguments.is_empty() {
        Process::cargo(&["test", "--workspace", "--doc"]).run()?;
    }
    Ok(())
}
