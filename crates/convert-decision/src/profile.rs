//! A visitor's attributes, and what decisions have found of them.

use std::fmt;
use std::sync::atomic::AtomicU64;

use convert_config::ProjectConfig;
use convert_config::rule::Findings;

use crate::attributes::Attributes;

/// The attributes of a visitor, with a memory of which conditions of a config's audiences they meet: an
/// audience that has been asked for before, or shares its conditions with one that has, is settled
/// without comparing them again.
///
/// The memory is about one config, and forgets everything where an attribute changes. It is small, as
/// large as four numbers, and shared by all threads that decide for the visitor.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Facts, Profile, Silent, attributes};
///
/// let config = ProjectConfig::from_json(r#"{
///     "account_id": "1", "project": {"id": "2"},
///     "audiences": [{"id": "9", "rules": {"OR": [{"AND": [{"OR_WHEN": [{
///         "rule_type": "generic_text_key_value", "key": "plan", "value": "pro",
///         "matching": {"match_type": "equals", "negated": false}}]}]}]}}],
///     "experiences": [{"id": "3", "key": "hero", "audiences": ["9"],
///         "variations": [{"id": "30", "key": "blue"}]}]}"#)?;
/// let mut profile = Profile::new(&config);
/// for (plan, is_in) in [("pro", true), ("free", false)] {
///     profile.merge(attributes! { "plan" => plan });
///     let evaluation = Evaluation::new(&config, "visitor-1").facts(Facts::of(&profile));
///     assert_eq!(evaluation.decide_by_key("hero", &mut Silent).is_ok(), is_in);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Profile {
    attributes: Attributes,
    /// The config that the findings are about, by its serial number.
    config: u64,
    /// The config's sets of [`Findings`]. Each is read and written whole, so that threads undo nothing
    /// but findings, and those are found again.
    findings: [AtomicU64; Findings::SETS],
}

impl Profile {
    /// Starts without attributes. Decisions from other configs are made without the memory.
    pub fn new(config: &ProjectConfig) -> Self {
        Profile { config: config.serial(), ..Profile::default() }
    }

    /// Sets every attribute of `attributes`, replacing earlier ones of the same names.
    pub fn merge(&mut self, attributes: impl Into<Attributes>) {
        self.attributes.merge(attributes.into());
        self.findings = Default::default();
    }

    /// Returns the attributes.
    #[inline]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Returns what has been found of the conditions of a set, if it is a set of this config.
    #[inline]
    pub(crate) fn findings(&self, config: &ProjectConfig, set: usize) -> Option<&AtomicU64> {
        if self.config == config.serial() { self.findings.get(set) } else { None }
    }
}

impl fmt::Debug for Profile {
    /// Shows the names of the attributes alone: even a finding says something of their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("attributes", &self.attributes).finish_non_exhaustive()
    }
}
