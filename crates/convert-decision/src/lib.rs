//! Pure evaluation of Convert experiences, features and segments.
//!
//! An [`Evaluation`] is a function of a config snapshot, a visitor and the call's options. It does
//! no I/O, takes no lock, starts no thread, reads no clock of its own and cannot fail, so it runs
//! anywhere: in a service, a command line, a query engine, a binding for another language.
//!
//! What should happen beside the answer is returned, not done: a [`Decision`] says whether it is a
//! new assignment, and an [`Observer`] is told of the location transitions. Explanations come from
//! the same code path with an observer that records; the plain path pays nothing for them.
//!
//! ```
//! use convert_config::ProjectConfig;
//! use convert_decision::{Evaluation, AttributeLayers, NoopObserver, attributes};
//!
//! let config = ProjectConfig::from_json(r#"{
//!     "account_id": "1", "project": {"id": "2"},
//!     "audiences": [{"id": "9", "rules": {"OR": [{"AND": [{"OR_WHEN": [{
//!         "rule_type": "generic_text_key_value", "key": "plan", "value": "pro",
//!         "matching": {"match_type": "equals", "negated": false}}]}]}]}}],
//!     "experiences": [{"id": "3", "key": "hero", "audiences": ["9"],
//!         "variations": [{"id": "30", "key": "blue"}]}]}"#)?;
//! let attributes = attributes! { "plan" => "Pro" };
//! let evaluation = Evaluation::new(&config, "visitor-1").attributes(AttributeLayers::new(&attributes));
//!
//! let decision = evaluation.decide_by_key("hero", &mut NoopObserver)?;
//! assert_eq!(decision.variation().key(), Some("blue"));
//! assert!(decision.is_new());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assignments;
mod attributes;
mod decision;
mod evaluation;
mod explain;
mod fingerprint;
mod layers;
mod observer;
mod preview;
mod provider;
mod reason;
mod record;

pub use attributes::{Attributes, AttributesIter};
pub use decision::{Decision, FeatureDecision, Source};
pub use evaluation::{CallOptions, Evaluation, Pending, Surroundings};
pub use explain::{ExplainedOutcome, Explanation, Step, StepRef, Steps, Subject};
pub use fingerprint::visitor_fingerprint;
pub use layers::AttributeLayers;
pub use observer::{NoopObserver, Observer, Transition};
pub use preview::{ForcedArm, Preview, PreviewError};
pub use provider::{Answer, AttributeProvider, ClockFace, Moment, WallClock};
pub use reason::Reason;
pub use record::{Segments, VisitorRecord};
