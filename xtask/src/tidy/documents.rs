//! What the project's documents owe their readers.

use super::tree::{Finding, Tree, ends_in};
use crate::bench::check_readme;

/// Every Rust file opens with what it is for.
pub(super) fn file_doc(tree: &Tree) -> Vec<Finding> {
    let message = "a file opens with `//!`, saying what it is for";
    let opens = |path: &str| tree.texts.get(path).is_some_and(|text| text.starts_with("//! "));
    let silent = tree.rust.iter().filter(|file| !opens(&file.path));
    silent.map(|file| Finding::new(&file.path, 1, message)).collect()
}

/// Links to the project's own files and headings lead somewhere.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts.iter().filter(|(path, _)| ends_in(path, "md")) {
        for (number, line) in prose(text) {
            for target in targets(line).filter(|target| !is_elsewhere(target)) {
                if !leads_somewhere(tree, path, target) {
                    found.push(Finding::new(path, number, format!("nothing is at `{target}`")));
                }
            }
        }
    }
    found
}

/// The change log has a place for the next release.
pub(super) fn changelog(tree: &Tree) -> Vec<Finding> {
    let has_section = |text: &String| {
        text.lines().any(|line| matches!(line.trim_end(), "## [Unreleased]" | "## Unreleased"))
    };
    if tree.texts.get(CHANGELOG).is_some_and(has_section) {
        return Vec::new();
    }
    vec![Finding::new(CHANGELOG, 1, "there is no section `## [Unreleased]`")]
}

/// The README's section about performance is as it was written from measurements.
pub(super) fn performance(tree: &Tree) -> Vec<Finding> {
    let checked = tree.texts.get(README).map(|text| check_readme(text));
    checked.and_then(Result::err).map(|why| Finding::new(README, 1, why)).into_iter().collect()
}

/// Yields the lines outside fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((at + 1, line))
    })
}

/// Yields what the links of a line point to, inline ones and definitions.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    // What stands between backticks is code.
    let words = line.split('`').step_by(2);
    let inline = words
        .flat_map(|text| text.split("](").skip(1))
        .filter_map(|rest| rest.split([')', ' ']).next());
    let definition = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|it| it.1);
    inline.chain(definition.and_then(|target| target.split_whitespace().next()))
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { Some(from.to_owned()) } else { resolved(from, file) };
    let Some(path) = path else { return false };
    if heading.is_empty() {
        let folder = format!("{path}/");
        return tree.paths.contains(&path) || tree.paths.iter().any(|it| it.starts_with(&folder));
    }
    let headings =
        |text: &String| prose(text).any(|(_, line)| anchor(line).as_deref() == Some(heading));
    tree.texts.get(&path).is_some_and(headings)
}

/// Returns the path of a target from the workspace's root, or nothing where it leaves the project.
fn resolved(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Returns the name under which a heading can be linked to.
fn anchor(line: &str) -> Option<String> {
    let title = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))?;
    let kept = title.trim().chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

const README: &str = "README.md";
const CHANGELOG: &str = "CHANGELOG.md";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::places;

    #[test]
    fn a_file_says_what_it_is_for() {
        let files = [("a.rs", "//! A.\n"), ("b.rs", "/// B.\nfn b() {}\n"), ("c.rs", "\n//! C.\n")];
        assert_eq!(places(file_doc, &files), ["b.rs:1", "c.rs:1"]);
    }

    #[test]
    fn links_to_nothing_are_found() {
        let good = "# A B's `c`\n[a](b/c.md#x) [b](#a-bs-c) [c](b) [d](https://e.f/g) `[e](f)`\n\
                    ```\n[g](h)\n```\n[i]: b/c.md\n";
        let other = "## X\n[up](../a.md)\n";
        assert_eq!(places(links, &[("a.md", good), ("b/c.md", other)]), Vec::<String>::new());
        let bad = "# A\n[a](b.md)\n[b](#b)\n[c](../c.md)\n[d]: d.md\n";
        assert_eq!(places(links, &[("a.md", bad)]), ["a.md:2", "a.md:3", "a.md:4", "a.md:5"]);
    }

    #[test]
    fn the_section_about_performance_is_missed() {
        assert_eq!(places(performance, &[("README.md", "# A\n")]), ["README.md:1"]);
        assert_eq!(places(performance, &[("a/README.md", "# A\n")]), Vec::<String>::new());
    }

    #[test]
    fn the_next_release_has_its_section() {
        assert_eq!(places(changelog, &[]), ["CHANGELOG.md:1"]);
        assert_eq!(places(changelog, &[("CHANGELOG.md", "## [0.1.0]\n")]), ["CHANGELOG.md:1"]);
        assert!(places(changelog, &[("CHANGELOG.md", "## [Unreleased]\n")]).is_empty());
    }
}
