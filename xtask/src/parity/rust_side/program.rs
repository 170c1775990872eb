//! The Rust side through `convertctl evaluate`, so that the command line is compared, too.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::parity::referee::{run, target_directory};
use crate::workspace;

/// A built command line and a place for the config of the moment.
#[derive(Debug)]
pub(crate) struct Program {
    program: PathBuf,
    config: PathBuf,
}

impl Program {
    /// Uses the command line at `program`, or builds it optimised.
    ///
    /// # Errors
    /// Fails when the build fails.
    pub(crate) fn prepare(program: Option<&Path>) -> Result<Self, String> {
        let directory = target_directory().join("parity");
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let program = match program {
            Some(path) => path.to_path_buf(),
            None => build()?,
        };
        Ok(Self { program, config: directory.join(format!("config-{}.json", std::process::id())) })
    }

    /// Decides for every visitor: one answer for each, in order.
    ///
    /// # Errors
    /// Carries what the command line wrote to its error stream when it fails.
    pub(crate) fn evaluate(
        &self,
        config: &Value,
        environment: Option<&str>,
        visitors: &[Value],
    ) -> Result<Vec<Value>, String> {
        fs::write(&self.config, config.to_string()).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.program);
        command.arg("evaluate").arg("--config").arg(&self.config);
        if let Some(environment) = environment {
            command.args(["--environment", environment]);
        }
        let lines: Vec<String> = visitors.iter().map(Value::to_string).collect();
        let requests = lines.join(
            "
",
        ) + "
";
        let answered = pipe(&mut command, requests)?;
        let answers: Result<Vec<Value>, _> = answered.lines().map(serde_json::from_str).collect();
        let answers =
            answers.map_err(|error| format!("convertctl answered {answered:?}: {error}"))?;
        if answers.len() == visitors.len() {
            Ok(answers)
        } else {
            Err(format!("convertctl answered {} of {} visitors", answers.len(), visitors.len()))
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The file may never have been written.
        let _ = fs::remove_file(&self.config);
    }
}

fn build() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "convert-cli"])
        .current_dir(workspace::root()))?;
    Ok(target_directory().join("release/convertctl"))
}

fn pipe(command: &mut Command, input: String) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    let mut sink = child.stdin.take().ok_or("convertctl has no input")?;
    // Written beside the reading, because both pipes have an end.
    let writer = thread::spawn(move || sink.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let written = writer.join().map_err(|_| "the writer of requests panicked".to_owned())?;
    if output.status.success() {
        written.map_err(|error| error.to_string())?;
        return String::from_utf8(output.stdout).map_err(|error| error.to_string());
    }
    Err(format!(
        "{command:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    ))
}
