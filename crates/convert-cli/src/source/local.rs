//! A config at hand: a file, standard input, or the demo project.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use convert_sdk::{InvalidConfigError, ProjectConfig};

use crate::failure::Failure;
use crate::input::{read_file, read_stdin};

/// A config that needs no network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LocalConfig {
    /// The demo project inside this program.
    Demo,
    /// Standard input.
    StandardInput,
    /// A file.
    File(PathBuf),
}

impl LocalConfig {
    /// Reads and loads the config.
    pub(crate) fn load(&self) -> Result<ProjectConfig, Failure> {
        self.check()?.map_err(|error| Failure::new(format_args!("{self}: {error}")))
    }

    /// Reads the config and tries to load it; the inner error names what makes it unusable.
    pub(crate) fn check(&self) -> Result<Result<ProjectConfig, InvalidConfigError>, Failure> {
        let json = self.read().map_err(Failure::Other)?;
        Ok(ProjectConfig::from_json(&json))
    }

    /// Fails if standard input, which holds `what`, is to hold the config as well.
    pub(crate) fn leaves_input_for(&self, what: &str) -> Result<(), Failure> {
        match self {
            LocalConfig::StandardInput => Err(Failure::Usage(format!(
                "standard input holds the {what}, so the config cannot come from there"
            ))),
            LocalConfig::Demo | LocalConfig::File(_) => Ok(()),
        }
    }

    fn read(&self) -> Result<Cow<'static, [u8]>, String> {
        match self {
            LocalConfig::Demo => Ok(Cow::Borrowed(DEMO.as_bytes())),
            LocalConfig::File(path) => read_file(path, MAX_CONFIG).map(Cow::Owned),
            LocalConfig::StandardInput => read_stdin("the config", MAX_CONFIG).map(Cow::Owned),
        }
    }
}

impl From<OsString> for LocalConfig {
    fn from(argument: OsString) -> Self {
        match argument.to_str() {
            Some("demo") => LocalConfig::Demo,
            Some("-") => LocalConfig::StandardInput,
            _ => LocalConfig::File(PathBuf::from(argument)),
        }
    }
}

impl fmt::Display for LocalConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LocalConfig::Demo => f.write_str("the demo project"),
            LocalConfig::StandardInput => f.write_str("standard input"),
            LocalConfig::File(path) => path.display().fmt(f),
        }
    }
}

/// The bytes that a config may have.
const MAX_CONFIG: u64 = 256 << 20;
const DEMO: &str = include_str!("../demo.json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_project_has_nothing_to_complain_of() {
        assert_eq!(LocalConfig::Demo.load().unwrap().diagnostics(), []);
    }
}
