//! How much an application takes in with the SDK.

use std::collections::BTreeSet;

use super::Outcome;
use crate::process::Process;

/// Counts the crates behind the facade for every choice of features that has a bar.
pub(super) fn check() -> Result<Outcome, String> {
    let mut notes = Vec::new();
    for (_, name, features, limit) in BARS {
        notes.push(judge(name, &tree(features)?, *limit)?);
    }
    Ok(Outcome::Noted(notes.join(", ")))
}

/// Returns how many crates there are in each tree, by the name of the bench's figure.
pub(crate) fn tree_sizes() -> Result<Vec<(&'static str, usize)>, String> {
    BARS.iter().map(|(figure, _, features, _)| Ok((*figure, tree(features)?.len()))).collect()
}

fn tree(features: &[&str]) -> Result<BTreeSet<String>, String> {
    let arguments = ["tree", "--package", "convert-sdk", "--edges", "normal", "--prefix", "none"];
    Ok(crates(&Process::cargo(&[&arguments[..], features].concat()).output()?))
}

/// Returns the distinct `name version` lines of a tree; the facade itself is one of them.
fn crates(listing: &str) -> BTreeSet<String> {
    let names = listing.lines().map(|line| {
        let mut words = line.split_whitespace();
        format!("{} {}", words.next().unwrap_or_default(), words.next().unwrap_or_default())
    });
    names.filter(|name| name != " ").collect()
}

fn judge(name: &str, crates: &BTreeSet<String>, limit: usize) -> Result<String, String> {
    let banned =
        crates.iter().find(|entry| BANNED.contains(&entry.split(' ').next().unwrap_or("")));
    if let Some(banned) = banned {
        return Err(format!("{banned} is in the tree {name}"));
    }
    let count = crates.len();
    let note = format!("{count} crates {name} (at most {limit})");
    if count == 0 || count > limit { Err(note) } else { Ok(note) }
}

/// Each tree with its figure, its name, the arguments that select it, and the most crates it may have.
const BARS: &[(&str, &str, &[&str], usize)] = &[
    ("tree_https", "by default", &[], 60),
    ("tree_https_spool", "with a spool", &["--features", "spool"], 60),
    ("tree_bare", "without features", &["--no-default-features"], 35),
    (
        "tree_bare_spool",
        "with a spool alone",
        &["--no-default-features", "--features", "spool"],
        35,
    ),
];

/// What an application must not get by way of the SDK: other TLS libraries, a second provider for
/// rustls, a runtime.
const BANNED: &[&str] =
    &["openssl", "openssl-sys", "native-tls", "ring", "tokio", "async-std", "smol"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_and_its_versions_apart() {
        let found = crates("a v1.0.0 (here)\nb v1.0.0\nb v1.0.0 (*)\nb v2.0.0\n\n");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a v1.0.0", "b v1.0.0", "b v2.0.0"]);
    }

    #[test]
    fn too_large_a_tree_fails() {
        let tree = crates("a v1\nb v1\n");
        assert_eq!(judge("x", &tree, 2).unwrap(), "2 crates x (at most 2)");
        assert_eq!(judge("x", &tree, 1).unwrap_err(), "2 crates x (at most 1)");
        assert!(judge("x", &crates(""), 2).is_err());
    }

    #[test]
    fn a_runtime_in_the_tree_fails() {
        assert_eq!(
            judge("x", &crates("tokio v1.0.0\n"), 9).unwrap_err(),
            "tokio v1.0.0 is in the tree x"
        );
        assert!(judge("x", &crates("tokio-like v1.0.0\n"), 9).is_ok());
    }
}
