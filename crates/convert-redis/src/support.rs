//! Support work on a store: looking at records, correcting and removing them.

use std::ops::ControlFlow;

use convert_sdk::{StoreError, VisitorRecord};
use redis::{Value, cmd};

use crate::error::unavailable;
use crate::node::Node;
use crate::store::{RedisStore, write};

impl RedisStore {
    /// Replaces the record under a key, whatever is there.
    ///
    /// For support work; the SDK changes records with [`DataStore::merge`](convert_sdk::DataStore).
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be reached in time or takes no writes.
    pub fn replace(&self, key: &str, record: &VisitorRecord) -> Result<(), StoreError> {
        let (full, text) = (self.full(key), write(record)?);
        self.ask(&full, &self.set(&full, &text), self.deadline()).map(drop)
    }

    /// Removes the record under a key, and returns whether there was one.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be reached in time or takes no writes.
    pub fn remove(&self, key: &str) -> Result<bool, StoreError> {
        let full = self.full(key);
        let removed = self.ask(&full, cmd("DEL").arg(&full), self.deadline())?;
        Ok(matches!(removed, Value::Int(count) if count > 0))
    }

    /// Calls `visit` with every key that matches a pattern, until it breaks.
    ///
    /// In the pattern `*` stands for any text, `?` for any character, `[ab]` for one of these, and
    /// `\` takes the meaning from what follows; the store's prefix is not part of it. Keys are found
    /// by `SCAN`, in no order, and a key may come twice; those that come or go meanwhile may be
    /// missed. Each exchange takes at most the store's time for a call, the whole as long as it
    /// takes.
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
    /// Fails if the store cannot be reached in time; then some keys have been visited. Fails before
    /// the first key where it could not see all: with a server that belongs to a cluster, unless the
    /// store was built for [that](crate::RedisStoreBuilder::cluster), and with a cluster of which
    /// some slots have no server.
    pub fn scan(
        &self,
        pattern: &str,
        mut visit: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let pattern = [&*literally(self.prefix()), pattern].concat();
        let mut is_over = false;
        self.server().each(self.deadline(), &mut |node| {
            if is_over {
                return Ok(());
            }
            self.scan_node(node, &pattern, &mut |key| {
                let flow = visit(key);
                is_over = flow.is_break();
                flow
            })
        })
    }

    fn scan_node(
        &self,
        node: &Node,
        pattern: &str,
        visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut cursor = String::from("0");
        loop {
            let mut command = cmd("SCAN");
            command.arg(&cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(BATCH);
            let answer = node.run(&[&command], self.deadline());
            let answer = answer.or_else(|_| node.run(&[&command], self.deadline()))?;
            let (next, keys) = page(answer).ok_or_else(|| unavailable("it cannot list keys"))?;
            for key in &keys {
                let own = key.strip_prefix(self.prefix());
                if own.is_some_and(|own| visit(own).is_break()) {
                    return Ok(());
                }
            }
            if next == "0" {
                return Ok(());
            }
            cursor = next;
        }
    }
}

/// Reads an answer to `SCAN`: the next cursor and some keys. Keys that are no text are left out.
fn page(answer: Value) -> Option<(String, Vec<String>)> {
    let Value::Array(parts) = answer else { return None };
    let [Value::BulkString(cursor), Value::Array(keys)] = parts.as_slice() else { return None };
    let keys = keys.iter().filter_map(|key| match key {
        Value::BulkString(key) => String::from_utf8(key.clone()).ok(),
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

/// How many keys are looked at in one exchange.
const BATCH: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_means_itself_in_a_pattern() {
        assert_eq!(literally("shop[1]*"), r"shop\[1\]\*");
    }
}
