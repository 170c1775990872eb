//! The gates a visitor must pass before an experience is decided.

use convert_config::rule::Exclusion;
use convert_config::{Audience, Experience, Identified as _, Location, LocationGate, Segment};

use crate::evaluation::Evaluation;
use crate::evaluation::rules::Match;
use crate::evaluation::walk::Walk;
use crate::explain::Step;
use crate::layers::AttributeLayers;
use crate::observer::{Observer, Transition};
use crate::reason::Reason;

impl<'c> Evaluation<'c, '_> {
    /// Checks every gate in the family's order and returns the first that is shut.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from one place")]
    pub(super) fn check_gates<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        is_bucketed: bool,
        walk: &mut Walk<'_, O>,
    ) -> Result<(), Reason> {
        check(walk.observer(), "not archived", Reason::Archived, !experience.is_archived())?;
        self.check_visitor_id(walk.observer())?;
        self.check_environment(experience, walk)?;
        self.check_locations(experience, walk)?;
        self.check_audiences(experience, is_bucketed, walk)?;
        self.check_segments(experience, walk)?;
        let has_variations = !experience.variations().is_empty();
        check(walk.observer(), "variations", Reason::NoVariations, has_variations)
    }

    /// Checks that the visitor has an id.
    pub(crate) fn check_visitor_id<O: Observer<'c>>(&self, observer: &mut O) -> Result<(), Reason> {
        let has_id = !self.visitor_id.is_empty();
        check(observer, "visitor id", Reason::EmptyVisitorId, has_id)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from one place")]
    fn check_environment<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        walk: &mut Walk<'_, O>,
    ) -> Result<(), Reason> {
        let given = self.environment();
        walk.step_start(|| Step::environment(experience, given.map(|(_, name)| name)));
        let passes = given.is_none_or(|(mark, name)| experience.runs_in_marked(mark, name));
        walk.step_end(|| match given {
            _ if runs_anywhere(experience) => "not restricted",
            None => "not checked",
            Some(_) => passed(passes),
        });
        if passes { Ok(()) } else { Err(Reason::EnvironmentMismatch) }
    }

    fn check_locations<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        walk: &mut Walk<'_, O>,
    ) -> Result<(), Reason> {
        walk.step_start(|| Step::locations(experience, self.options.ignores_location));
        if self.options.ignores_location {
            walk.step_end(|| "skipped");
            return Ok(());
        }
        let found = match experience.location_gate() {
            LocationGate::Open => Match::Yes,
            LocationGate::At { all, .. } => self.match_locations(experience, *all, walk),
            LocationGate::SiteArea(rules) => {
                self.match_rules(rules, &AttributeLayers::new(self.location), walk)
            }
        };
        walk.step_end(|| match experience.location_gate() {
            LocationGate::Open => "not restricted",
            LocationGate::At { .. } | LocationGate::SiteArea(_) => found.text(),
        });
        found.or_else_reason(Reason::LocationMismatch)
    }

    /// Matches every location, since each may be one the visitor comes to or leaves.
    fn match_locations<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        all: bool,
        walk: &mut Walk<'_, O>,
    ) -> Match {
        let mut tally = Tally::default();
        for location in self.config.locations_of(experience) {
            walk.step_start(|| Step::location(location));
            let found = match location.rules() {
                Some(rules) => self.match_rules(rules, &AttributeLayers::new(self.location), walk),
                None => Match::No,
            };
            walk.step_end(|| found.text());
            if let Some(transition) = self.transition(location, found, walk) {
                walk.location_changed(location, transition);
            }
            tally.count(found);
        }
        // Ids that resolve to no location match nothing, and so does having none that resolves.
        let wanted = match experience.location_gate() {
            LocationGate::At { locations, .. } if all => locations.len().max(1),
            _ => 1,
        };
        tally.outcome(wanted)
    }

    fn transition<O: Observer<'c>>(
        &self,
        location: &Location,
        found: Match,
        walk: &mut Walk<'_, O>,
    ) -> Option<Transition> {
        if !walk.spend(steps_for(self.record.locations().len()), None) {
            return None;
        }
        let rules = location.rules();
        let was_there = self.record.is_at(location.key().unwrap_or(location.id()));
        match found {
            Match::Yes if !was_there => Some(Transition::Activated),
            Match::No if was_there && rules.is_some() => Some(Transition::Deactivated),
            _ => None,
        }
    }

    fn check_audiences<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        is_bucketed: bool,
        walk: &mut Walk<'_, O>,
    ) -> Result<(), Reason> {
        let all = experience.needs_all_audiences();
        walk.step_start(|| Step::audiences(experience));
        let mut tally = Tally::default();
        let mut checked = 0;
        for audience in self.config.audiences_of(experience) {
            if is_bucketed && audience.is_permanent() {
                walk.step_start(|| Step::skipped_audience(audience));
                walk.step_end(|| "skipped");
                continue;
            }
            checked += 1;
            let found = self.match_audience(audience, walk);
            tally.count(found);
            // A provider's open answer counts even after a match, so all must be asked then.
            if self.provider().is_none() && tally.is_settled(all) {
                break;
            }
        }
        let found = match checked {
            0 => Match::Yes,
            checked => tally.outcome(if all { checked } else { 1 }),
        };
        walk.step_end(|| if checked == 0 { "nothing to check" } else { found.text() });
        found.or_else_reason(Reason::AudienceMismatch)
    }

    #[inline]
    fn match_audience<O: Observer<'c>>(
        &self,
        audience: &'c Audience,
        walk: &mut Walk<'_, O>,
    ) -> Match {
        walk.step_start(|| Step::audience(audience));
        let found = match audience.rules() {
            None => Match::No,
            Some(rules) => match rules.exclusion() {
                Some(exclusion) => self.match_exclusion(exclusion, walk),
                None => self.match_rules(rules, &self.attributes, walk),
            },
        };
        walk.step_end(|| found.text());
        found
    }

    /// Mutual exclusion: whether the visitor has an assignment elsewhere. It makes none.
    #[inline(never)]
    fn match_exclusion<O: Observer<'c>>(
        &self,
        exclusion: &'c Exclusion,
        walk: &mut Walk<'_, O>,
    ) -> Match {
        // A target that the config lacks has no visitors; loading has reported it.
        let is_bucketed = exclusion.target().is_some_and(|target| {
            walk.spend(steps_for(target.len()), None) && self.is_assigned(target)
        });
        walk.step_start(|| Step::exclusion(exclusion, is_bucketed));
        let is_known = !walk.budget().is_exhausted();
        let found = Match::from(is_known && is_bucketed != exclusion.is_negated());
        walk.step_end(|| found.text());
        found
    }

    fn is_assigned(&self, experience_id: &str) -> bool {
        self.record.assignment(experience_id).is_some()
            || self.pending.is_some_and(|pending| pending.has(experience_id))
    }

    fn check_segments<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        walk: &mut Walk<'_, O>,
    ) -> Result<(), Reason> {
        let mut segments = self.config.segments_of(experience).peekable();
        walk.step_start(|| Step::segments(self.config, experience, self.record));
        let held = self.record.segments().custom().len();
        let mut has = |segment: &Segment| {
            walk.spend(steps_for(held), None) && self.record.segments().has_custom(segment.id())
        };
        let passes = segments.peek().is_none() || segments.any(&mut has);
        walk.step_end(|| match self.config.segments_of(experience).next() {
            Some(_) => passed(passes),
            None => "not restricted",
        });
        if passes { Ok(()) } else { Err(Reason::SegmentMismatch) }
    }
}

/// Counts matches, and keeps the first open answer.
#[derive(Debug, Default)]
struct Tally {
    matched: usize,
    failed: usize,
    open: Option<Reason>,
}

impl Tally {
    fn count(&mut self, found: Match) {
        match found {
            Match::Yes => self.matched += 1,
            Match::No => self.failed += 1,
            Match::Open(reason) => {
                self.open.get_or_insert(reason);
            }
        }
    }

    fn is_settled(&self, all: bool) -> bool {
        if all { self.failed > 0 } else { self.matched > 0 }
    }

    fn outcome(&self, wanted: usize) -> Match {
        match self.open {
            Some(reason) => Match::Open(reason),
            None => Match::from(self.matched >= wanted),
        }
    }
}

fn check<'c, O: Observer<'c>>(
    observer: &mut O,
    name: &'static str,
    reason: Reason,
    passes: bool,
) -> Result<(), Reason> {
    observer.step_start(|| Step::new(name));
    observer.step_end(|| passed(passes));
    if passes { Ok(()) } else { Err(reason) }
}

/// What looking through that many texts of a record, or bytes of an id, takes.
fn steps_for(count: usize) -> u64 {
    1 + count as u64 / 8
}

/// Whether an experience is limited to no environment.
pub(crate) fn runs_anywhere(experience: &Experience) -> bool {
    experience.environment().is_none() && experience.runs_in("")
}

fn passed(passes: bool) -> &'static str {
    if passes { "passed" } else { "failed" }
}
