//! What was seen of records lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The text of each record as last seen, for the visitors seen last: what a merge starts from.
///
/// It may be out of date, which costs one more exchange and nothing else. Two generations stand in
/// for an order of use: when the younger is full, the older one is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, Arc<[u8]>>,
    old: HashMap<String, Arc<[u8]>>,
}

impl Recent {
    /// Returns the text that was last seen under a key; empty if there was none, or none was seen.
    pub(crate) fn find(&self, key: &str) -> Arc<[u8]> {
        let generations = self.generations();
        let found = generations.young.get(key).or_else(|| generations.old.get(key));
        found.cloned().unwrap_or_default()
    }

    /// Notes what was seen under a key.
    pub(crate) fn note(&self, key: &str, text: Arc<[u8]>) {
        let mut generations = self.generations();
        if text.is_empty() {
            generations.young.remove(key);
            generations.old.remove(key);
            return;
        }
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key.to_owned(), text);
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many visitors a generation has.
const GENERATION: usize = 5_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_last_text_and_a_bounded_number_of_visitors() {
        let recent = Recent::default();
        assert!(recent.find("a").is_empty());
        recent.note("a", Arc::from(*b"1"));
        recent.note("a", Arc::from(*b"2"));
        assert_eq!(*recent.find("a"), *b"2");
        recent.note("a", Arc::default());
        assert!(recent.find("a").is_empty());
        for visitor in 0..20_000 {
            recent.note(&visitor.to_string(), Arc::from(*b"x"));
        }
        assert!(recent.find("0").is_empty() && !recent.find("19999").is_empty());
        let generations = recent.generations();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }
}
