//! The options of one call.

use std::fmt;

use convert_config::Value;
use convert_decision::{Attributes, CallOptions};

/// What a single call does differently. Borrows everything, so that making one costs nothing.
///
/// ```
/// use convert_core::{Core, RunOptions, SdkConfig};
/// # let config = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
/// #     {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#;
/// # let core = Core::initialize(SdkConfig::from_json(config)?)?;
/// let attributes = [("plan", "pro".into())];
/// let options = RunOptions::new().attributes(&attributes).storage(false);
/// let visitor = core.create_context("visitor-1");
/// assert!(visitor.run_experience_with("hero", &options).is_some());
/// assert!(visitor.visitor_record().is_empty());
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Clone, Copy)]
#[must_use = "options do nothing until a call is made with them"]
pub struct RunOptions<'o> {
    pub(crate) attributes: &'o [(&'o str, Value<'o>)],
    pub(crate) location: Option<&'o Attributes>,
    pub(crate) call: CallOptions<'o>,
    pub(crate) storage: bool,
    pub(crate) tracking: bool,
}

impl<'o> RunOptions<'o> {
    /// Starts from the defaults.
    pub fn new() -> Self {
        RunOptions {
            attributes: &[],
            location: None,
            call: CallOptions::new(),
            storage: true,
            tracking: true,
        }
    }

    /// Sets attributes for this call alone; each replaces the context's of the same name. They are
    /// never recorded. Defaults to none.
    pub fn attributes(self, attributes: &'o [(&'o str, Value<'o>)]) -> Self {
        RunOptions { attributes, ..self }
    }

    /// Sets what location rules see in place of the context's location. Defaults to the context's.
    pub fn location(self, location: &'o Attributes) -> Self {
        RunOptions { location: Some(location), ..self }
    }

    /// Sets the environment in place of the SDK's. Defaults to the SDK's.
    pub fn environment(self, environment: &'o str) -> Self {
        RunOptions { call: self.call.environment(Some(environment)), ..self }
    }

    /// Sets the id of the variation to answer, if the experience has it and its gates let the
    /// visitor in: the siblings' `forceVariationId`. A variation's key is no id and changes nothing;
    /// [`Context::explain_experience_with`](crate::Context::explain_experience_with) shows it as
    /// unknown. Defaults to none.
    pub fn force_variation(self, variation_id: &'o str) -> Self {
        RunOptions { call: self.call.force_variation(Some(variation_id)), ..self }
    }

    /// Sets whether the location gate is skipped. Defaults to `false`.
    pub fn ignore_location(self, ignore: bool) -> Self {
        RunOptions { call: self.call.ignore_location(ignore), ..self }
    }

    /// Sets whether what is decided is remembered for the visitor. Defaults to `true`.
    ///
    /// Mutual exclusion asks for what is remembered, so that without it each experience of a pass is
    /// decided as if alone.
    pub fn storage(self, storage: bool) -> Self {
        RunOptions { storage, ..self }
    }

    /// Sets whether a new assignment is reported as an exposure. Defaults to `true`.
    pub fn tracking(self, tracking: bool) -> Self {
        RunOptions { tracking, ..self }
    }

    /// Limits the call to experiences with these keys. Defaults to all.
    pub fn experience_keys(self, keys: &'o [&'o str]) -> Self {
        RunOptions { call: self.call.experience_keys(Some(keys)), ..self }
    }
}

impl Default for RunOptions<'_> {
    fn default() -> Self {
        RunOptions::new()
    }
}

impl fmt::Debug for RunOptions<'_> {
    /// Shows the names of attributes only: values may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.attributes.iter().map(|(name, _)| *name).collect();
        f.debug_struct("RunOptions")
            .field("attributes", &names)
            .field("location", &self.location)
            .field("call", &self.call)
            .field("storage", &self.storage)
            .field("tracking", &self.tracking)
            .finish()
    }
}
