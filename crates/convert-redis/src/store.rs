//! The store.

use std::fmt;
use std::sync::Arc;

use convert_sdk::{
    DataStore, Merged, RecordDelta, StoreError, StoreErrorKind, VisitorRecord, repair_json,
};
use redis::{Cmd, Value, cmd};

use crate::batch::Batch;
use crate::builder::RedisStoreBuilder;
use crate::clock::Deadline;
use crate::connection::ConnectionSettings;
use crate::error::{CommandError, unavailable, unreadable};
use crate::process::PerProcess;
use crate::record_cache::RecordCache;
use crate::server::{Location, Server};

/// Visitor records in Redis or Valkey. Clones share connections.
///
/// Every call blocks for at most [`RedisStoreBuilder::timeout`].
///
/// ```no_run
/// use convert_redis::RedisStore;
/// use convert_sdk::DataStore;
///
/// let store = RedisStore::builder("redis://localhost").build()?;
/// if let Some(record) = store.load("10012345-10067890-visitor-1")? {
///     println!("{:?}", record.assignment("100334665"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    location: Location,
    settings: Arc<ConnectionSettings>,
    prefix: String,
    /// In milliseconds.
    ttl: Option<u64>,
    state: PerProcess<State>,
}

/// What a child process must not take over from its parent.
struct State {
    server: Server,
    cache: RecordCache,
}

impl State {
    fn new(location: &Location, settings: &Arc<ConnectionSettings>) -> Self {
        State { server: Server::new(location, settings), cache: RecordCache::default() }
    }
}

impl RedisStore {
    /// Returns the settings of a store with an address: `redis://[user][:password@]host[:port][/database]`,
    /// or with `valkey://`, or with `rediss://` for TLS, or `unix:///path` for a local socket.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url.into())
    }

    pub(crate) fn new(
        location: Location,
        settings: ConnectionSettings,
        prefix: String,
        ttl: Option<u64>,
    ) -> Self {
        let settings = Arc::new(settings);
        let state = PerProcess::new(State::new(&location, &settings));
        RedisStore { inner: Arc::new(Inner { location, settings, prefix, ttl, state }) }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.state().server
    }

    pub(crate) fn cache(&self) -> &RecordCache {
        &self.state().cache
    }

    fn state(&self) -> &State {
        let inner = &self.inner;
        inner.state.get(|| State::new(&inner.location, &inner.settings))
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.inner.settings.timeout)
    }

    /// Returns the key under which Redis has a record.
    ///
    /// # Errors
    ///
    /// Fails if it is too long.
    pub(crate) fn full(&self, key: &str) -> Result<String, StoreError> {
        if self.inner.prefix.len() + key.len() > MOST_BYTES {
            let message = "the key is longer than 1 MiB";
            return Err(StoreError::new(StoreErrorKind::Refused, message));
        }
        Ok([&*self.inner.prefix, key].concat())
    }

    /// Makes the command that stores a text.
    pub(crate) fn set(&self, full: &str, text: &[u8]) -> Cmd {
        let mut command = cmd("SET");
        command.arg(full).arg(text);
        if let Some(ttl) = self.inner.ttl {
            command.arg("PX").arg(ttl);
        }
        command
    }

    /// Carries out a command that may be carried out twice.
    pub(crate) fn ask(
        &self,
        full: &str,
        command: &Cmd,
        deadline: Deadline,
    ) -> Result<Value, StoreError> {
        let server = self.server();
        let answer = match server.run(full, command, true, deadline) {
            Err(CommandError::Dropped(_)) => server.run(full, command, true, deadline),
            answer => answer,
        };
        answer.map_err(StoreError::from)
    }

    /// Makes the command that stores `text` if what is there is still `held`.
    pub(crate) fn swap_command(
        &self,
        is_unknown: bool,
        full: &str,
        held: &[u8],
        text: &[u8],
    ) -> Cmd {
        // A server that has been started since knows the script from then on.
        let (verb, script) = if is_unknown { ("EVAL", SWAP) } else { ("EVALSHA", SWAP_SHA) };
        let mut command = cmd(verb);
        command.arg(script).arg(1).arg(full).arg(held).arg(text);
        command.arg(self.inner.ttl.unwrap_or_default());
        command
    }

    /// Stores `text` if what is there is still `held`; otherwise returns what is there.
    fn swap(
        &self,
        full: &str,
        held: &[u8],
        text: &[u8],
        deadline: Deadline,
    ) -> Result<Swap, CommandError> {
        let run = |is_unknown| {
            let command = self.swap_command(is_unknown, full, held, text);
            // Sent again by itself, it would meet its own change, and take a goal for known.
            self.server().run(full, &command, false, deadline)
        };
        match run(false) {
            Err(CommandError::NoScript) => run(true),
            answer => answer,
        }
        .and_then(swapped)
    }
}

impl DataStore for RedisStore {
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
        let full = self.full(key)?;
        let text = text_of(self.ask(&full, &read_command(&full), self.deadline())?)?;
        let record = read(&text)?;
        let is_there = !text.is_empty();
        self.cache().note(key, text);
        Ok(is_there.then_some(record))
    }

    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
        let deadline = self.deadline();
        let full = self.full(key)?;
        let cache = self.cache();
        let mut held = cache.find(key);
        // What was sent when a connection broke: whether it arrived is not known.
        let mut unanswered: Option<(Arc<[u8]>, Merged)> = None;
        for _ in 0..MOST_TRIES {
            let merged = delta.merge_into(read(&held)?);
            let text = write(merged.record())?;
            match self.swap(&full, &held, &text, deadline) {
                Ok(Swap::Made) => {
                    cache.note(key, text);
                    return Ok(merged);
                }
                Ok(Swap::Other(other)) => {
                    held = other;
                    let sent = unanswered.take().filter(|(sent, _)| *sent == held);
                    if let Some((_, merged)) = sent {
                        cache.note(key, held);
                        return Ok(merged);
                    }
                }
                Err(CommandError::Dropped(_)) => unanswered = Some((text, merged)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended())
    }

    fn merge_all(&self, changes: &[(&str, &RecordDelta<'_>)]) -> Vec<Result<(), StoreError>> {
        Batch::new(self, changes).run()
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.inner.prefix)
            .field("timeout", &self.inner.settings.timeout)
            .finish_non_exhaustive()
    }
}

/// What came of storing a text.
pub(crate) enum Swap {
    Made,
    /// Another text was there.
    Other(Arc<[u8]>),
}

/// Reads the script's answer.
pub(crate) fn swapped(answer: Value) -> Result<Swap, CommandError> {
    match answer {
        Value::Int(1) => Ok(Swap::Made),
        value => text_of(value).map(Swap::Other).map_err(CommandError::Failed),
    }
}

pub(crate) fn contended() -> StoreError {
    StoreError::new(StoreErrorKind::Contended, "the record changed during each attempt to merge")
}

/// Makes the command that reads a text, or as much of it as shows that it is too long.
pub(crate) fn read_command(full: &str) -> Cmd {
    let mut command = cmd("GETRANGE");
    command.arg(full).arg(0).arg(MOST_BYTES);
    command
}

/// Reads what `JSON.stringify` may have written: half a pair of surrogates, where a text was cut in
/// two, is read as U+FFFD. An empty text is an empty record.
pub(crate) fn read(text: &[u8]) -> Result<VisitorRecord, StoreError> {
    if text.is_empty() {
        return Ok(VisitorRecord::default());
    }
    if text.len() > MOST_BYTES {
        return Err(unreadable("it is longer than 1 MiB"));
    }
    let record = std::str::from_utf8(text).ok().and_then(|text| {
        serde_json::from_str(text).or_else(|_| serde_json::from_str(&repair_json(text))).ok()
    });
    record.ok_or_else(|| unreadable("it is not a record in JSON"))
}

pub(crate) fn write(record: &VisitorRecord) -> Result<Arc<[u8]>, StoreError> {
    let refused = |message| StoreError::new(StoreErrorKind::Refused, message);
    let text = serde_json::to_vec(record).map_err(|_| refused("it cannot be written as JSON"))?;
    if text.len() > MOST_BYTES {
        return Err(refused("the record would be longer than 1 MiB"));
    }
    Ok(text.into())
}

fn text_of(value: Value) -> Result<Arc<[u8]>, StoreError> {
    match value {
        Value::Nil => Ok(Arc::default()),
        Value::BulkString(text) => Ok(text.into()),
        Value::SimpleString(text) => Ok(text.into_bytes().into()),
        _ => Err(unavailable("the reply is of another type than expected")),
    }
}

/// Stores a text unless another one has come in between; returns 1 or the other one, unless it is longer
/// than [`MOST_BYTES`].
const SWAP: &str = "\
local held = redis.call('GET', KEYS[1]) or ''
if #held > 1048576 then return redis.error_reply('TOOLONG it is longer than 1 MiB') end
if held ~= ARGV[1] then return held end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1";
/// The SHA-1 of the script, by which servers know it.
const SWAP_SHA: &str = "f25d0f59e8f4902363ed81576989ad91162b7fe7";
/// How often a merge starts again.
pub(crate) const MOST_TRIES: usize = 32;
/// The longest record that is read or written, and the longest key.
pub(crate) const MOST_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use test_support::RedisServer;

    use super::*;

    #[test]
    fn redis_knows_the_script_by_its_sum() {
        let server = RedisServer::start(&[]);
        assert_eq!(server.command(&["SCRIPT", "LOAD", SWAP]), SWAP_SHA);
    }
}
