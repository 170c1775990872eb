//! What the suites about live configs share.

use std::sync::{Arc, Mutex, PoisonError};

use convert_sdk::{Core, Error, LifecycleEvent, ManualClock, RefreshConfig, SdkConfig};
use test_support::{ConfigAnswer, RecordingTransport};

/// The SDK key of the suites.
pub const KEY: &str = "10012345/10067890";

/// Returns a config whose experience `hero` has one variation, with the version as its key.
pub fn config(version: &str) -> String {
    format!(
        r#"{{"account_id": "10012345",
            "project": {{"id": "10067890", "settings": {{"version": "{version}"}}}},
            "experiences": [{{"id": "1", "key": "hero",
                "variations": [{{"id": "{version}", "key": "{version}"}}]}}]}}"#
    )
}

/// Returns what a visitor gets of `hero` from the config in use.
pub fn hero(core: &Core) -> Option<String> {
    let visitor = core.create_context("visitor-1");
    visitor.run_experience("hero").map(|hero| hero.variation_key().to_owned())
}

/// Every event a core has told, in order; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Events(Arc<Mutex<Vec<LifecycleEvent>>>);

impl Events {
    /// Returns a handler that keeps what it is told.
    pub fn handler(&self) -> impl Fn(&LifecycleEvent) + Send + Sync + 'static {
        let events = self.clone();
        move |event: &LifecycleEvent| events.lock().push(event.clone())
    }

    /// Copies the events.
    pub fn all(&self) -> Vec<LifecycleEvent> {
        self.lock().clone()
    }

    /// Returns the names of the events so far.
    pub fn names(&self) -> Vec<&'static str> {
        self.lock().iter().map(LifecycleEvent::name).collect()
    }

    /// Counts the events of one name.
    pub fn count(&self, name: &str) -> usize {
        self.lock().iter().filter(|event| event.name() == name).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<LifecycleEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A core with refresh whose service and clock a test controls.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests take it apart")]
pub struct Refreshed {
    /// The core.
    pub core: Core,
    /// The service.
    pub service: Arc<RecordingTransport>,
    /// The clock.
    pub clock: ManualClock,
    /// What the core has told.
    pub events: Events,
}

impl Refreshed {
    /// Initialises a core whose service gives these answers, the first one now.
    ///
    /// # Errors
    ///
    /// Fails if the core does not initialise.
    pub fn start(answers: impl IntoIterator<Item = ConfigAnswer>) -> Result<Self, Error> {
        Refreshed::start_with(answers, |config| config.refresh(RefreshConfig::default()))
    }

    /// Initialises a core with other settings.
    ///
    /// # Errors
    ///
    /// Fails if the core does not initialise.
    pub fn start_with(
        answers: impl IntoIterator<Item = ConfigAnswer>,
        settings: impl FnOnce(SdkConfig) -> SdkConfig,
    ) -> Result<Self, Error> {
        let service = Arc::new(RecordingTransport::default());
        service.script_configs(answers);
        let (clock, events) = (ManualClock::new(), Events::default());
        let config = SdkConfig::from_sdk_key(KEY)?
            .transport_impl(Arc::clone(&service))
            .manual_clock(clock.clone())
            .tracking(false)
            .on_event(events.handler());
        let core = Core::initialize(settings(config))?;
        Ok(Refreshed { core, service, clock, events })
    }

    /// Lets the next refresh happen, and returns once it has.
    pub fn refresh(&self) {
        self.clock.advance_to_next_alarm();
        self.clock.next_alarm();
    }
}

/// Counts the SDK's own threads in this process; `None` where the system does not tell.
pub fn sdk_threads() -> Option<usize> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    let names = tasks.filter_map(Result::ok).filter_map(name);
    Some(names.filter(|name| name.starts_with("convert-sdk")).count())
}
