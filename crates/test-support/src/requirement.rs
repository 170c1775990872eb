//! What a test needs that not every machine has.

use std::env;
use std::process::{Command, Stdio};
use std::thread;

/// Fails the test if `program` cannot be started, and names the Debian `package` that installs it.
///
/// `cargo xtask test` selects tests by name, so the name of the test must contain `word`, or the name
/// of its binary must begin with `word` and `_`.
///
/// # Panics
///
/// Panics if the program is missing, or if the name of the test lacks the word.
pub fn require(program: &str, package: &str, word: &str) {
    let executable = env::current_exe().unwrap_or_default();
    let stem = executable.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // A thread without a name of its own, or the main thread, is not known to belong to a test.
    let thread = thread::current();
    let test = thread.name().filter(|name| *name != "main");
    let is_named = stem.starts_with(&format!("{word}_"));
    assert!(
        is_named || test.is_none_or(|test| test.contains(word)),
        "a test that needs {program} has `{word}` in its name: {test:?}"
    );
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status();
    assert!(status.is_ok(), "{program} is not installed; apt-get install {package}");
}
