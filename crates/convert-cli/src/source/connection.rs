//! How the service is reached, whatever is asked of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{StringValueParser, TypedValueParser};
use convert_sdk::{Secret, TransportConfig};

use crate::args::seconds;
use crate::failure::Failure;
use crate::input::read_file;

/// The options of everything that goes over the network.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// Trust the certificates of this PEM file besides the built-in ones. Repeatable.
    #[arg(long = "root-certificate", help_heading = HEADING, value_name = "FILE")]
    root_certificates: Vec<PathBuf>,

    /// The secret that the project's API asks for. Safer in the environment, since others on the
    /// machine can see the command line.
    #[arg(long, help_heading = HEADING, value_name = "SECRET", value_parser = secret())]
    #[arg(env = "CONVERT_SDK_SECRET", hide_env_values = true)]
    secret: Option<Secret>,

    /// How long an exchange with the service may take.
    #[arg(long, help_heading = HEADING, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
}

impl Connection {
    /// Returns the settings of the transport, as far as they are known here.
    pub(crate) fn transport(&self) -> Result<TransportConfig, Failure> {
        let mut settings = TransportConfig::default().timeout(self.timeout).proxy_from_env();
        for file in &self.root_certificates {
            settings = settings
                .root_certificates(read_file(file, MAX_CERTIFICATES).map_err(Failure::Other)?);
        }
        Ok(match &self.secret {
            Some(secret) if !secret.expose().is_empty() => settings.auth_secret(secret.clone()),
            _ => settings,
        })
    }
}

/// Takes a value that must not be printed. It is checked later, since clap repeats an argument that
/// is refused here.
pub(super) fn secret() -> impl TypedValueParser<Value = Secret> {
    StringValueParser::new().map(Secret::new)
}

/// The bytes that a file with certificates may have.
pub(crate) const MAX_CERTIFICATES: u64 = 16 << 20;
/// Under which help lists the options that only matter with the service.
pub(super) const HEADING: &str = "Service";
