//! Where a config comes from.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read as _};
use std::path::PathBuf;

use convert_sdk::{Core, InvalidConfigError, ProjectConfig, SdkConfig};

use crate::failure::Failure;

/// Where a config comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConfigSource {
    /// The demo project inside this program.
    Demo,
    /// Standard input.
    StandardInput,
    /// A file.
    File(PathBuf),
}

impl ConfigSource {
    /// Reads and loads the config.
    pub(crate) fn load(&self) -> Result<ProjectConfig, Failure> {
        self.check()?.map_err(|error| Failure::new(format_args!("{self}: {error}")))
    }

    /// Reads the config and tries to load it; the inner error says what makes it unusable.
    pub(crate) fn check(&self) -> Result<Result<ProjectConfig, InvalidConfigError>, Failure> {
        let json = self
            .read()
            .map_err(|error| Failure::new(format_args!("{self} cannot be read: {error}")))?;
        Ok(ProjectConfig::from_json(&json))
    }

    /// Loads the config for decisions. No visitor is remembered.
    pub(crate) fn core(&self, environment: Option<&str>) -> Result<Core, Failure> {
        let mut settings = SdkConfig::from_data(self.load()?).record_capacity(0);
        if let Some(environment) = environment {
            settings = settings.environment(environment);
        }
        Core::initialize(settings).map_err(Failure::new)
    }

    /// Fails if standard input, which holds `what`, is to hold the config as well.
    pub(crate) fn leaves_input_for(&self, what: &str) -> Result<(), Failure> {
        match self {
            ConfigSource::StandardInput => Err(Failure::Usage(format!(
                "standard input holds the {what}, so the config cannot come from there"
            ))),
            ConfigSource::Demo | ConfigSource::File(_) => Ok(()),
        }
    }

    fn read(&self) -> io::Result<Cow<'static, [u8]>> {
        match self {
            ConfigSource::Demo => Ok(Cow::Borrowed(DEMO.as_bytes())),
            ConfigSource::File(path) => std::fs::read(path).map(Cow::Owned),
            ConfigSource::StandardInput => {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

impl From<OsString> for ConfigSource {
    fn from(argument: OsString) -> Self {
        match argument.to_str() {
            Some("demo") => ConfigSource::Demo,
            Some("-") => ConfigSource::StandardInput,
            _ => ConfigSource::File(PathBuf::from(argument)),
        }
    }
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigSource::Demo => f.write_str("the demo project"),
            ConfigSource::StandardInput => f.write_str("standard input"),
            ConfigSource::File(path) => path.display().fmt(f),
        }
    }
}

const DEMO: &str = include_str!("demo.json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_project_has_nothing_to_complain_of() {
        assert_eq!(ConfigSource::Demo.load().unwrap().diagnostics(), []);
    }
}
