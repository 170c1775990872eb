//! Going through all records that match a pattern.

use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use convert_redis::RedisStore;

use super::document::{Document, write_line};
use super::is_outage;
use super::key::{NO_KEY, is_of_visitor};
use super::left::{Left, shown};
use crate::failure::Failure;

/// Prints the records that match.
pub(super) fn run(
    store: &RedisStore,
    pattern: &str,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut left = Left::new("key", "left out");
    let print = |key: &str, document: &Document<'_>| write_line(key, document.text(), None, out);
    let outcome = each(store, pattern, &mut left, print);
    let code = left.report();
    match outcome {
        // What was left out counts when the reader closes the output, too.
        Err(Failure::NobodyReads) if left.count() > 0 => Ok(code),
        outcome => outcome.map(|()| code),
    }
}

/// Hands over each record that matches, and notes what is none.
pub(super) fn each(
    store: &RedisStore,
    pattern: &str,
    left: &mut Left,
    mut take: impl FnMut(&str, &Document<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut keys: Vec<String> = Vec::new();
    let mut failure = None;
    let visit = |key: &[u8]| {
        match std::str::from_utf8(key) {
            Ok(key) if is_of_visitor(key) => keys.push(key.to_owned()),
            Ok(_) => left.note(shown(key), format_args!("the key {NO_KEY}")),
            Err(_) => left.note(shown(key), "the key is no UTF-8"),
        }
        if keys.len() < AT_ONCE {
            return ControlFlow::Continue(());
        }
        match hand_over(store, &std::mem::take(&mut keys), left, &mut take) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    let scanned = store.scan_bytes(pattern, visit);
    if let Some(failure) = failure {
        return Err(failure);
    }
    // What was found is there, although something else may have been missed.
    let handed_over = hand_over(store, &keys, left, &mut take);
    scanned.map_err(|error| Failure::of_store(&error))?;
    handed_over
}

fn hand_over(
    store: &RedisStore,
    keys: &[String],
    left: &mut Left,
    take: &mut impl FnMut(&str, &Document<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for (key, text) in keys.iter().zip(store.texts(&keys)) {
        match text {
            // It has gone since it was listed, or is the empty text, which the SDK takes for none.
            Ok(text) if text.is_empty() => {}
            Ok(text) => match Document::stored(&text) {
                Ok(document) => take(key, &document)?,
                Err(reason) => left.note(shown(key.as_bytes()), reason),
            },
            Err(error) if is_outage(&error) => return Err(Failure::of_store(&error)),
            Err(error) => left.note(shown(key.as_bytes()), error),
        }
    }
    Ok(())
}

/// How many records are read in one exchange; each may have 1 MiB.
const AT_ONCE: usize = 64;
