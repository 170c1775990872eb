//! A loaded project: the immutable snapshot that decisions are made from.

use serde::de::{Deserialize, Deserializer};
use smol_str::SmolStr;

use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Severity};
use crate::entity::{Audience, Goal, Location, Segment};
use crate::error::InvalidConfigError;
use crate::experience::{Experience, LocationGate};
use crate::feature::Feature;
use crate::load;
use crate::value::{Value, ValueRef};
use crate::variation::FeatureChange;

/// A project's serving config, compiled for evaluation.
///
/// Immutable, `Send + Sync`, and meant to be shared in an `Arc`.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(br#"{"account_id": "1", "project": {"id": "2"}}"#)?;
/// assert_eq!((config.account_id(), config.project_id()), ("1", "2"));
/// assert!(config.diagnostics().is_empty());
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProjectConfig {
    pub(crate) account_id: SmolStr,
    pub(crate) project_id: SmolStr,
    pub(crate) name: Option<SmolStr>,
    pub(crate) kind: Option<SmolStr>,
    pub(crate) utc_offset: i32,
    pub(crate) settings: ProjectSettings,
    pub(crate) is_debug: bool,
    pub(crate) served_at: Option<SmolStr>,
    pub(crate) experiences: Catalog<Experience>,
    pub(crate) features: Catalog<Feature>,
    pub(crate) goals: Catalog<Goal>,
    pub(crate) audiences: Catalog<Audience>,
    pub(crate) locations: Catalog<Location>,
    pub(crate) segments: Catalog<Segment>,
    pub(crate) diagnostics: Box<[Diagnostic]>,
}

/// The project's settings, as the config has them.
///
/// They have no part in decisions: what to do about privacy, whoever embeds the SDK decides.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(r#"{"account_id": "1", "project": {"id": "2",
///     "settings": {"do_not_track": "OFF", "data_anonymization": true, "min_order_value": 5}}}"#)?;
/// let settings = config.settings();
/// assert_eq!((settings.do_not_track(), settings.data_anonymization()), (Some("OFF"), true));
/// assert_eq!(settings.as_value().member("min_order_value"), Some(&5.into()));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProjectSettings {
    members: Value<'static>,
    version: Option<SmolStr>,
}

/// How many entities of each kind a config has.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "goals": [{"id": 7}, {"id": 8}]}"#,
/// )?;
/// let counts = config.entity_counts();
/// assert_eq!((counts.goals, counts.experiences), (2, 0));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntityCounts {
    /// Experiences, archived ones included.
    pub experiences: usize,
    /// Features.
    pub features: usize,
    /// Goals.
    pub goals: usize,
    /// Audiences.
    pub audiences: usize,
    /// Locations.
    pub locations: usize,
    /// Segments.
    pub segments: usize,
}

impl ProjectConfig {
    /// Loads a config from JSON text or bytes, with or without a byte order mark.
    ///
    /// The flat object the service serves is accepted, and so is one wrapped in `{"data": …}`. As in
    /// ECMAScript, a lone surrogate escape is no fault; it becomes U+FFFD. A number past the range of
    /// doubles becomes the largest one. Diagnostics say where.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a JSON object nested at most 128 deep, if `account_id` or
    /// `project.id` is missing or empty, if one of the lists is not a list, or if the service
    /// answered with an error instead of a config.
    pub fn from_json<J: AsRef<[u8]> + ?Sized>(json: &J) -> Result<Self, InvalidConfigError> {
        load::from_json(json.as_ref())
    }

    /// Returns the account's id.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Returns the project's id.
    pub fn project_id(&self) -> &str {
        &self.project_id
    }

    /// Returns the project's name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the project's type, `fullstack` or `web`.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Returns the config's change token (`settings.version`): where it is equal, nothing has
    /// changed.
    pub fn version(&self) -> Option<&str> {
        self.settings.version()
    }

    /// Returns the project's settings.
    pub fn settings(&self) -> &ProjectSettings {
        &self.settings
    }

    /// Returns whether the service marked the config as one for debugging (`is_debug`). It has no
    /// part in decisions.
    pub fn is_debug(&self) -> bool {
        self.is_debug
    }

    /// Returns when the service put the config together (`_s_t`), as it writes times:
    /// `2026-06-11 10:37:58Z`, say.
    pub fn served_at(&self) -> Option<&str> {
        self.served_at.as_deref()
    }

    /// Returns the project's distance from UTC in seconds, east positive.
    pub fn utc_offset(&self) -> i32 {
        self.utc_offset
    }

    /// Returns the experiences in config order, archived ones included.
    pub fn experiences(&self) -> &Catalog<Experience> {
        &self.experiences
    }

    /// Returns the features.
    pub fn features(&self) -> &Catalog<Feature> {
        &self.features
    }

    /// Returns the goals.
    pub fn goals(&self) -> &Catalog<Goal> {
        &self.goals
    }

    /// Returns the audiences.
    pub fn audiences(&self) -> &Catalog<Audience> {
        &self.audiences
    }

    /// Returns the locations.
    pub fn locations(&self) -> &Catalog<Location> {
        &self.locations
    }

    /// Returns the segments.
    pub fn segments(&self) -> &Catalog<Segment> {
        &self.segments
    }

    /// Returns what loading noticed, in config order.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Returns whether some part of the config does not take effect.
    pub fn has_warnings(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Warning)
    }

    /// Returns how many entities of each kind there are.
    pub fn entity_counts(&self) -> EntityCounts {
        EntityCounts {
            experiences: self.experiences.len(),
            features: self.features.len(),
            goals: self.goals.len(),
            audiences: self.audiences.len(),
            locations: self.locations.len(),
            segments: self.segments.len(),
        }
    }

    /// Returns the audiences of an experience, in the project's order.
    pub fn audiences_of<'c>(
        &'c self,
        experience: &'c Experience,
    ) -> impl Iterator<Item = &'c Audience> + Clone {
        experience.audiences.iter().filter_map(|index| self.audiences.at(*index))
    }

    /// Returns the segments an experience is limited to, in the project's order.
    pub fn segments_of<'c>(
        &'c self,
        experience: &'c Experience,
    ) -> impl Iterator<Item = &'c Segment> + Clone {
        experience.segments.iter().filter_map(|index| self.segments.at(*index))
    }

    /// Returns the locations of an experience, in the project's order.
    pub fn locations_of<'c>(
        &'c self,
        experience: &'c Experience,
    ) -> impl Iterator<Item = &'c Location> + Clone {
        let positions = match &experience.locations {
            LocationGate::At { locations, .. } => locations.as_ref(),
            LocationGate::Open | LocationGate::SiteArea(_) => &[],
        };
        positions.iter().filter_map(|index| self.locations.at(*index))
    }

    /// Returns the experiences with an arm that turns `feature` on, in config order.
    pub fn carriers_of<'c>(
        &'c self,
        feature: &'c Feature,
    ) -> impl Iterator<Item = &'c Experience> + Clone {
        feature.carriers.iter().filter_map(|index| self.experiences.at(*index))
    }

    /// Returns the feature that a change turns on.
    pub fn feature_of(&self, change: &FeatureChange) -> Option<&Feature> {
        self.features.at(change.feature)
    }

    /// Returns whether an arm's change turns on this very feature.
    pub fn turns_on(&self, change: &FeatureChange, feature: &Feature) -> bool {
        self.feature_of(change).is_some_and(|carried| std::ptr::eq(carried, feature))
    }

    /// Finds an experience by key, or by id where no experience has that key.
    pub fn experience(&self, key: &str) -> Option<&Experience> {
        self.experiences.by_key_or_id(key)
    }
}

impl ProjectSettings {
    pub(crate) fn new(members: Option<Value<'static>>) -> Self {
        let members = members.unwrap_or_default();
        let version = members.member("version").and_then(|version| match version.as_view() {
            ValueRef::Text(text) => Some(SmolStr::from(text)),
            number => number.as_number().map(|_| SmolStr::from(number.to_text())),
        });
        ProjectSettings { members, version }
    }

    /// Returns the change token of the config.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns what to do for visitors whose browser asks not to be tracked (`OFF`, `EU ONLY`, …).
    pub fn do_not_track(&self) -> Option<&str> {
        self.members.member("do_not_track")?.as_str()
    }

    /// Returns what to do for visitors who send the Global Privacy Control signal (`OFF`, …).
    pub fn global_privacy_control(&self) -> Option<&str> {
        self.members.member("global_privacy_control")?.as_str()
    }

    /// Returns whether data are to be anonymised (`data_anonymization`).
    pub fn data_anonymization(&self) -> bool {
        self.members.member("data_anonymization").is_some_and(|value| value.as_view().is_truthy())
    }

    /// Returns all settings as a map; null where the config has none.
    pub fn as_value(&self) -> &Value<'static> {
        &self.members
    }
}

impl<'de> Deserialize<'de> for ProjectConfig {
    /// Reads what [`ProjectConfig::from_json`] reads, from any format.
    ///
    /// Prefer `from_json` for JSON text: other parsers refuse a lone surrogate escape (`"\ud800"`)
    /// and a number past the range of doubles before the config sees them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        load::deserialize(deserializer)
    }
}
