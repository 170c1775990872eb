//! What is given in place of a file, and output that nobody reads.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use support::{run, scratch, scratch_with};

fn spawn(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_convertctl"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn what_is_no_file_is_named_and_refused() {
    let folder = scratch("");
    for (config, expected) in [
        (&*folder, format!("{folder} cannot be read: it is a directory")),
        ("/no/such/file", "/no/such/file cannot be read: No such file or directory".to_owned()),
    ] {
        let run = run(&["validate", config]);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.starts_with(&format!("convertctl: {expected}")), "{}", run.stderr);
    }
    let certificate = ["--root-certificate", &folder];
    let run = run(&[&["validate", "--sdk-key", "1/2"], &certificate[..]].concat());
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.ends_with("cannot be read: it is a directory\n"), "{}", run.stderr);
}

#[test]
fn a_fault_of_a_config_is_named_with_its_file_and_path() {
    let file = scratch_with("no-project.json", r#"{"account_id": "1", "project": {"name": "x"}}"#);
    let run = run(&["explain", "--config", &file, "--visitor", "v", "--experience", "e"]);
    assert_eq!(run.code, Some(1));
    let expected = format!("convertctl: {file}: ");
    assert!(
        run.stderr.starts_with(&expected) && run.stderr.contains("project.id"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_pipe_is_waited_for_with_a_message_and_then_read() {
    let pipe = scratch("config.fifo");
    let _ = fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = spawn(&["validate", &pipe]);
    let mut message = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut message).unwrap();
    assert_eq!(message, format!("convertctl: waiting for {pipe} to be written\n"));
    let demo = include_bytes!("../src/demo.json");
    File::options().write(true).open(&pipe).unwrap().write_all(demo).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("no diagnostics"));
}

#[test]
fn exit_codes_hold_although_nobody_reads_the_output() {
    let noted = json!({"account_id": "1", "project": {"id": "2"}, "experiences": [{"id": ""}]});
    let noted = scratch_with("noted.json", &noted.to_string());
    let track = ["track", "--config", "demo", "--visitor", "v", "--goal", "order-placed"];
    let nowhere = ["--track-base-url", "https://127.0.0.1:1", "--delivery-timeout", "0.01"];
    for (arguments, input, code) in [
        (vec!["validate", "--strict", &noted], "", 2),
        ([&track[..], &nowhere].concat(), "", 1),
        (vec!["evaluate", "--config", "demo"], "no request\n", 1),
        (vec!["evaluate", "--config", "demo"], "{\"visitor_id\": \"v\"}\n", 0),
        (vec!["assign", "--config", "demo", "--experience", "checkout"], "v\n\u{0}\n", 0),
    ] {
        let mut child = spawn(&arguments);
        drop(child.stdout.take());
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_convertctl"))
        .args(["validate", "demo"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("convertctl: the output cannot be written: No space"), "{message}");
}

#[test]
fn lines_that_are_too_long_or_no_text_cost_themselves_alone() {
    let mut child = spawn(&["evaluate", "--config", "demo"]);
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || {
        let _ = stdin.write_all(&vec![b'['; 100 << 20]);
        let _ = stdin.write_all(b"\n\xff\n{\"visitor_id\": \"v\"}\n");
    });
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let output = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({"error": "the line is longer than 16 MiB", "line": 1}));
    assert_eq!(lines[1], json!({"error": "not UTF-8 at byte 1", "line": 2}));
    assert_eq!(lines[2]["visitor_id"], "v");
}

/// Returns the most memory that a running process has used, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory(child: &Child) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn long_answers_are_written_before_many_are_held() {
    const VISITORS: usize = 800;
    const VARIABLE: usize = 64 << 10;
    let config = json!({"account_id": "1", "project": {"id": "2"},
        "features": [{"id": "5", "key": "f", "variables": [{"key": "v", "type": "string"}]}],
        "experiences": [{"id": "3", "key": "e", "variations": [{"id": "30", "key": "a",
            "changes": [{"type": "fullStackFeature", "data": {"feature_id": "5",
                "variables_data": {"v": "x".repeat(VARIABLE)}}}]}]}]});
    let config = scratch_with("long-variable.json", &config.to_string());
    let mut child = spawn(&["evaluate", "--config", &config]);
    let mut stdin = child.stdin.take().unwrap();
    // At once, so that they come in one chunk.
    stdin.write_all("{\"visitor_id\":\"v\"}\n".repeat(VISITORS).as_bytes()).unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    let mut bytes = 0;
    for _ in 0..VISITORS {
        bytes += answers.read_line(&mut String::new()).unwrap();
    }
    let peak = peak_memory(&child);
    assert!(bytes > VISITORS * VARIABLE && peak < bytes * 4 / 5, "{bytes} {peak}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
