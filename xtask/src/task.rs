//! What a task is.

use crate::process::Process;

/// One entry of `cargo xtask`.
#[derive(Debug)]
pub(crate) struct Task {
    /// The word after `cargo xtask`.
    pub(crate) name: &'static str,
    /// One line for the list of tasks.
    pub(crate) about: &'static str,
    /// Which build of the tasks runs it.
    pub(crate) build: Build,
    /// Runs the task with the words after its name; a failure is words for the terminal.
    pub(crate) run: fn(&[String]) -> Result<(), String>,
}

/// How the code of a task is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// Quickly: the task has other programs do its work.
    Debug,
    /// With optimisation: the task itself measures or computes a lot.
    Release,
}

impl Task {
    /// Runs the task to its end, in a program of its own where it wants another build.
    pub(crate) fn start(&self, arguments: &[String]) -> Result<(), String> {
        if self.build == Build::Debug || !cfg!(debug_assertions) {
            return (self.run)(arguments);
        }
        Process::cargo(&["run", "--release", "--quiet", "--package", "xtask", "--", self.name])
            .args(arguments)
            .run()
    }
}
