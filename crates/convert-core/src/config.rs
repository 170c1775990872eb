//! What a [`Core`](crate::Core) is made from.

use std::fmt;
use std::sync::Arc;

use convert_config::ProjectConfig;
use convert_decision::{AttributeProvider, WallClock};

use crate::clock::SystemClock;
use crate::error::Error;
use crate::records::DEFAULT_CAPACITY;

/// The settings of a [`Core`](crate::Core): one source for the project's config, and options.
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
    pub(crate) data: Arc<ProjectConfig>,
    pub(crate) environment: Option<String>,
    pub(crate) record_capacity: usize,
    pub(crate) provider: Option<Arc<dyn AttributeProvider>>,
    pub(crate) clock: Arc<dyn WallClock>,
}

impl SdkConfig {
    /// Uses a config that has been loaded already. No network, no thread.
    pub fn from_data(data: ProjectConfig) -> Self {
        SdkConfig {
            data: Arc::new(data),
            environment: None,
            record_capacity: DEFAULT_CAPACITY,
            provider: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Uses a config given as JSON text or bytes. No network, no thread.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::InvalidConfig`], naming the JSON path, if the config is unusable.
    pub fn from_json<J: AsRef<[u8]> + ?Sized>(json: &J) -> Result<Self, Error> {
        Ok(SdkConfig::from_data(ProjectConfig::from_json(json)?))
    }

    /// Sets the environment that experiences must belong to. Defaults to none: not checked.
    pub fn environment(self, environment: impl Into<String>) -> Self {
        SdkConfig { environment: Some(environment.into()), ..self }
    }

    /// Sets for how many visitors the record in memory is kept, the least recently used going
    /// first. Defaults to 10,000; 0 remembers nobody.
    pub fn record_capacity(self, visitors: usize) -> Self {
        SdkConfig { record_capacity: visitors, ..self }
    }

    /// Sets who answers rules that attributes do not. Defaults to nobody.
    pub fn attribute_provider(self, provider: impl AttributeProvider + 'static) -> Self {
        SdkConfig { provider: Some(Arc::new(provider)), ..self }
    }

    /// Sets the clock of time-based rules. Defaults to the system's, with UTC as local time.
    pub fn wall_clock(self, clock: impl WallClock + 'static) -> Self {
        SdkConfig { clock: Arc::new(clock), ..self }
    }
}

impl fmt::Debug for SdkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdkConfig")
            .field("account_id", &self.data.account_id())
            .field("project_id", &self.data.project_id())
            .field("environment", &self.environment)
            .field("record_capacity", &self.record_capacity)
            .field("attribute_provider", &self.provider.is_some())
            .finish_non_exhaustive()
    }
}
