//! Where a command's config comes from: a file, or the service. Every command shares the options.

mod connection;
mod local;
mod service;
mod tracking;

use std::fmt;
use std::sync::Arc;

use clap::Args;
use convert_sdk::{Core, InvalidConfigError, ProjectConfig, SdkConfig, TransportConfig};

use crate::failure::Failure;

pub(crate) use self::connection::MAX_CERTIFICATES;
pub(crate) use self::local::LocalConfig;
pub(crate) use self::service::Service;
pub(crate) use self::tracking::TrackingAddress;

/// The options of a command that needs a config.
#[derive(Debug, Args)]
pub(crate) struct ConfigOptions {
    /// The config: a file, `demo`, or `-` for standard input where that holds nothing else.
    #[arg(long, value_name = "CONFIG")]
    config: Option<LocalConfig>,

    #[command(flatten)]
    service: Service,
}

/// The one place where the config of a command comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'o> {
    /// What the command line names.
    Local(&'o LocalConfig, &'o Service),
    /// What the service sends.
    Service(&'o Service),
}

impl ConfigOptions {
    /// Decides between the config that is named and the service.
    pub(crate) fn origin(&self) -> Result<Origin<'_>, Failure> {
        Origin::choose("--config", self.config.as_ref(), &self.service)
    }
}

impl<'o> Origin<'o> {
    /// Takes the config if one is given, under the name `option`, and else asks the service.
    ///
    /// A config takes precedence over a key that is set in the environment only.
    pub(crate) fn choose(
        option: &str,
        config: Option<&'o LocalConfig>,
        service: &'o Service,
    ) -> Result<Self, Failure> {
        match config {
            Some(_) if service.is_named() => Err(Failure::Usage(format!(
                "{option} and --sdk-key are two sources of a config; give one of them"
            ))),
            Some(config) => Ok(Origin::Local(config, service)),
            None if service.has_key() => Ok(Origin::Service(service)),
            None => Err(Failure::Usage(format!(
                "there is no config: give {option}, or --sdk-key, or set CONVERT_SDK_KEY"
            ))),
        }
    }

    /// Reads the config and loads it.
    pub(crate) fn load(self) -> Result<Arc<ProjectConfig>, Failure> {
        self.check()?.map_err(|error| Failure::new(format_args!("{self}: {error}")))
    }

    /// Reads the config and tries to load it; the inner error names what makes it unusable.
    pub(crate) fn check(self) -> Result<Result<Arc<ProjectConfig>, InvalidConfigError>, Failure> {
        match self {
            Origin::Local(config, _) => Ok(config.check()?.map(Arc::new)),
            Origin::Service(service) => service.check(),
        }
    }

    /// Makes a core for decisions. It remembers no visitor and reports nothing.
    pub(crate) fn core(self) -> Result<Core, Failure> {
        let settings = self.settings()?.record_capacity(0).tracking(false);
        Core::initialize(settings).map_err(|error| Failure::of(&error))
    }

    /// Returns the settings of a core that decides from the config. With the service, or with
    /// tracking, it reaches out with the options of the command line.
    pub(crate) fn settings(self) -> Result<SdkConfig, Failure> {
        match self {
            Origin::Service(service) => service.settings(),
            Origin::Local(config, service) => {
                let settings = SdkConfig::from_data(config.load()?).transport(self.transport()?);
                Ok(match service.typed_environment() {
                    Some(environment) => settings.environment(environment),
                    None => settings,
                })
            }
        }
    }

    /// Returns how to reach the service.
    pub(crate) fn transport(self) -> Result<TransportConfig, Failure> {
        match self {
            Origin::Local(_, service) | Origin::Service(service) => service.transport(),
        }
    }

    /// Fails if standard input, which holds `what`, is to hold the config as well.
    pub(crate) fn leaves_input_for(self, what: &str) -> Result<(), Failure> {
        match self {
            Origin::Local(config, _) => config.leaves_input_for(what),
            Origin::Service(_) => Ok(()),
        }
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Local(config, _) => config.fmt(f),
            Origin::Service(_) => f.write_str("the service"),
        }
    }
}
