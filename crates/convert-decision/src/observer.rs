//! Watching an evaluation.

use convert_config::Location;
use convert_config::rule::Element;

use crate::explain::Step;

/// Is told what an evaluation does. Every method does nothing by default.
///
/// Steps nest: each `open` is followed by its inner steps and then by one `close`. The closures
/// are called only by observers that want the step, so that a plain evaluation builds none.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Observer, Step};
///
/// #[derive(Default)]
/// struct Count(usize);
/// impl Observer<'_> for Count {
///     fn open(&mut self, _step: impl FnOnce() -> Step) {
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
    /// Whether steps are opened and closed. Defaults to `true`; without, an evaluation that needs no
    /// provider is faster.
    const WATCHES: bool = true;

    /// Is called when a step begins.
    fn open(&mut self, step: impl FnOnce() -> Step) {
        let _ = step;
    }

    /// Is called with the outcome when the step opened last ends.
    fn close(&mut self, outcome: impl FnOnce() -> &'static str) {
        let _ = outcome;
    }

    /// Is called when the visitor comes to a location or leaves it.
    fn moved(&mut self, location: &'c Location, transition: Transition) {
        let _ = (location, transition);
    }

    /// Is called when a pattern gave up on a text, so that its element counted as false.
    fn gave_up(&mut self, element: &'c Element) {
        let _ = element;
    }
}

/// An observer that looks away: plain evaluation.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing it could ever hold")]
pub struct Silent;

/// A change of the set of locations that a visitor is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one comes or goes")]
pub enum Transition {
    /// The visitor has come to the location.
    Activated,
    /// The visitor has left the location.
    Deactivated,
}

impl Observer<'_> for Silent {
    const WATCHES: bool = false;
}
