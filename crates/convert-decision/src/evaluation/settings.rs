//! What decisions are made with: what the application sets once, and what a call asks for.

use std::fmt;
use std::sync::Arc;

use convert_config::Mark;

use crate::provider::{AttributeProvider, WallClock};

/// What an application sets once for all its decisions.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Reason, NoopObserver, Surroundings};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"},
///         "experiences": [{"id": "3", "key": "hero", "environment": "staging"}]}"#,
/// )?;
/// let surroundings = Surroundings::new().environment(Some("production"));
/// let evaluation = Evaluation::new(&config, "visitor-1").surroundings(&surroundings);
/// let reason = evaluation.decide_by_key("hero", &mut NoopObserver).unwrap_err();
/// assert_eq!(reason, Reason::EnvironmentMismatch);
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Surroundings {
    environment: Option<(Mark, Box<str>)>,
    provider: Option<Arc<dyn AttributeProvider>>,
    clock: Option<Arc<dyn WallClock>>,
}

/// What a call asks for beside its subject. Borrows everything, so that making it costs nothing.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{CallOptions, Evaluation, NoopObserver, Source};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"},
///         "experiences": [{"id": "3", "key": "hero", "variations": [{"id": "30"}, {"id": "31"}]}]}"#,
/// )?;
/// let options = CallOptions::new().force_variation(Some("31"));
/// let evaluation = Evaluation::new(&config, "visitor-1").options(&options);
/// let decision = evaluation.decide_by_key("hero", &mut NoopObserver)?;
/// assert_eq!((decision.variation().id(), decision.source()), (Some("31"), Source::Forced));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[must_use]
pub struct CallOptions<'o> {
    pub(super) environment: Option<&'o str>,
    pub(super) experience_keys: Option<&'o [&'o str]>,
    pub(super) forced_variation: Option<&'o str>,
    pub(super) ignores_location: bool,
}

impl Surroundings {
    /// Starts from nothing.
    pub const fn new() -> Self {
        Surroundings { environment: None, provider: None, clock: None }
    }

    /// Sets the environment that experiences must belong to. Defaults to `None`: not checked.
    pub fn environment(self, environment: Option<impl Into<Box<str>>>) -> Self {
        let marked = |name: Box<str>| (Mark::of(&name), name);
        Surroundings { environment: environment.map(|name| marked(name.into())), ..self }
    }

    /// Sets who answers rules by their type. Defaults to `None`: nobody.
    pub fn provider(self, provider: Option<Arc<dyn AttributeProvider>>) -> Self {
        Surroundings { provider, ..self }
    }

    /// Sets the clock of time-based rules. Defaults to `None`: such rules are false.
    pub fn clock(self, clock: Option<Arc<dyn WallClock>>) -> Self {
        Surroundings { clock, ..self }
    }

    /// Returns the environment that experiences must belong to.
    #[inline]
    pub fn environment_name(&self) -> Option<&str> {
        self.marked_environment().map(|(_, name)| name)
    }

    #[inline]
    pub(super) fn marked_environment(&self) -> Option<(Mark, &str)> {
        self.environment.as_ref().map(|(mark, name)| (*mark, &**name))
    }

    #[inline]
    pub(crate) fn asked(&self) -> Option<&dyn AttributeProvider> {
        self.provider.as_deref()
    }

    pub(crate) fn wall_clock(&self) -> Option<&dyn WallClock> {
        self.clock.as_deref()
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("environment", &self.environment_name())
            .field("provider", &self.provider.is_some())
            .field("clock", &self.clock.is_some())
            .finish()
    }
}

impl<'o> CallOptions<'o> {
    /// Starts from the defaults.
    pub const fn new() -> Self {
        CallOptions {
            environment: None,
            experience_keys: None,
            forced_variation: None,
            ignores_location: false,
        }
    }

    /// Sets the environment that experiences must belong to, in place of the application's. Defaults
    /// to the application's.
    pub const fn environment(self, environment: Option<&'o str>) -> Self {
        CallOptions { environment, ..self }
    }

    /// Limits passes and features to experiences with these keys. Defaults to `None`: all.
    pub const fn experience_keys(self, keys: Option<&'o [&'o str]>) -> Self {
        CallOptions { experience_keys: keys, ..self }
    }

    /// Sets the id of the variation to answer, if the experience has it and lets the visitor in: the
    /// siblings' `forceVariationId`. A variation's key is no id and changes nothing.
    pub const fn force_variation(self, variation_id: Option<&'o str>) -> Self {
        CallOptions { forced_variation: variation_id, ..self }
    }

    /// Sets whether the location gate is skipped. Defaults to `false`.
    pub const fn ignore_location(self, ignore: bool) -> Self {
        CallOptions { ignores_location: ignore, ..self }
    }
}
