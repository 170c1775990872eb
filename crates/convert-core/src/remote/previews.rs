//! Configs fetched for previews, kept for a minute.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convert_config::ProjectConfig;
use convert_decision::PreviewError;

use crate::error::Error;
use crate::records::Lru;

/// What was found for the experiences asked for last.
pub(crate) struct Previews {
    memo: Mutex<Lru<Found>>,
    // Ids come from links, so the hash must not be predictable.
    hash: RandomState,
    /// Held while fetching, so that a link that many open at once costs one request.
    turn: Mutex<()>,
}

#[derive(Debug, Clone)]
struct Found {
    outcome: Outcome,
    until: Duration,
}

type Outcome = Result<Arc<ProjectConfig>, PreviewError>;

impl Previews {
    /// Returns the config that has the experience, as kept or as fetched. Blocks while it is
    /// fetched.
    pub(crate) fn find(
        &self,
        experience_id: &str,
        now: impl Fn() -> Duration,
        fetch: impl FnOnce() -> Result<ProjectConfig, Error>,
    ) -> Outcome {
        if let Some(found) = self.recall(experience_id, now()) {
            return found.outcome;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = self.recall(experience_id, now()) {
            return found.outcome;
        }
        let has_it = |config: &ProjectConfig| config.experiences().by_id(experience_id).is_some();
        let (outcome, keep) = match fetch() {
            Ok(config) if has_it(&config) => (Ok(Arc::new(config)), KEEP),
            Ok(_) => (Err(PreviewError::ExperienceNotFound), KEEP),
            Err(error) => {
                // A failure is kept for some time, so that it cannot fill the log.
                log::warn!(
                    target: "convert_sdk::preview",
                    "an experience to preview could not be fetched: {error}"
                );
                (Err(PreviewError::FetchFailed), KEEP_FAILURE)
            }
        };
        let found = Found { outcome: outcome.clone(), until: now().saturating_add(keep) };
        let hash = self.hash.hash_one(experience_id);
        let mut memo = self.memo();
        match memo.find(hash, experience_id) {
            Some(known) => *known = found,
            None => memo.insert(hash, experience_id, found),
        }
        outcome
    }

    fn recall(&self, experience_id: &str, now: Duration) -> Option<Found> {
        let hash = self.hash.hash_one(experience_id);
        self.memo().find(hash, experience_id).filter(|found| now < found.until).cloned()
    }

    fn memo(&self) -> MutexGuard<'_, Lru<Found>> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Previews {
    fn default() -> Self {
        let (memo, turn) = (Mutex::new(Lru::new(CAPACITY)), Mutex::new(()));
        Previews { memo, hash: RandomState::new(), turn }
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
