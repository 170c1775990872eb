//! Why a command ends early.

use std::error::Error;
use std::fmt;
use std::io;

use convert_sdk::{Identified as _, ProjectConfig, StoreError};

/// Why a command ends early, and with it how the process exits.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of the output has closed it: a quiet end.
    NobodyReads,
    /// The arguments do not go together: exit code 2, as with other usage errors.
    Usage(String),
    /// Anything else, in words for people: exit code 1.
    Other(String),
}

impl Failure {
    /// Makes a failure of a message.
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Failure::Other(message.to_string())
    }

    /// Makes a failure of an error of a store.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        Failure::Other(Failure::store_message(error))
    }

    /// Returns the message of a store error, with the option that would have helped.
    pub(crate) fn store_message(error: &StoreError) -> String {
        let message = error.to_string();
        let is_lost = message.ends_with("the server belongs to a cluster");
        if is_lost { message + ": add --cluster" } else { message }
    }

    /// Makes a failure of an error and its causes. The SDK's errors hold no secrets.
    pub(crate) fn of(error: &dyn Error) -> Self {
        Failure::Other(with_causes(error))
    }

    /// Makes the failure of an experience that is not there, and names some that are.
    pub(crate) fn no_experience(key: &str, config: &ProjectConfig) -> Self {
        let experiences = config.experiences();
        let name = |index: usize| experiences.get(index).map(|one| one.key().unwrap_or(one.id()));
        Failure::not_there("experience", key, experiences.len(), name)
    }

    /// Makes the failure of a goal that is not there, and names some that are.
    pub(crate) fn no_goal(key: &str, config: &ProjectConfig) -> Self {
        let goals = config.goals();
        let name = |index: usize| goals.get(index).map(|one| one.key().unwrap_or(one.id()));
        Failure::not_there("goal", key, goals.len(), name)
    }

    fn not_there<'k>(
        what: &str,
        key: &str,
        count: usize,
        name: impl Fn(usize) -> Option<&'k str>,
    ) -> Self {
        let known: Vec<&str> = (0..SHOWN).filter_map(name).collect();
        let more = if count > SHOWN { ", …" } else { "" };
        Failure::Other(match known.as_slice() {
            [] => format!("no {what} `{key}`: the config has none at all"),
            known => format!("no {what} `{key}`; the config has {}{more}", known.join(", ")),
        })
    }
}

impl From<io::Error> for Failure {
    /// Takes the error for one of writing the output, the only I/O that needs no context.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NobodyReads,
            _ => Failure::Other(format!("the output cannot be written: {error}")),
        }
    }
}

/// Returns the message of an error, with those of its causes unless it repeats them itself.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

/// Returns `Ok` where the output was not written because its reader has closed it.
pub(crate) fn unless_unread(written: io::Result<()>) -> Result<(), Failure> {
    match written.map_err(Failure::from) {
        Err(Failure::NobodyReads) => Ok(()),
        written => written,
    }
}

/// Experiences, or goals, that are named where another was asked for.
const SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_named_once() {
        let cause = io::Error::other("connection refused");
        let error = io::Error::other(cause);
        let Failure::Other(message) = Failure::of(&error) else { panic!() };
        assert_eq!(message, "connection refused");
    }
}
