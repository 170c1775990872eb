//! What the suites about tracking share.

#![expect(clippy::indexing_slicing, reason = "a JSON member that is missing reads as null")]

use std::sync::Arc;

use convert_sdk::{Core, Error, ManualClock, SdkConfig, TrackingConfig};
use serde_json::Value;
use test_support::RecordingTransport;

use crate::live::Events;

/// A project with an experience, a feature of its own in each arm, and three goals.
pub const PROJECT: &str = r#"{"account_id": "1001", "project": {"id": "2002"},
    "goals": [
        {"id": "91", "key": "purchase"},
        {"id": "92", "key": "signup"},
        {"id": "93", "key": "adult", "rules": {"OR": [{"AND": [{"OR_WHEN": [{
            "rule_type": "generic_numeric_key_value", "key": "age", "value": 18,
            "matching": {"match_type": "less", "negated": true}}]}]}]}}],
    "experiences": [
        {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]},
        {"id": "4", "key": "menu", "variations": [{"id": "40", "key": "wide"},
            {"id": "41", "key": "narrow", "traffic_allocation": 0}]}]}"#;

/// A core with direct data whose service and clock a test controls.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tracked {
    /// The core.
    pub core: Core,
    /// The service.
    pub service: Arc<RecordingTransport>,
    /// The clock.
    pub clock: ManualClock,
    /// What the core has told.
    pub events: Events,
}

impl Tracked {
    /// Initialises a core that tracks, with default settings.
    ///
    /// # Errors
    ///
    /// Fails if the core does not initialise.
    pub fn start() -> Result<Self, Error> {
        Tracked::start_with(|config| config)
    }

    /// Initialises a core that tracks, with other settings.
    ///
    /// # Errors
    ///
    /// Fails if the core does not initialise.
    pub fn start_with(settings: impl FnOnce(SdkConfig) -> SdkConfig) -> Result<Self, Error> {
        let service = Arc::new(RecordingTransport::default());
        let (clock, events) = (ManualClock::new(), Events::default());
        let config = SdkConfig::from_json(PROJECT)?
            .tracking(true)
            .transport_impl(Arc::clone(&service))
            .manual_clock(clock.clone())
            .on_event(events.handler());
        let core = Core::initialize(settings(config))?;
        Ok(Tracked { core, service, clock, events })
    }

    /// Returns the bodies the service was sent so far, in order.
    pub fn bodies(&self) -> Vec<Value> {
        let requests = self.service.batch_requests();
        requests.iter().map(|request| body(request.body())).collect()
    }

    /// Returns the events the service was sent so far, in order: the visitor, and what happened.
    pub fn sent(&self) -> Vec<(String, String)> {
        self.bodies().iter().flat_map(events_of).collect()
    }
}

/// Reads a body; what is no JSON reads as null.
pub fn body(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// Lists the events of a body: the visitor, and `bucketing 3 30` or `conversion 91`.
pub fn events_of(body: &Value) -> Vec<(String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut events = Vec::new();
    for visitor in list(&body["visitors"]) {
        for event in list(&visitor["events"]) {
            let data = &event["data"];
            let what = match event["eventType"].as_str() {
                Some("bucketing") => {
                    format!(
                        "bucketing {} {}",
                        text(&data["experienceId"]),
                        text(&data["variationId"])
                    )
                }
                _ if data["goalData"].is_array() => {
                    format!("conversion {} data", text(&data["goalId"]))
                }
                _ => format!("conversion {}", text(&data["goalId"])),
            };
            events.push((text(&visitor["visitorId"]), what));
        }
    }
    events
}

/// Returns tracking settings with short waits, for tests on the system's clock.
pub fn impatient() -> TrackingConfig {
    let wait = std::time::Duration::from_millis;
    let builder = TrackingConfig::builder().backoff(wait(1), wait(4));
    builder.build().unwrap_or_default()
}
