//! The entities that only carry rules: audiences, locations, segments and goals.

use smol_str::SmolStr;

use crate::catalog::Identified;
use crate::rule::RuleTree;

/// What the four kinds share.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    pub(crate) id: SmolStr,
    pub(crate) key: Option<SmolStr>,
    pub(crate) name: Option<SmolStr>,
    pub(crate) rules: Option<RuleTree>,
}

/// A group of visitors that an experience is for.
#[derive(Debug, Clone)]
pub struct Audience {
    pub(crate) common: Common,
    pub(crate) permanent: bool,
}

/// A place (page, screen, …) where an experience runs.
#[derive(Debug, Clone)]
pub struct Location {
    pub(crate) common: Common,
}

/// A named group that visitors join and then stay in.
#[derive(Debug, Clone)]
pub struct Segment {
    pub(crate) common: Common,
}

/// What a visitor can be reported to have done.
#[derive(Debug, Clone)]
pub struct Goal {
    pub(crate) common: Common,
    pub(crate) kind: Option<SmolStr>,
}

impl Audience {
    /// Returns whether the audience is checked only until the visitor has been bucketed.
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }
}

impl Goal {
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
