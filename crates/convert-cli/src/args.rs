//! The arguments of the command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use convert_sdk::{Attributes, Value};

use crate::{
    assign, evaluate, explain, fetch, json, records, serve_sink, simulate, track, validate,
};

/// Looks into Convert configs and decides from them.
///
/// A CONFIG is a file with the JSON that the service serves, `-` for standard input, or `demo` for
/// an embedded demo project; with it, nothing leaves the machine. With an SDK key in place of it the
/// config is fetched. Nothing is tracked but by `track`.
#[derive(Debug, Parser)]
#[command(name = "convertctl", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed (track: not delivered), 2 wrong usage (validate: diagnostics).

Examples:
  convertctl validate config.json
  convertctl explain --config demo --visitor visitor-001 --experience checkout --attr plan=pro
  CONVERT_SDK_KEY=10012345/10067890 convertctl fetch --out config.json
  convertctl serve-sink --port 9443 --certificate-out sink.pem
  convertctl evaluate --config config.json < requests.ndjson > answers.ndjson"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Validate(validate::Arguments),
    Evaluate(evaluate::Arguments),
    Explain(explain::Arguments),
    Simulate(simulate::Arguments),
    Assign(assign::Arguments),
    Fetch(fetch::Arguments),
    Track(track::Arguments),
    ServeSink(serve_sink::Arguments),
    Records(records::Arguments),
}

/// What is known of a visitor.
#[derive(Debug, Clone, Args)]
pub(crate) struct Facts {
    /// An attribute of the visitor; the value is read as JSON where it can be, else as text.
    /// Repeatable; of one name, the last counts.
    #[arg(long = "attr", value_name = "NAME=VALUE", value_parser = parse_pair)]
    attributes: Vec<Pair>,

    /// A property of the place the visitor is at, for location rules. Values as with --attr.
    #[arg(long = "location", value_name = "NAME=VALUE", value_parser = parse_pair)]
    location: Vec<Pair>,
}

/// A name and a value.
#[derive(Debug, Clone)]
struct Pair(String, Value<'static>);

impl Facts {
    /// Returns the visitor's attributes.
    pub(crate) fn attributes(&self) -> Attributes {
        collect(&self.attributes)
    }

    /// Returns what location rules see.
    pub(crate) fn location(&self) -> Attributes {
        collect(&self.location)
    }
}

fn collect(pairs: &[Pair]) -> Attributes {
    pairs.iter().map(|Pair(name, value)| (name, value.clone())).collect()
}

fn parse_pair(text: &str) -> Result<Pair, String> {
    let (name, value) = text.split_once('=').ok_or("there is no `=` between name and value")?;
    if name.is_empty() {
        return Err("there is no name before the `=`".to_owned());
    }
    let read = json::with_value(value, |value| value.clone().into_owned());
    Ok(Pair(name.to_owned(), read.unwrap_or_else(|_| Value::from(value.to_owned()))))
}

/// Reads a number of seconds above 0.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| !timeout.is_zero())
        .ok_or_else(|| "not a number of seconds above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_json_where_they_can_be() {
        for (text, expected) in [
            ("a=1", Value::from(1)),
            ("a=1.50", Value::from(1.5)),
            ("a=true", Value::from(true)),
            ("a=null", Value::Null),
            ("a=\"7\"", Value::from("7")),
            ("a=[1]", Value::from(vec![1])),
            ("a=007", Value::from("007")),
            ("a=x=y", Value::from("x=y")),
            ("a=", Value::from("")),
        ] {
            assert_eq!(parse_pair(text).unwrap().1, expected, "{text}");
        }
        assert!(parse_pair("a").is_err() && parse_pair("=1").is_err());
    }

    #[test]
    fn a_timeout_is_a_time() {
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "0", "-1", "nan", "inf", "1e30", "10s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
