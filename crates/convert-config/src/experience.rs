//! Experiences: who sees them, where, and how their traffic is split.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::buckets::Buckets;
use crate::catalog::Identified;
use crate::id_mark::IdMark;
use crate::mark::Mark;
use crate::outline::Outline;
use crate::rule::RuleTree;
use crate::value::Value;
use crate::variation::Variation;

/// An A/B test or feature rollout.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
///         {"id": 3, "key": "hero", "environment": "live", "variations": [{"id": 31}, {"id": 32}]}]}"#,
/// )?;
/// let experience = config.experience("hero").ok_or_else(no_hero)?;
/// assert!(experience.runs_in("live") && !experience.runs_in("staging"));
/// assert_eq!(experience.variations().len(), 2);
/// assert_eq!(experience.variation_by_id("32").and_then(|arm| arm.id()), Some("32"));
/// # fn no_hero() -> convert_config::InvalidConfigError {
/// #     convert_config::InvalidConfigError::new("experiences", "no hero")
/// # }
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
// In the order in which decisions read it, so that they touch few lines of memory.
#[repr(C)]
pub struct Experience {
    pub(crate) id_mark: IdMark,
    pub(crate) rank: u32,
    pub(crate) archived: bool,
    pub(crate) shadowed: bool,
    pub(crate) all_audiences: bool,
    pub(crate) environment: Environment,
    pub(crate) audiences: SmallVec<[u32; 4]>,
    pub(crate) segments: Box<[u32]>,
    pub(crate) variations: Box<[Variation]>,
    pub(crate) buckets: Buckets,
    pub(crate) locations: LocationGate,
    pub(crate) key: Option<SmolStr>,
    pub(crate) id: SmolStr,
    pub(crate) about: Box<About>,
}

/// What of an experience no decision reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub(crate) name: Option<SmolStr>,
    pub(crate) kind: Option<SmolStr>,
    pub(crate) status: Option<SmolStr>,
    pub(crate) version: Option<Value<'static>>,
    pub(crate) environment: Option<SmolStr>,
    pub(crate) unresolved_audiences: Box<[SmolStr]>,
    pub(crate) unresolved_locations: Box<[SmolStr]>,
    pub(crate) goals: Box<[SmolStr]>,
    pub(crate) outline: OnceLock<Arc<Outline>>,
}

/// Where an experience runs.
///
/// ```
/// use convert_config::{LocationGate, ProjectConfig};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "locations": [{"id": 7}],
///         "experiences": [{"id": 3}, {"id": 4, "locations": ["7"]}]}"#,
/// )?;
/// assert!(matches!(config.experiences()[0].location_gate(), LocationGate::Open));
/// assert!(matches!(config.experiences()[1].location_gate(), LocationGate::At { all: false, .. }));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "evaluation must treat every gate")]
pub enum LocationGate {
    /// Everywhere.
    Open,
    /// At locations of the project, by position; empty where none of the ids resolves.
    At {
        /// Positions in the project's list of locations, in its order.
        locations: Box<[u32]>,
        /// Whether all of them must match, not just one.
        all: bool,
    },
    /// Where the experience's own rules match.
    SiteArea(Box<RuleTree>),
}

/// Which environments an experience runs in.
#[derive(Debug, Clone)]
pub(crate) enum Environment {
    Any,
    /// The one with this mark, and the name that is kept with what no decision reads.
    Only(Mark),
    /// The config has something that is no text and so equals no environment.
    Never,
}

impl Experience {
    /// Returns the mark of the id, to look the visitor's assignment up with.
    #[inline]
    pub fn id_mark(&self) -> IdMark {
        self.id_mark
    }

    /// Returns how many experiences of the project have a lower mark: where this one stands in the
    /// record of a visitor who was assigned in all of them.
    #[inline]
    pub fn rank(&self) -> u32 {
        self.rank
    }

    /// Returns the name shown to people.
    pub fn name(&self) -> Option<&str> {
        self.about.name.as_deref()
    }

    /// Returns the type, `a/b_fullstack` say.
    pub fn kind(&self) -> Option<&str> {
        self.about.kind.as_deref()
    }

    /// Returns the status; it is no gate, since only running experiences are served.
    pub fn status(&self) -> Option<&str> {
        self.about.status.as_deref()
    }

    /// Returns the version as the config has it; above 11 the traffic layout is anchored.
    pub fn version(&self) -> Option<&Value<'static>> {
        self.about.version.as_ref()
    }

    /// Returns the environment the experience is limited to, if the config names one.
    pub fn environment(&self) -> Option<&str> {
        self.about.environment.as_deref()
    }

    /// Returns whether the experience runs in `environment`: where it is limited to none, or to
    /// exactly this one.
    ///
    /// A limit that is not text in the config is kept by no environment.
    #[inline]
    pub fn runs_in(&self, environment: &str) -> bool {
        self.runs_in_marked(Mark::of(environment), environment)
    }

    /// Returns what [`Experience::runs_in`] does, given the mark of `environment` as well.
    #[inline]
    pub fn runs_in_marked(&self, mark: Mark, environment: &str) -> bool {
        match &self.environment {
            Environment::Any => true,
            Environment::Only(own) => {
                *own == mark && (own.is_whole() || self.environment() == Some(environment))
            }
            Environment::Never => false,
        }
    }

    /// Returns whether an earlier experience has the same key.
    ///
    /// Such an experience can be asked for by its id, but it is left out where all experiences are
    /// decided.
    pub fn is_shadowed(&self) -> bool {
        self.shadowed
    }

    /// Returns whether the project lists the experience as archived.
    #[inline]
    pub fn is_archived(&self) -> bool {
        self.archived
    }

    /// Returns where the experience runs.
    #[inline]
    pub fn location_gate(&self) -> &LocationGate {
        &self.locations
    }

    /// Returns the ids given as audiences that neither an audience nor a segment has. They do not
    /// count.
    pub fn unresolved_audience_ids(&self) -> impl Iterator<Item = &str> {
        self.about.unresolved_audiences.iter().map(SmolStr::as_str)
    }

    /// Returns the ids given as locations that no location has. They match nobody.
    pub fn unresolved_location_ids(&self) -> impl Iterator<Item = &str> {
        self.about.unresolved_locations.iter().map(SmolStr::as_str)
    }

    /// Returns whether every audience must match, not just one.
    #[inline]
    pub fn needs_all_audiences(&self) -> bool {
        self.all_audiences
    }

    /// Returns the ids of the experience's goals.
    pub fn goal_ids(&self) -> impl Iterator<Item = &str> {
        self.about.goals.iter().map(SmolStr::as_str)
    }

    /// Returns the arms in config order.
    #[inline]
    pub fn variations(&self) -> &[Variation] {
        &self.variations
    }

    /// Finds an arm by id; where ids repeat, the first.
    pub fn variation_by_id(&self, id: &str) -> Option<&Variation> {
        self.variations.iter().find(|variation| variation.id() == Some(id))
    }

    /// Finds an arm by key; where keys repeat, the first.
    pub fn variation_by_key(&self, key: &str) -> Option<&Variation> {
        self.variations.iter().find(|variation| variation.key() == Some(key))
    }

    /// Returns how the traffic is split.
    #[inline]
    pub fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// Returns what may be wanted of the experience when the config is gone.
    ///
    /// It is made when it is first asked for, and lasts as long as somebody has it.
    ///
    /// ```
    /// use convert_config::ProjectConfig;
    ///
    /// let config = ProjectConfig::from_json(
    ///     r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [{"id": 3, "key": "hero"}]}"#,
    /// )?;
    /// assert_eq!(config.experiences()[0].outline().key(), Some("hero"));
    /// # Ok::<(), convert_config::InvalidConfigError>(())
    /// ```
    #[inline]
    pub fn outline(&self) -> &Arc<Outline> {
        self.about.outline.get_or_init(|| Arc::new(Outline::of(self)))
    }

    /// Returns the arm that takes `bucket_value`, if one does.
    #[inline]
    pub fn variation_at(&self, bucket_value: u16) -> Option<&Variation> {
        self.buckets.arm_at(bucket_value).and_then(|arm| self.variations.get(arm))
    }
}

impl Identified for Experience {
    fn id(&self) -> &str {
        &self.id
    }

    fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}
