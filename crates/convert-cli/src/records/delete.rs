//! Removing records.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use convert_redis::RedisStore;
use serde_json::json;

use super::export::each;
use super::left::{Left, shown};
use super::{is_outage, of_change};
use crate::failure::Failure;
use crate::output::complain;

/// Removes what is under these keys.
pub(super) fn named(
    store: &RedisStore,
    keys: &[String],
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut failed = Left::new("key", "not deleted");
    let deleted = remove(store, keys, &mut failed);
    writeln!(out, "{}", json!({ "deleted": deleted }))?;
    Ok(failed.report())
}

/// Removes the records that match, or counts them.
pub(super) fn matching(
    store: &RedisStore,
    pattern: &str,
    is_meant: bool,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    // Gathered first, since a scan promises little about keys that vanish under it.
    let mut keys = BTreeSet::new();
    let mut left = Left::new("key", "left alone");
    each(store, pattern, &mut left, |key, _| {
        keys.insert(key.to_owned());
        Ok(())
    })?;
    let keys: Vec<String> = keys.into_iter().collect();
    let mut failed = Left::new("key", "not deleted");
    let deleted = if is_meant { remove(store, &keys, &mut failed) } else { 0 };
    let counts = json!({ "matching": keys.len(), "deleted": deleted, "left": left.count() });
    writeln!(out, "{counts}")?;
    let codes = [left.report(), failed.report()];
    if !is_meant {
        complain("nothing was deleted: add --yes to remove what matches");
    }
    Ok(if codes.contains(&ExitCode::FAILURE) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Removes what is under these keys, and returns how many there were. Goes on after a key that
/// cannot be removed, unless the store does not answer.
fn remove(store: &RedisStore, keys: &[String], failed: &mut Left) -> u64 {
    let mut deleted = 0;
    let mut outage = None;
    for keys in keys.chunks(AT_ONCE) {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        if let Some(error) = &outage {
            for key in keys {
                failed.note(shown(key.as_bytes()), Failure::store_message(error));
            }
            continue;
        }
        for (key, removed) in keys.iter().zip(store.remove_all(&keys)) {
            match removed {
                Ok(removed) => deleted += u64::from(removed),
                Err(error) => {
                    failed.note(shown(key.as_bytes()), of_change(&error));
                    outage = outage.or_else(|| Some(error).filter(is_outage));
                }
            }
        }
    }
    deleted
}

/// How many records are removed in one exchange.
const AT_ONCE: usize = 500;
