//! Support work on a store: reading, correcting and removing records.

use std::ops::ControlFlow;

use convert_sdk::{StoreError, StoreErrorKind};
use redis::{Cmd, Value, cmd};

use crate::error::{CommandError, unavailable, unreadable};
use crate::pool::ConnectionPool;
use crate::store::{MOST_BYTES, MOST_TRIES, RedisStore, contended, read_command};

/// What came of storing a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stored {
    /// Nothing was there before.
    New,
    /// It replaced another text, and expires when that would have.
    Replaced,
    /// It was not stored: the key holds something else than was expected.
    Changed,
}

impl RedisStore {
    /// Returns the text under a key unchanged; empty if there is none. Blocks.
    ///
    /// For support work. The SDK reads records with [`DataStore::load`](convert_sdk::DataStore).
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be reached in time, or if the key holds no text or one longer than
    /// 1 MiB.
    pub fn text(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let full = self.full(key)?;
        text_of(self.ask(&full, &read_command(&full), self.deadline())?)
    }

    /// Returns the texts under keys as [`RedisStore::text`] does, in one exchange.
    ///
    /// # Errors
    ///
    /// Each fails as [`RedisStore::text`].
    pub fn texts(&self, keys: &[&str]) -> Vec<Result<Vec<u8>, StoreError>> {
        let answers = self.ask_all(keys, read_command).into_iter();
        answers.map(|answer| answer.and_then(text_of)).collect()
    }

    /// Stores a text under a key if the key still holds `held`; an empty `held` stands for no text, and
    /// `None` for any text. A text that replaces another one expires when that would have; a new one
    /// after [the store's time](crate::RedisStoreBuilder::ttl). Blocks.
    ///
    /// For support work. The SDK changes records with [`DataStore::merge`](convert_sdk::DataStore).
    ///
    /// ```no_run
    /// use convert_redis::{RedisStore, Stored};
    ///
    /// let store = RedisStore::builder("redis://localhost").build()?;
    /// let held = store.text("10012345-10067890-visitor-1")?;
    /// let text = br#"{"bucketing":{"100334665":"100334666"}}"#;
    /// let stored = store.store_text("10012345-10067890-visitor-1", Some(&held), text)?;
    /// assert_ne!(stored, Stored::Changed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be reached in time or takes no writes, if the key holds something else
    /// than a text, or if the text is longer than 1 MiB.
    pub fn store_text(
        &self,
        key: &str,
        held: Option<&[u8]>,
        text: &[u8],
    ) -> Result<Stored, StoreError> {
        if text.len() > MOST_BYTES {
            let message = "the record would be longer than 1 MiB";
            return Err(StoreError::new(StoreErrorKind::Refused, message));
        }
        let full = self.full(key)?;
        let deadline = self.deadline();
        let mut replace = cmd("EVAL");
        replace.arg(REPLACE).arg(1).arg(&full).arg(text).arg(held);
        let mut create = self.set(&full, text);
        create.arg("NX");
        let mut was_nothing = false;
        for _ in 0..MOST_TRIES {
            match self.ask(&full, &replace, deadline)? {
                // An exchange of this call may have created it, and lost its answer.
                Value::Int(IS_THERE) if was_nothing => return Ok(Stored::New),
                Value::Int(IS_REPLACED | IS_THERE) => return Ok(Stored::Replaced),
                Value::Int(IS_NOTHING) => was_nothing = true,
                _ => return Ok(Stored::Changed),
            }
            // Something has come in between where the answer is nil.
            if !matches!(self.ask(&full, &create, deadline)?, Value::Nil) {
                return Ok(Stored::New);
            }
        }
        Err(contended())
    }

    /// Removes the record under a key, and returns whether there was one. Blocks. When an answer is lost
    /// with its connection the command is sent again, and may then find nothing.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be reached in time or takes no writes.
    pub fn remove(&self, key: &str) -> Result<bool, StoreError> {
        let full = self.full(key)?;
        let removed = self.ask(&full, cmd("DEL").arg(&full), self.deadline())?;
        Ok(matches!(removed, Value::Int(count) if count > 0))
    }

    /// Removes the records under keys as [`RedisStore::remove`] does, in one exchange.
    ///
    /// # Errors
    ///
    /// Each fails as [`RedisStore::remove`].
    pub fn remove_all(&self, keys: &[&str]) -> Vec<Result<bool, StoreError>> {
        let remove = |full: &str| {
            let mut command = cmd("DEL");
            command.arg(full);
            command
        };
        let answers = self.ask_all(keys, remove).into_iter();
        answers.map(|answer| Ok(matches!(answer?, Value::Int(count) if count > 0))).collect()
    }

    /// Calls `visit` with every key that matches a pattern, until it breaks. Skips keys that are not
    /// UTF-8. Blocks.
    ///
    /// In the pattern `*` stands for any text, `?` for any byte, `[ab]` for one of these, and `\` takes
    /// the meaning from what follows. The store's prefix is not part of it. Keys come in no order, with
    /// the usual guarantee of `SCAN`: a key that stays on its server during the whole scan is visited,
    /// possibly more than once. Each exchange takes at most the store's timeout; the whole has no limit.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    /// use convert_redis::RedisStore;
    ///
    /// let store = RedisStore::builder("redis://localhost").build()?;
    /// store.scan("10012345-10067890-*", |key| {
    ///     println!("{key}");
    ///     ControlFlow::Continue(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be reached in time; some keys may have been visited then. Fails before
    /// the first key if not all keys can be seen: if the server belongs to a cluster and the store was
    /// not built for [one](crate::RedisStoreBuilder::cluster), if a server refuses `CLUSTER SLOTS`, or
    /// if some slots of a cluster have no server or several servers report the same address.
    pub fn scan(
        &self,
        pattern: &str,
        mut visit: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.scan_bytes(pattern, |key| match std::str::from_utf8(key) {
            Ok(key) => visit(key),
            Err(_) => ControlFlow::Continue(()),
        })
    }

    /// Calls `visit` as [`RedisStore::scan`] does, also with keys that are not UTF-8.
    ///
    /// # Errors
    ///
    /// Fails as [`RedisStore::scan`].
    pub fn scan_bytes(
        &self,
        pattern: &str,
        mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let pattern = [&*literally(self.prefix()), pattern].concat();
        self.server()
            .each(&|| self.deadline(), &mut |pool| self.scan_server(pool, &pattern, &mut visit))
    }

    /// Carries out commands that may be carried out twice, one for each key, in one exchange.
    fn ask_all(
        &self,
        keys: &[&str],
        command: impl Fn(&str) -> Cmd,
    ) -> Vec<Result<Value, StoreError>> {
        let deadline = self.deadline();
        let mut commands = Vec::with_capacity(keys.len());
        let full: Vec<_> = keys.iter().map(|key| self.full(key)).collect();
        commands.extend(full.iter().flatten().map(|full| (&**full, command(full))));
        let answers = self.server().run_all(&commands, deadline).into_iter();
        let mut answers = answers.zip(&commands).map(|(answer, (full, command))| match answer {
            Err(CommandError::Dropped(_)) => self.ask(full, command, deadline),
            answer => answer.map_err(StoreError::from),
        });
        let lost = || Err(unavailable("there is no reply"));
        full.iter()
            .map(|full| match full {
                Ok(_) => answers.next().unwrap_or_else(lost),
                Err(error) => Err(error.clone()),
            })
            .collect()
    }

    fn scan_server(
        &self,
        pool: &ConnectionPool,
        pattern: &str,
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut cursor = String::from("0");
        let mut restarts = 0;
        // A cursor is valid on this connection only: another one may lead to a server that has been
        // restarted, or to the one that has taken over.
        let mut held = None;
        loop {
            let mut command = cmd("SCAN");
            command.arg(&cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(BATCH);
            let deadline = self.deadline();
            let connection = held.take().map_or_else(|| pool.acquire(deadline), Ok);
            let answered = connection.and_then(|connection| connection.ask(&command, deadline));
            let (connection, answer) = match answered {
                Err(_) if restarts < MOST_RESTARTS => {
                    restarts += 1;
                    "0".clone_into(&mut cursor);
                    continue;
                }
                answered => answered?,
            };
            let (next, keys) =
                page(answer).ok_or_else(|| unavailable("the reply to SCAN is no page of keys"))?;
            for key in &keys {
                let own = key.strip_prefix(self.prefix().as_bytes());
                if own.is_some_and(|own| visit(own).is_break()) {
                    connection.release();
                    return Ok(ControlFlow::Break(()));
                }
            }
            if next == "0" {
                connection.release();
                return Ok(ControlFlow::Continue(()));
            }
            held = Some(connection);
            cursor = next;
        }
    }
}

fn text_of(answer: Value) -> Result<Vec<u8>, StoreError> {
    match answer {
        Value::BulkString(text) if text.len() > MOST_BYTES => {
            Err(unreadable("it is longer than 1 MiB"))
        }
        Value::BulkString(text) => Ok(text),
        _ => Err(unavailable("the reply is of another type than expected")),
    }
}

/// Reads an answer to `SCAN`: the next cursor and some keys.
fn page(answer: Value) -> Option<(String, Vec<Vec<u8>>)> {
    let Value::Array(parts) = answer else { return None };
    let [Value::BulkString(cursor), Value::Array(keys)] = parts.as_slice() else { return None };
    let keys = keys.iter().filter_map(|key| match key {
        Value::BulkString(key) => Some(key.clone()),
        _ => None,
    });
    Some((String::from_utf8(cursor.clone()).ok()?, keys.collect()))
}

/// Takes from characters the meaning they have in patterns.
fn literally(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// Replaces a text that is there; if a second argument is given, only if that is it. A
/// text that is there already may have been stored by an exchange whose answer was lost.
const REPLACE: &str = "\
local held = redis.call('GET', KEYS[1])
if ARGV[2] and (held or '') ~= ARGV[2] and held ~= ARGV[1] then return 0 end
if not held then return 1 end
redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
return held == ARGV[1] and 3 or 2";
/// What the script returns where there is nothing to replace.
const IS_NOTHING: i64 = 1;
/// What the script returns where it has replaced a text.
const IS_REPLACED: i64 = 2;
/// What the script returns where the text was there already.
const IS_THERE: i64 = 3;
/// How often a server's keys are gone through from the beginning again.
const MOST_RESTARTS: u32 = 3;
/// How many keys are looked at in one exchange.
const BATCH: u32 = 500;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use test_support::{LossyProxy, RedisServer};

    use super::*;

    fn start() -> (RedisServer, RedisStore) {
        let server = RedisServer::start(&[]);
        let builder = RedisStore::builder(server.url()).prefix("p:");
        (server, builder.timeout(Duration::from_secs(30)).build().unwrap())
    }

    #[test]
    fn a_prefix_means_itself_in_a_pattern() {
        assert_eq!(literally("shop[1]*"), r"shop\[1\]\*");
    }

    #[test]
    fn redis_stores_a_text_only_in_place_of_the_one_that_is_expected() {
        let (server, store) = start();
        let put = |held, text: &[u8]| store.store_text("k", held, text).unwrap();
        assert_eq!(put(Some(b"{}"), b"{}"), Stored::Changed);
        assert_eq!(put(Some(b""), b"{}"), Stored::New);
        let days = server.command(&["TTL", "p:k"]).parse::<u64>().unwrap().div_ceil(86_400);
        assert_eq!(days, 180);
        server.command(&["EXPIRE", "p:k", "100"]);
        assert_eq!(put(Some(b""), b"[]"), Stored::Changed);
        assert_eq!(put(Some(b"{}"), b"[1]"), Stored::Replaced);
        assert_eq!(put(None, b"[2]"), Stored::Replaced);
        // As if an answer had been lost, and the text sent again.
        assert_eq!(put(Some(b"[1]"), b"[2]"), Stored::Replaced);
        assert!(server.command(&["TTL", "p:k"]).parse::<u64>().unwrap() <= 100);
        assert_eq!(store.text("k").unwrap(), b"[2]");
        server.command(&["PERSIST", "p:k"]);
        assert_eq!(put(None, b"[3]"), Stored::Replaced);
        assert_eq!(server.command(&["TTL", "p:k"]), "-1");
        let refused = store.store_text("k", None, &vec![b' '; MOST_BYTES + 1]).unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Refused);
        server.command(&["HSET", "p:h", "a", "1"]);
        let wrong = store.store_text("h", None, b"{}").unwrap_err();
        assert_eq!(wrong.kind(), StoreErrorKind::Unreadable);
    }

    #[test]
    fn what_is_new_to_redis_is_not_told_as_replaced_where_the_answer_is_lost() {
        let (server, _) = start();
        for (number, held) in [None, Some(&b""[..])].into_iter().enumerate() {
            let key = format!("k{number}");
            let proxy = LossyProxy::start(server.port(), "NX", 1);
            let builder = RedisStore::builder(format!("redis://127.0.0.1:{}", proxy.port()));
            let store = builder.timeout(Duration::from_secs(30)).build().unwrap();
            assert_eq!(store.store_text(&key, held, b"{}"), Ok(Stored::New));
            assert_eq!(store.store_text(&key, None, b"{}"), Ok(Stored::Replaced));
            assert_eq!(server.command(&["GET", &key]), "{}");
        }
    }

    #[test]
    fn redis_keys_are_dealt_with_many_at_a_time() {
        let (server, store) = start();
        server.command(&["SET", "p:a", "{}"]);
        server.command(&["HSET", "p:b", "a", "1"]);
        server.command(&["EVAL", "redis.call('SET', 'p:c', string.rep('x', 1048577))", "0"]);
        let texts = store.texts(&["a", "b", "c", "d"]);
        let kinds = texts.iter().map(|text| text.as_ref().map_err(StoreError::kind));
        let unreadable = Err(StoreErrorKind::Unreadable);
        let expected = [Ok(&b"{}".to_vec()), unreadable, unreadable, Ok(&Vec::new())];
        assert_eq!(kinds.collect::<Vec<_>>(), expected);
        let removed = store.remove_all(&["a", "b", "d"]).into_iter().map(Result::unwrap);
        assert_eq!(removed.collect::<Vec<_>>(), [true, true, false]);
        server.command(&["EVAL", r"redis.call('SET', 'p:\255', '{}')", "0"]);
        let (mut texts, mut all) = (0, Vec::new());
        let count = |_: &str| {
            texts += 1;
            ControlFlow::Continue(())
        };
        store.scan("*", count).unwrap();
        let gather = |key: &[u8]| {
            all.push(key.to_vec());
            ControlFlow::Continue(())
        };
        store.scan_bytes("*", gather).unwrap();
        all.sort();
        assert_eq!((texts, all), (1, vec![b"c".to_vec(), b"\xff".to_vec()]));
    }

    #[test]
    fn a_redis_server_that_is_started_again_is_gone_through_from_the_beginning() {
        let (mut server, store) = start();
        let fill = "for i = 1, 5000 do redis.call('SET', 'p:' .. i, '{}') end";
        server.command(&["EVAL", fill, "0"]);
        let (mut seen, mut visits) = (BTreeSet::new(), 0);
        let visit = |key: &str| {
            seen.insert(key.to_owned());
            visits += 1;
            if visits == 1_500 {
                server.restart();
                server.command(&["EVAL", fill, "0"]);
            }
            ControlFlow::Continue(())
        };
        store.scan("*", visit).unwrap();
        assert_eq!(seen.len(), 5_000);
    }

    #[test]
    fn a_redis_scan_does_not_go_on_where_a_read_has_found_the_server_started_again() {
        let (mut server, store) = start();
        let fill = "for i = 1, 5000 do redis.call('SET', 'p:' .. i, '{}') end";
        server.command(&["EVAL", fill, "0"]);
        let (mut seen, mut visits) = (BTreeSet::new(), 0);
        let visit = |key: &str| {
            seen.insert(key.to_owned());
            visits += 1;
            if visits == 1_500 {
                server.restart();
                server.command(&["EVAL", fill, "0"]);
            }
            // It connects again, so that a connection to the new server is at hand.
            assert_eq!(store.text(key).unwrap(), b"{}");
            ControlFlow::Continue(())
        };
        store.scan("*", visit).unwrap();
        assert_eq!(seen.len(), 5_000);
    }
}
