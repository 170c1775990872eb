//! The explanation of a decision.

use std::fmt;
use std::sync::OnceLock;

use convert_config::escape::Escaped;
use convert_config::rule::StepBudget;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use smol_str::SmolStr;

use crate::decision::Decision;
use crate::evaluation::Evaluation;
use crate::explain::outcome::ExplainedOutcome;
use crate::explain::recorder::Recorder;
use crate::explain::step::Step;
use crate::explain::step_ref::Steps;
use crate::fingerprint::visitor_fingerprint;
use crate::observer::Observer as _;
use crate::reason::Reason;

/// Why a visitor gets an answer, or none: every step of the evaluation with what it saw.
///
/// `Display` prints an indented tree. The visitor appears only as a fingerprint. The attributes
/// that rules looked at do appear, so treat an explanation like the attributes themselves; `Debug`
/// leaves them out.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Explanation, Reason, Surroundings};
///
/// let config = ProjectConfig::from_json(r#"{
///     "account_id": "1", "project": {"id": "2"},
///     "experiences": [{"id": "3", "key": "hero", "environment": "staging"}]}"#)?;
/// let surroundings = Surroundings::new().environment(Some("live"));
/// let evaluation = Evaluation::new(&config, "visitor-1").surroundings(&surroundings);
/// let explanation = Explanation::of_experience(&evaluation, "hero");
/// assert_eq!(explanation.reason(), Reason::EnvironmentMismatch);
/// assert!(explanation.to_string().contains("environment: failed"));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Explanation {
    subject: Subject,
    key: SmolStr,
    visitor: Visitor,
    reason: Reason,
    outcome: Option<ExplainedOutcome>,
    /// Each step is followed by those inside it.
    steps: Vec<Step>,
}

/// What an [`Explanation`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// An experience.
    Experience,
    /// A feature.
    Feature,
    /// A goal.
    Goal,
}

/// A visitor whose fingerprint is worked out when somebody asks for it, since it takes a sixth of the
/// time of the explanation. Nothing shows the id.
#[derive(Clone)]
struct Visitor {
    id: Box<str>,
    fingerprint: OnceLock<String>,
}

impl Explanation {
    /// Explains what an evaluation decides for an experience, found by key or id.
    pub fn of_experience(evaluation: &Evaluation<'_, '_>, key: &str) -> Self {
        let mut recorder = Recorder::default();
        let outcome = evaluation.decide_by_key(key, &mut recorder);
        let (reason, decision) = match outcome {
            Ok(decision) => (Reason::Resolved, Some(decision)),
            Err(reason) => (reason, None),
        };
        Explanation::new(evaluation, Subject::Experience, key, reason, decision, recorder)
    }

    /// Explains what an evaluation decides for a feature, found by key or id: the experiences that
    /// can turn it on are decided in order, up to the first that does.
    pub fn of_feature(evaluation: &Evaluation<'_, '_>, key: &str) -> Self {
        let mut recorder = Recorder::default();
        let Some(feature) = evaluation.config().features().by_key_or_id(key) else {
            let reason = Reason::FeatureNotFound;
            return Explanation::new(evaluation, Subject::Feature, key, reason, None, recorder);
        };
        if let Err(reason) = evaluation.check_visitor_id(&mut recorder) {
            return Explanation::new(evaluation, Subject::Feature, key, reason, None, recorder);
        }
        let (mut enabled, mut open) = (None, None);
        let mut pending = evaluation.pending.cloned().unwrap_or_default();
        let budget = StepBudget::new();
        for carrier in evaluation.carriers_of(feature) {
            recorder.step_start(|| Step::carrier(carrier));
            let outcome =
                evaluation.pending(&pending).step_budget(&budget).decide(carrier, &mut recorder);
            let carries = |one: &Decision<'_>| evaluation.feature_in(feature, *one).is_some();
            enabled = outcome.ok().filter(carries);
            recorder.step_end(|| match outcome {
                Ok(_) if enabled.is_some() => "turns it on",
                Ok(_) => "does not turn it on",
                Err(reason) => reason.code(),
            });
            if let Err(reason @ (Reason::NeedMoreData | Reason::NoDataFound)) = outcome {
                open.get_or_insert(reason);
            }
            if let Some(decision) = outcome.ok().filter(|_| evaluation.remembers) {
                pending.note(decision);
            }
            if enabled.is_some() {
                break;
            }
        }
        let reason = match (enabled, open) {
            (Some(_), _) => Reason::Resolved,
            (None, Some(open)) => open,
            (None, None) => Reason::FeatureNotInSelectedVariations,
        };
        Explanation::new(evaluation, Subject::Feature, key, reason, enabled, recorder)
    }

    /// Explains whether a goal's rules match, the goal found by key or id.
    pub fn of_goal(evaluation: &Evaluation<'_, '_>, key: &str) -> Self {
        let mut recorder = Recorder::default();
        let goal = evaluation.config().goals().by_key_or_id(key).ok_or(Reason::GoalNotFound);
        let outcome = goal.and_then(|goal| {
            evaluation.check_visitor_id(&mut recorder)?;
            evaluation.match_goal(goal, &mut recorder)
        });
        let reason = outcome.err().unwrap_or(Reason::Resolved);
        Explanation::new(evaluation, Subject::Goal, key, reason, None, recorder)
    }

    /// Returns what is explained.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Returns the key or id that was asked for.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the visitor's fingerprint: the first 16 hexadecimal digits of the id's SHA-256.
    pub fn visitor(&self) -> &str {
        self.visitor.fingerprint()
    }

    /// Returns why the outcome is what it is.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns the variation that was decided; none for goals.
    pub fn outcome(&self) -> Option<&ExplainedOutcome> {
        self.outcome.as_ref()
    }

    /// Returns the outermost steps in the order they were taken.
    pub fn steps(&self) -> Steps<'_> {
        Steps::new(&self.steps)
    }

    fn new(
        evaluation: &Evaluation<'_, '_>,
        subject: Subject,
        key: &str,
        reason: Reason,
        decision: Option<Decision<'_>>,
        recorder: Recorder,
    ) -> Self {
        Explanation {
            subject,
            key: key.into(),
            visitor: Visitor::new(evaluation.visitor_id()),
            reason,
            outcome: decision.map(ExplainedOutcome::from),
            steps: recorder.into_steps(),
        }
    }
}

impl Visitor {
    fn new(id: &str) -> Self {
        Visitor { id: id.into(), fingerprint: OnceLock::new() }
    }

    fn fingerprint(&self) -> &str {
        self.fingerprint.get_or_init(|| visitor_fingerprint(&self.id))
    }
}

impl PartialEq for Visitor {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fingerprint().fmt(f)
    }
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Subject::Experience => "experience",
            Subject::Feature => "feature",
            Subject::Goal => "goal",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, key, visitor) = (self.subject.name(), Escaped(&self.key), self.visitor());
        write!(f, "{subject} {key} for visitor {visitor}: {}", self.reason.code())?;
        if let Some(outcome) = &self.outcome {
            let variation = outcome.variation_key().or(outcome.variation_id()).unwrap_or_default();
            write!(f, " -> {} ({})", Escaped(variation), outcome.source())?;
        }
        writeln!(f)?;
        self.steps().try_for_each(|step| write!(f, "{step:1}"))
    }
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("subject", &self.subject)
            .field("key", &self.key)
            .field("visitor", &self.visitor)
            .field("reason", &self.reason)
            .field("outcome", &self.outcome)
            .field("steps", &self.steps())
            .finish()
    }
}

impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Explanation", 6)?;
        fields.serialize_field("subject", self.subject.name())?;
        fields.serialize_field("key", self.key())?;
        fields.serialize_field("visitor", self.visitor())?;
        fields.serialize_field("reason", &self.reason)?;
        fields.serialize_field("outcome", &self.outcome)?;
        fields.serialize_field("steps", &self.steps())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use convert_config::ProjectConfig;

    use super::*;
    use crate::evaluation::CallOptions;

    /// `first` does not carry the feature in any arm the visitor gets; `second` is for visitors of
    /// `first` alone.
    const FOLLOWERS: &str = r#"{
        "account_id": "1", "project": {"id": "2"},
        "features": [{"id": "5", "key": "banner"}],
        "audiences": [{"id": "9", "rules": {"OR": [{"AND": [{"OR_WHEN": [{
            "rule_type": "bucketed_into_experience_key", "value": "first",
            "matching": {"match_type": "equals", "negated": false}}]}]}]}}],
        "experiences": [
            {"id": "3", "key": "first", "variations": [{"id": "30"}, {"id": "31",
                "traffic_allocation": 0,
                "changes": [{"type": "fullStackFeature", "data": {"feature_id": "5"}}]}]},
            {"id": "4", "key": "second", "audiences": ["9"], "variations": [{"id": "40",
                "changes": [{"type": "fullStackFeature", "data": {"feature_id": "5"}}]}]}]}"#;

    fn explain(limit: Option<&[&str]>, remembers: bool) -> Option<String> {
        let config = ProjectConfig::from_json(FOLLOWERS).unwrap();
        let options = CallOptions::new().experience_keys(limit);
        let evaluation =
            Evaluation::new(&config, "visitor-1").remembers(remembers).options(&options);
        let explanation = Explanation::of_feature(&evaluation, "banner");
        explanation.outcome().and_then(|outcome| outcome.variation_id().map(str::to_owned))
    }

    #[test]
    fn explaining_a_feature_missed_assignments_made_on_the_way() {
        assert_eq!(explain(None, true).as_deref(), Some("40"));
        assert_eq!(explain(None, false), None);
    }

    #[test]
    fn explaining_a_feature_ignored_the_experiences_it_was_limited_to() {
        assert_eq!(explain(Some(&["first", "second"]), true).as_deref(), Some("40"));
        assert_eq!(explain(Some(&["first"]), true), None);
    }
}
