//! The Rust side of a comparison: the built command line, or the library in this process.

mod library;
mod program;

use std::path::Path;

use serde_json::Value;

use self::program::Program;

/// What is compared with the referees.
#[derive(Debug)]
pub(crate) enum RustSide {
    /// `convertctl evaluate`, one process for each config.
    Program(Program),
    /// The facade, called from here.
    Library,
}

impl RustSide {
    /// Uses the command line at `program`, or builds it optimised.
    ///
    /// # Errors
    /// Fails when the build fails.
    pub(crate) fn program(program: Option<&Path>) -> Result<Self, String> {
        Program::prepare(program).map(Self::Program)
    }

    /// Decides for every visitor: one answer for each, in order.
    ///
    /// # Errors
    /// Fails when a config or a visitor is refused as a whole.
    pub(crate) fn evaluate(
        &self,
        config: &Value,
        environment: Option<&str>,
        visitors: &[Value],
    ) -> Result<Vec<Value>, String> {
        match self {
            Self::Program(program) => program.evaluate(config, environment, visitors),
            Self::Library => library::evaluate(config, environment, visitors),
        }
    }
}
