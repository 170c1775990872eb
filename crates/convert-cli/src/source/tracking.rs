//! Where events are sent.

use clap::Args;
use clap::builder::{StringValueParser, TypedValueParser};
use convert_sdk::{HttpsUrlTemplate, TransportConfig, TransportError};

use super::connection::HEADING;
use crate::failure::Failure;

/// The option of a command that sends events, besides those of [`Service`](super::Service).
#[derive(Debug, Args)]
pub(crate) struct TrackingAddress {
    /// Where events are sent, an https URL; `[project_id]` in it stands for the project.
    #[arg(long, help_heading = HEADING, value_name = "URL", value_parser = address())]
    track_base_url: Option<Address>,
}

type Address = Result<HttpsUrlTemplate, TransportError>;

impl TrackingAddress {
    /// Adds the address to what is known of the service.
    pub(crate) fn apply(&self, settings: TransportConfig) -> Result<TransportConfig, Failure> {
        match &self.track_base_url {
            Some(Ok(address)) => Ok(settings.track_base_url(address.clone())),
            Some(Err(error)) => Err(Failure::Usage(format!("--track-base-url: {error}"))),
            None => Ok(settings),
        }
    }
}

/// Keeps what is wrong with an address in place of the address, which may hold a password.
fn address() -> impl TypedValueParser<Value = Address> {
    StringValueParser::new().map(HttpsUrlTemplate::parse)
}
