//! Telling subscribers and the log what a visitor got.

use convert_config::{Identified as _, Location};
use convert_decision::{Decision, Segments, Transition, visitor_fingerprint};

use crate::context::{Context, ExperienceResult, FeatureResult};
use crate::event::{BucketingEvent, LifecycleEvent, LocationEvent, SegmentsEvent};
use crate::log;

impl Context {
    /// Returns whether anybody is to be told what this visitor does. A preview leaves no trace.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.shared.bus.is_watched() && self.preview.is_none() && !self.visitor_id.is_empty()
    }

    #[inline]
    pub(super) fn tell_experience(&self, result: ExperienceResult<'_>) {
        if ::log::max_level() == ::log::LevelFilter::Trace || self.is_watched() {
            self.tell_decision(result.decision());
        }
    }

    #[cold]
    fn tell_decision(&self, decision: Decision<'_>) {
        self.trace(decision);
        if self.is_watched() {
            let event = BucketingEvent::new(&self.visitor_id, decision, None);
            self.shared.bus.emit(&LifecycleEvent::Bucketing(event));
        }
    }

    pub(super) fn tell_feature(&self, result: FeatureResult<'_>) {
        let decision = result.experience().decision();
        self.trace(decision);
        if self.is_watched() {
            let event = BucketingEvent::new(&self.visitor_id, decision, Some(result.feature()));
            self.shared.bus.emit(&LifecycleEvent::Bucketing(event));
        }
    }

    #[inline]
    pub(super) fn tell_moves(&self, moves: &[(&Location, Transition)]) {
        for (location, transition) in moves {
            let event = LocationEvent::new(&self.visitor_id, location);
            self.shared.bus.emit(&match transition {
                Transition::Activated => LifecycleEvent::LocationActivated(event),
                Transition::Deactivated => LifecycleEvent::LocationDeactivated(event),
            });
        }
    }

    pub(super) fn tell_segments(&self, segments: &Segments, custom: &[&str]) {
        if self.is_watched() {
            let event = SegmentsEvent::new(&self.visitor_id, segments, custom);
            self.shared.bus.emit(&LifecycleEvent::Segments(event));
        }
    }

    fn trace(&self, decision: Decision<'_>) {
        log::trace!(
            target: "convert_sdk::decisions",
            "visitor {}: experience {} -> variation {} ({})",
            visitor_fingerprint(&self.visitor_id),
            decision.experience().key().unwrap_or_default(),
            decision.variation().key().unwrap_or_default(),
            decision.source(),
        );
    }
}
