//! `convertctl records`: support work on the visitor records in a Redis.

use std::fmt;
use std::io::{self, Read as _, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use convert_redis::RedisStore;
use convert_sdk::{DataStore as _, StoreError, VisitorRecord};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{complain, grouped};

/// Look at visitor records in a Redis, correct and remove them.
///
/// A KEY is `ACCOUNT-PROJECT-VISITOR`, as in `10012345-10067890-visitor-1`. A PATTERN is a key with
/// `*` for any text, `?` for any character and `[ab]` for one of these. Answers are JSON, a line
/// each. This connects to the address given, and to nothing else.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  export CONVERT_REDIS_URL=redis://localhost:6379
  convertctl records get 10012345-10067890-visitor-1
  convertctl records delete --matching '10012345-10067890-test-*' --yes
  convertctl records export > records.ndjson")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the record of a visitor; exit code 1 if there is none.
    Get {
        #[command(flatten)]
        store: Store,
        /// Whose record.
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Replace the record of a visitor by the JSON on standard input. What the SDK could not read
    /// back is refused, and nothing written.
    Set {
        #[command(flatten)]
        store: Store,
        /// Whose record.
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Remove records, and print how many there were.
    Delete {
        #[command(flatten)]
        store: Store,
        /// Whose records.
        #[arg(value_name = "KEY", required_unless_present = "matching")]
        keys: Vec<String>,
        /// Remove every record whose key matches; without --yes they are counted only.
        #[arg(long, value_name = "PATTERN", conflicts_with = "keys")]
        matching: Option<String>,
        /// Do remove what matches.
        #[arg(long, requires = "matching")]
        yes: bool,
    },
    /// Print every record, one a line: {"key": …, "record": …}. In no order; records that come or
    /// change meanwhile may be missing or old, and while Redis rearranges its keys one may come twice.
    Export {
        #[command(flatten)]
        store: Store,
        /// Print those alone whose key matches.
        #[arg(long, value_name = "PATTERN", default_value = "*")]
        matching: String,
    },
}

/// Which Redis.
#[derive(Args)]
struct Store {
    /// The address, `redis://user:password@host:port/database`, or with rediss:// for TLS. The
    /// variable keeps a password out of process lists.
    #[arg(long, value_name = "URL", env = "CONVERT_REDIS_URL", hide_env_values = true)]
    redis: String,

    /// What the keys in Redis begin with before the account.
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,

    /// The address is one of a cluster.
    #[arg(long)]
    cluster: bool,

    /// How long one exchange may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::Get { store, key } => get(&store.open()?, key, out),
        Action::Set { store, key } => set(&store.open()?, key, out),
        Action::Delete { store, keys, matching: None, .. } => delete(&store.open()?, keys, out),
        Action::Delete { store, matching: Some(pattern), yes, .. } => {
            delete_matching(&store.open()?, pattern, *yes, out)
        }
        Action::Export { store, matching } => export(&store.open()?, matching, out),
    }
}

fn get(store: &RedisStore, key: &str, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let Some(record) = store.load(key).map_err(|error| Failure::of_store(&error))? else {
        return Err(Failure::new(format_args!("there is no record `{key}`")));
    };
    print(key, &record, out)?;
    Ok(ExitCode::SUCCESS)
}

fn set(store: &RedisStore, key: &str, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text);
    read.map_err(|error| Failure::new(format_args!("standard input cannot be read: {error}")))?;
    let refused = |error: &dyn fmt::Display| {
        Failure::new(format_args!("standard input is no record: {error}"))
    };
    let record: VisitorRecord = serde_json::from_str(&text).map_err(|error| refused(&error))?;
    let given = serde_json::from_str(&text).map_err(|error| refused(&error))?;
    if let Some(path) = first_lost(&given, &json!(record), "$") {
        return Err(refused(&format_args!("what is at {path} would be lost")));
    }
    store.replace(key, &record).map_err(|error| Failure::of_store(&error))?;
    print(key, &record, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns where the first value is that a record does not keep; a goal that is not reached and a
/// repeated item of a list say nothing that could be lost.
fn first_lost(given: &Value, kept: &Value, path: &str) -> Option<String> {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => given.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match kept.get(name) {
                Some(kept) => first_lost(value, kept, &path),
                None if is_empty(value) => None,
                None => Some(path),
            }
        }),
        (Value::Array(given), Value::Array(kept)) => {
            let is_kept =
                |item: &Value| kept.iter().any(|kept| first_lost(item, kept, path).is_none());
            given.iter().position(|item| !is_kept(item)).map(|at| format!("{path}[{at}]"))
        }
        // Ids may be numbers, which are kept as texts.
        (Value::Number(given), Value::String(kept)) if given.to_string() == *kept => None,
        (given, kept) => (given != kept).then(|| path.to_owned()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(members) => members.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    }
}

fn delete(store: &RedisStore, keys: &[String], out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let mut deleted: u64 = 0;
    for key in keys {
        deleted += u64::from(store.remove(key).map_err(|error| Failure::of_store(&error))?);
    }
    writeln!(out, "{}", json!({ "deleted": deleted }))?;
    Ok(ExitCode::SUCCESS)
}

fn delete_matching(
    store: &RedisStore,
    pattern: &str,
    is_meant: bool,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    // Gathered first, since a scan promises little about keys that vanish under it.
    let mut keys = std::collections::BTreeSet::new();
    let gather = |key: &str| {
        keys.insert(key.to_owned());
        ControlFlow::Continue(())
    };
    store.scan(pattern, gather).map_err(|error| Failure::of_store(&error))?;
    if is_meant {
        return delete(store, &keys.into_iter().collect::<Vec<_>>(), out);
    }
    writeln!(out, "{}", json!({ "matching": keys.len(), "deleted": 0 }))?;
    complain("nothing was deleted: add --yes to remove what matches");
    Ok(ExitCode::SUCCESS)
}

fn export(store: &RedisStore, pattern: &str, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let mut unreadable: u64 = 0;
    let mut failure = None;
    store
        .scan(pattern, |key| match store.load(key) {
            Ok(Some(record)) => match print(key, &record, out) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            },
            // It has gone since it was listed.
            Ok(None) => ControlFlow::Continue(()),
            Err(error) if is_of_one_record(&error) => {
                unreadable += 1;
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(Failure::of_store(&error));
                ControlFlow::Break(())
            }
        })
        .map_err(|error| Failure::of_store(&error))?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    if unreadable > 0 {
        complain(&format!("{} keys hold no visitor record and were left out", grouped(unreadable)));
    }
    Ok(ExitCode::SUCCESS)
}

fn is_of_one_record(error: &StoreError) -> bool {
    !error.is_retryable()
}

fn print(key: &str, record: &VisitorRecord, out: &mut dyn Write) -> Result<(), Failure> {
    let line = json!({ "key": key, "record": record });
    Ok(writeln!(out, "{line}")?)
}

impl Store {
    fn open(&self) -> Result<RedisStore, Failure> {
        let timeout = Duration::from_secs(self.timeout);
        let mut builder = RedisStore::builder(&*self.redis).prefix(&*self.prefix).timeout(timeout);
        if self.cluster {
            builder = builder.cluster::<String>([]);
        }
        builder.build().map_err(|error| Failure::Usage(error.to_string()))
    }
}

impl fmt::Debug for Store {
    /// Leaves out the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("prefix", &self.prefix)
            .field("cluster", &self.cluster)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
