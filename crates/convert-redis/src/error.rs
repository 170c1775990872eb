//! What can go wrong.

use std::fmt;
use std::io;

use convert_sdk::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Says why a [`RedisStore`](crate::RedisStore) could not be made. Shows nothing of the address.
///
/// ```
/// use convert_redis::RedisStore;
///
/// let error = RedisStore::builder("http://user:secret@example.com").build().unwrap_err();
/// assert_eq!(error.to_string(), "the address is no Redis URL");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisStoreError {
    message: &'static str,
}

impl RedisStoreError {
    pub(crate) fn new(message: &'static str) -> Self {
        RedisStoreError { message }
    }
}

impl fmt::Display for RedisStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for RedisStoreError {}

/// Why a command has no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A connection that was kept had been closed; another one may do. Whether the command was
    /// carried out is not known.
    Dropped,
    /// The server refers to another one of its cluster.
    Redirected(RedisError),
    /// The server does not know the script yet.
    NoScript,
    /// The command was sent and has no answer, so that it is not known whether it was carried out.
    Unanswered(StoreError),
    /// The server has no such command, or has it switched off.
    Unsupported(StoreError),
    /// Anything else.
    Failed(StoreError),
}

impl Trouble {
    /// Sorts an error of the client. Its text is never shown: it may hold addresses and keys.
    pub(crate) fn of(error: RedisError, was_kept: bool) -> Self {
        if error.redirect_node().is_some() {
            return Trouble::Redirected(error);
        }
        if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) {
            return Trouble::NoScript;
        }
        if was_kept && is_broken(&error) && !error.is_timeout() {
            return Trouble::Dropped;
        }
        let failure = store_error(&error);
        if is_unsupported(&error) {
            Trouble::Unsupported(failure)
        } else {
            Trouble::Failed(failure)
        }
    }
}

impl Trouble {
    /// Returns the trouble of those that were to follow on the same connection.
    pub(crate) fn of_followers(&self) -> Self {
        match self {
            Trouble::Dropped => Trouble::Dropped,
            Trouble::Unanswered(error) => Trouble::Unanswered(error.clone()),
            Trouble::Failed(error) | Trouble::Unsupported(error) => Trouble::Failed(error.clone()),
            Trouble::Redirected(_) | Trouble::NoScript => {
                Trouble::Failed(unavailable("the connection was given up"))
            }
        }
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Dropped => unanswered(),
            Trouble::Redirected(_) => unavailable("the server belongs to a cluster"),
            Trouble::NoScript => unavailable("it takes no scripts"),
            Trouble::Unanswered(error) | Trouble::Unsupported(error) | Trouble::Failed(error) => {
                error
            }
        }
    }
}

/// Returns whether a connection is of no use after an error.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.kind() == ErrorKind::Parse
}

fn is_unsupported(error: &RedisError) -> bool {
    let text = error.detail().filter(|_| error.code() == Some("ERR")).unwrap_or_default();
    text.starts_with("unknown command") || text.contains("cluster support disabled")
}

/// Returns whether the server has become a copy of another one, which takes its writes.
pub(crate) fn is_demotion(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
        || code_of(error) == Some("READONLY")
}

pub(crate) fn timed_out() -> StoreError {
    StoreError::new(StoreErrorKind::Timeout, "no answer in time")
}

/// Makes the error of a command that was sent on a connection which broke.
pub(crate) fn unanswered() -> StoreError {
    StoreError::new(StoreErrorKind::Unanswered, "the connection broke")
}

pub(crate) fn unavailable(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, message)
}

pub(crate) fn unreadable(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unreadable, message)
}

fn store_error(error: &RedisError) -> StoreError {
    if error.is_timeout() || is_would_block(error) {
        return timed_out();
    }
    if error.is_connection_refusal() {
        return unavailable("the connection was refused");
    }
    match error.kind() {
        ErrorKind::Io => unavailable("the connection failed"),
        ErrorKind::AuthenticationFailed => unavailable("the login was refused"),
        ErrorKind::Server(ServerErrorKind::BusyLoading) => unavailable("it is loading its data"),
        ErrorKind::Server(ServerErrorKind::ClusterDown) => unavailable("the cluster is down"),
        ErrorKind::Server(ServerErrorKind::ReadOnly) => unavailable("it takes no writes"),
        _ if is_about_key(error) => {
            StoreError::new(StoreErrorKind::Denied, "the login may not use this key")
        }
        _ => by_code(code_of(error)),
    }
}

/// Returns whether the login may do the same with other keys.
fn is_about_key(error: &RedisError) -> bool {
    let text = error.detail().filter(|_| code_of(error) == Some("NOPERM")).unwrap_or_default();
    text.contains("access a key") || text.contains("one of the keys")
}

/// Returns an error's code. Servers before version 7 wrap the error of a command in a script, so that
/// its code stands within the text; taken for an outage, one record would have all left alone.
fn code_of(error: &RedisError) -> Option<&str> {
    let wrapped = |text: &'_ str| text.contains("@user_script");
    let text = error.detail().filter(|text| error.code() == Some("ERR") && wrapped(text));
    let mut words = text.unwrap_or_default().split(' ').map(|word| word.trim_start_matches('-'));
    words.find(|word| KNOWN.contains(word)).or(error.code())
}

fn by_code(code: Option<&str>) -> StoreError {
    match code {
        Some("OOM") => StoreError::new(StoreErrorKind::Full, "it is out of memory"),
        Some("WRONGTYPE") => unreadable("it holds no text under this key"),
        Some(TOO_LONG) => unreadable("it is longer than 1 MiB"),
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => unavailable("the login was refused"),
        Some("READONLY") => unavailable("it takes no writes"),
        Some("MISCONF") => unavailable("it cannot save its data"),
        Some("BUSY") => unavailable("it is busy with a script"),
        _ => unavailable("it answered with an error"),
    }
}

fn is_would_block(error: &RedisError) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    source.is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::WouldBlock)
}

/// The code of the script that meets a text which is too long.
pub(crate) const TOO_LONG: &str = "TOOLONG";
/// The codes that say more than that a command failed.
const KNOWN: [&str; 5] = ["OOM", "WRONGTYPE", "NOPERM", "READONLY", "MISCONF"];

#[cfg(test)]
mod tests {
    use super::*;

    fn error(answer: &str) -> StoreError {
        let answer = redis::parse_redis_value(format!("-{answer}\r\n").as_bytes());
        let error = answer.and_then(redis::Value::extract_error).unwrap_err();
        match Trouble::of(error, false) {
            Trouble::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_that_a_login_may_not_use_is_told_from_a_login_that_may_do_nothing() {
        for (answer, is_about_key) in [
            ("No permissions to access a key", true),
            ("this user has no permissions to access one of the keys used as arguments", true),
            ("User some has no permissions to run the 'get' command", false),
            ("this user has no permissions to run the 'get' command or its subcommand", false),
        ] {
            let said = error(&format!("NOPERM {answer}")).to_string();
            let why = if is_about_key {
                "the login may not use this key"
            } else {
                "the login was refused"
            };
            assert!(said.ends_with(why), "{answer}: {said}");
        }
    }

    #[test]
    fn what_a_command_in_a_script_says_is_understood_as_every_version_puts_it() {
        let old =
            |text: &str| format!("ERR Error running script (call to f_76): @user_script:1: {text}");
        for (answer, expected) in [
            ("WRONGTYPE Operation against a key".to_owned(), StoreErrorKind::Unreadable),
            (old("WRONGTYPE Operation against a key"), StoreErrorKind::Unreadable),
            ("OOM command not allowed".to_owned(), StoreErrorKind::Full),
            (old("@user_script: 3: -OOM command not allowed"), StoreErrorKind::Full),
            (old("-READONLY You can't write"), StoreErrorKind::Unavailable),
            (old("no such thing"), StoreErrorKind::Unavailable),
            ("ERR OOM is the name of a key".to_owned(), StoreErrorKind::Unavailable),
        ] {
            assert_eq!(error(&answer).kind(), expected, "{answer}");
        }
    }
}
