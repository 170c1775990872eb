//! Running the built program.

#![allow(dead_code, reason = "every test file uses a part of this")]
#![allow(clippy::indexing_slicing, reason = "a member that is missing reads as null")]
#![allow(clippy::unwrap_used, reason = "a test that cannot run the program fails")]

pub(crate) mod sink;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a run of the program left behind.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Returns standard output as one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Returns standard output as a JSON document a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs the program without input.
pub(crate) fn run(arguments: &[&str]) -> Run {
    run_with(arguments, b"")
}

/// Runs the program with this on standard input.
pub(crate) fn run_with(arguments: &[&str], input: &[u8]) -> Run {
    run_in(&[], arguments, input)
}

/// Runs the program with these variables, and none of its own besides.
pub(crate) fn run_in(variables: &[(&str, &str)], arguments: &[&str], input: &[u8]) -> Run {
    let Output { status, stdout, stderr } = output(variables, arguments, input);
    Run {
        code: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

fn output(variables: &[(&str, &str)], arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convertctl"));
    for name in OWN_VARIABLES {
        command.env_remove(name);
    }
    let mut child = command
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // The program may end without reading everything, so a broken pipe is no fault here.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

/// Returns the paths of the real configs. A test that calls this has `reference_data` in its name, so
/// that `cargo xtask test` leaves it out where there is none.
pub(crate) fn real_configs() -> Vec<String> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CONVERT_SHARED_DATA").map_or(beside, PathBuf::from);
    let folder = folder.join("projects");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let paths =
        ["cdn-snapshot.json", "sdk-test-config.json", "staging-static.json"].map(path).to_vec();
    let is_there = |path: &String| std::fs::exists(path).unwrap();
    assert!(paths.iter().all(is_there), "no reference data at {}", folder.display());
    paths
}

/// Returns a file of its own for a test, in the build's scratch folder.
pub(crate) fn scratch(name: &str) -> String {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).to_str().unwrap().to_owned()
}

/// Writes a file for a test and returns its path.
pub(crate) fn scratch_with(name: &str, content: &str) -> String {
    let path = scratch(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// The variables that the program looks at, which a test must not inherit.
const OWN_VARIABLES: [&str; 10] = [
    "CONVERT_SDK_KEY",
    "CONVERT_SDK_SECRET",
    "CONVERT_ENVIRONMENT",
    "CONVERT_DEBUG_TOKEN",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];
