//! The gate's steps, the cheap ones first.

use super::{Outcome, Step, deny, msrv, readme, trees};
use crate::bench::instructions_obstacle;
use crate::process::{Process, has_subcommand};
use crate::{suite, task_named, tidy};

fn fmt() -> Result<Outcome, String> {
    Process::cargo(&["fmt", "--all", "--check"]).run()?;
    // The fuzz targets are a workspace of their own.
    Process::cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]).run()?;
    let host = "crates/tls-coexistence/host/Cargo.toml";
    Process::cargo(&["fmt", "--manifest-path", host, "--check"]).run()?;
    Ok(Outcome::Passed)
}

fn tidy() -> Result<Outcome, String> {
    tidy::run(&[])?;
    Ok(Outcome::Passed)
}

fn clippy() -> Result<Outcome, String> {
    let lint = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    Process::cargo(&lint).run()?;
    // The fuzz targets are seldom run, so at least they must keep compiling.
    let fuzz = ["clippy", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"];
    Process::cargo(&[&fuzz[..], &["--all-targets", "--", "-D", "warnings"]].concat()).run()?;
    Ok(Outcome::Passed)
}

fn test() -> Result<Outcome, String> {
    suite::run(&[])?;
    Ok(Outcome::Passed)
}

fn soak() -> Result<Outcome, String> {
    task("soak", &["--seconds", "30"])
}

/// Builds and runs applications with every choice of TLS providers.
fn tls() -> Result<Outcome, String> {
    Process::cargo(&["run", "--quiet", "--package", "tls-coexistence"]).run()?;
    Ok(Outcome::Passed)
}

fn docs() -> Result<Outcome, String> {
    Process::cargo(&["doc", "--workspace", "--all-features", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    Ok(Outcome::Passed)
}

fn powerset() -> Result<Outcome, String> {
    if !has_subcommand("hack") {
        return Ok(Outcome::Missing("cargo-hack is not installed".to_owned()));
    }
    // Unpublished members are left out: nobody chooses their features. Clippy, because it can deny
    // warnings without building the dependencies anew.
    let members = ["--feature-powerset", "--no-dev-deps", "--workspace", "--no-private"];
    let check = [&["hack", "clippy"], &members[..], &["--", "-D", "warnings"]].concat();
    Process::cargo(&check).run()?;
    Ok(Outcome::Passed)
}

fn parity() -> Result<Outcome, String> {
    match missing(&["node", "npm", "python3"]) {
        Some(tool) => Ok(tool),
        None => task("parity", &["--cases", "200", "--seed", "1"]),
    }
}

/// Returns the outcome of a step whose tools are not all installed.
fn missing(tools: &[&str]) -> Option<Outcome> {
    let missing = tools.iter().find(|tool| !Process::new(tool, &["--version"]).works())?;
    Some(Outcome::Missing(format!("{missing} is not installed")))
}

fn bench() -> Result<Outcome, String> {
    task("bench", &["--quick"])
}

fn instructions() -> Result<Outcome, String> {
    if let Some(tool) = missing(&["valgrind"]) {
        return Ok(tool);
    }
    match instructions_obstacle()? {
        Some(obstacle) => Ok(Outcome::Skipped(obstacle)),
        None => task("bench", &["--instructions"]),
    }
}

/// Runs another of the project's tasks.
fn task(name: &str, arguments: &[&str]) -> Result<Outcome, String> {
    let Some(task) = task_named(name) else {
        return Ok(Outcome::Skipped(format!("there is no task `{name}`")));
    };
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    task.start(&arguments)?;
    Ok(Outcome::Passed)
}

/// Every step, in the order in which they run.
pub(super) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "the formatting", run: fmt },
    Step { name: "tidy", about: "the invariants and the house style", run: tidy },
    Step {
        name: "readme",
        about: "the README in step with the crate's quick start",
        run: readme::check,
    },
    Step { name: "trees", about: "the size of the dependency trees", run: trees::check },
    Step { name: "deny", about: "licences, bans, sources, advisories", run: deny::check },
    Step { name: "clippy", about: "every lint, in every target", run: clippy },
    Step { name: "test", about: "the test suite and the documentation's examples", run: test },
    Step { name: "soak", about: "an application under attack for half a minute", run: soak },
    Step { name: "tls", about: "the SDK beside every choice of TLS providers", run: tls },
    Step { name: "docs", about: "the documentation without a warning", run: docs },
    Step { name: "powerset", about: "every set of features compiles", run: powerset },
    Step { name: "msrv", about: "the oldest compiler promised", run: msrv::check },
    Step { name: "parity", about: "a small run beside the JavaScript SDK", run: parity },
    Step {
        name: "instructions",
        about: "the instructions of hot calls beside the stored counts",
        run: instructions,
    },
    Step { name: "bench", about: "a quick round of the benchmarks", run: bench },
];
