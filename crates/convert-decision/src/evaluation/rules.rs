//! Matching rule trees.

use std::sync::atomic::{AtomicU64, Ordering};

use convert_config::ValueRef;
use convert_config::rule::{Block, Branch, Element, Findings, Flaw, RuleTree, Test, Verdict};

use crate::attributes::Facts;
use crate::evaluation::Evaluation;
use crate::explain::Step;
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
    /// Matches the rule tree of an audience by what earlier decisions have found of its conditions, and
    /// keeps what is found now.
    #[inline]
    pub(super) fn match_kept<O: Observer<'c>>(
        &self,
        rules: &'c RuleTree,
        observer: &mut O,
    ) -> Match {
        let kept = if self.shows_all(observer) { None } else { rules.finding_set() };
        let Some(findings) = kept.and_then(|set| self.facts.findings(self.config, set)) else {
            return self.match_rules(rules, &self.facts, observer);
        };
        let known = Findings::from_bits(findings.load(Ordering::Relaxed));
        match rules.recall(known) {
            Some(holds) => holds.into(),
            None => self.match_learning(rules, known, findings, observer),
        }
    }

    /// Matches a rule tree of whose conditions not enough is known.
    #[inline]
    pub(super) fn match_learning<O: Observer<'c>>(
        &self,
        rules: &'c RuleTree,
        mut known: Findings,
        findings: &AtomicU64,
        observer: &mut O,
    ) -> Match {
        let holds = match self.facts.own_alone() {
            Some(own) => rules.learn(&mut known, |element| {
                let verdict = own.find_for(element).map(|entry| entry.verdict(element));
                self.is_match(element, verdict, observer)
            }),
            None => rules.learn(&mut known, |element| {
                let verdict = self.facts.find_for(element).map(|fact| fact.verdict(element));
                self.is_match(element, verdict, observer)
            }),
        };
        // What another thread has found meanwhile is found again when it is needed.
        findings.store(known.to_bits(), Ordering::Relaxed);
        holds.into()
    }

    /// Matches a rule tree: any branch will do. Open answers do not stop the search for a match;
    /// without one, the last answer stands, as in the JavaScript SDK.
    pub(super) fn match_rules<O: Observer<'c>>(
        &self,
        rules: &'c RuleTree,
        facts: &Facts<'_>,
        observer: &mut O,
    ) -> Match {
        if self.shows_all(observer) {
            return self.match_levels(rules, facts, observer);
        }
        // Nobody sees the levels, and there is nobody to leave an answer open.
        Match::from(match facts.own_alone() {
            Some(own) => rules.holds(|element| {
                let verdict = own.find_for(element).map(|entry| entry.verdict(element));
                self.is_match(element, verdict, observer)
            }),
            None => rules.holds(|element| {
                let verdict = facts.find_for(element).map(|fact| fact.verdict(element));
                self.is_match(element, verdict, observer)
            }),
        })
    }

    /// Whether every step matters: to somebody who watches, or since a provider may leave it open.
    #[inline]
    pub(super) fn shows_all<O: Observer<'c>>(&self, _: &O) -> bool {
        O::WATCHES || self.provider().is_some()
    }

    #[inline]
    fn is_match<O: Observer<'c>>(
        &self,
        element: &'c Element,
        verdict: Option<Verdict>,
        observer: &mut O,
    ) -> bool {
        let Some(verdict) = verdict else {
            return self.match_unknown(element, observer) == Match::Yes;
        };
        if verdict == Verdict::Impossible(Flaw::StepLimit) {
            observer.gave_up(element);
        }
        verdict.is_match(element.is_negated())
    }

    fn match_levels<O: Observer<'c>>(
        &self,
        rules: &'c RuleTree,
        facts: &Facts<'_>,
        observer: &mut O,
    ) -> Match {
        let mut last = Match::No;
        for branch in rules.branches() {
            observer.open(|| Step::new("all of"));
            last = self.match_branch(branch, facts, observer);
            observer.close(|| last.text());
            if last == Match::Yes {
                break;
            }
        }
        last
    }

    fn match_branch<O: Observer<'c>>(
        &self,
        branch: Branch<'c>,
        facts: &Facts<'_>,
        observer: &mut O,
    ) -> Match {
        for block in branch.blocks() {
            let found = self.match_block(block, facts, observer);
            if found != Match::Yes {
                return found;
            }
        }
        Match::from(!branch.is_empty())
    }

    fn match_block<O: Observer<'c>>(
        &self,
        block: Block<'c>,
        facts: &Facts<'_>,
        observer: &mut O,
    ) -> Match {
        let mut last = Match::No;
        observer.open(|| Step::new("any of"));
        for element in block.elements() {
            last = self.match_element(element, facts, observer);
            if last == Match::Yes {
                break;
            }
        }
        observer.close(|| last.text());
        last
    }

    fn match_element<O: Observer<'c>>(
        &self,
        element: &'c Element,
        facts: &Facts<'_>,
        observer: &mut O,
    ) -> Match {
        match facts.find_for(element) {
            Some(fact) => compare(element, Some(fact.value()), observer),
            None => self.match_unknown(element, observer),
        }
    }

    /// Matches an element whose value is not among the attributes: the provider may have it, the
    /// clock has it for time-based rules, otherwise it is missing.
    #[cold]
    #[inline(never)]
    fn match_unknown<O: Observer<'c>>(&self, element: &'c Element, observer: &mut O) -> Match {
        let Some(rule_type) = element.rule_type().filter(|_| is_usable(element)) else {
            return compare(element, None, observer);
        };
        let answer = self.provider().map_or(Answer::Unknown, |provider| {
            provider.answer(rule_type, element.key(), self.visitor_id)
        });
        match answer {
            Answer::Value(value) if is_condition(element) => {
                let found = Match::from(value.as_view().is_truthy());
                show(element, Some(value.as_view()), found, None, observer)
            }
            Answer::Value(value) => compare(element, Some(value.as_view()), observer),
            Answer::NeedMoreData => {
                show(element, None, Match::Open(Reason::NeedMoreData), None, observer)
            }
            Answer::NoDataFound => {
                show(element, None, Match::Open(Reason::NoDataFound), None, observer)
            }
            Answer::Unknown => {
                let clock = self.surroundings.wall_clock();
                let time =
                    clock.and_then(|clock| time_of(rule_type, self.config.utc_offset(), clock));
                compare(element, time.map(ValueRef::Integer), observer)
            }
        }
    }
}

fn compare<'c, O: Observer<'c>>(
    element: &'c Element,
    value: Option<ValueRef<'_>>,
    observer: &mut O,
) -> Match {
    let verdict = element.test().verdict(value);
    if verdict == Verdict::Impossible(Flaw::StepLimit) {
        observer.gave_up(element);
    }
    // That there is no such attribute is seen already.
    let flaw = match verdict {
        Verdict::Impossible(flaw) if flaw != Flaw::Missing && !is_condition(element) => Some(flaw),
        _ => None,
    };
    show(element, value, Match::from(verdict.is_match(element.is_negated())), flaw, observer)
}

fn show<'c, O: Observer<'c>>(
    element: &'c Element,
    value: Option<ValueRef<'_>>,
    found: Match,
    flaw: Option<Flaw>,
    observer: &mut O,
) -> Match {
    observer.open(|| Step::comparison(element, value, flaw));
    observer.close(|| found.text());
    found
}

/// Whether the element is well-formed, so that it makes sense to look for its value.
fn is_usable(element: &Element) -> bool {
    !matches!(element.test(), Test::Never(_))
}
