//! The handle that applications hold.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use convert_config::{ProjectConfig, Severity};
use convert_decision::{AttributeProvider, WallClock};

use crate::config::SdkConfig;
use crate::context::Context;
use crate::error::Error;
use crate::records::Records;

/// The SDK: one for the whole application, shared by cloning.
///
/// ```
/// use convert_core::{Core, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// let same = core.clone();
/// assert_eq!(same.current_config().project_id(), "2");
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Core {
    shared: Arc<Shared>,
}

/// What a core and its contexts share.
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<ProjectConfig>,
    pub(crate) records: Records,
    pub(crate) environment: Option<String>,
    pub(crate) provider: Option<Arc<dyn AttributeProvider>>,
    pub(crate) clock: Arc<dyn WallClock>,
}

impl Core {
    /// Makes a core that is ready for use. With direct data this neither blocks nor starts a
    /// thread.
    ///
    /// # Errors
    ///
    /// With direct data it cannot fail: the data has been checked when the [`SdkConfig`] was made.
    pub fn initialize(config: SdkConfig) -> Result<Self, Error> {
        report_diagnostics(&config.data);
        let shared = Shared {
            snapshot: ArcSwap::new(config.data),
            records: Records::new(config.record_capacity),
            environment: config.environment,
            provider: config.provider,
            clock: config.clock,
        };
        Ok(Core { shared: Arc::new(shared) })
    }

    /// Returns whether decisions can be made.
    pub fn is_ready(&self) -> bool {
        true
    }

    /// Returns the config that contexts made now decide from.
    pub fn current_config(&self) -> Arc<ProjectConfig> {
        self.shared.snapshot.load_full()
    }

    /// Makes the context of one visitor. Cheap; make one per request or session.
    ///
    /// An empty id is allowed, and never gets a variation.
    pub fn create_context(&self, visitor_id: impl Into<String>) -> Context {
        Context::new(Arc::clone(&self.shared), visitor_id.into())
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.shared.snapshot.load();
        f.debug_struct("Core")
            .field("account_id", &config.account_id())
            .field("project_id", &config.project_id())
            .field("environment", &self.shared.environment)
            .finish_non_exhaustive()
    }
}

/// Logs, once per config, what in it does not take effect.
fn report_diagnostics(config: &ProjectConfig) {
    let is_warning = |severity| severity == Severity::Warning;
    let mut warnings =
        config.diagnostics().iter().filter(|diagnostic| is_warning(diagnostic.severity()));
    if let Some(first) = warnings.next() {
        let others = warnings.count();
        log::warn!(target: "convert_sdk::config", "{first} (and {others} more in this config)");
    }
}
