//! Matching rule trees.

use convert_config::ValueRef;
use convert_config::rule::{Block, Branch, Element, Flaw, RuleTree, Test, Verdict};

use crate::evaluation::Evaluation;
use crate::evaluation::walk::Walk;
use crate::explain::Step;
use crate::layers::AttributeLayers;
use crate::observer::Observer;
use crate::provider::{Answer, is_condition, time_of};
use crate::reason::Reason;

/// The outcome of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    No,
    /// The attribute provider could not answer.
    Open(Reason),
}

impl Match {
    pub(super) fn text(self) -> &'static str {
        match self {
            Match::Yes => "matched",
            Match::No => "not matched",
            Match::Open(Reason::NeedMoreData) => "needs more data",
            Match::Open(_) => "no data",
        }
    }

    /// Turns a plain mismatch into `reason`; an open answer brings its own.
    pub(super) fn or_else_reason(self, reason: Reason) -> Result<(), Reason> {
        match self {
            Match::Yes => Ok(()),
            Match::No => Err(reason),
            Match::Open(open) => Err(open),
        }
    }
}

impl From<bool> for Match {
    fn from(matched: bool) -> Self {
        if matched { Match::Yes } else { Match::No }
    }
}

impl<'c> Evaluation<'c, '_> {
    /// Matches a rule tree: any branch will do. Open answers do not stop the search for a match;
    /// without one, the last answer stands, as in the JavaScript SDK.
    pub(super) fn match_rules<O: Observer<'c>>(
        &self,
        rules: &'c RuleTree,
        attributes: &AttributeLayers<'_>,
        walk: &mut Walk<'_, O>,
    ) -> Match {
        let mut last = Match::No;
        for branch in rules.branches() {
            walk.step_start(|| Step::new("all of"));
            last = self.match_branch(branch, attributes, walk);
            walk.step_end(|| last.text());
            if last == Match::Yes {
                break;
            }
        }
        last
    }

    fn match_branch<O: Observer<'c>>(
        &self,
        branch: Branch<'c>,
        attributes: &AttributeLayers<'_>,
        walk: &mut Walk<'_, O>,
    ) -> Match {
        for block in branch.blocks() {
            let found = self.match_block(block, attributes, walk);
            if found != Match::Yes {
                return found;
            }
        }
        Match::from(!branch.is_empty())
    }

    fn match_block<O: Observer<'c>>(
        &self,
        block: Block<'c>,
        attributes: &AttributeLayers<'_>,
        walk: &mut Walk<'_, O>,
    ) -> Match {
        let mut last = Match::No;
        walk.step_start(|| Step::new("any of"));
        for element in block.elements() {
            last = self.match_element(element, attributes, walk);
            if last == Match::Yes {
                break;
            }
        }
        walk.step_end(|| last.text());
        last
    }

    fn match_element<O: Observer<'c>>(
        &self,
        element: &'c Element,
        attributes: &AttributeLayers<'_>,
        walk: &mut Walk<'_, O>,
    ) -> Match {
        if !walk.spend(attributes.steps_to_find(element), Some(element)) {
            return conclude(element, || None, Verdict::Impossible(Flaw::StepLimit), walk);
        }
        let Some(attribute) = attributes.find_for(element) else {
            return self.match_unknown(element, walk);
        };
        let verdict = attribute.verdict(element, walk.budget());
        conclude(element, || Some(attribute.value()), verdict, walk)
    }

    /// Matches an element whose value is not among the attributes: the provider may have it, the
    /// clock has it for time-based rules, otherwise it is missing.
    #[cold]
    #[inline(never)]
    fn match_unknown<O: Observer<'c>>(
        &self,
        element: &'c Element,
        walk: &mut Walk<'_, O>,
    ) -> Match {
        let Some(rule_type) = element.rule_type().filter(|_| is_usable(element)) else {
            return compare(element, None, walk);
        };
        let answer = self.provider().map_or(Answer::Unknown, |provider| {
            let ask = || provider.answer(rule_type, element.key(), self.visitor_id);
            walk.ask(element, ask).unwrap_or(Answer::NoDataFound)
        });
        match answer {
            Answer::Value(value) if is_condition(element) => {
                let found = Match::from(value.as_view().is_truthy());
                show(element, Some(value.as_view()), found, walk)
            }
            Answer::Value(value) => compare(element, Some(value.as_view()), walk),
            Answer::NeedMoreData => show(element, None, Match::Open(Reason::NeedMoreData), walk),
            Answer::NoDataFound => show(element, None, Match::Open(Reason::NoDataFound), walk),
            Answer::Unknown => {
                let time = self.surroundings.wall_clock().and_then(|clock| {
                    walk.ask(element, || time_of(rule_type, self.config.utc_offset(), clock))?
                });
                compare(element, time.map(ValueRef::Integer), walk)
            }
        }
    }
}

fn compare<'c, O: Observer<'c>>(
    element: &'c Element,
    value: Option<ValueRef<'_>>,
    walk: &mut Walk<'_, O>,
) -> Match {
    let verdict = element.test().verdict_within(value, walk.budget());
    conclude(element, || value, verdict, walk)
}

/// Turns a verdict into the element's outcome and reports both.
#[inline]
fn conclude<'c, 'a, O: Observer<'c>>(
    element: &'c Element,
    value: impl FnOnce() -> Option<ValueRef<'a>>,
    verdict: Verdict,
    walk: &mut Walk<'_, O>,
) -> Match {
    if verdict == Verdict::Impossible(Flaw::StepLimit) {
        walk.report_limit(Some(element));
    }
    // An absent attribute is visible in the step as it is.
    let flaw = || match verdict {
        Verdict::Impossible(flaw) if flaw != Flaw::Missing && !is_condition(element) => Some(flaw),
        _ => None,
    };
    let found = Match::from(verdict.is_match(element.is_negated()));
    walk.step_start(|| Step::comparison(element, value(), flaw()));
    walk.step_end(|| found.text());
    found
}

fn show<'c, O: Observer<'c>>(
    element: &'c Element,
    value: Option<ValueRef<'_>>,
    found: Match,
    walk: &mut Walk<'_, O>,
) -> Match {
    walk.step_start(|| Step::comparison(element, value, None));
    walk.step_end(|| found.text());
    found
}

/// Whether the element is well-formed, so that it makes sense to look for its value.
fn is_usable(element: &Element) -> bool {
    !matches!(element.test(), Test::Never(_))
}
