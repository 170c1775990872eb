//! The errors, and the words in which they are reported.
//!
//! A message names the server and the cause: a reply by its class (`NOAUTH`, `OOM`), never by its
//! text, which may hold keys and with them visitor ids.

use std::borrow::Cow;
use std::fmt;
use std::io;

use convert_sdk::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::endpoint::Endpoint;
use crate::reply::{ReplyError, VALUE_BYTES};

/// The reason why a [`RedisStore`](crate::RedisStore) could not be built. Shows nothing of the address.
///
/// ```
/// use convert_redis::RedisStore;
///
/// let error = RedisStore::builder("http://user:secret@example.com").build().unwrap_err();
/// assert_eq!(error.to_string(), "the address is not a Redis URL");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisStoreError {
    message: Cow<'static, str>,
}

impl RedisStoreError {
    pub(crate) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        RedisStoreError { message: message.into() }
    }
}

impl fmt::Display for RedisStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RedisStoreError {}

/// Why a command has no answer.
#[derive(Debug, Clone)]
pub(crate) enum CommandError {
    /// A connection that was kept had been closed; another one may do. Whether the command was
    /// carried out is not known.
    Dropped(StoreError),
    /// The server refers to another one of its cluster.
    Redirected(Redirect),
    /// The server does not know the script yet.
    NoScript,
    /// The command was sent and has no answer, so that it is not known whether it was carried out.
    Unanswered(StoreError),
    /// The server has no such command, or has it switched off.
    Unsupported(StoreError),
    /// Anything else.
    Failed(StoreError),
}

/// Where a server of a cluster refers to.
#[derive(Debug, Clone)]
pub(crate) struct Redirect {
    /// As the server writes it.
    pub(crate) address: String,
    /// Whether only the one command is to be sent there.
    pub(crate) is_asking: bool,
    /// The server that refers.
    from: String,
}

impl Redirect {
    /// Makes the error for a cluster whose servers keep referring to others.
    pub(crate) fn without_end(&self) -> CommandError {
        let to = self.address.escape_debug();
        let message =
            format!("{} refers to {to} ({}), and no server answers", self.from, self.class());
        CommandError::Failed(unavailable(message))
    }

    fn class(&self) -> &'static str {
        if self.is_asking { "ASK" } else { "MOVED" }
    }
}

impl CommandError {
    /// Sorts an error that a server replied with.
    pub(crate) fn of_reply(error: &RedisError, endpoint: &Endpoint) -> Self {
        if let Some((address, _)) = error.redirect_node() {
            return CommandError::Redirected(Redirect {
                address: address.to_owned(),
                is_asking: error.code() == Some("ASK"),
                from: endpoint.to_string(),
            });
        }
        if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) {
            return CommandError::NoScript;
        }
        let failure = of_reply(error, endpoint);
        if is_unsupported(error) {
            CommandError::Unsupported(failure)
        } else {
            CommandError::Failed(failure)
        }
    }

    /// Sorts the failure of a connection on which a command was sent.
    pub(crate) fn of_broken(error: &ReplyError, endpoint: &Endpoint, was_kept: bool) -> Self {
        let failure = of_broken(error, endpoint, StoreErrorKind::Unanswered);
        match error {
            ReplyError::Io(error) if was_kept && error.kind() != io::ErrorKind::TimedOut => {
                CommandError::Dropped(failure)
            }
            _ => CommandError::Unanswered(failure),
        }
    }
}

impl From<CommandError> for StoreError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Redirected(redirect) => unavailable(format!(
                "{} refers to another server ({}): {BELONGS_TO_CLUSTER}",
                redirect.from,
                redirect.class()
            )),
            CommandError::NoScript => unavailable("the server keeps no scripts (NOSCRIPT)"),
            CommandError::Dropped(error)
            | CommandError::Unanswered(error)
            | CommandError::Unsupported(error)
            | CommandError::Failed(error) => error,
        }
    }
}

/// Returns whether the server has become a copy of another one, which takes its writes.
pub(crate) fn is_demotion(error: &RedisError) -> bool {
    class_of(error) == Some("READONLY")
}

pub(crate) fn unavailable(message: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, message)
}

/// Returns what an error says without what its kind says.
pub(crate) fn cause_of(error: &StoreError) -> String {
    let message = error.to_string();
    message.split_once(": ").map(|(_, cause)| cause.to_owned()).unwrap_or(message)
}

pub(crate) fn unreadable(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unreadable, message)
}

/// Makes the error of a connection that is of no use any more; of kind `kind` unless it was late.
pub(crate) fn of_broken(
    error: &ReplyError,
    endpoint: &Endpoint,
    kind: StoreErrorKind,
) -> StoreError {
    let (kind, message) = match error {
        ReplyError::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            return StoreError::new(
                StoreErrorKind::Timeout,
                format!("{endpoint} did not answer in time"),
            );
        }
        ReplyError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            (kind, format!("{endpoint} closed the connection"))
        }
        ReplyError::Io(error) => (kind, format!("the connection to {endpoint} broke: {error}")),
        ReplyError::TooLong(limit) => (
            kind,
            format!(
                "the reply of {endpoint} is longer than the limit of {limit} bytes (`reply_limit`; \
                 each value counts {VALUE_BYTES} bytes more)"
            ),
        ),
        ReplyError::TooDeep => (kind, format!("the reply of {endpoint} is nested too deeply")),
        ReplyError::Malformed => {
            (kind, format!("{endpoint} does not speak the Redis protocol (RESP2)"))
        }
    };
    StoreError::new(kind, message)
}

/// Makes the error that a server replied with.
pub(crate) fn of_reply(error: &RedisError, endpoint: &Endpoint) -> StoreError {
    use StoreErrorKind::{Denied, Full, Unavailable, Unreadable};
    let class = class_of(error);
    let (kind, what) = match class {
        Some("NOPERM") if is_about_key(error) => (Denied, "does not let this login use this key"),
        Some("NOPERM") => (Unavailable, "does not let this login run this command"),
        Some("NOAUTH") => (Unavailable, "refused the login: it wants a password"),
        Some("WRONGPASS") => (Unavailable, "refused the login: wrong user name or password"),
        Some("OOM") => (Full, "is out of memory"),
        Some("WRONGTYPE") => (Unreadable, "holds no text under this key"),
        Some(TOO_LONG) => (Unreadable, "holds a text longer than 1 MiB under this key"),
        Some("READONLY") => (Unavailable, "is a replica and takes no writes"),
        Some("MISCONF") => (Unavailable, "cannot save its data and takes no writes"),
        Some("LOADING") => (Unavailable, "is loading its data"),
        Some("MASTERDOWN") => (Unavailable, "has lost its master"),
        Some("CLUSTERDOWN") => (Unavailable, "belongs to a cluster that is down"),
        Some("BUSY") => (Unavailable, "is busy with a script"),
        Some("NOREPLICAS") => (Unavailable, "has too few replicas to take writes"),
        Some("DENIED") => (Unavailable, "is in protected mode and refuses connections"),
        _ => (Unavailable, known_text(error).unwrap_or("replied with an error")),
    };
    let class = class.filter(|class| is_class(class)).unwrap_or("unknown class");
    StoreError::new(kind, format!("{endpoint} {what} ({class})"))
}

/// Returns what an error of the class `ERR` is about, where that needs no text of the server.
fn known_text(error: &RedisError) -> Option<&'static str> {
    let text = error.detail()?;
    TEXTS.iter().find(|(fragment, _)| text.contains(fragment)).map(|(_, meaning)| *meaning)
}

fn is_unsupported(error: &RedisError) -> bool {
    let text = error.detail().filter(|_| error.code() == Some("ERR")).unwrap_or_default();
    text.starts_with("unknown command") || text.contains("cluster support disabled")
}

/// Returns whether the login may do the same with other keys.
fn is_about_key(error: &RedisError) -> bool {
    let text = error.detail().unwrap_or_default();
    text.contains("access a key") || text.contains("one of the keys")
}

/// Returns the first word of an error. Servers before version 7 wrap the error of a command in a
/// script, so that this word stands within the text; taken for an outage, one record would have all
/// left alone.
fn class_of(error: &RedisError) -> Option<&str> {
    let wrapped = |text: &'_ str| text.contains("@user_script");
    let text = error.detail().filter(|text| error.code() == Some("ERR") && wrapped(text));
    let mut words = text.unwrap_or_default().split(' ').map(|word| word.trim_start_matches('-'));
    words.find(|word| WRAPPED.contains(word)).or(error.code())
}

/// Returns whether a word has the form of an error's class, and can hold no key.
fn is_class(word: &str) -> bool {
    word.len() <= 16 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// What the message ends with where a single server is expected and a cluster is found.
pub(crate) const BELONGS_TO_CLUSTER: &str = "the server belongs to a cluster";
/// The class of the script that meets a text which is too long.
pub(crate) const TOO_LONG: &str = "TOOLONG";
/// The classes of a command in a script that say more than that the script failed.
const WRAPPED: [&str; 5] = ["OOM", "WRONGTYPE", "NOPERM", "READONLY", "MISCONF"];
/// Fragments of texts of the class `ERR`, and what they mean.
const TEXTS: [(&str, &str); 6] = [
    ("max number of clients", "has reached its maximum number of clients"),
    ("DB index is out of range", "has no database of this number"),
    ("SELECT is not allowed", "has no databases to choose from, since it belongs to a cluster"),
    ("without any password configured", "wants no password, and one is given"),
    ("cluster support disabled", "is no server of a cluster"),
    ("unknown command", "does not know a command that is needed, or has it switched off"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn error(reply: &str) -> StoreError {
        let reply = redis::parse_redis_value(format!("-{reply}\r\n").as_bytes());
        let error = reply.and_then(redis::Value::extract_error).unwrap_err();
        let endpoint = Endpoint::Tcp("redis.internal".to_owned(), 6379);
        match CommandError::of_reply(&error, &endpoint) {
            CommandError::Failed(error) | CommandError::Unsupported(error) => error,
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
            let error = error(&format!("NOPERM {answer}"));
            let kind =
                if is_about_key { StoreErrorKind::Denied } else { StoreErrorKind::Unavailable };
            assert_eq!(error.kind(), kind, "{answer}");
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

    #[test]
    fn a_message_names_the_server_the_cause_and_the_class_and_no_text_of_the_server() {
        for (reply, expected) in [
            ("NOAUTH Authentication required.", "refused the login: it wants a password (NOAUTH)"),
            ("WRONGPASS no", "refused the login: wrong user name or password (WRONGPASS)"),
            ("LOADING Redis is loading the dataset", "is loading its data (LOADING)"),
            ("OOM command not allowed", "is out of memory (OOM)"),
            ("CLUSTERDOWN Hash slot", "belongs to a cluster that is down (CLUSTERDOWN)"),
            (
                "ERR max number of clients reached",
                "has reached its maximum number of clients (ERR)",
            ),
            ("ERR DB index is out of range", "has no database of this number (ERR)"),
            (
                "ERR unknown command 'EVALSHA', with args beginning with: 'visitor-1'",
                "does not know a command that is needed, or has it switched off (ERR)",
            ),
            ("ERR value of visitor-1", "replied with an error (ERR)"),
            ("visitor-1 is odd", "replied with an error (unknown class)"),
        ] {
            let error = error(reply).to_string();
            let expected = format!("redis.internal:6379 {expected}");
            assert!(error.ends_with(&expected), "{reply}: {error}");
            assert!(!error.contains("visitor-1"), "{error}");
        }
    }
}
