//! The records that were read or written last.

use std::collections::HashMap;
use std::sync::Arc;

use crate::lock::Lock;

/// The text of each record as last seen, for the visitors seen last: what a merge starts from.
///
/// It may be out of date, which costs one more exchange and nothing else. Two generations stand in
/// for an order of use: when the younger is full, the older one is forgotten. Together they hold at
/// most [`MOST_BYTES`] and the two records that filled them.
#[derive(Debug, Default)]
pub(crate) struct RecordCache(Lock<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, Arc<[u8]>>,
    old: HashMap<String, Arc<[u8]>>,
    /// How many bytes have come into the younger one.
    bytes: usize,
}

impl RecordCache {
    /// Returns what was last seen under a key; nothing if there was none, or none was seen.
    pub(crate) fn find(&self, key: &str) -> Arc<[u8]> {
        let generations = self.0.lock();
        let found = generations.young.get(key).or_else(|| generations.old.get(key));
        found.cloned().unwrap_or_default()
    }

    /// Notes what was seen under a key: a text that is a record, or nothing.
    pub(crate) fn note(&self, key: &str, text: Arc<[u8]>) {
        let mut generations = self.0.lock();
        if text.is_empty() {
            generations.young.remove(key);
            generations.old.remove(key);
            return;
        }
        let mut forgotten = HashMap::new();
        if generations.bytes >= MOST_BYTES / 2 {
            let young = std::mem::take(&mut generations.young);
            forgotten = std::mem::replace(&mut generations.old, young);
            generations.bytes = 0;
        }
        let bytes = text.len() + key.len() + ENTRY_BYTES;
        generations.bytes = generations.bytes.saturating_add(bytes);
        match generations.young.get_mut(key) {
            Some(known) => *known = text,
            None => drop(generations.young.insert(key.to_owned(), text)),
        }
        // Many records take a while to free.
        drop(generations);
        drop(forgotten);
    }
}

/// How many bytes the cache has, keys included.
const MOST_BYTES: usize = 16 << 20;
/// What an entry takes besides its key and text.
const ENTRY_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &[u8]) -> Arc<[u8]> {
        Arc::from(text)
    }

    /// Returns how many records are kept, and how many bytes their keys and texts have.
    fn held(cache: &RecordCache) -> (usize, usize) {
        let generations = cache.0.lock();
        let all = || generations.young.iter().chain(&generations.old);
        (all().count(), all().map(|(key, text)| key.len() + text.len()).sum())
    }

    #[test]
    fn it_keeps_the_last_text_of_a_bounded_number_of_visitors() {
        let cache = RecordCache::default();
        assert!(cache.find("a").is_empty());
        cache.note("a", text(b"1"));
        cache.note("a", text(b"2"));
        assert_eq!(*cache.find("a"), *b"2");
        cache.note("a", Arc::default());
        assert!(cache.find("a").is_empty());
        for visitor in 0..200_000 {
            cache.note(&visitor.to_string(), text(b"x"));
        }
        assert!(cache.find("0").is_empty() && !cache.find("199999").is_empty());
        assert!(held(&cache).0 <= MOST_BYTES / ENTRY_BYTES + 2);
    }

    #[test]
    fn long_records_and_long_keys_count_with_their_bytes() {
        let cache = RecordCache::default();
        for visitor in 0..40 {
            cache.note(&visitor.to_string(), text(&vec![b'x'; 1 << 20]));
        }
        assert!(held(&cache).1 <= MOST_BYTES + (2 << 20), "{:?}", held(&cache));
        let cache = RecordCache::default();
        for visitor in 0..400 {
            cache.note(&format!("{visitor}-{}", "v".repeat(100_000)), text(b"{}"));
        }
        assert!(held(&cache).1 <= MOST_BYTES + (1 << 20), "{:?}", held(&cache));
        assert!(held(&cache).0 > 50);
    }
}
