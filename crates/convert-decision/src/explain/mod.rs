//! Explanations: what an evaluation did, step by step.

mod explanation;
mod kinds;
mod outcome;
mod recorder;
mod step;
mod step_ref;
mod what;

pub use self::explanation::{Explanation, Subject};
pub use self::outcome::ExplainedOutcome;
pub use self::step::Step;
pub use self::step_ref::{StepRef, Steps};
