//! The README's Rust, which is only worth something while it compiles.
//!
//! The rule: every paragraph of the README's Rust blocks stands, word for word and in the same
//! order, in the example under `# Quick start` of the facade's documentation, which the tests run.
//! The example may have paragraphs that the README leaves out.

use super::Outcome;
use crate::workspace;

/// Compares the README with the facade's documentation.
pub(super) fn check() -> Result<Outcome, String> {
    let read = |path: &str| {
        std::fs::read_to_string(workspace::root().join(path))
            .map_err(|error| format!("cannot read {path}: {error}"))
    };
    if !workspace::root().join(README).exists() {
        return Ok(Outcome::Skipped(format!("there is no {README}")));
    }
    let count = compare(&read(README)?, &read(FACADE)?)?;
    Ok(Outcome::Noted(format!("{count} paragraphs are the same")))
}

/// Returns how many paragraphs of the README stand in the facade's quick start: all of them.
fn compare(readme: &str, facade: &str) -> Result<usize, String> {
    let shown: Vec<String> = blocks(readme, |language| language == "rust")
        .iter()
        .flat_map(|it| paragraphs(it))
        .collect();
    let tested = quick_start(facade)
        .ok_or_else(|| format!("{FACADE} has no example under the heading `# Quick start`"))?;
    if shown.is_empty() {
        return Err(format!("{README} has no block of Rust"));
    }
    let mut tested = tested.iter();
    for paragraph in &shown {
        if !tested.any(|candidate| candidate == paragraph) {
            return Err(format!(
                "this paragraph of {README} is not, at its place, in the quick start of {FACADE}:\n{paragraph}"
            ));
        }
    }
    Ok(shown.len())
}

/// Returns the paragraphs of the first example under the heading, without its hidden lines.
fn quick_start(facade: &str) -> Option<Vec<String>> {
    let documentation: Vec<&str> = facade
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .skip_while(|line| *line != "# Quick start")
        .collect();
    let is_tested = |language: &str| matches!(language, "" | "rust" | "no_run" | "rust,no_run");
    let example = blocks(&documentation.join("\n"), is_tested).into_iter().next()?;
    let visible: Vec<&str> =
        example.lines().filter(|line| *line != "#" && !line.starts_with("# ")).collect();
    Some(paragraphs(&visible.join("\n")))
}

/// Returns the fenced blocks whose language is wanted.
fn blocks(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut inside = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(language), None) => {
                inside = Some(wanted(language));
                if inside == Some(true) {
                    found.push(String::new());
                }
            }
            (Some(_), Some(_)) => inside = None,
            (None, Some(true)) => {
                if let Some(block) = found.last_mut() {
                    block.push_str(line);
                    block.push('\n');
                }
            }
            (None, _) => {}
        }
    }
    found
}

fn paragraphs(block: &str) -> Vec<String> {
    block
        .split("\n\n")
        .map(|it| it.trim_matches('\n').to_owned())
        .filter(|it| !it.is_empty())
        .collect()
}

const README: &str = "README.md";
const FACADE: &str = "crates/convert-sdk/src/lib.rs";

#[cfg(test)]
mod tests {
    use super::*;

    const FACADE_TEXT: &str = "//! A.\n//!\n//! # Quick start\n//!\n//! ```\n//! use a;\n//!\n//! let more = 1;\n\
         //!\n//! let b = a();\n//! # Ok::<(), ()>(())\n//! ```\n//!\n//! ```\n//! other();\n//! ```\n";

    #[test]
    fn paragraphs_may_be_left_out() {
        let readme = "# A\n```sh\nls\n```\n```rust\nuse a;\n\nlet b = a();\n```\n";
        assert_eq!(compare(readme, FACADE_TEXT), Ok(2));
    }

    #[test]
    fn what_differs_is_shown() {
        for block in
            ["use a;\n\nlet b = c();", "let b = a();\n\nuse a;", "other();", "use a;\nlet b = a();"]
        {
            let readme = format!("```rust\n{block}\n```\n");
            assert!(compare(&readme, FACADE_TEXT).is_err(), "{block}");
        }
    }

    #[test]
    fn both_sides_must_have_something() {
        assert!(compare("# A\n", FACADE_TEXT).unwrap_err().contains("no block of Rust"));
        let readme = "```rust\nuse a;\n```\n";
        assert!(compare(readme, "//! A.\n").unwrap_err().contains("# Quick start"));
    }
}
