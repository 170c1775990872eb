//! The config a core decides from, and how it came to it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use convert_config::ProjectConfig;
use convert_transport::Validators;

use crate::error::Error;
use crate::event::ConfigSource;
use crate::health::Health;
use crate::stats::Stats;

/// The current snapshot and its provenance. Decisions touch the snapshot alone.
pub(crate) struct ConfigCell {
    snapshot: ArcSwap<ProjectConfig>,
    /// Replaced whole, so that reading it takes no lock: a child of `fork()` may ask.
    status: ArcSwap<Status>,
    elapsed: Duration,
}

/// A config, and by what another one is known to be the same.
#[derive(Clone)]
pub(crate) struct FetchedConfig {
    pub(crate) config: Arc<ProjectConfig>,
    pub(crate) identity: ConfigVersion,
}

/// By what a config is known to be the same as another.
#[derive(Clone, Default)]
pub(crate) struct ConfigVersion {
    pub(crate) validators: Validators,
    pub(crate) digest: Option<[u8; 32]>,
}

#[derive(Clone)]
struct Status {
    identity: ConfigVersion,
    source: ConfigSource,
    confirmed_at: Duration,
    age_then: Duration,
    last_error: Option<Error>,
    failures: u32,
    next_refresh: Option<Duration>,
}

impl ConfigCell {
    /// Starts from a config that was `age` old at the time `now`, and took `elapsed` to find.
    pub(crate) fn new(
        loaded: FetchedConfig,
        source: ConfigSource,
        age: Duration,
        elapsed: Duration,
        now: Duration,
    ) -> Self {
        let status = Status {
            identity: loaded.identity,
            source,
            confirmed_at: now,
            age_then: age,
            last_error: None,
            failures: 0,
            next_refresh: None,
        };
        ConfigCell {
            snapshot: ArcSwap::new(loaded.config),
            status: ArcSwap::from_pointee(status),
            elapsed,
        }
    }

    /// Returns the current config.
    pub(crate) fn config(&self) -> Arc<ProjectConfig> {
        self.snapshot.load_full()
    }

    /// Returns by what an answer of the service is known to be the config that is held.
    pub(crate) fn identity(&self) -> ConfigVersion {
        self.status.load().identity.clone()
    }

    /// Records that the service has confirmed the config that is held, and by what it is known now.
    pub(crate) fn confirm(&self, identity: &ConfigVersion, now: Duration) {
        self.change(|status| status.succeed(identity, now));
    }

    /// Takes a config from the service, and returns whether it is another one.
    pub(crate) fn accept(&self, loaded: FetchedConfig, now: Duration) -> bool {
        let changed = !is_same(&self.snapshot.load(), &loaded.config);
        self.change(|status| status.succeed(&loaded.identity, now));
        if changed {
            self.snapshot.store(loaded.config);
        }
        changed
    }

    /// Records a failure, and returns how many there have been in a row.
    pub(crate) fn fail(&self, error: &Error) -> u32 {
        self.change(|status| {
            status.last_error = Some(error.clone());
            status.failures = status.failures.saturating_add(1);
        });
        self.failures()
    }

    /// Records when the next refresh is due.
    pub(crate) fn plan(&self, next: Option<Duration>) {
        self.change(|status| status.next_refresh = next);
    }

    /// Returns how many failures there have been in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.status.load().failures
    }

    /// Describes the state at the time `now`.
    pub(crate) fn health(&self, now: Duration, stats: &Stats) -> Health {
        let version = self.snapshot.load().version().map(str::to_owned);
        let held = self.status.load();
        Health {
            source: held.source,
            version,
            age: held.age_then.saturating_add(now.saturating_sub(held.confirmed_at)),
            elapsed: self.elapsed,
            last_error: held.last_error.clone(),
            consecutive_failures: held.failures,
            next_refresh_in: held.next_refresh.map(|next| next.saturating_sub(now)),
            stats: *stats,
        }
    }

    fn change(&self, change: impl Fn(&mut Status)) {
        self.status.rcu(|status| {
            let mut status = Status::clone(status);
            change(&mut status);
            status
        });
    }
}

impl FetchedConfig {
    /// Wraps a config that the application gave.
    pub(crate) fn given(config: Arc<ProjectConfig>) -> Self {
        FetchedConfig { config, identity: ConfigVersion::default() }
    }
}

impl Status {
    fn succeed(&mut self, identity: &ConfigVersion, now: Duration) {
        self.identity = identity.clone();
        self.source = ConfigSource::Network;
        self.confirmed_at = now;
        self.age_then = Duration::ZERO;
        self.last_error = None;
        self.failures = 0;
    }
}

/// Whether two configs of one project carry the same change token. Where one has none, only equal
/// bytes are the same config, and those never come here.
fn is_same(held: &ProjectConfig, other: &ProjectConfig) -> bool {
    held.account_id() == other.account_id()
        && held.project_id() == other.project_id()
        && held.version().is_some()
        && held.version() == other.version()
}
