//! What a [`Core`](crate::Core) is made from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use convert_config::{InvalidConfigError, ProjectConfig};
use convert_decision::{AttributeProvider, WallClock};
use convert_transport::{SdkKey, Secret, Transport, TransportConfig};

mod environment;

#[cfg(any(test, feature = "test-util"))]
use crate::clock::ManualClock;
use crate::clock::{SystemClock, Timer};
use crate::error::Error;
use crate::event::{LifecycleEvent, Listener};
use crate::snapshot::RefreshConfig;
use crate::tracking::TrackingConfig;
use crate::visitor_store::{DEFAULT_BYTES, DEFAULT_CAPACITY, DataStore, StoreConfig};

/// The settings of a [`Core`](crate::Core): one source for the project's config, and options.
///
/// The source is an SDK key, with which the config is fetched, or the config itself; a value
/// cannot have both, or neither. Clones share the transport and the handlers they were given.
///
/// ```
/// use convert_core::{Core, SdkConfig};
///
/// let config = SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?
///     .environment("production")
///     .record_capacity(1_000);
/// assert!(Core::initialize(config)?.is_ready());
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a config does nothing until a core is initialised with it"]
pub struct SdkConfig {
    pub(crate) source: Source,
    pub(crate) environment: Option<String>,
    pub(crate) record_capacity: usize,
    pub(crate) record_bytes: usize,
    pub(crate) data_store: Option<Arc<dyn DataStore>>,
    pub(crate) store_config: StoreConfig,
    pub(crate) provider: Option<Arc<dyn AttributeProvider>>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) timer: Timer,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) refresh: Option<RefreshConfig>,
    pub(crate) cache_level: CacheLevel,
    pub(crate) debug_token: Option<Secret>,
    pub(crate) transport: TransportConfig,
    pub(crate) environment_secret: Option<Secret>,
    pub(crate) transport_impl: Option<Arc<dyn Transport>>,
    pub(crate) cache_file: Option<PathBuf>,
    pub(crate) tracking: Option<bool>,
    pub(crate) tracking_config: TrackingConfig,
}

/// Where the config comes from.
#[derive(Clone)]
pub(crate) enum Source {
    Direct(Arc<ProjectConfig>),
    Remote { key: SdkKey, bootstrap: Option<Arc<ProjectConfig>> },
}

/// How fresh a fetched config must be.
///
/// ```
/// use convert_core::{CacheLevel, SdkConfig};
///
/// let config = SdkConfig::from_sdk_key("10012345/10067890")?.cache_level(CacheLevel::Low);
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheLevel {
    /// As the service's caches have it.
    #[default]
    Default,
    /// From a route that is cached for a short time only.
    Low,
}

impl SdkConfig {
    /// Fetches the config with an SDK key, over HTTPS.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::InvalidConfig`] if the key is blank or holds what no key can hold.
    ///
    /// ```
    /// use convert_core::{Error, SdkConfig};
    ///
    /// assert!(SdkConfig::from_sdk_key("10012345/10067890").is_ok());
    /// let Err(Error::InvalidConfig(error)) = SdkConfig::from_sdk_key(" ") else { unreachable!() };
    /// assert_eq!(error.path(), "sdk_key");
    /// ```
    pub fn from_sdk_key(key: impl Into<String>) -> Result<Self, Error> {
        let key = SdkKey::parse(key)
            .map_err(|error| InvalidConfigError::new("sdk_key", error.to_string()))?;
        Ok(SdkConfig::from_source(Source::Remote { key, bootstrap: None }))
    }

    /// Uses a config that has been loaded already. No network, no thread.
    pub fn from_data(data: ProjectConfig) -> Self {
        SdkConfig::from_source(Source::Direct(Arc::new(data)))
    }

    /// Uses a config given as JSON text or bytes. No network, no thread.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::InvalidConfig`], naming the JSON path, if the config is unusable.
    pub fn from_json<J: AsRef<[u8]> + ?Sized>(json: &J) -> Result<Self, Error> {
        Ok(SdkConfig::from_data(ProjectConfig::from_json(json)?))
    }

    fn from_source(source: Source) -> Self {
        SdkConfig {
            source,
            environment: None,
            record_capacity: DEFAULT_CAPACITY,
            record_bytes: DEFAULT_BYTES,
            data_store: None,
            store_config: StoreConfig::default(),
            provider: None,
            clock: Arc::new(SystemClock),
            timer: Timer::System,
            listeners: Vec::new(),
            refresh: None,
            cache_level: CacheLevel::Default,
            debug_token: None,
            transport: TransportConfig::default(),
            environment_secret: None,
            transport_impl: None,
            cache_file: None,
            tracking: None,
            tracking_config: TrackingConfig::default(),
        }
    }

    /// Sets the environment that experiences must belong to, and that a config is fetched for.
    /// Defaults to none: not checked.
    pub fn environment(self, environment: impl Into<String>) -> Self {
        SdkConfig { environment: Some(environment.into()), ..self }
    }

    /// Sets for how many visitors the record in memory is kept, the least recently used going
    /// first. Defaults to 10,000; 0 remembers nobody. Has no effect with
    /// [`SdkConfig::data_store`].
    pub fn record_capacity(self, visitors: usize) -> Self {
        SdkConfig { record_capacity: visitors, ..self }
    }

    /// Sets about how many bytes the records in memory may take, with the visitors' ids, the least recently
    /// used going first. Defaults to 64 MiB. Has no effect with [`SdkConfig::data_store`]; see
    /// [`StoreConfig::queue_bytes`].
    pub fn record_bytes(self, bytes: usize) -> Self {
        SdkConfig { record_bytes: bytes, ..self }
    }

    /// Keeps visitor records in this store, which other processes may share, in place of this
    /// process's memory. [`StoreConfig`] says which calls wait for it. The service is then told not
    /// to add what it knows of the visitors to their events. Defaults to none.
    pub fn data_store(self, store: impl DataStore + 'static) -> Self {
        SdkConfig { data_store: Some(Arc::new(store)), ..self }
    }

    /// Sets how the store given with [`SdkConfig::data_store`] is used. Defaults to
    /// [`StoreConfig::default`].
    pub fn store_config(self, config: StoreConfig) -> Self {
        SdkConfig { store_config: config, ..self }
    }

    /// Sets who answers rules that attributes do not. Defaults to nobody.
    pub fn attribute_provider(self, provider: impl AttributeProvider + 'static) -> Self {
        SdkConfig { provider: Some(Arc::new(provider)), ..self }
    }

    /// Sets the clock of time-based rules, which also dates the cache file. Defaults to the
    /// system's, with UTC as local time.
    pub fn wall_clock(self, clock: impl WallClock + 'static) -> Self {
        SdkConfig { clock: Arc::new(clock), ..self }
    }

    /// Adds a handler that is told of every event from the first, until the core is closed.
    ///
    /// It runs on the thread that causes the event, or on the refresh worker, with no lock held;
    /// see [`Core::subscribe`](crate::Core::subscribe). Defaults to none.
    pub fn on_event(mut self, handler: impl Fn(&LifecycleEvent) + Send + Sync + 'static) -> Self {
        self.listeners.push(Arc::new(handler));
        self
    }

    /// Keeps the config fresh in the background, with one thread. Defaults to none: the config is
    /// fetched once. With direct data nothing is started.
    pub fn refresh(self, refresh: RefreshConfig) -> Self {
        SdkConfig { refresh: Some(refresh), ..self }
    }

    /// Sets how fresh a fetched config must be. Defaults to [`CacheLevel::Default`].
    pub fn cache_level(self, level: CacheLevel) -> Self {
        SdkConfig { cache_level: level, ..self }
    }

    /// Sets the token with which the service shows experiences that are not live yet. Implies
    /// [`CacheLevel::Low`]; is never printed, and never sent with events. Defaults to none.
    pub fn debug_token(self, token: impl Into<String>) -> Self {
        SdkConfig { debug_token: Some(Secret::new(token)), ..self }
    }

    /// Sets how to reach the service. Defaults to [`TransportConfig::default`]. Has no effect with
    /// [`SdkConfig::transport_impl`]. A secret from [`SdkConfig::from_env`] stays in force.
    pub fn transport(self, transport: TransportConfig) -> Self {
        SdkConfig { transport, ..self }
    }

    /// Sets what exchanges data with the service in place of the HTTPS client: another library, a
    /// service mesh, a test double. Needed where the feature `https` is off.
    pub fn transport_impl(self, transport: impl Transport + 'static) -> Self {
        SdkConfig { transport_impl: Some(Arc::new(transport)), ..self }
    }

    /// Keeps the last good config in a file, to start from when the service does not give a good one.
    ///
    /// The file is replaced whole, by way of a temporary file beside it: its name with `.tmp` appended.
    /// Whatever file has that name is removed. Two cores may share the file if key and environment are
    /// the same. It holds the config and the time, and never the key or a token. It is read only when
    /// the fetch at start-up fails, whatever the service answered; then a warning is logged, and
    /// [`ReadyEvent`](crate::ReadyEvent) has the reason. A file that is damaged, not a regular file, or
    /// of another key, environment or debug token is not used; that is counted and logged. Configs of
    /// more than 256 MiB are not kept. Defaults to none.
    pub fn cache_file(self, path: impl Into<PathBuf>) -> Self {
        SdkConfig { cache_file: Some(path.into()), ..self }
    }

    /// Starts at once from this config, and fetches the current one in the background. Defaults to
    /// none: initialising waits for the service. Has no effect with direct data.
    pub fn bootstrap(mut self, config: ProjectConfig) -> Self {
        if let Source::Remote { bootstrap, .. } = &mut self.source {
            *bootstrap = Some(Arc::new(config));
        }
        self
    }

    /// Sets whether exposures and conversions are recorded and sent. Defaults to on with an SDK key,
    /// and to off with direct data, so that nothing that works offline touches the network.
    pub fn tracking(self, tracking: bool) -> Self {
        SdkConfig { tracking: Some(tracking), ..self }
    }

    /// Sets how events are queued and delivered. Defaults to [`TrackingConfig::default`].
    pub fn tracking_config(self, config: TrackingConfig) -> Self {
        SdkConfig { tracking_config: config, ..self }
    }

    /// Returns whether events are recorded from the start.
    pub(crate) fn tracks(&self) -> bool {
        self.tracking.unwrap_or(matches!(self.source, Source::Remote { .. }))
    }

    /// Lets a test move the time that refresh and the preview cache see.
    #[cfg(any(test, feature = "test-util"))]
    pub fn manual_clock(self, clock: ManualClock) -> Self {
        SdkConfig { timer: Timer::Manual(clock), ..self }
    }
}

impl fmt::Debug for SdkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("SdkConfig");
        match &self.source {
            Source::Direct(data) => {
                out.field("account_id", &data.account_id()).field("project_id", &data.project_id())
            }
            Source::Remote { key, bootstrap } => {
                out.field("sdk_key", key).field("bootstrap", &bootstrap.is_some())
            }
        };
        out.field("environment", &self.environment)
            .field("record_capacity", &self.record_capacity)
            .field("record_bytes", &self.record_bytes)
            .field("data_store", &self.data_store.is_some())
            .field("store_config", &self.store_config)
            .field("attribute_provider", &self.provider.is_some())
            .field("refresh", &self.refresh)
            .field("cache_level", &self.cache_level)
            .field("debug_token", &self.debug_token)
            .field("transport", &self.transport)
            .field("transport_impl", &self.transport_impl.is_some())
            .field("cache_file", &self.cache_file)
            .field("tracking", &self.tracks())
            .field("tracking_config", &self.tracking_config)
            .field("handlers", &self.listeners.len())
            .finish_non_exhaustive()
    }
}
