//! Starting the refresh worker, again if need be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::clock::Deadline;
use crate::error::Error;
use crate::event::{ConfigSource, LifecycleEvent, RefreshSkippedEvent, SkipReason};
use crate::handle::Shared;
use crate::log;
use crate::snapshot::RefreshConfig;
use crate::snapshot::refresh_cycle::{self, Plan};
use crate::snapshot::schedule::{Attempt, Schedule};
use crate::sync::Mutex;
use crate::worker::Worker;

/// The refresh worker of a core, if it needs one.
#[derive(Default)]
pub(crate) struct RefreshWorker {
    worker: OnceLock<Worker>,
    /// Whether a worker is needed that could not be started.
    is_missing: AtomicBool,
    is_stopped: AtomicBool,
    missing: Mutex<Option<Missing>>,
}

/// A worker that could not be started.
struct Missing {
    plan: Plan,
    schedule: Schedule,
    /// When to try again at the earliest.
    retry_at: Duration,
}

impl RefreshWorker {
    /// Starts the refresh worker where there is something for it to do.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        source: ConfigSource,
        failure: Option<&Error>,
        refresh: Option<RefreshConfig>,
    ) -> Self {
        let starter = RefreshWorker::default();
        if shared.remote.is_none() {
            if refresh.is_some() {
                log::info!(
                    target: "convert_sdk::refresh",
                    "refresh.skipped: with direct data there is nothing to refresh from"
                );
                skip(shared, SkipReason::DirectData);
            }
            return starter;
        }
        let plan = match (refresh, source) {
            (Some(_), _) => Plan::Forever,
            (None, ConfigSource::Network) => return starter,
            (None, _) => Plan::UntilLoaded,
        };
        let now = shared.timer.now();
        let mut schedule = Schedule::at_once(refresh.unwrap_or_default(), now);
        let unit = shared.timer.randomness().f64();
        match (source, failure) {
            (ConfigSource::Bootstrap, _) => {}
            (_, Some(error)) => {
                schedule.plan(refresh_cycle::attempt_after(error), error.retry_after(), now, unit);
            }
            (_, None) => schedule.plan(Attempt::Succeeded, None, now, unit),
        }
        if !starter.spawn(shared, plan, schedule) {
            skip(shared, SkipReason::NoThread);
        }
        starter
    }

    /// Tries again to start a worker that could not be started, once in ten seconds at most.
    #[inline]
    pub(crate) fn retry(&self, shared: &Arc<Shared>) {
        if self.is_missing.load(Ordering::Relaxed) {
            self.retry_missing(shared);
        }
    }

    #[cold]
    fn retry_missing(&self, shared: &Arc<Shared>) {
        let now = shared.timer.now();
        let due = self.missing.try_enter().and_then(|mut missing| {
            let is_due = missing.as_ref().is_some_and(|missing| missing.retry_at <= now);
            if is_due { missing.take() } else { None }
        });
        if let Some(Missing { plan, schedule, .. }) =
            due.filter(|_| !self.is_stopped.load(Ordering::SeqCst) && !shared.is_forked())
        {
            if self.spawn(shared, plan, schedule) {
                log::info!(target: "convert_sdk::refresh", "the refresh thread could be started");
            }
        }
    }

    /// Asks for a refresh, unless one is waiting to be begun already. Never blocks.
    pub(crate) fn ask(&self) {
        if let Some(worker) = self.worker.get() {
            worker.ask();
        }
    }

    /// Makes the worker end. Never blocks.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.is_missing.store(false, Ordering::Relaxed);
        self.missing.lock().take();
        if let Some(worker) = self.worker.get() {
            worker.stop();
        }
    }

    /// Waits for the worker to end, and returns whether none runs.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        self.worker.get().is_none_or(|worker| worker.join(deadline))
    }

    /// Leaves a worker alone that only the parent process has.
    pub(crate) fn forget(&mut self) {
        std::mem::forget(self.worker.take());
    }

    /// Starts the worker, and returns whether that succeeded.
    fn spawn(&self, shared: &Arc<Shared>, plan: Plan, schedule: Schedule) -> bool {
        // Known at once, not only when the thread has come so far.
        shared.live.plan(Some(schedule.next()));
        let (for_worker, first) = (Arc::clone(shared), schedule.clone());
        let spawned = Worker::spawn("convert-sdk-refresh", move |inbox| {
            if let Some(remote) = &for_worker.remote {
                refresh_cycle::run(&for_worker, remote, inbox, first, plan);
            }
        });
        match spawned {
            Ok(worker) => {
                self.is_missing.store(false, Ordering::Relaxed);
                let worker = self.worker.get_or_init(|| worker);
                // The core may have been closed meanwhile.
                if self.is_stopped.load(Ordering::SeqCst) {
                    worker.stop();
                }
                true
            }
            Err(error) => {
                shared.live.plan(None);
                let retry_at = shared.timer.now().saturating_add(RETRY_AFTER);
                *self.missing.lock() = Some(Missing { plan, schedule, retry_at });
                self.is_missing.store(true, Ordering::Relaxed);
                if let Some(count) = shared.counters.refresh_thread_failures.record() {
                    log::error!(
                        target: "convert_sdk::refresh",
                        "refresh.skipped: the config is not refreshed for now, since no thread could be \
                         started, {count} times so far: {error}"
                    );
                }
                false
            }
        }
    }
}

fn skip(shared: &Shared, reason: SkipReason) {
    shared.bus.emit(&LifecycleEvent::RefreshSkipped(RefreshSkippedEvent { reason }));
}

/// How long to wait before the system is asked for a thread again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use convert_config::ProjectConfig;
    use convert_transport::{
        BatchRequest, BatchResponse, ConfigRequest, ConfigResponse, Transport, TransportError,
        TransportErrorKind,
    };

    use super::*;
    use crate::clock::ManualClock;
    use crate::worker;
    use crate::{Core, SdkConfig};

    struct Offline;

    impl Transport for Offline {
        fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
            Err(request.error(TransportErrorKind::Network))
        }

        fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError> {
            Err(request.error(TransportErrorKind::Network))
        }
    }

    #[test]
    fn a_refresh_thread_that_cannot_be_started_is_reported_and_tried_again() {
        let config = r#"{"account_id": "1", "project": {"id": "2"}}"#;
        let bootstrap = ProjectConfig::from_json(config).unwrap();
        let (clock, names) = (ManualClock::new(), Arc::new(Mutex::new(Vec::new())));
        let told = Arc::clone(&names);
        let settings = SdkConfig::from_sdk_key("1001/2002")
            .unwrap()
            .transport_impl(Offline)
            .bootstrap(bootstrap)
            .refresh(RefreshConfig::default())
            .manual_clock(clock.clone())
            .on_event(move |event| told.lock().unwrap().push(event.name()));
        worker::refuse_threads(2);
        let core = Core::initialize(settings).unwrap();
        assert_eq!(*names.lock().unwrap(), ["ready", "refresh.skipped"]);
        assert_eq!(core.stats().refresh_thread_failures, 1);
        assert!(core.health().next_refresh_in().is_none());
        for (seconds, failures) in [(9, 1), (1, 2), (9, 2)] {
            clock.advance(Duration::from_secs(seconds));
            core.create_context("visitor-1");
            assert_eq!(core.stats().refresh_thread_failures, failures);
        }
        clock.advance(Duration::from_secs(1));
        core.create_context("visitor-1");
        assert!(core.health().next_refresh_in().is_some());
        // The first fetch was due from the start, so that the worker has failed when it waits again.
        clock.next_alarm();
        assert_eq!(core.stats().refresh_failures, 1);
        assert!(core.close(Duration::from_secs(30)).is_complete());
    }
}
