//! Licences, bans, sources and, where their database is at hand, advisories.

use std::path::PathBuf;

use super::Outcome;
use crate::process::{Process, has_subcommand};

/// Runs cargo-deny. Nothing but the crates themselves is ever fetched, so that the gate gives the
/// same answer with and without a network.
pub(super) fn check() -> Result<Outcome, String> {
    if !has_subcommand("deny") {
        return Ok(Outcome::Missing("cargo-deny is not installed".to_owned()));
    }
    Process::cargo(&[
        "deny",
        "--all-features",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ])
    .run()?;
    if !has_advisories() {
        let note = "bans, licences, sources are fine; advisories SKIPPED: `cargo deny fetch` has not been run";
        return Ok(Outcome::Noted(note.to_owned()));
    }
    Process::cargo(&["deny", "--offline", "--all-features", "check", "advisories"]).run()?;
    Ok(Outcome::Passed)
}

/// Tells whether cargo-deny has fetched an advisory database before.
fn has_advisories() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let folder = home.map(|home| home.join("advisory-dbs"));
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    // A fetch that failed leaves a lock file behind.
    let is_database = |entry: std::fs::DirEntry| entry.path().is_dir();
    entries.is_some_and(|entries| entries.flatten().any(is_database))
}
