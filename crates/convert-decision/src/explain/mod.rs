//! Explanations: what an evaluation did, step by step.

mod explanation;
mod kinds;
mod recorder;
mod step;

pub use self::explanation::{ExplainedOutcome, Explanation, Subject};
pub use self::step::Step;
