//! Recording what a visitor was shown and did.

use std::collections::HashSet;
use std::iter;

use convert_config::{Goal, Identified as _};
use convert_decision::{
    AttributeLayers, Decision, Evaluation, Segments, VisitorRecord, visitor_fingerprint,
};
use smol_str::SmolStr;

use crate::context::Context;
use crate::context::effects::Reports;
use crate::event::{ConversionEvent, LifecycleEvent};
use crate::tracking::{Conversion, ConversionResult, Payload, Reached};
use crate::visitor_store::{RecordDelta, Written};

impl Context {
    /// Records that the visitor has reached a goal, to be reported to the service.
    ///
    /// A goal counts once per visitor: the visitor's record is marked in one step, so that of any
    /// number of threads exactly one gets [`ConversionResult::Queued`]. Goal data are reported with
    /// it, and with [`Repeat::Every`](crate::Repeat::Every) each time again. The event is queued, and
    /// delivered in the background.
    ///
    /// Does not block, unless there is an external store of visitor records: then it waits for the
    /// store to mark the goal, if [`StoreConfig`](crate::StoreConfig) does not say otherwise, so that
    /// of any number of machines exactly one gets [`ConversionResult::Queued`]. If the store fails,
    /// the goal counts as far as this machine knows.
    ///
    /// ```
    /// use convert_core::{Conversion, ConversionResult, Core, SdkConfig};
    /// # use convert_transport::*;
    /// # struct Sink;
    /// # impl Transport for Sink {
    /// #     fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
    /// #         Err(request.error(TransportErrorKind::Network))
    /// #     }
    /// #     fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
    /// #         Ok(BatchResponse::new(200))
    /// #     }
    /// # }
    ///
    /// # let config = r#"{"account_id": "1", "project": {"id": "2"}, "goals": [{"id": "9", "key": "purchase"}]}"#;
    /// # let config = SdkConfig::from_json(config)?.transport_impl(Sink);
    /// let core = Core::initialize(config.tracking(true))?;
    /// let visitor = core.create_context("visitor-1");
    /// let purchase = Conversion::new("purchase").revenue(49.99).transaction_id("t-1");
    /// assert!(visitor.track_conversion(purchase.clone()).is_queued());
    /// assert_eq!(visitor.track_conversion(purchase), ConversionResult::Deduplicated);
    /// # Ok::<(), convert_core::Error>(())
    /// ```
    pub fn track_conversion(&self, conversion: impl Into<Conversion>) -> ConversionResult {
        self.convert(conversion.into())
    }

    fn convert(&self, conversion: Conversion) -> ConversionResult {
        if conversion.error().is_some() {
            return ConversionResult::InvalidGoalData;
        }
        if self.preview.is_some() {
            return ConversionResult::PreviewSuppressed;
        }
        if !self.shared.delivery.is_on() {
            return ConversionResult::TrackingDisabled;
        }
        if self.shared.is_forked() {
            self.shared.refuse_after_fork();
            return ConversionResult::TrackingDisabled;
        }
        if self.visitor_id.is_empty() {
            return ConversionResult::EmptyVisitorId;
        }
        let Some(goal) = self.config.goals().by_key_or_id(conversion.goal_key()) else {
            return ConversionResult::GoalNotFound;
        };
        if !self.matches_goal(goal, &conversion) {
            return ConversionResult::RuleNotMatched;
        }
        let key = goal.key().unwrap_or(goal.id());
        let written = self.apply(&RecordDelta::new().reach_known_as(key, goal.id()));
        let is_new = !written.applied.new_goals.is_empty();
        if !is_new && !conversion.repeats() {
            return ConversionResult::Deduplicated;
        }
        self.report(goal, conversion, is_new, &written.record)
    }

    /// Queues the events of a goal: one for the first time, and one with the data if there are any.
    fn report(
        &self,
        goal: &Goal,
        conversion: Conversion,
        is_new: bool,
        record: &VisitorRecord,
    ) -> ConversionResult {
        let pair = |(experience, variation)| (SmolStr::new(experience), SmolStr::new(variation));
        let bucketing: Box<[_]> = record.assignments().map(pair).collect();
        let payload = |data| {
            let (goal_id, bucketing) = (SmolStr::new(goal.id()), bucketing.clone());
            Payload::Conversion(Box::new(Reached { goal_id, data, bucketing }))
        };
        let data = conversion.into_data();
        let mut payloads = Vec::with_capacity(2);
        payloads.extend(is_new.then(|| payload(Vec::new())));
        payloads.extend((!data.is_empty()).then(|| payload(data)));
        if payloads.is_empty() {
            return ConversionResult::Deduplicated;
        }
        let delivery = &self.shared.delivery;
        let payloads = payloads.into_iter();
        if !delivery.record(&self.config, &self.visitor_id, record.segments(), payloads) {
            return ConversionResult::Dropped;
        }
        self.shared.counters.count_conversion();
        if self.is_watched() {
            self.shared.bus.emit(&LifecycleEvent::Conversion(ConversionEvent {
                visitor: visitor_fingerprint(&self.visitor_id),
                goal_id: goal.id().to_owned(),
                goal_key: goal.key().unwrap_or_default().to_owned(),
            }));
        }
        ConversionResult::Queued
    }

    /// Asks the goal's rules, if the conversion comes with attributes for them.
    fn matches_goal(&self, goal: &Goal, conversion: &Conversion) -> bool {
        let Some(attributes) = conversion.rule_attributes() else {
            return true;
        };
        let evaluation = Evaluation::new(&self.config, &self.visitor_id)
            .attributes(AttributeLayers::new(attributes))
            .surroundings(&self.shared.surroundings);
        evaluation.match_goal(goal, &mut Reports(&self.shared.counters)).is_ok()
    }

    /// Queues an exposure for each new assignment. Where assignments are stored, those that another
    /// writer was faster to make are the other's to report.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub(super) fn expose(&self, decisions: &[Decision<'_>], written: Option<&Written>) {
        let is_on = self.shared.delivery.is_on() && decisions.iter().any(Decision::is_new);
        if is_on && self.preview.is_none() && !self.visitor_id.is_empty() {
            self.report_exposures(decisions, written);
        }
    }

    #[inline(never)]
    fn report_exposures(&self, decisions: &[Decision<'_>], written: Option<&Written>) {
        let kept = written.map_or(&[][..], |written| &written.applied.kept);
        // Few lose a race, so that nothing is hashed as a rule.
        let kept: Option<HashSet<&str>> =
            (!kept.is_empty()).then(|| kept.iter().map(String::as_str).collect());
        let payload = |decision: &Decision<'_>| {
            let (experience_id, variation_id) = decision.assignment()?;
            let payload = || Payload::Exposure {
                experience_id: SmolStr::new(experience_id),
                variation_id: SmolStr::new(variation_id),
            };
            let is_others = kept.as_ref().is_some_and(|kept| kept.contains(experience_id));
            (!is_others).then(payload)
        };
        let mut payloads = decisions.iter().filter_map(payload);
        let Some(first) = payloads.next() else { return };
        if self.shared.is_forked() {
            self.shared.refuse_after_fork();
            return;
        }
        let held = self.record.load();
        let none = Segments::default();
        let record = written.map(|written| &*written.record);
        let segments = record.or(held.as_deref()).map_or(&none, VisitorRecord::segments);
        let rest: Vec<Payload> = payloads.collect();
        let (delivery, count) = (&self.shared.delivery, 1 + rest.len());
        let is_queued = if rest.is_empty() {
            delivery.record(&self.config, &self.visitor_id, segments, iter::once(first))
        } else {
            let payloads: Vec<Payload> = iter::once(first).chain(rest).collect();
            delivery.record(&self.config, &self.visitor_id, segments, payloads.into_iter())
        };
        if is_queued {
            self.shared.counters.count_exposures(count);
        }
    }
}
