//! What was seen of records lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convert_sdk::VisitorRecord;

/// The text of each record as last seen, for the visitors seen last: what a merge starts from.
///
/// It may be out of date, which costs one more exchange and nothing else. Two generations stand in
/// for an order of use: when the younger is full, the older one is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, Seen>,
    old: HashMap<String, Seen>,
    /// How many bytes of text have come into the younger one.
    bytes: usize,
}

/// A record as it was seen; the text is empty where there was none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) text: Arc<[u8]>,
    pub(crate) record: Arc<VisitorRecord>,
}

impl Recent {
    /// Returns what was last seen under a key; nothing if there was none, or none was seen.
    pub(crate) fn find(&self, key: &str) -> Seen {
        let generations = self.generations();
        let found = generations.young.get(key).or_else(|| generations.old.get(key));
        found.cloned().unwrap_or_default()
    }

    /// Notes what was seen under a key.
    pub(crate) fn note(&self, key: &str, seen: Seen) {
        let mut generations = self.generations();
        if seen.text.is_empty() {
            generations.young.remove(key);
            generations.old.remove(key);
            return;
        }
        if generations.young.len() >= GENERATION || generations.bytes >= MOST_BYTES {
            generations.old = std::mem::take(&mut generations.young);
            generations.bytes = 0;
        }
        generations.bytes = generations.bytes.saturating_add(seen.text.len());
        match generations.young.get_mut(key) {
            Some(known) => *known = seen,
            None => drop(generations.young.insert(key.to_owned(), seen)),
        }
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many visitors a generation has.
const GENERATION: usize = 5_000;
/// How many bytes of text a generation has, give or take one record.
const MOST_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &[u8]) -> Seen {
        Seen { text: Arc::from(text), record: Arc::default() }
    }

    #[test]
    fn it_keeps_the_last_text_and_a_bounded_number_of_visitors() {
        let recent = Recent::default();
        assert!(recent.find("a").text.is_empty());
        recent.note("a", seen(b"1"));
        recent.note("a", seen(b"2"));
        assert_eq!(*recent.find("a").text, *b"2");
        recent.note("a", Seen::default());
        assert!(recent.find("a").text.is_empty());
        for visitor in 0..20_000 {
            recent.note(&visitor.to_string(), seen(b"x"));
        }
        assert!(recent.find("0").text.is_empty() && !recent.find("19999").text.is_empty());
        let generations = recent.generations();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }

    #[test]
    fn a_few_long_records_are_not_kept_for_ever() {
        let recent = Recent::default();
        for visitor in 0..100 {
            recent.note(&visitor.to_string(), seen(&vec![b'x'; 1 << 20]));
        }
        let generations = recent.generations();
        assert!(generations.young.len() + generations.old.len() <= 16);
    }
}
