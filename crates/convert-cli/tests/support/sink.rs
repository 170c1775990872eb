//! The built program as a tracking endpoint.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::{Run, run, scratch};

/// A running `serve-sink`, which ends with the value at the latest.
pub(crate) struct Sink {
    pub(crate) child: Child,
    pub(crate) output: BufReader<ChildStdout>,
    pub(crate) url: String,
    pub(crate) certificate: String,
}

impl Sink {
    /// Starts the program with JSON lines, and waits until it listens.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let certificate = scratch(&format!("{name}.pem"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_convertctl"))
            .args(["serve-sink", "--json", "--until-input-ends", "--certificate-out", &certificate])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let url = ready["listening"].as_str().unwrap().to_owned();
        Sink { child, output, url, certificate }
    }

    /// Runs `track` against it.
    pub(crate) fn track(&self, arguments: &[&str]) -> Run {
        let base = format!("{}/v1", self.url);
        let reach = ["--track-base-url", &base, "--root-certificate", &self.certificate];
        run(&[&["track"], arguments, &reach].concat())
    }

    /// Reads the next line.
    pub(crate) fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Waits until it ends by itself, and returns what else it had to say.
    pub(crate) fn rest(mut self) -> Vec<Value> {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn end_input(&mut self) {
        drop(self.child.stdin.take());
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
