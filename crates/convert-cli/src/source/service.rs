//! The service as the source of a config.

use std::sync::Arc;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use convert_sdk::{
    CacheLevel, Core, Error, HttpsUrl, InvalidConfigError, ProjectConfig, SdkConfig, SdkKey,
    Secret, TransportConfig, TransportError,
};

use super::connection::{Connection, HEADING, secret};
use crate::failure::Failure;

/// The options with which a config is fetched.
#[derive(Debug)]
pub(crate) struct Service {
    options: Options,
    is_key_typed: bool,
    is_environment_typed: bool,
}

#[derive(Debug, Args)]
struct Options {
    /// Fetch the config from the service with this key. Safer in the environment, since others on
    /// the machine can see the command line; a config that is named goes before it there.
    #[arg(long, help_heading = HEADING, value_name = "KEY", value_parser = secret())]
    #[arg(env = "CONVERT_SDK_KEY", hide_env_values = true)]
    sdk_key: Option<Secret>,

    /// The environment that experiences must belong to, and that a config is fetched for; without
    /// it, none is checked. The variable counts for fetched configs only.
    #[arg(long, help_heading = HEADING, value_name = "ENVIRONMENT", env = "CONVERT_ENVIRONMENT")]
    environment: Option<String>,

    /// Where configs are fetched from, an https URL.
    #[arg(long, help_heading = HEADING, value_name = "URL", value_parser = address())]
    base_url: Option<Address>,

    /// How fresh a fetched config must be.
    #[arg(long, help_heading = HEADING, value_name = "LEVEL", value_enum, default_value_t = Freshness::Default)]
    cache_level: Freshness,

    /// The token with which the service shows experiences that are not live yet.
    #[arg(long, help_heading = HEADING, value_name = "TOKEN", value_parser = secret())]
    #[arg(env = "CONVERT_DEBUG_TOKEN", hide_env_values = true)]
    debug_token: Option<Secret>,

    #[command(flatten)]
    connection: Connection,
}

/// An address, or what is wrong with it: one that is refused must not be repeated, since it may
/// hold a password.
type Address = Result<HttpsUrl, TransportError>;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Freshness {
    /// As the service's caches have it.
    Default,
    /// From a route that is cached for a short time only.
    Low,
}

impl Service {
    /// Returns whether the command line holds a key.
    pub(crate) fn is_named(&self) -> bool {
        self.is_key_typed
    }

    /// Returns whether there is a key. A variable that is empty counts as not set.
    pub(crate) fn has_key(&self) -> bool {
        let key = self.options.sdk_key.as_ref();
        key.is_some_and(|key| self.is_key_typed || !key.expose().is_empty())
    }

    /// Returns the environment of the command line, without regard for the variable.
    pub(crate) fn typed_environment(&self) -> Option<&str> {
        self.options.environment.as_deref().filter(|_| self.is_environment_typed)
    }

    /// Returns how to reach the service.
    pub(crate) fn transport(&self) -> Result<TransportConfig, Failure> {
        let settings = self.options.connection.transport()?;
        Ok(match &self.options.base_url {
            Some(address) => {
                let address = address.clone().map_err(|error| usage("--base-url", &error))?;
                settings.base_url(address)
            }
            None => settings,
        })
    }

    /// Returns the settings of a core that fetches its config.
    pub(crate) fn settings(&self) -> Result<SdkConfig, Failure> {
        let key = self.options.sdk_key.as_ref().map(Secret::expose).unwrap_or_default();
        // Looked at here first, since a key that cannot be one is a mistake in the arguments.
        SdkKey::parse(key).map_err(|error| usage("--sdk-key", &error))?;
        let level = match self.options.cache_level {
            Freshness::Default => CacheLevel::Default,
            Freshness::Low => CacheLevel::Low,
        };
        let mut settings = SdkConfig::from_sdk_key(key)
            .map_err(|error| Failure::of(&error))?
            .transport(self.transport()?)
            .cache_level(level);
        if let Some(environment) = self.environment() {
            settings = settings.environment(environment);
        }
        if let Some(token) = &self.options.debug_token {
            settings = settings.debug_token(token.expose());
        }
        Ok(settings)
    }

    /// Returns the environment; a variable that is empty counts as not set.
    fn environment(&self) -> Option<&str> {
        let environment = self.options.environment.as_deref();
        environment.filter(|name| self.is_environment_typed || !name.is_empty())
    }

    /// Fetches the config; the inner error names what makes it unusable.
    pub(super) fn check(&self) -> Result<Result<Arc<ProjectConfig>, InvalidConfigError>, Failure> {
        match Core::initialize(self.settings()?.tracking(false)) {
            Ok(core) => Ok(Ok(core.current_config())),
            Err(Error::InvalidConfig(error)) => Ok(Err(error)),
            Err(error) => Err(Failure::of(&error)),
        }
    }
}

// By hand, because the derived code does not show which options stand on the command line.
impl FromArgMatches for Service {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        Ok(Service {
            is_key_typed: is_typed("sdk_key"),
            is_environment_typed: is_typed("environment"),
            options: Options::from_arg_matches(matches)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Service::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Service {
    fn augment_args(command: Command) -> Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args_for_update(command)
    }
}

fn address() -> impl TypedValueParser<Value = Address> {
    StringValueParser::new().map(HttpsUrl::parse)
}

fn usage(option: &str, error: &TransportError) -> Failure {
    Failure::Usage(format!("{option}: {error}"))
}
