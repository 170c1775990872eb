//! Runs other programs, showing the command line on standard error first.

use std::process::{Command, Stdio};

use crate::workspace;

/// A program to run in the workspace's root.
#[derive(Debug)]
pub(crate) struct Process {
    command: Command,
    line: String,
}

impl Process {
    /// Prepares a program with its arguments.
    pub(crate) fn new(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(workspace::root());
        let line = std::iter::once(program).chain(arguments.iter().copied());
        Self { command, line: line.collect::<Vec<_>>().join(" ") }
    }

    /// Prepares cargo: the one that runs this task, so that the toolchain stays the same.
    pub(crate) fn cargo(arguments: &[&str]) -> Self {
        let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut process = Self::new(&program, arguments);
        process.line = format!("cargo {}", arguments.join(" "));
        process
    }

    /// Adds words to the command line.
    pub(crate) fn args(mut self, more: &[String]) -> Self {
        for word in more {
            self.line = format!("{} {word}", self.line);
        }
        self.command.args(more);
        self
    }

    /// Sets an environment variable for the program.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.line = format!("{name}={value:?} {}", self.line);
        self
    }

    /// Runs the program to its end with this terminal's output.
    pub(crate) fn run(mut self) -> Result<(), String> {
        eprintln!("$ {}", self.line);
        match self.command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`{}` ended with {status}", self.line)),
            Err(error) => Err(format!("`{}` does not start: {error}", self.line)),
        }
    }

    /// Runs the program to its end and returns what it wrote to its standard output.
    pub(crate) fn output(mut self) -> Result<String, String> {
        eprintln!("$ {}", self.line);
        match self.command.stderr(Stdio::inherit()).output() {
            Ok(output) if output.status.success() => {
                Ok(String::from_utf8_lossy(&output.stdout).into_owned())
            }
            Ok(output) => Err(format!("`{}` ended with {}", self.line, output.status)),
            Err(error) => Err(format!("`{}` does not start: {error}", self.line)),
        }
    }

    /// Tells whether the program can be run at all, quietly.
    pub(crate) fn works(mut self) -> bool {
        let status = self.command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

/// Tells whether `cargo NAME` is installed.
pub(crate) fn has_subcommand(name: &str) -> bool {
    Process::cargo(&[name, "--version"]).works()
}
