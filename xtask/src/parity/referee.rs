//! The published SDKs as child processes that answer one line of JSON with another.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::workspace;

/// A running referee. It is stopped when dropped.
#[derive(Debug)]
pub(crate) struct Referee {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Referee {
    /// Starts the JavaScript SDK, installing it on first use; none when node or npm is missing.
    ///
    /// # Errors
    /// Says which command failed.
    pub(crate) fn javascript() -> Result<Option<Self>, String> {
        let Some(installed) = install_javascript()? else { return Ok(None) };
        let script = workspace::root().join("xtask/js/evaluate.mjs");
        Self::start(Command::new("node").arg(script).arg(installed)).map(Some)
    }

    /// Starts the Python SDK, installing it on first use; none when python3 is missing.
    ///
    /// # Errors
    /// Says which command failed.
    pub(crate) fn python() -> Result<Option<Self>, String> {
        let Some(python) = install_python()? else { return Ok(None) };
        Self::start(Command::new(python).arg(workspace::root().join("xtask/py/evaluate.py")))
            .map(Some)
    }

    /// Sends a request without waiting for its answer.
    ///
    /// # Errors
    /// Fails when the referee has gone.
    pub(crate) fn send(&mut self, request: &Value) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("the referee takes no more requests")?;
        writeln!(input, "{request}")
            .and_then(|()| input.flush())
            .map_err(|error| format!("referee: {error}"))
    }

    /// Waits for the next answer.
    ///
    /// # Errors
    /// Fails when the referee has gone or says something that is not JSON.
    pub(crate) fn receive(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| format!("referee: {error}"))?;
        serde_json::from_str(&line).map_err(|error| format!("referee answered {line:?}: {error}"))
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`receive`](Self::receive).
    pub(crate) fn ask(&mut self, request: &Value) -> Result<Value, String> {
        self.send(request)?;
        self.receive()
    }

    /// Starts a program that answers lines with lines.
    ///
    /// # Errors
    /// Says which command failed.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("the referee has no output")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }
}

impl Drop for Referee {
    fn drop(&mut self) {
        // Closing its input ends the referee; a failure to wait leaves nothing to mend.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// The directory builds go to, where installations and failing cases are kept, too.
pub(crate) fn target_directory() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace::root().join("target"), |path| workspace::root().join(path))
}

/// Installs the JavaScript SDK at the version `xtask/js/package.json` names; none when node or npm is missing.
///
/// # Errors
/// Says which command failed.
pub(crate) fn install_javascript() -> Result<Option<PathBuf>, String> {
    if !answers("node", "--version") || !answers("npm", "--version") {
        eprintln!("SKIPPED: node and npm are needed to run the JavaScript SDK");
        return Ok(None);
    }
    let wanted = workspace::root().join("xtask/js/package.json");
    let directory = target_directory().join("js");
    let manifest = directory.join("package.json");
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    if read(&wanted) != read(&manifest) || !directory.join("node_modules").is_dir() {
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        fs::copy(&wanted, &manifest).map_err(|error| error.to_string())?;
        let options = [
            "install",
            "--no-package-lock",
            "--legacy-peer-deps",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        if let Err(reason) = run(Command::new("npm").args(options).current_dir(&directory)) {
            // The copied manifest would make the next run believe the installation is complete.
            let _ = fs::remove_file(&manifest);
            return Err(reason);
        }
    }
    Ok(Some(directory))
}

/// Returns the version of the JavaScript SDK that `xtask/js/package.json` names.
///
/// # Errors
/// Fails when the file names none.
pub(crate) fn javascript_version() -> Result<String, String> {
    let file = workspace::root().join("xtask/js/package.json");
    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let manifest: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let version = manifest.pointer("/dependencies/@convertcom~1js-sdk").and_then(Value::as_str);
    version.map(str::to_owned).ok_or_else(|| "package.json names no SDK".to_owned())
}

/// Installs the Python SDK; none when python3 is missing.
///
/// # Errors
/// Says which command failed.
pub(crate) fn install_python() -> Result<Option<PathBuf>, String> {
    if !answers("python3", "--version") {
        eprintln!("SKIPPED: python3 is needed to run the Python SDK");
        return Ok(None);
    }
    let directory = target_directory().join("py");
    let python = directory.join("bin/python");
    let installed = directory.join(".installed");
    let wanted = format!("convert-python-sdk=={PYTHON_VERSION}");
    if fs::read_to_string(&installed).unwrap_or_default() != wanted {
        run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
        run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            &wanted,
        ]))?;
        fs::write(&installed, wanted).map_err(|error| error.to_string())?;
    }
    Ok(Some(python))
}

/// Runs a command and reports its failure with the command itself.
///
/// # Errors
/// Fails when the command cannot be started or ends badly.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}

fn answers(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The version of the Python SDK that is installed.
pub(crate) const PYTHON_VERSION: &str = "2.1.0";
