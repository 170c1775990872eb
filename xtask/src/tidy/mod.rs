//! `cargo xtask tidy`: the invariants and the house style, as far as the source shows them.
//!
//! Each rule is a function from the project's files to findings. The same rules run as a test.

mod documents;
mod manifest;
mod mask;
mod members;
mod names;
mod sizes;
mod source;
mod tree;
mod words;
mod world;

use self::tree::{Finding, Tree};

/// Checks the project and prints every finding as `path:line: rule: message`.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if !arguments.is_empty() {
        return Err("tidy takes no arguments".to_owned());
    }
    let tree = Tree::read()?;
    let findings = findings(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    println!("{}", sizes::report(&tree));
    match findings.len() {
        0 => {
            println!("tidy: {} rules, {} files, nothing found", RULES.len(), tree.paths.len());
            Ok(())
        }
        count => Err(format!("tidy: {count} findings")),
    }
}

/// One rule.
struct Rule {
    /// Its name in the output.
    name: &'static str,
    /// What it finds in a tree.
    check: fn(&Tree) -> Vec<Finding>,
}

fn findings(tree: &Tree) -> Vec<String> {
    let mut all = Vec::new();
    for rule in RULES {
        let mut found = (rule.check)(tree);
        found.sort();
        all.extend(found.iter().map(|finding| finding.under(rule.name)));
    }
    all
}

const RULES: &[Rule] = &[
    Rule { name: "syntax", check: names::syntax },
    Rule { name: "file-doc", check: documents::file_doc },
    Rule { name: "file-length", check: sizes::file_length },
    Rule { name: "function-length", check: sizes::function_length },
    Rule { name: "typical-lengths", check: sizes::typical_lengths },
    Rule { name: "clock", check: world::clock },
    Rule { name: "threads", check: world::threads },
    Rule { name: "sleep", check: world::sleep },
    Rule { name: "wire", check: world::wire },
    Rule { name: "guest", check: world::guest },
    Rule { name: "output-and-environment", check: world::output_and_environment },
    Rule { name: "unfinished", check: words::unfinished },
    Rule { name: "ticket-number", check: words::ticket_number },
    Rule { name: "machine-path", check: words::machine_path },
    Rule { name: "registry-host", check: words::registry_host },
    Rule { name: "name", check: names::names },
    Rule { name: "lint-table", check: members::lint_table },
    Rule { name: "layering", check: members::layering },
    Rule { name: "confined-crate", check: members::confined_crates },
    Rule { name: "link", check: documents::links },
    Rule { name: "performance", check: documents::performance },
    Rule { name: "changelog", check: documents::changelog },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        let tree = Tree::read().unwrap();
        let findings = findings(&tree);
        assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
    }

    #[test]
    fn a_finding_says_where_which_rule_and_what() {
        let tree = Tree::of(&[("crates/a/src/lib.rs", "fn a() {}\n")]);
        let findings = findings(&tree);
        let expected =
            "crates/a/src/lib.rs:1: file-doc: a file opens with `//!`, saying what it is for";
        assert!(findings.iter().any(|finding| finding == expected), "{findings:?}");
    }
}
