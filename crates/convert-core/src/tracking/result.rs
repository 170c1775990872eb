//! What became of a conversion.

/// What became of a conversion that was to be tracked.
///
/// ```
/// use convert_core::{ConversionResult, Core, SdkConfig};
///
/// # let config = r#"{"account_id": "1", "project": {"id": "2"}, "goals": [{"id": "9", "key": "purchase"}]}"#;
/// let core = Core::initialize(SdkConfig::from_json(config)?)?;
/// let result = core.create_context("visitor-1").track_conversion("purchase");
/// assert_eq!(result, ConversionResult::TrackingDisabled);
/// assert!(!result.is_queued());
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use = "the result says whether the conversion will be reported"]
pub enum ConversionResult {
    /// It will be reported.
    Queued,
    /// The visitor had reached the goal before.
    Deduplicated,
    /// The config has no such goal.
    GoalNotFound,
    /// The attributes given do not match the goal's rules, or the goal has none.
    RuleNotMatched,
    /// Tracking is off, or the process is a child of `fork()` that uses its parent's core. The goal is
    /// not marked, so that the conversion counts once it can be tracked.
    TrackingDisabled,
    /// The visitor previews a variation, which leaves no trace.
    PreviewSuppressed,
    /// A value cannot be reported: see [`Conversion::error`](crate::Conversion::error). The goal is
    /// not marked.
    InvalidGoalData,
    /// The visitor's id is empty.
    EmptyVisitorId,
    /// It cannot be reported: it is larger than a batch may be, or the core was closed meanwhile.
    Dropped,
}

impl ConversionResult {
    /// Returns whether the conversion will be reported.
    pub fn is_queued(self) -> bool {
        self == ConversionResult::Queued
    }

    /// Returns the stable name: `queued`, `deduplicated`, `goal_not_found`, `rule_not_matched`,
    /// `tracking_disabled`, `preview_suppressed`, `invalid_goal_data`, `empty_visitor_id` or
    /// `dropped`.
    pub fn name(self) -> &'static str {
        match self {
            ConversionResult::Queued => "queued",
            ConversionResult::Deduplicated => "deduplicated",
            ConversionResult::GoalNotFound => "goal_not_found",
            ConversionResult::RuleNotMatched => "rule_not_matched",
            ConversionResult::TrackingDisabled => "tracking_disabled",
            ConversionResult::PreviewSuppressed => "preview_suppressed",
            ConversionResult::InvalidGoalData => "invalid_goal_data",
            ConversionResult::EmptyVisitorId => "empty_visitor_id",
            ConversionResult::Dropped => "dropped",
        }
    }
}

impl std::fmt::Display for ConversionResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
