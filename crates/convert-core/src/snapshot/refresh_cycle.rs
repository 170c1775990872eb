//! Fetching again and again, and what comes of it.

use convert_config::InvalidConfigError;
use convert_decision::WallClock as _;

use crate::error::Error;
use crate::event::{ConfigFacts, ConfigUpdatedEvent, LifecycleEvent, RefreshFailedEvent};
use crate::handle::{Shared, report_diagnostics};
use crate::log;
use crate::snapshot::Remote;
use crate::snapshot::fetcher::Fetched;
use crate::snapshot::schedule::{Attempt, Schedule};
use crate::sync::{LogThrottle, panic_guard};
use crate::worker::{Inbox, Wake};

/// How long to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Until the core is closed.
    Forever,
    /// Until the service has sent, or confirmed, one config.
    UntilLoaded,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Stopped,
    Loaded,
    Failed,
}

/// Fetches whenever it is time, until told to stop. Runs on the refresh worker.
pub(crate) fn run(
    shared: &Shared,
    remote: &Remote,
    inbox: &Inbox,
    mut schedule: Schedule,
    plan: Plan,
) {
    let mut randomness = shared.timer.randomness();
    loop {
        shared.live.plan(Some(schedule.next()));
        let alarm = shared.timer.alarm(schedule.next());
        match inbox.wait(&alarm) {
            Wake::Stopped => break,
            // The service has asked to be left alone: the request is met when that time has passed.
            Wake::Asked if !schedule.allows(shared.timer.now()) => continue,
            Wake::Asked | Wake::Due => {}
        }
        drop(alarm);
        let unit = randomness.f64();
        match panic_guard(|| turn(shared, remote, inbox, &mut schedule, unit)) {
            Ok(Turn::Stopped) => break,
            Ok(Turn::Loaded) if plan == Plan::UntilLoaded => break,
            Ok(Turn::Loaded | Turn::Failed) => {}
            Err(_) => {
                schedule.plan(Attempt::Failed, None, shared.timer.now(), unit);
                survive(shared, &schedule);
            }
        }
    }
    shared.live.plan(None);
}

/// Fetches once, and does what follows from the answer.
fn turn(
    shared: &Shared,
    remote: &Remote,
    inbox: &Inbox,
    schedule: &mut Schedule,
    unit: f64,
) -> Turn {
    let outcome = remote.fetcher.fetch(&shared.live.identity());
    if inbox.is_stopping() {
        return Turn::Stopped;
    }
    let retry_after = outcome.as_ref().err().and_then(Error::retry_after);
    schedule.plan(attempt(&outcome), retry_after, shared.timer.now(), unit);
    shared.live.plan(Some(schedule.next()));
    match outcome {
        Ok(fetched) => {
            succeed(shared, remote, fetched);
            Turn::Loaded
        }
        Err(error) => {
            fail(shared, error, schedule);
            Turn::Failed
        }
    }
}

/// Records that something panicked within a turn, which must not end refresh for good.
fn survive(shared: &Shared, schedule: &Schedule) {
    let error = InvalidConfigError::new("", "the refresh panicked");
    let _ = panic_guard(|| fail(shared, error.into(), schedule));
}

/// Judges how soon another attempt makes sense.
pub(crate) fn attempt_after(error: &Error) -> Attempt {
    use convert_transport::TransportErrorKind::Tls;

    match error {
        Error::ConfigLoad(error)
            if matches!(error.status(), Some(401 | 403 | 404))
                || error.transport_error().kind() == Tls =>
        {
            Attempt::Refused
        }
        _ => Attempt::Failed,
    }
}

fn attempt(outcome: &Result<Fetched, Error>) -> Attempt {
    outcome.as_ref().err().map_or(Attempt::Succeeded, attempt_after)
}

fn succeed(shared: &Shared, remote: &Remote, fetched: Fetched) {
    shared.counters.refreshes.count();
    let failures = shared.live.failures();
    if failures > 0 {
        log::info!(
            target: "convert_sdk::refresh",
            "the config could be fetched again after {failures} failures"
        );
    }
    let now = shared.timer.now();
    match fetched {
        Fetched::Same(identity) => shared.live.confirm(&identity, now),
        Fetched::Config { loaded, bytes } => {
            remote.keep(&loaded, &bytes, shared.clock.now().unix_seconds(), &shared.counters);
            let config = std::sync::Arc::clone(&loaded.config);
            if shared.live.accept(loaded, now) {
                shared.counters.config_updates.count();
                report_diagnostics(&config);
                log::info!(
                    target: "convert_sdk::refresh",
                    "another config is in use, version {}", config.version().unwrap_or("unknown")
                );
                let config = ConfigFacts::of(&config);
                let event = LifecycleEvent::ConfigUpdated(ConfigUpdatedEvent { config });
                shared.bus.emit(&event);
            }
        }
    }
}

fn fail(shared: &Shared, error: Error, schedule: &Schedule) {
    shared.counters.refresh_failures.count();
    let consecutive_failures = shared.live.fail(&error);
    let next_refresh_in = schedule.next().saturating_sub(shared.timer.now());
    if LogThrottle::selects(consecutive_failures.into()) {
        log::warn!(
            target: "convert_sdk::refresh",
            "the config could not be refreshed, {consecutive_failures} times in a row; the next \
             attempt comes in {} s: {error}",
            next_refresh_in.as_secs()
        );
    }
    let event = RefreshFailedEvent { error, consecutive_failures, next_refresh_in };
    shared.bus.emit(&LifecycleEvent::RefreshFailed(event));
}
