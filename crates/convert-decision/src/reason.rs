//! Why a decision came out as it did.

use std::fmt;

use serde::ser::{Serialize, Serializer};

/// Why a visitor got an answer, or none. The codes are stable; new ones may come.
///
/// ```
/// use convert_decision::Reason;
///
/// assert_eq!(Reason::AudienceMismatch.code(), "audience_mismatch");
/// assert_eq!(Reason::AudienceMismatch.to_string(), "no audience of the experience matches");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There is an answer.
    Resolved,
    /// The config has no such experience.
    ExperienceNotFound,
    /// The config has no such feature.
    FeatureNotFound,
    /// The config has no such goal.
    GoalNotFound,
    /// The experience is archived.
    Archived,
    /// The experience belongs to another environment.
    EnvironmentMismatch,
    /// The visitor is at none of the experience's locations.
    LocationMismatch,
    /// No audience matches, or not all where all must.
    AudienceMismatch,
    /// The visitor is in none of the experience's segments.
    SegmentMismatch,
    /// The attribute provider needs more data before it can answer.
    NeedMoreData,
    /// The attribute provider has no data to answer with.
    NoDataFound,
    /// The experience has no variations.
    NoVariations,
    /// The visitor's bucket belongs to no variation.
    NotInTraffic,
    /// No variation that the visitor gets turns the feature on.
    FeatureNotInSelectedVariations,
    /// The goal's rules do not match, or there are none to match.
    RuleMismatch,
    /// The visitor id is empty.
    EmptyVisitorId,
}

impl Reason {
    /// Returns the stable code.
    pub fn code(self) -> &'static str {
        self.texts().0
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Reason::Resolved => ("resolved", "resolved"),
            Reason::ExperienceNotFound => ("experience_not_found", "no such experience"),
            Reason::FeatureNotFound => ("feature_not_found", "no such feature"),
            Reason::GoalNotFound => ("goal_not_found", "no such goal"),
            Reason::Archived => ("archived", "the experience is archived"),
            Reason::EnvironmentMismatch => {
                ("environment_mismatch", "the experience belongs to another environment")
            }
            Reason::LocationMismatch => {
                ("location_mismatch", "no location of the experience matches")
            }
            Reason::AudienceMismatch => {
                ("audience_mismatch", "no audience of the experience matches")
            }
            Reason::SegmentMismatch => {
                ("segment_mismatch", "the visitor is in none of the experience's segments")
            }
            Reason::NeedMoreData => ("need_more_data", "the attribute provider needs more data"),
            Reason::NoDataFound => ("no_data_found", "the attribute provider has no data"),
            Reason::NoVariations => ("no_variations", "the experience has no variations"),
            Reason::NotInTraffic => ("not_in_traffic", "no variation takes the visitor's bucket"),
            Reason::FeatureNotInSelectedVariations => (
                "feature_not_in_selected_variations",
                "no variation the visitor gets turns the feature on",
            ),
            Reason::RuleMismatch => ("rule_mismatch", "the goal's rules do not match"),
            Reason::EmptyVisitorId => ("empty_visitor_id", "the visitor id is empty"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.texts().1)
    }
}

impl std::error::Error for Reason {}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
