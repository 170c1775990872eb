//! The names of report segments.

/// The report segment that lists custom segments.
pub const CUSTOM_SEGMENTS: &str = "customSegments";

/// Returns whether attributes of this name are report segments: they are kept in the visitor's record,
/// and they alone reach the service.
///
/// ```
/// assert!(convert_config::is_segment_name("country"));
/// assert!(!convert_config::is_segment_name("Country"));
/// ```
pub fn is_segment_name(name: &str) -> bool {
    NAMES.contains(&name)
}

const NAMES: [&str; 8] = [
    "country",
    "browser",
    "devices",
    "source",
    "campaign",
    "visitorType",
    CUSTOM_SEGMENTS,
    "content",
];
