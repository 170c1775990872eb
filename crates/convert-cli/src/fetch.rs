//! `convertctl fetch`: the config as the service serves it.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use convert_sdk::{
    BatchRequest, BatchResponse, ConfigRequest, ConfigResponse, Core, HttpsTransport, Transport,
    TransportError,
};

use crate::failure::Failure;
use crate::json::push_escaped;
use crate::output::complain;
use crate::replacement;
use crate::source::Service;

/// Fetch the config of an SDK key, and write it as it was served.
///
/// The config is loaded before anything is written: what no SDK could use is a failure, and leaves
/// FILE as it was. What loading stepped over goes to standard error. FILE is replaced whole, so that
/// a reader sees the old config or the new one.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  CONVERT_SDK_KEY=10012345/10067890 convertctl fetch --out config.json
  convertctl fetch --environment staging | convertctl validate -")]
pub(crate) struct Arguments {
    /// The file to write; without it, or with `-`, the config goes to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    service: Service,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    if !arguments.service.has_key() {
        return Err(Failure::Usage(
            "there is no SDK key: give --sdk-key, or set CONVERT_SDK_KEY".to_owned(),
        ));
    }
    let settings = arguments.service.settings()?;
    let transport = HttpsTransport::new(&arguments.service.transport()?)
        .map_err(|error| Failure::of(&error))?;
    let tap = Arc::new(Tap { transport, served: Mutex::default() });
    // A core fetches, so that what is asked for and what is accepted are the SDK's.
    let core = Core::initialize(settings.tracking(false).transport_impl(Arc::clone(&tap)))
        .map_err(|error| Failure::of(&error))?;
    for diagnostic in core.current_config().diagnostics() {
        complain(&diagnostic.to_string());
    }
    let config = tap.served();
    match arguments.out.as_deref().filter(|file| file.as_os_str() != "-") {
        Some(file) => replacement::write(file, &config).map_err(|error| {
            Failure::new(format_args!("{} cannot be written: {error}", file.display()))
        })?,
        None if io::stdout().is_terminal() => out.write_all(&for_terminal(&config))?,
        None => out.write_all(&config)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns a config in which nothing steers a terminal, as JSON that means the same.
fn for_terminal(config: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(config) else { return config.escape_ascii().collect() };
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        push_escaped(line.strip_suffix('\r').unwrap_or(line), &mut shown);
        shown.push_str(end);
    }
    shown.into_bytes()
}

/// The HTTPS client, and the bytes of the config that came through it.
struct Tap {
    transport: HttpsTransport,
    served: Mutex<Vec<u8>>,
}

impl Tap {
    fn served(&self) -> Vec<u8> {
        std::mem::take(&mut self.served.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Transport for Tap {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        let response = self.transport.fetch_config(request)?;
        if let ConfigResponse::Modified(body) = &response {
            *self.served.lock().unwrap_or_else(PoisonError::into_inner) = body.bytes().to_vec();
        }
        Ok(response)
    }

    fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError> {
        self.transport.send_batch(request)
    }

    fn close(&self) {
        self.transport.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_on_a_terminal_means_the_same_and_steers_nothing() {
        let shown = for_terminal("{\r\n\"a\": \"\u{9b}\u{202e}é\"}\n".as_bytes());
        let shown = String::from_utf8(shown).unwrap();
        assert_eq!(shown, "{\n\"a\": \"\\u009b\\u202eé\"}\n");
    }
}
