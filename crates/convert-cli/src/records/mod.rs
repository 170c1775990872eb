//! `convertctl records`: support work on the visitor records in a Redis.

mod address;
mod delete;
mod document;
mod export;
mod key;
mod left;
mod set;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use convert_redis::RedisStore;
use convert_sdk::{StoreError, StoreErrorKind};

use self::address::{Lifetime, Store};
use self::document::{Document, write_line};
use crate::failure::Failure;
use crate::output::one_line;

/// Look at visitor records in a Redis, replace and remove them.
///
/// A KEY is `ACCOUNT-PROJECT-VISITOR`, as in `10012345-10067890-visitor-1`. A PATTERN is a key with
/// `*` for any text, `?` for any byte and `[ab]` for one of these, so that a letter beyond ASCII takes
/// several `?`; `\` before such a character takes its meaning away, as in `10012345-10067890-who\?`.
/// Answers are JSON, a line each. Records are shown as they are stored. This connects to the address
/// given, and with --cluster to the servers that it names, and to nothing else.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Exit codes: 0 done, 1 failed, or not done for all; 2 wrong usage. For `get` a record that is not
there is 1, too: the message on standard error differs from that of a store that does not answer.
Of what was not done the first ten are named, all are counted.

Examples:
  export CONVERT_REDIS_URL=redis://localhost:6379
  convertctl records get 10012345-10067890-visitor-1
  convertctl records delete --matching '10012345-10067890-test-*' --yes
  convertctl records export > records.ndjson
  convertctl records set 10012345-10067890-visitor-1 < record.json"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the record of a visitor as it is stored: {"key": …, "record": …}. Exit code 1 if there
    /// is none.
    Get {
        #[command(flatten)]
        store: Store,
        /// Whose record.
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Replace the record of a visitor by the one on standard input: its JSON, or the line that `get`
    /// prints.
    ///
    /// Refused are what the SDK would read differently, a KEY that holds no visitor record, and a record
    /// that has changed since this command began. Nothing is stored of what is refused. The answer says
    /// whether there was a record. One that is replaced expires when the old one would have.
    Set {
        #[command(flatten)]
        store: Store,
        /// Whose record.
        #[arg(value_name = "KEY")]
        key: String,
        /// How long a record that is new is kept: days, or `never` for one that never expires.
        /// Defaults to 180 days, as the SDK's store does; use what your services use.
        #[arg(long, value_name = "DAYS")]
        ttl: Option<Lifetime>,
    },
    /// Remove records, and print how many there were.
    Delete {
        #[command(flatten)]
        store: Store,
        /// Whose records; whatever else a KEY holds is removed, too.
        #[arg(value_name = "KEY", required_unless_present = "matching")]
        keys: Vec<String>,
        /// Remove every record whose key matches; without --yes they are counted only. What is no
        /// visitor record is left alone and named, and the exit code is 1. The keys are gathered in
        /// memory first.
        #[arg(long, value_name = "PATTERN", conflicts_with = "keys")]
        matching: Option<String>,
        /// Do remove what matches.
        #[arg(long)]
        yes: bool,
    },
    /// Print every record, one a line: {"key": …, "record": …}. In no order; records that come or
    /// change meanwhile may be missing or old, and while Redis rearranges its keys one may come twice.
    ///
    /// What is no visitor record is left out and named, and the exit code is 1. How long records are
    /// kept is not exported.
    Export {
        #[command(flatten)]
        store: Store,
        /// Print those alone whose key matches.
        #[arg(long, value_name = "PATTERN", default_value = "*")]
        matching: String,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::Get { store, key } => get(&store.open(None)?, key, out),
        Action::Set { store, key, ttl } => set::run(&store.open(ttl.as_ref())?, key, out),
        Action::Delete { matching: None, yes: true, .. } => {
            Err(Failure::Usage("--yes goes with --matching alone".to_owned()))
        }
        Action::Delete { store, keys, matching: None, .. } => {
            delete::named(&store.open(None)?, keys, out)
        }
        Action::Delete { store, matching: Some(pattern), yes, .. } => {
            delete::matching(&store.open(None)?, pattern, *yes, out)
        }
        Action::Export { store, matching } => export::run(&store.open(None)?, matching, out),
    }
}

fn get(store: &RedisStore, key: &str, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let text = store.text(key).map_err(|error| Failure::of_store(&error))?;
    if text.is_empty() {
        let key = one_line(key);
        return Err(Failure::new(format_args!("there is no record `{key}`")));
    }
    let document = Document::stored(&text).map_err(|reason| {
        Failure::new(format_args!("what the store holds is no visitor record: {reason}"))
    })?;
    write_line(key, document.text(), None, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the message of an error of a change.
fn of_change(error: &StoreError) -> String {
    let message = Failure::store_message(error);
    match error.kind() {
        StoreErrorKind::Timeout | StoreErrorKind::Unanswered => {
            message + "; it may have been carried out all the same"
        }
        _ => message,
    }
}

/// Returns whether the next record would fare the same.
fn is_outage(error: &StoreError) -> bool {
    use StoreErrorKind::{Contended, Denied, Refused, Unreadable};
    !matches!(error.kind(), Contended | Denied | Refused | Unreadable)
}
