//! What the events about a visitor carry.

use convert_config::{Feature, Identified as _, Location};
use convert_decision::{Decision, Segments, visitor_fingerprint};

/// Tells what a visitor was decided to get.
///
/// Comes once per answer, whether the assignment is new or remembered.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use convert_core::{Core, LifecycleEvent, SdkConfig};
/// # let config = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
/// #     {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#;
/// let core = Core::initialize(SdkConfig::from_json(config)?)?;
/// let decided = Arc::new(Mutex::new(Vec::new()));
/// let seen = Arc::clone(&decided);
/// let _subscription = core.subscribe(move |event: &LifecycleEvent| {
///     if let LifecycleEvent::Bucketing(bucketing) = event {
///         seen.lock().unwrap().push(bucketing.variation_key().to_owned());
///     }
/// });
/// core.create_context("visitor-1").run_experience("hero");
/// assert_eq!(*decided.lock().unwrap(), ["blue"]);
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BucketingEvent {
    visitor: String,
    experience_id: String,
    experience_key: String,
    variation_id: String,
    variation_key: String,
    feature_key: Option<String>,
}

/// Tells that segments of a visitor were set.
#[derive(Debug, Clone)]
pub struct SegmentsEvent {
    visitor: String,
    names: Vec<String>,
    custom: Vec<String>,
}

/// Tells that a visitor came to a location or left it.
#[derive(Debug, Clone)]
pub struct LocationEvent {
    visitor: String,
    location_id: String,
    location_key: String,
    location_name: String,
}

impl BucketingEvent {
    pub(crate) fn new(visitor_id: &str, decision: Decision<'_>, feature: Option<&Feature>) -> Self {
        let (experience, variation) = (decision.experience(), decision.variation());
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        BucketingEvent {
            visitor: visitor_fingerprint(visitor_id),
            experience_id: experience.id().to_owned(),
            experience_key: text(experience.key()),
            variation_id: text(variation.id()),
            variation_key: text(variation.key()),
            feature_key: feature.map(|feature| text(feature.key())),
        }
    }

    /// Returns the visitor's fingerprint: the first 16 hexadecimal digits of the id's SHA-256.
    pub fn visitor(&self) -> &str {
        &self.visitor
    }

    /// Returns the experience's id.
    pub fn experience_id(&self) -> &str {
        &self.experience_id
    }

    /// Returns the experience's key.
    pub fn experience_key(&self) -> &str {
        &self.experience_key
    }

    /// Returns the variation's id.
    pub fn variation_id(&self) -> &str {
        &self.variation_id
    }

    /// Returns the variation's key.
    pub fn variation_key(&self) -> &str {
        &self.variation_key
    }

    /// Returns the feature's key, if a feature was asked for.
    pub fn feature_key(&self) -> Option<&str> {
        self.feature_key.as_deref()
    }
}

impl SegmentsEvent {
    pub(crate) fn new(visitor_id: &str, segments: &Segments, custom: &[&str]) -> Self {
        let names = segments.iter().map(|(name, _)| name.to_owned()).collect();
        let custom = custom.iter().map(|id| (*id).to_owned()).collect();
        SegmentsEvent { visitor: visitor_fingerprint(visitor_id), names, custom }
    }

    /// Returns the visitor's fingerprint: the first 16 hexadecimal digits of the id's SHA-256.
    pub fn visitor(&self) -> &str {
        &self.visitor
    }

    /// Returns the names of the report segments that were set, not their values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Returns the ids of the custom segments that the visitor was added to.
    pub fn custom_segment_ids(&self) -> impl Iterator<Item = &str> {
        self.custom.iter().map(String::as_str)
    }
}

impl LocationEvent {
    pub(crate) fn new(visitor_id: &str, location: &Location) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        LocationEvent {
            visitor: visitor_fingerprint(visitor_id),
            location_id: location.id().to_owned(),
            location_key: text(location.key()),
            location_name: text(location.name()),
        }
    }

    /// Returns the visitor's fingerprint: the first 16 hexadecimal digits of the id's SHA-256.
    pub fn visitor(&self) -> &str {
        &self.visitor
    }

    /// Returns the location's id.
    pub fn location_id(&self) -> &str {
        &self.location_id
    }

    /// Returns the location's key.
    pub fn location_key(&self) -> &str {
        &self.location_key
    }

    /// Returns the location's name.
    pub fn location_name(&self) -> &str {
        &self.location_name
    }
}
