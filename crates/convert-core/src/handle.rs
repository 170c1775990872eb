//! The handle that applications hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use convert_config::{ProjectConfig, Severity};
use convert_decision::{Surroundings, WallClock};
use convert_transport::Transport;

use crate::clock::{Deadline, GuardedClock, Timer};
use crate::close::CloseReport;
use crate::config::{SdkConfig, Source};
use crate::context::Context;
use crate::error::Error;
use crate::event::{ConfigFacts, ConfigSource, EventBus, LifecycleEvent, ReadyEvent, Subscription};
use crate::health::Health;
use crate::log;
use crate::snapshot::{self, ConfigCell, FetchedConfig, RefreshWorker, Remote, Start};
use crate::stats::{Counters, Stats};
use crate::sync::ProcessId;
use crate::tracking::{EventProcessor, FlushError};
use crate::visitor_store::{ExternalRecords, MemoryStore, Records};

/// The SDK: one for the whole application, shared by cloning.
///
/// When the last clone is dropped the core closes, waiting at most two seconds; contexts that
/// still exist go on deciding.
///
/// ```
/// use convert_core::{Core, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// let same = core.clone();
/// assert_eq!(same.current_config().project_id(), "2");
/// # Ok::<(), convert_core::Error>(())
/// ```
///
/// # The end of the process
///
/// Closing delivers the events that are queued and writes the records that have changed. It happens
/// when the last clone is dropped, and **never** for a core in a `static`, for one that is leaked, or
/// where [`std::process::exit`] or a signal ends the process: none of these drop anything. Call
/// [`Core::close`] before:
///
/// ```
/// use std::sync::OnceLock;
/// use std::time::Duration;
/// use convert_core::{Core, SdkConfig};
///
/// static CORE: OnceLock<Core> = OnceLock::new();
///
/// fn shut_down() {
///     if let Some(core) = CORE.get() {
///         let report = core.close(Duration::from_secs(2));
///         if report.left() > 0 {
///             eprintln!("{} events are lost", report.left());
///         }
///     }
///     // Here the process may end: `std::process::exit(0)`.
/// }
///
/// let config = SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?;
/// CORE.get_or_init(|| Core::initialize(config).expect("direct data always initialises"));
/// shut_down();
/// # Ok::<(), convert_core::Error>(())
/// ```
///
/// # Processes that fork
///
/// **Initialise a core in each child.** Threads do not survive `fork()`, so a child that uses its
/// parent's core has no refresh and no delivery. No call of it hangs there, unless a logger does:
///
/// - Contexts decide, from the config that the parent had. A visitor's record in this process's memory
///   is used unless a thread of the parent was at it; then the visitor counts as new.
/// - Exposures and conversions are not recorded, and a [store](SdkConfig::data_store) is neither read
///   nor written, since its connections belong to the parent:
///   [`Stats::refused_after_fork`](crate::Stats::refused_after_fork) counts both, and the first is
///   logged as an error. [`Context::track_conversion`] returns
///   [`TrackingDisabled`](crate::ConversionResult::TrackingDisabled).
/// - Previews that have to be fetched fail. Handlers of events may not be called.
/// - [`Core::flush`], [`Core::close`], [`Core::refresh_now`] and dropping the core do nothing, at once.
///   What was queued before is the parent's to deliver.
///
/// Two things reach further than the core:
///
/// - A child keeps the lock of the parent's spool open. A parent that ends and is started again gets
///   the spool reported as in use until the child has ended or called `exec()`.
/// - A logger of the application may hold a lock at the moment of the fork. No thread of the child
///   releases it, and a call that logs in the child waits for it. The SDK cannot see this: a program
///   that forks needs a logger that allows for it.
#[derive(Clone)]
pub struct Core {
    lifeline: Arc<Lifeline>,
}

/// What a core and its contexts share.
pub(crate) struct Shared {
    pub(crate) live: ConfigCell,
    pub(crate) records: Records,
    pub(crate) bus: Arc<EventBus>,
    pub(crate) counters: Counters,
    pub(crate) remote: Option<Remote>,
    pub(crate) delivery: EventProcessor,
    pub(crate) surroundings: Surroundings,
    pub(crate) clock: Arc<GuardedClock>,
    pub(crate) timer: Timer,
    /// The process that has the core's threads.
    pub(crate) process: ProcessId,
}

/// Ends with the last handle, and takes with it what runs in the background.
pub(crate) struct Lifeline {
    pub(crate) shared: Arc<Shared>,
    pub(crate) refresh: RefreshWorker,
}

impl Core {
    /// Makes a core that is ready for use.
    ///
    /// With an SDK key and no bootstrap config this blocks until the service has answered or the
    /// transport's deadline has passed. With direct data it neither blocks nor starts a thread.
    /// The application's threads wait for the network here, in [`Context::set_preview`],
    /// [`Core::flush`] and [`Core::close`], and for an external store as
    /// [`StoreConfig`](crate::StoreConfig) says, and nowhere else.
    ///
    /// # Errors
    ///
    /// Without a good config in the [cache file](SdkConfig::cache_file): fails with
    /// [`Error::ConfigLoad`] if the config could not be fetched, and with [`Error::InvalidConfig`] if
    /// what was fetched is unusable. In any case fails with [`Error::Transport`] if the HTTPS client could not be set up, and with [`Error::Spool`] if
    /// the directory for undelivered events cannot be used. Nothing is left running then, and a
    /// clone of the [`SdkConfig`] can be tried again. With direct data, and neither tracking nor a
    /// spool, it cannot fail: the data has been checked when the [`SdkConfig`] was made.
    pub fn initialize(config: SdkConfig) -> Result<Self, Error> {
        let began = config.timer.now();
        let counters = Counters::default();
        let clock = Arc::new(GuardedClock::new(Arc::clone(&config.clock)));
        let Found { start, remote, transport } = find_config(&config, &*clock, &counters)?;
        let bus = Arc::new(EventBus::default());
        let delivery = EventProcessor::new(&config, &start.loaded.config, &bus, transport)?;
        let surroundings = surroundings(&config, &clock);
        let SdkConfig { timer, listeners, refresh, .. } = config;
        let Start { loaded, source, age, failure } = start;
        let now = timer.now();
        let ready = ReadyEvent {
            config: ConfigFacts::of(&loaded.config),
            source,
            elapsed: now.saturating_sub(began),
            age,
            failure: failure.clone(),
        };
        report_diagnostics(&loaded.config);
        let live = ConfigCell::new(loaded, source, age, ready.elapsed, now);
        if let Some(error) = &failure {
            live.fail(error);
        }
        for listener in listeners {
            bus.subscribe(listener).detach();
        }
        let records = match config.data_store {
            None => Records::Memory(MemoryStore::with_bounds(
                config.record_capacity,
                config.record_bytes,
            )),
            Some(store) => {
                let (timer, bus) = (timer.clone(), Arc::clone(&bus));
                Records::External(ExternalRecords::new(store, config.store_config, timer, bus))
            }
        };
        let shared = Arc::new(Shared {
            live,
            records,
            bus,
            counters,
            remote,
            delivery,
            surroundings,
            clock,
            timer,
            process: ProcessId::current(),
        });
        // The worker's events come after this one, since it does not exist yet.
        announce(&shared, ready);
        shared.delivery.resume();
        let refresh = RefreshWorker::start(&shared, source, failure.as_ref(), refresh);
        Ok(Core { lifeline: Arc::new(Lifeline { shared, refresh }) })
    }

    /// Returns whether the core is in use: true until it is closed.
    pub fn is_ready(&self) -> bool {
        !self.lifeline.shared.bus.is_closed()
    }

    /// Returns the config that contexts made now decide from.
    pub fn current_config(&self) -> Arc<ProjectConfig> {
        self.lifeline.shared.live.config()
    }

    /// Makes the context of one visitor. Cheap; make one per request or session.
    ///
    /// With [`SdkConfig::data_store`] this **blocks** until the store has answered or given up. A
    /// visitor whose record cannot be read counts as new, but for what this process has yet to
    /// write.
    ///
    /// An empty id is allowed, and never gets a variation.
    pub fn create_context(&self, visitor_id: impl Into<String>) -> Context {
        self.lifeline.refresh.retry(&self.lifeline.shared);
        Context::new(Arc::clone(&self.lifeline.shared), visitor_id.into())
    }

    /// Asks for a refresh before its time, and returns at once.
    ///
    /// Calls made while one is waiting to begin are one. While the service has asked to be left alone
    /// (`Retry-After`), the refresh comes when that time has passed. Does nothing without refresh, with direct
    /// data, and once the core is closed.
    pub fn refresh_now(&self) {
        if !self.lifeline.shared.is_forked() {
            self.lifeline.refresh.retry(&self.lifeline.shared);
            self.lifeline.refresh.ask();
        }
    }

    /// Calls `handler` with every event until the subscription is dropped or the core is closed.
    ///
    /// The handler is told at once that the core is ready, in this call. Later it runs on the
    /// thread that causes the event (one that decides, or the refresh worker), at times on several
    /// at once, with no lock held: it may do anything, closing the core included. A slow handler
    /// slows down whatever caused the event. It is not told of what it causes itself. If it
    /// panics, the panic goes no further: it is counted and logged.
    ///
    /// While anybody subscribes a decision costs about a microsecond more.
    pub fn subscribe(
        &self,
        handler: impl Fn(&LifecycleEvent) + Send + Sync + 'static,
    ) -> Subscription {
        self.lifeline.shared.bus.subscribe(Arc::new(handler))
    }

    /// Returns the counters. Cheap enough to be asked for every few seconds.
    pub fn stats(&self) -> Stats {
        self.lifeline.shared.stats()
    }

    /// Returns how the core is doing.
    pub fn health(&self) -> Health {
        let shared = &self.lifeline.shared;
        shared.live.health(shared.timer.now(), &shared.stats())
    }

    /// Waits until every event queued before the call is delivered or dropped, and every change of
    /// a visitor record is in the external store or lost, at most `patience`. A change that the store
    /// did not take before is tried again at once.
    ///
    /// Blocks the calling thread. Does not wait for events while tracking is off, since nothing
    /// moves then, and not in a handler that runs on the worker in question, which cannot wait for
    /// itself.
    ///
    /// # Errors
    ///
    /// Fails, saying how many events and changes are left, if the patience has run out before.
    pub fn flush(&self, patience: Duration) -> Result<(), FlushError> {
        let (shared, deadline) = (&self.lifeline.shared, Deadline::after(patience));
        if shared.is_forked() {
            return Ok(());
        }
        // Both move at the same time.
        let external = shared.records.external();
        let flushing = external.map(|records| (records, records.begin_flush()));
        let delivered = shared.delivery.flush(deadline);
        let records = flushing.map_or(0, |(records, number)| records.wait_for(number, deadline));
        match delivered {
            Ok(()) if records == 0 => Ok(()),
            Ok(()) => Err(FlushError { left: 0, spooled: 0, records }),
            Err(error) => Err(FlushError { records, ..error }),
        }
    }

    /// Switches tracking on or off, for all contexts and at once.
    ///
    /// Off, nothing is recorded and nothing sent; what is queued stays. A request under way is not
    /// broken off. Does nothing once the core is closed.
    pub fn set_tracking_enabled(&self, is_enabled: bool) {
        if !self.lifeline.shared.is_forked() {
            self.lifeline.shared.delivery.enable(is_enabled);
        }
    }

    /// Delivers what is queued, writes what waits for an external store, and stops the threads of the
    /// core. Blocks for at most `timeout`.
    ///
    /// Events and records are sent at the same time, until an eighth of the timeout is left, 200 ms at
    /// most. Then nothing more is sent, a request under way is broken off, and events that are left go to
    /// the spool, if there is one; the rest of the time is for a call of the store that is still under way,
    /// which cannot be broken off. A delivery or write that failed, or is about to, is tried again at once,
    /// unless the service asked for a pause; a store that fails three times in a row, or has before, gets
    /// no further attempt. What is lost is reported, counted in [`Core::stats`] and logged at level `error`.
    ///
    /// No event comes once this has returned, unless a handler closes: then the handlers that run
    /// on other threads, and the worker if it is the one that runs the handler, end by themselves.
    /// A fetch under way is broken off. Contexts go on deciding from the config they have.
    ///
    /// Closing again only waits. If two threads close at the same time, the shorter timeout applies to
    /// both.
    pub fn close(&self, timeout: Duration) -> CloseReport {
        self.lifeline.close(Deadline::after(timeout), timeout)
    }
}

impl Shared {
    /// Returns whether the process is a child of `fork()`, which has no thread of the core and may find
    /// its locks taken by threads that do not exist. A system call: asked only where one is taken or
    /// the outside world is met.
    pub(crate) fn is_forked(&self) -> bool {
        !self.process.is_current()
    }

    /// Counts what a child of `fork()` is refused, and logs it the first time.
    pub(crate) fn refuse_after_fork(&self) {
        if self.counters.refused_after_fork.record() == Some(1) {
            log::error!(
                target: "convert_sdk::core",
                "this process is a child of fork() and uses its parent's core: it decides, but no event \
                 is recorded, and no external store is used; initialise a core in each child"
            );
        }
    }

    fn stats(&self) -> Stats {
        let is_forked = self.is_forked();
        let (events, depth) = if is_forked { Default::default() } else { self.delivery.counters() };
        let mut stats = self.counters.read(self.bus.panics(), &events, &depth);
        stats.clock_panics = self.clock.panics();
        if !is_forked {
            self.records.count(&mut stats);
        }
        stats
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.current_config();
        f.debug_struct("Core")
            .field("account_id", &config.account_id())
            .field("project_id", &config.project_id())
            .field("environment", &self.lifeline.shared.surroundings.environment_name())
            .finish_non_exhaustive()
    }
}

/// A config to start from, and what it came by.
struct Found {
    start: Start,
    remote: Option<Remote>,
    transport: Option<Arc<dyn Transport>>,
}

/// Finds the config to start from, and what exchanges data with the service, where that is needed.
fn find_config(
    config: &SdkConfig,
    clock: &dyn WallClock,
    counters: &Counters,
) -> Result<Found, Error> {
    match &config.source {
        Source::Direct(data) => {
            let transport = config.tracks().then(|| snapshot::transport(config)).transpose()?;
            Ok(Found { start: direct(data), remote: None, transport })
        }
        Source::Remote { key, bootstrap } => {
            let transport = snapshot::transport(config)?;
            let remote = Remote::new(key, config, Arc::clone(&transport));
            let start = remote.start(bootstrap.as_ref(), clock.now().unix_seconds(), counters)?;
            Ok(Found { start, remote: Some(remote), transport: Some(transport) })
        }
    }
}

fn direct(data: &Arc<ProjectConfig>) -> Start {
    let loaded = FetchedConfig::given(Arc::clone(data));
    Start { loaded, source: ConfigSource::Direct, age: Duration::ZERO, failure: None }
}

fn announce(shared: &Shared, ready: ReadyEvent) {
    log::info!(
        target: "convert_sdk::core",
        "ready: project {}, config version {} from {} in {} ms",
        ready.project_id(),
        ready.version().unwrap_or("unknown"),
        ready.source(),
        ready.elapsed().as_millis(),
    );
    shared.bus.announce(LifecycleEvent::Ready(ready));
}

/// What the application has set for all its decisions.
fn surroundings(config: &SdkConfig, clock: &Arc<GuardedClock>) -> Surroundings {
    let clock: Arc<dyn WallClock> = Arc::<GuardedClock>::clone(clock);
    Surroundings::new()
        .environment(config.environment.as_deref())
        .provider(config.provider.clone())
        .clock(Some(clock))
}

/// Logs, once per config, what in it does not take effect.
pub(crate) fn report_diagnostics(config: &ProjectConfig) {
    let is_warning = |severity| severity == Severity::Warning;
    let mut warnings =
        config.diagnostics().iter().filter(|diagnostic| is_warning(diagnostic.severity()));
    if let Some(first) = warnings.next() {
        let others = warnings.count();
        log::warn!(target: "convert_sdk::config", "{first} (and {others} more in this config)");
    }
}
