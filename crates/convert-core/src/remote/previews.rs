//! Configs fetched for previews, kept for a minute.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use convert_config::ProjectConfig;
use convert_decision::PreviewError;

use crate::error::Error;
use crate::records::Lru;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// What was found for the experiences asked for last.
pub(crate) struct Previews {
    memo: Mutex<Memo>,
    /// Rings when a fetch has ended.
    ended: Condvar,
    // Ids come from links, so the hash must not be predictable.
    hash: RandomState,
}

struct Memo {
    found: Lru<Found>,
    /// What is being fetched, so that a link that many open at once costs one request, while those
    /// who open others need not wait for it.
    fetching: HashSet<Box<str>>,
}

/// Ends a fetch, however it ends.
struct Turn<'p> {
    previews: &'p Previews,
    experience_id: &'p str,
}

#[derive(Debug, Clone)]
struct Found {
    outcome: Outcome,
    until: Duration,
}

type Outcome = Result<Arc<ProjectConfig>, PreviewError>;

impl Previews {
    /// Returns the config that has the experience, as kept or as fetched. Blocks while it is
    /// fetched, by this thread or by another one.
    pub(crate) fn find(
        &self,
        experience_id: &str,
        now: impl Fn() -> Duration,
        fetch: impl FnOnce() -> Result<ProjectConfig, Error>,
    ) -> Outcome {
        let hash = self.hash.hash_one(experience_id);
        let mut memo = self.memo();
        loop {
            let known = memo.found.find(hash, experience_id);
            if let Some(found) = known.filter(|found| now() < found.until) {
                return found.outcome.clone();
            }
            if memo.fetching.insert(experience_id.into()) {
                break;
            }
            memo = self.ended.wait(memo);
        }
        drop(memo);
        let _turn = Turn { previews: self, experience_id };
        let has_it = |config: &ProjectConfig| config.experiences().by_id(experience_id).is_some();
        let (outcome, keep) = match fetch() {
            Ok(config) if has_it(&config) => (Ok(Arc::new(config)), KEEP),
            Ok(_) => (Err(PreviewError::ExperienceNotFound), KEEP),
            Err(_) => (Err(PreviewError::FetchFailed), KEEP_FAILURE),
        };
        let found = Found { outcome: outcome.clone(), until: now().saturating_add(keep) };
        let mut memo = self.memo();
        match memo.found.find(hash, experience_id) {
            Some(known) => *known = found,
            None => memo.found.insert(hash, experience_id, found),
        }
        outcome
    }

    fn memo(&self) -> MutexGuard<'_, Memo> {
        self.memo.lock()
    }
}

impl Default for Previews {
    fn default() -> Self {
        let memo = Memo { found: Lru::new(CAPACITY), fetching: HashSet::new() };
        Previews { memo: Mutex::new(memo), ended: Condvar::new(), hash: RandomState::new() }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.previews.memo().fetching.remove(self.experience_id);
        self.previews.ended.notify_all();
    }
}

const CAPACITY: usize = 1_000;
const KEEP: Duration = Duration::from_secs(60);
/// Long enough that a dead service is not asked for every page view.
const KEEP_FAILURE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn config(experience_id: &str) -> ProjectConfig {
        ProjectConfig::from_json(&format!(
            r#"{{"account_id": "1", "project": {{"id": "2"}},
                "experiences": [{{"id": "{experience_id}", "key": "k"}}]}}"#
        ))
        .unwrap()
    }

    #[test]
    fn what_was_found_is_kept_for_a_minute() {
        let (previews, fetches) = (Previews::default(), Cell::new(0));
        let find = |seconds: u64, id: &str, found: &str| {
            let fetch = || {
                fetches.set(fetches.get() + 1);
                Ok(config(found))
            };
            previews.find(id, || Duration::from_secs(seconds), fetch).is_ok()
        };
        assert!(find(0, "7", "7") && find(59, "7", "7"));
        assert_eq!(fetches.get(), 1);
        assert!(find(60, "7", "7"));
        assert_eq!(fetches.get(), 2);
        assert!(!find(60, "8", "7") && !find(119, "8", "7"));
        assert_eq!(fetches.get(), 3);
    }

    #[test]
    fn a_failure_is_kept_for_a_moment_only() {
        let (previews, fetches) = (Previews::default(), Cell::new(0));
        let find = |seconds: u64| {
            let fetch = || {
                fetches.set(fetches.get() + 1);
                Err(convert_config::InvalidConfigError::new("", "broken").into())
            };
            previews.find("7", || Duration::from_secs(seconds), fetch).is_ok()
        };
        assert!(!find(0) && !find(4));
        assert_eq!(fetches.get(), 1);
        assert!(!find(5));
        assert_eq!(fetches.get(), 2);
    }

    #[test]
    fn those_who_open_other_links_do_not_wait() {
        let previews = Previews::default();
        let find = |id: &str, fetch: &dyn Fn()| {
            let fetch = || {
                fetch();
                Ok(config(id))
            };
            previews.find(id, Duration::default, fetch).is_ok()
        };
        // Were the second to wait for the first, this would not end.
        assert!(find("7", &|| assert!(find("8", &|| ()))));
    }

    #[test]
    fn a_fetch_that_panics_leaves_its_place_to_the_next() {
        let previews = Previews::default();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            previews.find("7", Duration::default, || panic!("on purpose"))
        }));
        assert!(outcome.is_err());
        assert!(previews.find("7", Duration::default, || Ok(config("7"))).is_ok());
    }

    #[test]
    fn no_more_than_a_thousand_are_kept() {
        let previews = Previews::default();
        let weak: Vec<_> = (0..1_500)
            .map(|id| {
                let id = id.to_string();
                let found = previews.find(&id, Duration::default, || Ok(config(&id)));
                Arc::downgrade(&found.unwrap())
            })
            .collect();
        assert_eq!(weak.iter().filter(|one| one.strong_count() > 0).count(), 1_000);
    }
}
