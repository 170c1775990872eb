//! Words that do not belong into the project's files.

use super::mask::is_word;
use super::tree::{Finding, Tree, ends_in};

/// Nothing is left open.
pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, number, line) in tree.lines(is_source) {
        for mark in OPEN_MARKS {
            if words(line).any(|word| word == *mark) {
                found.push(Finding::new(path, number, "finish it, or leave it out"));
            }
        }
        if ends_in(path, "rs") && OPEN_MACROS.iter().any(|open| line.contains(open)) {
            found.push(Finding::new(path, number, "finish it, or leave it out"));
        }
    }
    found
}

/// Comments and documents say what is, not which ticket asked for it.
pub(super) fn ticket_number(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let message = "say what it is about instead of its number";
    for file in &tree.rust {
        let remarks = file.numbered().filter(|(_, line)| has_ticket(&line.comment));
        found.extend(remarks.map(|(number, _)| Finding::new(&file.path, number, message)));
    }
    for (path, number, line) in tree.lines(|path| !ends_in(path, "rs") && is_source(path)) {
        if has_ticket(line) {
            found.push(Finding::new(path, number, message));
        }
    }
    found
}

/// The project works on every machine, so it names the folders of none.
pub(super) fn machine_path(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, number, line) in tree.lines(|path| !ends_in(path, "lock")) {
        for folder in MACHINE_FOLDERS {
            let wanted = format!("/{folder}/");
            let absolute = |at: usize| {
                let before = line.get(..at).and_then(|text| text.chars().next_back());
                !before.is_some_and(|character| is_word(character) || ".*$}".contains(character))
            };
            if line.match_indices(&wanted).any(|(at, _)| absolute(at)) {
                found.push(Finding::new(path, number, format!("`{wanted}…` is a machine's own")));
            }
        }
    }
    found
}

/// Packages come from where the user's tools are set up to take them.
pub(super) fn registry_host(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, number, line) in tree.lines(|path| !path.ends_with("Cargo.lock")) {
        for (_, after) in
            line.match_indices("://").filter_map(|(at, _)| line.split_at_checked(at + 3))
        {
            let end = |character: char| !(character.is_alphanumeric() || ".-".contains(character));
            let host = after.split(end).next().unwrap_or_default();
            let known = |registry: &&&str| {
                host.strip_suffix(**registry)
                    .is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
            };
            if let Some(registry) = REGISTRIES.iter().find(known) {
                found.push(Finding::new(path, number, format!("names the registry {registry}")));
            }
        }
    }
    found
}

/// Tells whether people write this file, as opposed to data and lock files.
fn is_source(path: &str) -> bool {
    path == ".ci/run" || WRITTEN.iter().any(|extension| ends_in(path, extension))
}

/// Finds a `#` with a number, standing alone.
fn has_ticket(text: &str) -> bool {
    text.match_indices('#').any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + 1..).unwrap_or_default();
        let number: String = after.chars().take_while(|&character| is_word(character)).collect();
        before.is_none_or(|character| character.is_whitespace() || "([,".contains(character))
            && !number.is_empty()
            && number.chars().all(|character| character.is_ascii_digit())
    })
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !is_word(character))
}

// The tables are written in pieces, or the rules would find them here.
const OPEN_MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const OPEN_MACROS: &[&str] = &[concat!("to", "do!"), concat!("un", "implemented!")];
const WRITTEN: &[&str] = &["rs", "md", "toml", "sh", "js", "mjs", "py", "yml", "yaml"];
const MACHINE_FOLDERS: &[&str] = &["home", "root", "tmp", "work", "farm", "Users"];
const REGISTRIES: &[&str] = &[
    "crates.io",
    "npmjs.org",
    "npmjs.com",
    "yarnpkg.com",
    "pypi.org",
    "pythonhosted.org",
    "proxy.golang.org",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::places;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, expected: &[&str]) {
        assert_eq!(places(rule, &[(path, text)]), expected);
    }

    #[test]
    fn open_ends_are_found() {
        for mark in OPEN_MARKS {
            check(unfinished, "a.rs", &format!("\n// {mark}: later"), &["a.rs:2"]);
        }
        for open in OPEN_MACROS {
            check(unfinished, "a.rs", &format!("fn a() {{ {open}() }}"), &["a.rs:1"]);
        }
        check(unfinished, "a.rs", concat!("// ", "TO", "DOS and a toad"), &[]);
    }

    #[test]
    fn ticket_numbers_are_found() {
        check(ticket_number, "a.rs", "// See #12.", &["a.rs:1"]);
        check(ticket_number, "a.md", "Fixed (#7).", &["a.md:1"]);
        check(
            ticket_number,
            "a.rs",
            "#[test] // r#1 [a](b.md#3) #1a\nconst A: &str = \"#12\";",
            &[],
        );
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        for folder in MACHINE_FOLDERS {
            check(machine_path, "a.sh", &format!("\ncat /{folder}/a"), &["a.sh:2"]);
            check(
                machine_path,
                "a.sh",
                &format!("cat a/{folder}/a ../{folder}/a $A/{folder}/a"),
                &[],
            );
        }
    }

    #[test]
    fn registries_are_found() {
        for registry in REGISTRIES {
            check(registry_host, "a.md", &format!("https://{registry}/a"), &["a.md:1"]);
            check(registry_host, "a.md", &format!("\n(https://x.{registry})"), &["a.md:2"]);
            check(registry_host, "a.md", &format!("{registry} https://x{registry}/"), &[]);
        }
    }
}
