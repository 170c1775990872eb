//! A loaded project: the immutable snapshot that decisions are made from.

use serde::de::{Deserialize, Deserializer, Error as _};
use smol_str::SmolStr;

use crate::catalog::{Catalog, Identified as _};
use crate::diagnostic::{Diagnostic, Severity};
use crate::entity::{Audience, Goal, Location, Segment};
use crate::error::InvalidConfigError;
use crate::experience::{Experience, LocationGate};
use crate::feature::Feature;
use crate::load;
use crate::value::Value;
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
    pub(crate) version: Option<SmolStr>,
    pub(crate) utc_offset: i32,
    pub(crate) experiences: Catalog<Experience>,
    pub(crate) features: Catalog<Feature>,
    pub(crate) goals: Catalog<Goal>,
    pub(crate) audiences: Catalog<Audience>,
    pub(crate) locations: Catalog<Location>,
    pub(crate) segments: Catalog<Segment>,
    pub(crate) diagnostics: Box<[Diagnostic]>,
}

/// How many entities of each kind a config has.
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
    /// The flat object the service serves is accepted, and so is one wrapped in `{"data": …}`.
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

    /// Returns the config's change token: where it is equal, nothing has changed.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
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

    /// Returns the id of the experience with this key.
    pub(crate) fn experience_id(&self, key: &str) -> Option<SmolStr> {
        self.experiences.by_key(key).map(|experience| SmolStr::from(experience.id()))
    }
}

impl<'de> Deserialize<'de> for ProjectConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let root = Value::deserialize(deserializer)?;
        load::from_value(&root).map_err(D::Error::custom)
    }
}
