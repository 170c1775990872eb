//! What the rules look at, and what they find.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::Manifest;
use super::source::RustFile;
use crate::workspace;

/// The project's files, read once.
#[derive(Default)]
pub(super) struct Tree {
    /// Every path, from the workspace's root.
    pub(super) paths: BTreeSet<String>,
    /// The text of every file that is text, by path.
    pub(super) texts: BTreeMap<String, String>,
    /// The Rust files.
    pub(super) rust: Vec<RustFile>,
    /// The manifests of the workspace's members.
    pub(super) manifests: Vec<Manifest>,
}

impl Tree {
    /// Reads the project.
    pub(super) fn read() -> Result<Self, String> {
        let mut tree = Self { paths: workspace::files()?, ..Self::default() };
        for path in tree.paths.clone() {
            let bytes = std::fs::read(workspace::root().join(&path))
                .map_err(|error| format!("cannot read {path}: {error}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                tree.add(&path, text);
            }
        }
        Ok(tree)
    }

    /// Makes a tree of samples.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path, (*text).to_owned());
        }
        tree
    }

    /// Yields the lines of all text files whose path the filter takes, with path and number.
    pub(super) fn lines<'tree>(
        &'tree self,
        wanted: impl Fn(&str) -> bool + 'tree,
    ) -> impl Iterator<Item = (&'tree str, usize, &'tree str)> {
        self.texts.iter().filter(move |(path, _)| wanted(path)).flat_map(|(path, text)| {
            text.lines().enumerate().map(move |(at, line)| (path.as_str(), at + 1, line))
        })
    }

    fn add(&mut self, path: &str, text: String) {
        self.paths.insert(path.to_owned());
        if ends_in(path, "rs") {
            self.rust.push(RustFile::new(path, &text));
        }
        if path.ends_with("/Cargo.toml") && !is_apart(path) {
            self.manifests.push(Manifest::new(path, &text));
        }
        self.texts.insert(path.to_owned(), text);
    }
}

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    /// Makes a finding; a breach of a file as a whole is at line 1.
    pub(super) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }

    /// Returns the finding as one line of output.
    pub(super) fn under(&self, rule: &str) -> String {
        format!("{}:{}: {rule}: {}", self.path, self.line, self.message)
    }
}

/// Tells whether a package is a workspace of its own, as cargo-fuzz wants it, and as an application
/// must be that chooses features for itself.
fn is_apart(path: &str) -> bool {
    ["fuzz/", "crates/tls-coexistence/host/"].iter().any(|folder| path.starts_with(folder))
}

/// Tells whether a path has this extension.
pub(super) fn ends_in(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == extension)
}

/// Runs one rule over samples and returns where it finds something, as `path:line`.
#[cfg(test)]
pub(super) fn places(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
    let found = rule(&Tree::of(files));
    found.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
}
