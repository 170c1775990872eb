//! Configs fetched for previews, kept for a minute.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use convert_config::ProjectConfig;
use convert_decision::PreviewError;

use crate::error::Error;
use crate::log;
use crate::sync::{Condvar, LogThrottle, Mutex, MutexGuard};

/// What was found for experiences to preview, bounded in number and in bytes of JSON.
#[derive(Default)]
pub(crate) struct PreviewCache {
    memo: Mutex<Memo>,
    /// Notified when a fetch has ended.
    ended: Condvar,
    evictions: LogThrottle,
}

#[derive(Default)]
struct Memo {
    /// By experience id, which comes from links, so that the map's hash must not be predictable.
    found: HashMap<Box<str>, Found>,
    /// The sum of their sizes.
    bytes: usize,
    /// What is being fetched, so that a link that many open at once costs one request, while those
    /// who open others need not wait for it.
    fetching: HashSet<Box<str>>,
    /// Until when the service has asked to be left alone.
    paused_until: Duration,
}

/// Ends a fetch, however it ends.
struct Turn<'p> {
    previews: &'p PreviewCache,
    experience_id: &'p str,
}

#[derive(Debug, Clone)]
struct Found {
    outcome: Outcome,
    until: Duration,
    bytes: usize,
}

type Outcome = Result<Arc<ProjectConfig>, PreviewError>;

impl PreviewCache {
    /// Returns the config that has the experience, as kept or as fetched. Blocks while it is
    /// fetched, by this thread or by another one. `fetch` returns the config and the length of its
    /// JSON.
    pub(crate) fn find(
        &self,
        experience_id: &str,
        now: impl Fn() -> Duration,
        fetch: impl FnOnce() -> Result<(ProjectConfig, usize), Error>,
    ) -> Outcome {
        let mut memo = self.memo();
        loop {
            let time = now();
            let known = memo.found.get(experience_id);
            if let Some(found) = known.filter(|found| time < found.until) {
                return found.outcome.clone();
            }
            if time < memo.paused_until {
                let left = memo.paused_until.saturating_sub(time).as_secs();
                let reason = format!("the service asked to be left alone for another {left} s");
                return Err(PreviewError::FetchFailed { reason });
            }
            if memo.fetching.insert(experience_id.into()) {
                break;
            }
            memo = self.ended.wait(memo);
        }
        drop(memo);
        let _turn = Turn { previews: self, experience_id };
        let has_it = |config: &ProjectConfig| config.experiences().by_id(experience_id).is_some();
        let mut pause = Duration::ZERO;
        let (outcome, keep, length) = match fetch() {
            Ok((config, length)) if has_it(&config) => (Ok(Arc::new(config)), KEEP, length),
            Ok(_) => (Err(PreviewError::ExperienceNotFound), KEEP, 0),
            Err(error) => {
                pause = error.retry_after().unwrap_or_default();
                let reason = error.to_string();
                (Err(PreviewError::FetchFailed { reason }), KEEP_FAILURE, 0)
            }
        };
        let time = now();
        let bytes = experience_id.len().saturating_add(length);
        let found = Found { outcome: outcome.clone(), until: time.saturating_add(keep), bytes };
        let evicted = {
            let mut memo = self.memo();
            memo.paused_until = memo.paused_until.max(time.saturating_add(pause));
            memo.insert(experience_id, found, time)
        };
        self.report_evictions(&evicted, time);
        outcome
    }

    /// Logs that entries had to go before their time.
    fn report_evictions(&self, evicted: &[Found], now: Duration) {
        for _ in evicted.iter().filter(|found| now < found.until) {
            if let Some(count) = self.evictions.record() {
                log::warn!(
                    target: "convert_sdk::preview",
                    "more previews are asked for than are kept ({CAPACITY}, or {MAX_BYTES} bytes of \
                     JSON), so that they are fetched again; {count} were dropped early so far"
                );
            }
        }
    }

    fn memo(&self) -> MutexGuard<'_, Memo> {
        self.memo.lock()
    }
}

impl Memo {
    /// Adds an entry, and returns those that make room for it: what is out of date, and then what was
    /// fetched longest ago. They are dropped without the lock, since a config may be large.
    fn insert(&mut self, experience_id: &str, found: Found, now: Duration) -> Vec<Found> {
        let mut evicted = Vec::new();
        evicted.extend(self.remove(experience_id));
        if found.bytes > MAX_BYTES {
            evicted.push(found);
            return evicted;
        }
        if self.is_full(found.bytes) {
            let entries = self.found.iter();
            let old: Vec<Box<str>> =
                entries.filter(|(_, found)| found.until <= now).map(|(id, _)| id.clone()).collect();
            evicted.extend(old.iter().filter_map(|id| self.remove(id)));
        }
        while self.is_full(found.bytes) {
            let oldest = self.found.iter().min_by_key(|(_, found)| found.until);
            let Some(id) = oldest.map(|(id, _)| id.clone()) else { break };
            evicted.extend(self.remove(&id));
        }
        self.bytes = self.bytes.saturating_add(found.bytes);
        self.found.insert(experience_id.into(), found);
        evicted
    }

    fn remove(&mut self, experience_id: &str) -> Option<Found> {
        let removed = self.found.remove(experience_id)?;
        self.bytes = self.bytes.saturating_sub(removed.bytes);
        Some(removed)
    }

    fn is_full(&self, bytes: usize) -> bool {
        self.found.len() >= CAPACITY || self.bytes.saturating_add(bytes) > MAX_BYTES
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.previews.memo().fetching.remove(self.experience_id);
        self.previews.ended.notify_all();
    }
}

const CAPACITY: usize = 1_000;
/// How much JSON the configs that are kept may have been read from, keys included.
const MAX_BYTES: usize = 64 * 1024 * 1024;
const KEEP: Duration = Duration::from_secs(60);
/// Long enough that a dead service is not asked for every page view.
const KEEP_FAILURE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use convert_transport::{ConfigRequest, SdkKey, TransportErrorKind};

    use super::*;
    use crate::error::ConfigLoadError;

    fn config(experience_id: &str) -> ProjectConfig {
        ProjectConfig::from_json(&format!(
            r#"{{"account_id": "1", "project": {{"id": "2"}},
                "experiences": [{{"id": "{experience_id}", "key": "k"}}]}}"#
        ))
        .unwrap()
    }

    #[test]
    fn what_was_found_is_kept_for_a_minute() {
        let (previews, fetches) = (PreviewCache::default(), Cell::new(0));
        let find = |seconds: u64, id: &str, found: &str| {
            let fetch = || {
                fetches.set(fetches.get() + 1);
                Ok((config(found), 100))
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
        let (previews, fetches) = (PreviewCache::default(), Cell::new(0));
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
        let previews = PreviewCache::default();
        let find = |id: &str, fetch: &dyn Fn()| {
            let fetch = || {
                fetch();
                Ok((config(id), 100))
            };
            previews.find(id, Duration::default, fetch).is_ok()
        };
        // Were the second to wait for the first, this would not end.
        assert!(find("7", &|| assert!(find("8", &|| ()))));
    }

    #[test]
    fn a_fetch_that_panics_leaves_its_place_to_the_next() {
        let previews = PreviewCache::default();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            previews.find("7", Duration::default, || panic!("on purpose"))
        }));
        assert!(outcome.is_err());
        assert!(previews.find("7", Duration::default, || Ok((config("7"), 100))).is_ok());
    }

    #[test]
    fn no_more_than_a_thousand_are_kept() {
        let previews = PreviewCache::default();
        let weak: Vec<_> = (0..1_500)
            .map(|id| {
                let id = id.to_string();
                let found = previews.find(&id, Duration::default, || Ok((config(&id), 100)));
                Arc::downgrade(&found.unwrap())
            })
            .collect();
        assert_eq!(weak.iter().filter(|one| one.strong_count() > 0).count(), 1_000);
    }

    #[test]
    fn no_more_than_64_mib_of_json_are_kept() {
        let previews = PreviewCache::default();
        let found: Vec<_> = (0..20)
            .map(|second| {
                let id = second.to_string();
                let time = || Duration::from_secs(second);
                let found = previews.find(&id, time, || Ok((config(&id), 10 << 20))).unwrap();
                Arc::downgrade(&found)
            })
            .collect();
        let kept: Vec<_> = (0..20).filter(|at| found[*at].strong_count() > 0).collect();
        assert_eq!(kept, [14, 15, 16, 17, 18, 19]);
        assert_eq!(previews.evictions.count(), 14);
        // One alone that is larger is shown, and not kept.
        let time = || Duration::from_secs(20);
        let found = previews.find("20", time, || Ok((config("20"), MAX_BYTES + 1))).unwrap();
        assert_eq!(Arc::strong_count(&found), 1);
    }

    #[test]
    fn a_service_that_asks_to_be_left_alone_is_not_asked_for_other_previews_either() {
        let previews = PreviewCache::default();
        let request = ConfigRequest::new(SdkKey::parse("1001/2002").unwrap());
        let busy = || {
            let error = request.error(TransportErrorKind::Network).with_status(429);
            let error = error.with_retry_after(Some(Duration::from_secs(20)));
            Err(ConfigLoadError::new(error, &request).into())
        };
        let at = |seconds| move || Duration::from_secs(seconds);
        assert!(previews.find("7", at(0), busy).is_err());
        let never = || panic!("the service is asked");
        let error = previews.find("8", at(19), never).unwrap_err().to_string();
        assert!(error.ends_with("the service asked to be left alone for another 1 s"), "{error}");
        assert!(previews.find("7", at(20), || Ok((config("7"), 100))).is_ok());
    }
}
