//! The arguments of the command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use convert_sdk::{Attributes, Value};

use crate::output::complain;
use crate::{
    assign, evaluate, explain, fetch, json, records, serve_sink, simulate, track, validate,
};

/// Looks into Convert configs and decides from them.
///
/// A CONFIG is a file with the JSON that the service serves, `-` for standard input, or `demo` for
/// an embedded demo project; with it, nothing leaves the machine. With an SDK key in place of it the
/// config is fetched, through the proxy that `HTTPS_PROXY` or `ALL_PROXY` names, unless `NO_PROXY` names
/// the host. Nothing is tracked but by `track`.
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
    /// NAME:text=VALUE takes it as text and NAME:json=VALUE as JSON, whatever it looks like, as in
    /// `--attr version:text=1.10`. Repeatable; of one name, the last counts.
    #[arg(long = "attr", value_name = "NAME=VALUE", value_parser = parse_pair)]
    attributes: Vec<Pair>,

    /// A property of the place the visitor is at, for location rules. Values as with --attr.
    #[arg(long = "location", value_name = "NAME=VALUE", value_parser = parse_pair)]
    location: Vec<Pair>,
}

/// A name and a value.
#[derive(Debug, Clone)]
struct Pair {
    name: String,
    value: Value<'static>,
    /// How the value was written, if it was guessed to be a number that is written otherwise.
    respelt: Option<String>,
}

impl Facts {
    /// Returns the visitor's attributes.
    pub(crate) fn attributes(&self) -> Attributes {
        collect(&self.attributes)
    }

    /// Returns what location rules see.
    pub(crate) fn location(&self) -> Attributes {
        collect(&self.location)
    }

    /// Prints a hint for each number that has lost its spelling, since it may be meant as text: a
    /// version, or a number with leading zeros or more digits than doubles have.
    pub(crate) fn hint_at_respelt_numbers(&self) {
        for (option, pairs) in [("attr", &self.attributes), ("location", &self.location)] {
            for pair in pairs {
                let Some(written) = &pair.respelt else { continue };
                let (name, number) = (&pair.name, pair.value.as_view().to_text());
                complain(&format!(
                    "--{option} {name}={written} is the number {number}; the text is \
                     {name}:text={written}"
                ));
            }
        }
    }
}

fn collect(pairs: &[Pair]) -> Attributes {
    pairs.iter().map(|pair| (&pair.name, pair.value.clone())).collect()
}

fn parse_pair(text: &str) -> Result<Pair, String> {
    let (name, written) = text.split_once('=').ok_or("there is no `=` between name and value")?;
    let (name, value, is_guessed) = if let Some(name) = name.strip_suffix(":text") {
        (name, Value::from(written.to_owned()), false)
    } else if let Some(name) = name.strip_suffix(":json") {
        (name, read_json(written)?, false)
    } else {
        let guessed = read_json(written);
        (name, guessed.unwrap_or_else(|_| Value::from(written.to_owned())), true)
    };
    if name.is_empty() {
        return Err("there is no name before the `=`".to_owned());
    }
    let is_number = matches!(value, Value::Integer(_) | Value::Float(_));
    let is_respelt = is_guessed && is_number && value.as_view().to_text() != written;
    let respelt = is_respelt.then(|| written.to_owned());
    Ok(Pair { name: name.to_owned(), value, respelt })
}

fn read_json(text: &str) -> Result<Value<'static>, String> {
    json::with_value(text, |value| value.clone().into_owned())
}

/// Reads a number of seconds above 0, up to a year.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| !timeout.is_zero() && *timeout <= LONGEST)
        .ok_or_else(|| "not a number of seconds above 0 and up to a year".to_owned())
}

/// More would overflow the clocks of some systems.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

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
            assert_eq!(parse_pair(text).unwrap().value, expected, "{text}");
        }
        assert!(parse_pair("a").is_err() && parse_pair("=1").is_err());
    }

    #[test]
    fn the_kind_of_a_value_can_be_given() {
        for (text, name, expected) in [
            ("v:text=1.10", "v", Value::from("1.10")),
            ("v:text=true", "v", Value::from("true")),
            ("v:json=1.10", "v", Value::from(1.1)),
            ("v:json=\"1.10\"", "v", Value::from("1.10")),
            ("v:text:text=1", "v:text", Value::from("1")),
            ("v:other=x", "v:other", Value::from("x")),
        ] {
            let pair = parse_pair(text).unwrap();
            assert_eq!((&*pair.name, pair.value, pair.respelt), (name, expected, None), "{text}");
        }
        assert!(parse_pair("v:json=x").is_err() && parse_pair(":text=x").is_err());
    }

    #[test]
    fn a_guessed_number_that_loses_its_spelling_is_noticed() {
        for (text, is_respelt) in [
            ("1.10", true),
            ("1e3", true),
            ("1.0", true),
            ("-0", true),
            ("12345678901234567890", true),
            ("007", false),
            ("1.1", false),
            ("42", false),
            ("-7", false),
            ("true", false),
            ("\"1.10\"", false),
        ] {
            let pair = parse_pair(&format!("v={text}")).unwrap();
            assert_eq!(pair.respelt.is_some(), is_respelt, "{text}");
        }
    }

    #[test]
    fn a_timeout_is_a_time() {
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "0", "-1", "nan", "inf", "1e30", "10s", "31536001"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
