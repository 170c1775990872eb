//! `cargo xtask test`: every test of the workspace, then every example of the documentation.

use std::path::PathBuf;

use crate::parity::referee::install_javascript;
use crate::process::{Process, has_subcommand};
use crate::workspace;

/// Runs the suite with cargo-nextest where it is installed, else with cargo's own runner.
///
/// Arguments are handed to the runner, to choose packages and tests; the documentation's examples
/// run only without any.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    // Some suites run the published JavaScript SDK beside this one.
    if let Err(reason) = install_javascript() {
        println!("SKIPPED: what runs the JavaScript SDK, as it cannot be installed: {reason}");
    }
    let runner: &[&str] = if has_subcommand("nextest") {
        &["nextest", "run"]
    } else {
        println!("cargo-nextest is not installed: cargo's own runner takes its place");
        // The documentation's examples come last either way, so they are left out here.
        &["test", "--lib", "--bins", "--tests", "--examples"]
    };
    Process::cargo(&[runner, packages(arguments)].concat()).args(arguments).run()?;
    if arguments.is_empty() {
        Process::cargo(&["test", "--workspace", "--doc"]).run()?;
    }
    // A test that passes has its output kept back, what it skipped included.
    if !has_reference_data() {
        println!("SKIPPED: what compares with the family's reference data, as {DATA} is not there");
    }
    Ok(())
}

/// Returns the option for all packages, unless the arguments name some.
fn packages(arguments: &[String]) -> &'static [&'static str] {
    let named = |word: &String| word.starts_with("-p") || word.starts_with("--package");
    if arguments.iter().any(named) { &[] } else { &["--workspace"] }
}

/// Tells whether the tests found the data that lies beside the checkout, or where the variable says.
fn has_reference_data() -> bool {
    let beside = || workspace::root().join(DATA);
    std::env::var_os("CONVERT_SHARED_DATA").map_or_else(beside, PathBuf::from).is_dir()
}

const DATA: &str = "../shared/data";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_all_or_the_named_ones() {
        assert_eq!(packages(&["rules".to_owned()]), ["--workspace"]);
        assert!(packages(&["-p".to_owned(), "convert-config".to_owned()]).is_empty());
        assert!(packages(&["--package=convert-config".to_owned()]).is_empty());
    }
}
