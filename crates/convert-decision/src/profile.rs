//! A visitor's attributes, and what decisions have found of them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use convert_config::ProjectConfig;
use convert_config::rule::Findings;

use crate::attributes::Attributes;
use crate::record::Segments;

/// The attributes of a visitor, with a memory of which conditions of a config's audiences they meet: an
/// audience that has been asked for before, or shares its conditions with one that has, is settled
/// without comparing them again.
///
/// The memory is about one config, and forgets everything where an attribute changes. It is small, as
/// large as nine numbers, and shared by all threads that decide for the visitor.
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
    /// The config's sets of [`Findings`] about attributes alone. Each is read and written whole, so that
    /// threads undo nothing but findings, and those are found again.
    findings: [AtomicU64; Findings::ABOUT_SEGMENTS],
    /// The set about report segments, for the first states of them that there are.
    beside: [Beside; STATES],
}

/// Findings that stand beside one state of the report segments.
#[derive(Default)]
struct Beside {
    /// The stamp of the segments and one, written once; zero where there are none yet.
    segments: AtomicU64,
    findings: AtomicU64,
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
        self.beside = Default::default();
    }

    /// Returns the attributes.
    #[inline]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Returns what has been found of the conditions of a set beside these segments, if it is a set of
    /// this config, and the segments have not had too many states.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub(crate) fn findings(
        &self,
        config: &ProjectConfig,
        set: usize,
        segments: Option<&Segments>,
    ) -> Option<&AtomicU64> {
        if self.config != config.serial() {
            return None;
        }
        match self.findings.get(set) {
            Some(findings) => Some(findings),
            None => self.beside(segments.map_or(0, Segments::stamp)),
        }
    }

    #[inline(never)]
    fn beside(&self, stamp: u64) -> Option<&AtomicU64> {
        let wanted = stamp.wrapping_add(1);
        let is_it = |place: &&Beside| match place.segments.load(Ordering::Relaxed) {
            // Whoever comes first takes the place, for as long as the attributes stay.
            0 => {
                let taken = place.segments.compare_exchange(
                    0,
                    wanted,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                taken.map_or_else(|other| other == wanted, |_| true)
            }
            held => held == wanted,
        };
        self.beside.iter().find(is_it).map(|place| &place.findings)
    }
}

impl fmt::Debug for Profile {
    /// Shows the names of the attributes alone: even a finding says something of their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("attributes", &self.attributes).finish_non_exhaustive()
    }
}

/// How many states of the report segments are told apart: what the context begins with, and one change.
const STATES: usize = 2;
