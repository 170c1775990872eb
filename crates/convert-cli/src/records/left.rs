//! What a command has not dealt with.

use std::fmt;
use std::process::ExitCode;

use crate::output::{complain, grouped, one_line};

/// Keys, or lines, that were left, each for a reason: the first few are named, all are counted.
#[derive(Debug)]
pub(super) struct Left {
    /// What has happened to them, after `was` or `were`.
    how: &'static str,
    /// What there are several of.
    what: &'static str,
    count: u64,
}

impl Left {
    pub(super) fn new(what: &'static str, how: &'static str) -> Self {
        Left { how, what, count: 0 }
    }

    /// Counts one, and prints the reason if it is among the first.
    pub(super) fn note(&mut self, which: impl fmt::Display, reason: impl fmt::Display) {
        self.count += 1;
        if self.count <= NAMED {
            complain(&format!("{which} was {}: {reason}", self.how));
        }
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Prints how many there are, if any, and returns the exit code.
    pub(super) fn report(&self) -> ExitCode {
        match self.count {
            0 => return ExitCode::SUCCESS,
            1 => {}
            count => complain(&format!("{} {}s were {}", grouped(count), self.what, self.how)),
        }
        ExitCode::FAILURE
    }
}

/// Returns a key as a part of a message.
pub(super) fn shown(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(key) => format!("`{}`", one_line(key)),
        Err(_) => format!("`{}`", key.escape_ascii()),
    }
}

/// How many are named.
const NAMED: u64 = 10;
