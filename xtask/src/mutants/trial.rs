//! The tests with one mutant in place, or with none.

use std::fs::{self, File};

use super::checkout::Checkout;
use super::mutant::Mutant;
use super::results::Outcome;
use crate::parity::referee::target_directory;

/// Which tests run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Suites<'p> {
    /// Those of one crate, but for what takes many seconds.
    Own(&'p str),
    /// The examples in the documentation of one crate, which cargo-nextest does not run.
    Examples(&'p str),
    /// The suites that guard one crate and need several.
    All(&'p str),
}

impl Suites<'_> {
    fn words(self) -> Vec<String> {
        let (package, left_out) = match self {
            Suites::Own(package) => (vec![package], "test(/hostile|long_lists/)"),
            Suites::Examples(package) => {
                let test = ["test", "--doc", "--all-features", "--package", package];
                return test.map(str::to_owned).to_vec();
            }
            Suites::All(_) => (vec!["convert-tests"], ""),
        };
        let run =
            ["nextest", "run", "--profile", "mutants", "--all-features", "--no-tests", "pass"];
        let mut words = run.map(str::to_owned).to_vec();
        for package in package {
            words.extend(["--package".to_owned(), package.to_owned()]);
        }
        // Tests of many cases take less time with this, and the compiler not much more.
        for package in ["convert-bucketing", "convert-config", "convert-decision"] {
            let level = format!("profile.dev.package.{package}.opt-level=1");
            words.extend(["--config".to_owned(), level]);
        }
        if !left_out.is_empty() {
            words.extend(["--filterset".to_owned(), format!("all() - {left_out}")]);
        }
        if let Suites::All(package) = self {
            for suite in suites(package) {
                words.extend(["--test".to_owned(), (*suite).to_owned()]);
            }
        }
        words
    }
}

/// Returns the suites in `tests/` that guard a crate; to build them all would take minutes for each
/// mutant.
fn suites(package: &str) -> &'static [&'static str] {
    match package {
        "convert-transport" => &["remote", "delivery", "redaction", "lifecycle"],
        "convert-core" => {
            &["lifecycle", "refresh", "remote", "stores", "tracking", "delivery", "spool"]
        }
        "convert-redis" => &["redis_faults", "store_contract"],
        _ => &["evaluation", "explanation_trees", "parity", "decisions", "properties", "records"],
    }
}

/// Runs the tests with the mutant, and puts its file right again.
pub(super) fn trial(
    checkout: &Checkout,
    suites: Suites<'_>,
    mutant: Option<&Mutant>,
) -> Result<Outcome, String> {
    let Some(mutant) = mutant else { return test(checkout, suites) };
    let original = checkout.read(&mutant.file)?;
    let changed = mutant.apply(&original).ok_or_else(|| format!("no place: {}", mutant.name))?;
    checkout.write(&mutant.file, &changed)?;
    let mut outcome = test(checkout, suites);
    // A machine that is busy for a while looks like a mutant that hangs.
    if outcome == Ok(Outcome::TimedOut) {
        outcome = test(checkout, suites);
    }
    checkout.write(&mutant.file, &original)?;
    outcome
}

fn test(checkout: &Checkout, suites: Suites<'_>) -> Result<Outcome, String> {
    let path = target_directory().join("mutants").join("log");
    let log = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let second = log.try_clone().map_err(|error| error.to_string())?;
    let status = checkout.program(&suites.words()).stdout(log).stderr(second).status();
    let status = status.map_err(|error| format!("cargo does not start: {error}"))?;
    let text = fs::read_to_string(&path).unwrap_or_default();
    match status.code() {
        Some(0) => Ok(Outcome::Survived),
        Some(TESTS_FAILED) if text.contains(" TIMEOUT [") => Ok(Outcome::TimedOut),
        Some(TESTS_FAILED) => Ok(Outcome::Caught),
        // The crate compiles already when its examples are tested.
        Some(BUILD_FAILED) if matches!(suites, Suites::Examples(_)) => Ok(Outcome::Caught),
        Some(BUILD_FAILED) => Ok(Outcome::Unviable),
        _ => Err(format!("cargo-nextest ended with {status}; see {}", path.display())),
    }
}

/// What cargo-nextest ends with.
const TESTS_FAILED: i32 = 100;
const BUILD_FAILED: i32 = 101;
