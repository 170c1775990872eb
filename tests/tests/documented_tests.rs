//! The tests that `docs/tracking.md` names exist.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files with tests, by suite: a file in `tests/tests`, or a module of the core with its children.
fn suites() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut suites: BTreeMap<String, String> = BTreeMap::new();
    for folder in ["tests", "../crates/convert-core/src"] {
        let folder = root.join(folder);
        for path in rust_files(&folder) {
            let text = fs::read_to_string(&path).unwrap();
            let inside = path.strip_prefix(&folder).unwrap().with_extension("");
            for part in &inside {
                suites.entry(part.to_string_lossy().into_owned()).or_default().push_str(&text);
            }
        }
    }
    suites
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// What stands between backquotes in the last column of a table.
fn named(page: &str) -> Vec<String> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| test |"));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn is_there(suites: &BTreeMap<String, String>, name: &str) -> bool {
    match name.split_once("::") {
        Some((suite, test)) => {
            suites.get(suite).is_some_and(|text| text.contains(&format!("fn {test}(")))
        }
        None => suites.contains_key(name) || name == "assert_no_lock_held",
    }
}

#[test]
fn each_test_that_the_page_about_tracking_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../docs/tracking.md")).unwrap();
    let suites = suites();
    let named = named(&page);
    assert!(named.len() > 60, "{}", named.len());
    let missing: Vec<&String> = named.iter().filter(|name| !is_there(&suites, name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(!is_there(&suites, "delivery::no_such_test") && !is_there(&suites, "no_such_suite"));
}

#[test]
fn each_loss_has_a_counter_an_event_a_level_and_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../docs/tracking.md")).unwrap();
    let losses = page.split_once("## Losses").unwrap().1;
    let rows: Vec<&str> = losses
        .lines()
        .filter(|line| line.starts_with("| ") && !line.ends_with("| test |"))
        .collect();
    assert!(rows.len() > 15, "{}", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{row}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{row}");
        assert!(cells.last().unwrap().contains("::"), "{row}");
    }
}
