//! The entities that only carry rules: audiences, locations, segments and goals.

use smol_str::SmolStr;

use crate::catalog::Identified;
use crate::rule::RuleTree;
use crate::value::Value;

/// What the four kinds share.
#[derive(Debug, Clone)]
// What decisions read comes first.
#[repr(C)]
pub(crate) struct Common {
    pub(crate) rules: Option<RuleTree>,
    pub(crate) id: SmolStr,
    pub(crate) key: Option<SmolStr>,
    pub(crate) name: Option<SmolStr>,
}

/// A group of visitors that an experience is for.
///
/// ```
/// use convert_config::{Identified as _, ProjectConfig};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": 7, "key": "loyal", "type": "permanent"}]}"#,
/// )?;
/// let audience = &config.audiences()[0];
/// assert_eq!((audience.id(), audience.key()), ("7", Some("loyal")));
/// assert!(audience.is_permanent() && audience.rules().is_none());
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Audience {
    pub(crate) common: Common,
    pub(crate) kind: Option<SmolStr>,
    pub(crate) permanent: bool,
}

/// A place (page, screen, …) where an experience runs.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "locations": [{"id": 7, "name": "Checkout", "trigger": {"type": "upon_run"}}]}"#,
/// )?;
/// let location = &config.locations()[0];
/// assert_eq!(location.name(), Some("Checkout"));
/// assert!(location.trigger().member("type").is_some());
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Location {
    pub(crate) common: Common,
    pub(crate) trigger: Value<'static>,
}

/// A named group that visitors join and then stay in.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "segments": [{"id": 7, "key": "regulars"}]}"#,
/// )?;
/// let segment = config.segments().by_key("regulars");
/// assert!(segment.is_some_and(|segment| segment.rules().is_none()));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Segment {
    pub(crate) common: Common,
}

/// What a visitor can be reported to have done.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "goals": [{"id": 7, "type": "revenue"}]}"#,
/// )?;
/// assert_eq!(config.goals()[0].kind(), Some("revenue"));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Goal {
    pub(crate) common: Common,
    pub(crate) kind: Option<SmolStr>,
    pub(crate) settings: Value<'static>,
}

impl Audience {
    /// Returns the type as the config has it, `permanent` or `transient`.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Returns whether the audience is checked only until the visitor has been bucketed.
    #[inline]
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }
}

impl Location {
    /// Returns what makes a web page look at the location, as the config has it; null where the
    /// config has none. It has no part in decisions.
    pub fn trigger(&self) -> &Value<'static> {
        &self.trigger
    }
}

impl Goal {
    /// Returns the goal's settings as the config has them; null where it has none. They have no
    /// part in decisions.
    pub fn settings(&self) -> &Value<'static> {
        &self.settings
    }

    /// Returns the goal's type (`revenue`, `visits_page`, …).
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }
}

macro_rules! carries_rules {
    ($($entity:ty),*) => {$(
        impl $entity {
            /// Returns the name shown to people.
            pub fn name(&self) -> Option<&str> {
                self.common.name.as_deref()
            }

            /// Returns the rules; without any, nobody matches.
            pub fn rules(&self) -> Option<&RuleTree> {
                self.common.rules.as_ref()
            }
        }

        impl Identified for $entity {
            fn id(&self) -> &str {
                &self.common.id
            }

            fn key(&self) -> Option<&str> {
                self.common.key.as_deref()
            }
        }
    )*};
}

carries_rules!(Audience, Location, Segment, Goal);
