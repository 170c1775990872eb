//! What a task is.

/// One entry of `cargo xtask`.
#[derive(Debug)]
pub(crate) struct Task {
    /// The word after `cargo xtask`.
    pub(crate) name: &'static str,
    /// One line for the list of tasks.
    pub(crate) about: &'static str,
    /// Runs the task with the words after its name; a failure is words for the terminal.
    pub(crate) run: fn(&[String]) -> Result<(), String>,
}
