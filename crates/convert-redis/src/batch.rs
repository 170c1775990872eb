//! Changes of many visitors in one exchange.

use std::sync::Arc;

use convert_sdk::{RecordDelta, StoreError, VisitorRecord};
use redis::{Cmd, Value};

use crate::clock::Deadline;
use crate::error::Trouble;
use crate::recent::Seen;
use crate::store::{MOST_BYTES, MOST_TRIES, RedisStore, Swap, contended, swapped, write};

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
    held: Seen,
    tries: usize,
}

impl<'b> Batch<'b> {
    pub(crate) fn new(
        store: &'b RedisStore,
        changes: &'b [(&'b str, &'b RecordDelta<'b>)],
    ) -> Self {
        let item = |(place, &(key, delta)): (usize, &(&'b str, &'b RecordDelta<'b>))| Item {
            place,
            key,
            delta,
            full: store.full(key),
            held: store.recent().find(key),
            tries: 0,
        };
        Batch {
            store,
            deadline: store.deadline(),
            waiting: changes.iter().enumerate().map(item).collect(),
            answers: changes.iter().map(|_| Err(contended())).collect(),
            is_script_unknown: false,
        }
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
                .map(|(item, seen)| {
                    let script = self.is_script_unknown;
                    (
                        &*item.full,
                        self.store.swap_command(script, &item.full, &item.held.text, &seen.text),
                    )
                })
                .collect();
            let answers = self.store.server().run_all(&commands, self.deadline);
            drop(commands);
            self.is_script_unknown = false;
            for ((item, seen), answer) in sent.into_iter().zip(answers) {
                self.settle(item, seen, answer);
            }
        }
        self.answers
    }

    /// Takes out as many as go into one exchange, with the texts that they are to be.
    fn draft(&mut self) -> Vec<(Item<'b>, Seen)> {
        let (mut sent, mut bytes) = (Vec::new(), 0_usize);
        let mut waiting = std::mem::take(&mut self.waiting).into_iter();
        while bytes < MOST_BYTES {
            let Some(item) = waiting.next() else { break };
            let record =
                item.delta.merge_into(VisitorRecord::clone(&item.held.record)).into_record();
            match write(&record) {
                Ok(text) => {
                    bytes += item.held.text.len() + text.len();
                    sent.push((item, Seen { text, record: Arc::new(record) }));
                }
                Err(error) => self.answer(item.place, Err(error)),
            }
        }
        self.waiting = waiting.collect();
        sent
    }

    fn settle(&mut self, mut item: Item<'b>, seen: Seen, answer: Result<Value, Trouble>) {
        item.tries += 1;
        match answer.and_then(swapped) {
            Ok(Swap::Made) => {
                self.store.recent().note(item.key, seen);
                return self.answer(item.place, Ok(()));
            }
            Ok(Swap::Other(held)) => item.held = held,
            Err(Trouble::NoScript) => self.is_script_unknown = true,
            // Merging again is harmless.
            Err(Trouble::Dropped) => {}
            Err(trouble) => return self.answer(item.place, Err(trouble.into())),
        }
        if item.tries < MOST_TRIES {
            self.waiting.push(item);
        } else {
            self.store.recent().note(item.key, item.held);
        }
    }

    fn answer(&mut self, place: usize, answer: Result<(), StoreError>) {
        if let Some(known) = self.answers.get_mut(place) {
            *known = answer;
        }
    }
}
