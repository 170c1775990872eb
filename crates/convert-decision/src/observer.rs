//! Watching an evaluation.

use convert_config::Location;
use convert_config::rule::Element;

use crate::explain::Step;

/// Receives what an evaluation does. Every method does nothing by default, and is inlined away then.
///
/// Steps nest: each `step_start` is followed by its inner steps and then by one `step_end`. The
/// closures are called only by observers that want the step, so a plain evaluation builds none.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Observer, Step};
///
/// #[derive(Default)]
/// struct Count(usize);
/// impl Observer<'_> for Count {
///     fn step_start(&mut self, _step: impl FnOnce() -> Step) {
///         self.0 += 1;
///     }
/// }
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [{"id": "3", "key": "k"}]}"#)?;
/// let mut steps = Count::default();
/// assert!(Evaluation::new(&config, "v").decide_by_key("k", &mut steps).is_err());
/// assert!(steps.0 > 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer<'c> {
    /// Is called when a step begins.
    #[inline]
    fn step_start(&mut self, step: impl FnOnce() -> Step) {
        let _ = step;
    }

    /// Is called with the outcome when the step opened last ends.
    #[inline]
    fn step_end(&mut self, outcome: impl FnOnce() -> &'static str) {
        let _ = outcome;
    }

    /// Is called when the visitor comes to a location or leaves it.
    fn location_changed(&mut self, location: &'c Location, transition: Transition) {
        let _ = (location, transition);
    }

    /// Is called once when the steps of a decision or pass are used up, so that all further elements
    /// are false. `element` is the first of them; `None` where the last steps went to the visitor's
    /// locations, segments or assignments.
    fn step_limit_hit(&mut self, element: Option<&'c Element>) {
        let _ = element;
    }

    /// Is called when the attribute provider or the wall clock panicked when an element was matched.
    /// A provider that panics has [no data](crate::Answer::NoDataFound), and without a clock a
    /// time-based element has no value.
    fn provider_panicked(&mut self, element: &'c Element) {
        let _ = element;
    }
}

/// An observer that ignores everything: plain evaluation.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing it could ever hold")]
pub struct NoopObserver;

/// A change of the set of locations that a visitor is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one comes or goes")]
pub enum Transition {
    /// The visitor has come to the location.
    Activated,
    /// The visitor has left the location.
    Deactivated,
}

impl Observer<'_> for NoopObserver {}
