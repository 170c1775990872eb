//! Which files may touch the world: network, clock, threads, terminal, environment.

use super::mask::is_word;
use super::source::{Line, RustFile};
use super::tree::{Finding, Tree};

/// Only clock modules read the time.
pub(super) fn clock(tree: &Tree) -> Vec<Finding> {
    let files = library(tree).filter(|file| !is_module(file, "clock"));
    named(files, &["Instant::now", "SystemTime::now"], "is for a clock module: take a clock")
}

/// Only worker modules start threads.
pub(super) fn threads(tree: &Tree) -> Vec<Finding> {
    let files = library(tree).filter(|file| !is_module(file, "worker"));
    let words = ["thread::spawn", "thread::Builder", "thread::scope"];
    named(files, &words, "is for a worker module")
}

/// Nothing sleeps, tests least of all.
pub(super) fn sleep(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in &tree.rust {
        for (number, line) in file.numbered() {
            if has(&line.code, "thread::sleep") {
                found.push(Finding::new(&file.path, number, "wait for the event, not for time"));
            }
        }
    }
    found
}

/// Only wire modules derive how the service's JSON is read.
pub(super) fn wire(tree: &Tree) -> Vec<Finding> {
    let files = library(tree).filter(|file| !is_module(file, "wire"));
    let derives = |line: &Line| line.code.contains("derive") && has(&line.code, "Deserialize");
    let mut found = Vec::new();
    for file in files {
        for (number, _) in file.shipped().filter(|(_, line)| derives(line)) {
            found.push(Finding::new(
                &file.path,
                number,
                "`Deserialize` is derived in `wire` modules",
            ));
        }
    }
    found
}

/// The SDK changes nothing that belongs to the whole process of its host.
pub(super) fn guest(tree: &Tree) -> Vec<Finding> {
    let words = [
        "set_logger",
        "set_boxed_logger",
        "set_max_level",
        "set_hook",
        "process::exit",
        "process::abort",
        "install_default",
        "tokio",
    ];
    named(library(tree), &words, "belongs to the host's process")
}

/// The SDK neither prints nor reads the environment unasked.
pub(super) fn output_and_environment(tree: &Tree) -> Vec<Finding> {
    let words = [
        "println!",
        "print!",
        "eprintln!",
        "eprint!",
        "dbg!",
        "env::var",
        "env::var_os",
        "env::vars",
    ];
    let mut found = Vec::new();
    for file in library(tree) {
        for (number, line) in file.shipped() {
            let used = words.into_iter().filter(|word| has(&line.code, word));
            for word in used.filter(|word| !is_allowed(file, word)) {
                found.push(Finding::new(&file.path, number, format!("`{word}` is the host's")));
            }
        }
        for entry in ALLOWED.iter().filter(|entry| entry.file == file.path) {
            if !file.shipped().any(|(_, line)| has(&line.code, entry.word)) {
                let message = format!("`{}` is gone: take its line off the table", entry.word);
                found.push(Finding::new(&file.path, 1, message));
            }
        }
    }
    found
}

fn is_allowed(file: &RustFile, word: &str) -> bool {
    ALLOWED.iter().any(|entry| entry.file == file.path && entry.word == word)
}

/// What one library file may use although others may not, because the application asked for it.
struct Allowed {
    file: &'static str,
    word: &'static str,
}

/// Yields the source files of the library crates.
fn library(tree: &Tree) -> impl Iterator<Item = &RustFile> {
    tree.rust.iter().filter(|file| {
        let mut parts = file.path.split('/');
        parts.next() == Some("crates")
            && parts.next().is_some_and(|name| !PROGRAMS.contains(&name))
            && parts.next() == Some("src")
            && !file.is_test()
    })
}

/// Tells whether a file is the module of this name or inside it.
fn is_module(file: &RustFile, name: &str) -> bool {
    file.path.split('/').any(|part| part.strip_suffix(".rs").unwrap_or(part) == name)
}

fn named<'tree>(
    files: impl Iterator<Item = &'tree RustFile>,
    words: &[&str],
    because: &str,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in file.shipped() {
            for word in words.iter().filter(|word| has(&line.code, word)) {
                found.push(Finding::new(&file.path, number, format!("`{word}` {because}")));
            }
        }
    }
    found
}

/// Tells whether a line of code has the word, not as a part of a longer one.
fn has(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let after = code.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The crates that are no library of the SDK.
const PROGRAMS: &[&str] = &["convert-cli", "test-support", "tls-coexistence"];

const ALLOWED: &[Allowed] = &[
    // `ProxyChoice::FromEnv` asks for the proxy variables.
    Allowed { file: "crates/convert-transport/src/https.rs", word: "env::var" },
    // `SdkConfig::from_env` is how an application asks for it.
    Allowed { file: "crates/convert-core/src/config/environment.rs", word: "env::var" },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::places;

    const NONE: [&str; 0] = [];

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)], expected: &[&str]) {
        assert_eq!(places(rule, files), expected);
    }

    #[test]
    fn time_is_read_in_clock_modules() {
        let code = "fn a() { let _ = std::time::Instant::now(); }";
        let fine = [("crates/c/src/clock.rs", code), ("crates/convert-cli/src/a.rs", code)];
        check(clock, &fine, &NONE);
        check(clock, &[("crates/c/src/a.rs", code)], &["crates/c/src/a.rs:1"]);
    }

    #[test]
    fn threads_start_in_worker_modules() {
        let code = "fn a() { std::thread::spawn(b); }";
        check(threads, &[("crates/c/src/worker/queue.rs", code)], &NONE);
        check(threads, &[("crates/c/src/a.rs", code)], &["crates/c/src/a.rs:1"]);
        let tested = format!("#[cfg(test)]\nmod tests {{\n{code}\n}}\n");
        check(threads, &[("crates/c/src/a.rs", &tested)], &NONE);
    }

    #[test]
    fn tests_do_not_sleep_either() {
        let code = "#[test]\nfn a() { std::thread::sleep(b); }";
        check(sleep, &[("tests/tests/a.rs", code)], &["tests/tests/a.rs:2"]);
    }

    #[test]
    fn json_is_derived_in_wire_modules() {
        let code = "#[derive(Debug, serde::Deserialize)]\nstruct A;";
        check(wire, &[("crates/c/src/wire.rs", code)], &NONE);
        check(wire, &[("crates/c/src/a.rs", code)], &["crates/c/src/a.rs:1"]);
    }

    #[test]
    fn the_process_is_the_hosts() {
        let code = "fn a() { log::set_logger(&B); }";
        check(guest, &[("crates/c/src/a.rs", code)], &["crates/c/src/a.rs:1"]);
        check(guest, &[("crates/convert-cli/src/a.rs", code)], &NONE);
    }

    #[test]
    fn a_library_is_quiet() {
        let code = "/// Prints: println!(\"a\").\nfn a() {\n    eprintln!(\"println!\");\n}";
        check(output_and_environment, &[("crates/c/src/a.rs", code)], &["crates/c/src/a.rs:3"]);
        let code = "fn a() { std::env::var(\"B\"); }";
        check(output_and_environment, &[("crates/c/src/a.rs", code)], &["crates/c/src/a.rs:1"]);
    }

    #[test]
    fn the_table_of_exceptions_is_kept_short() {
        let path = "crates/convert-transport/src/https.rs";
        check(output_and_environment, &[(path, "fn a() { env::var(B); }")], &NONE);
        check(output_and_environment, &[(path, "fn a() {}")], &[&format!("{path}:1")]);
    }
}
