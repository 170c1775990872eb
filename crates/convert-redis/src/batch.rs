//! Changes of many visitors in one exchange.

use std::sync::Arc;

use convert_sdk::{RecordDelta, StoreError};
use redis::{Cmd, Value};

use crate::clock::Deadline;
use crate::error::CommandError;
use crate::store::{MOST_BYTES, MOST_TRIES, RedisStore, Swap, contended, read, swapped, write};

/// Changes that are being merged together, each as [`RedisStore`] merges one.
pub(crate) struct Batch<'b> {
    store: &'b RedisStore,
    deadline: Deadline,
    /// Those that have no answer yet.
    waiting: Vec<Item<'b>>,
    answers: Vec<Result<(), StoreError>>,
    /// Whether the server has to be told the script.
    is_script_unknown: bool,
}

/// A change of one visitor.
struct Item<'b> {
    place: usize,
    key: &'b str,
    delta: &'b RecordDelta<'b>,
    full: String,
    held: Arc<[u8]>,
    tries: usize,
}

impl<'b> Batch<'b> {
    pub(crate) fn new(
        store: &'b RedisStore,
        changes: &'b [(&'b str, &'b RecordDelta<'b>)],
    ) -> Self {
        let mut batch = Batch {
            store,
            deadline: store.deadline(),
            waiting: Vec::with_capacity(changes.len()),
            answers: changes.iter().map(|_| Err(contended())).collect(),
            is_script_unknown: false,
        };
        for (place, &(key, delta)) in changes.iter().enumerate() {
            match store.full(key) {
                Ok(full) => {
                    let held = store.cache().find(key);
                    batch.waiting.push(Item { place, key, delta, full, held, tries: 0 });
                }
                Err(error) => batch.answer(place, Err(error)),
            }
        }
        batch
    }

    /// Merges all of them, and returns an answer to each.
    pub(crate) fn run(mut self) -> Vec<Result<(), StoreError>> {
        while !self.waiting.is_empty() {
            let sent = self.draft();
            if sent.is_empty() {
                continue;
            }
            let commands: Vec<(&str, Cmd)> = sent
                .iter()
                .map(|(item, text)| {
                    let script = self.is_script_unknown;
                    (&*item.full, self.store.swap_command(script, &item.full, &item.held, text))
                })
                .collect();
            let answers = self.store.server().run_all(&commands, self.deadline);
            drop(commands);
            self.is_script_unknown = false;
            for ((item, text), answer) in sent.into_iter().zip(answers) {
                self.settle(item, text, answer);
            }
        }
        self.answers
    }

    /// Takes out as many as go into one exchange, with the texts that they are to be.
    fn draft(&mut self) -> Vec<(Item<'b>, Arc<[u8]>)> {
        let mut sent = Vec::new();
        let mut bytes = 0_usize;
        let mut waiting = std::mem::take(&mut self.waiting).into_iter();
        while bytes < MOST_BYTES {
            let Some(item) = waiting.next() else { break };
            let merged = read(&item.held).map(|record| item.delta.merge_into(record));
            match merged.and_then(|merged| write(merged.record())) {
                Ok(text) => {
                    bytes += item.full.len() + item.held.len() + text.len();
                    sent.push((item, text));
                }
                Err(error) => self.answer(item.place, Err(error)),
            }
        }
        self.waiting = waiting.collect();
        sent
    }

    fn settle(&mut self, mut item: Item<'b>, text: Arc<[u8]>, answer: Result<Value, CommandError>) {
        item.tries += 1;
        match answer.and_then(swapped) {
            Ok(Swap::Made) => {
                self.store.cache().note(item.key, text);
                return self.answer(item.place, Ok(()));
            }
            Ok(Swap::Other(held)) => item.held = held,
            Err(CommandError::NoScript) => self.is_script_unknown = true,
            // Merging again is harmless.
            Err(CommandError::Dropped(_)) => {}
            Err(error) => return self.answer(item.place, Err(error.into())),
        }
        if item.tries < MOST_TRIES {
            self.waiting.push(item);
        }
    }

    fn answer(&mut self, place: usize, answer: Result<(), StoreError>) {
        if let Some(known) = self.answers.get_mut(place) {
            *known = answer;
        }
    }
}
