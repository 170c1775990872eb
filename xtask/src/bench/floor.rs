//! The floors of decisions: the same answers by code that is written for this workload alone.
//!
//! No rule is looked up, no operator chosen, nothing shown to anybody: what is left is to take the
//! snapshot, find the experience, compare the attributes, hash, and find the arm. What a decision
//! takes beyond that is what a library costs. Nothing is remembered here, so that only a decision
//! whose conditions the context has found before can take less.

use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwap;
use convert_bucketing::BucketHasher;
use convert_sdk::{Context, ExperienceResult, ValueRef};
use hashbrown::HashMap;
use regex::Regex;

use super::deciding::unstored;
use super::fixture::{EXPERIENCES, Fixture, guarded};
use super::floor_rules;
use super::measure::Work;
use super::repeat::{REPEATS, repeat};
use super::workload::PATTERN;

/// What fresh, remembered and patterned decisions take when they are written by hand.
pub(super) fn works(fixture: &Fixture) -> Result<Vec<Work<'_>>, String> {
    let snapshot = ArcSwap::from_pointee(Snapshot::new()?);
    let visitors: Vec<Visitor> = fixture.fresh().iter().map(Visitor::new).collect();
    check(&snapshot.load(), &visitors, fixture.fresh())?;
    let returning = remembered(&snapshot.load(), &visitors);
    let snapshot = Arc::new(snapshot);
    let (fresh, sticky, patterned) = (Arc::clone(&snapshot), Arc::clone(&snapshot), snapshot);
    let visitors = Arc::new(visitors);
    let (ours, theirs) = (Arc::clone(&visitors), Arc::clone(&visitors));
    let (keys, again) = (guarded(), guarded());
    Ok(vec![
        floor_rules::work(fixture)?,
        Work::new("floor_fresh", visitors.len() * keys.len(), move || {
            for visitor in &*visitors {
                for key in &keys {
                    black_box(fresh.load().decide(black_box(key), visitor).map(str::len));
                }
            }
        }),
        Work::new("floor_regex", ours.len() * REPEATS, move || {
            for visitor in &*ours {
                repeat(|| {
                    black_box(patterned.load().decide_by_pattern(visitor).map(str::len));
                });
            }
        }),
        Work::new("floor_sticky", theirs.len() * again.len(), move || {
            for (visitor, record) in theirs.iter().zip(&returning) {
                for key in &again {
                    let snapshot = sticky.load();
                    let arm = snapshot.decide_again(black_box(key), visitor, record);
                    black_box(arm.map(str::len));
                }
            }
        }),
    ])
}

/// The project, as the code below needs it.
struct Snapshot {
    experiences: HashMap<String, Experience>,
    patterned: Experience,
    pattern: Regex,
}

struct Experience {
    id: String,
    hasher: BucketHasher,
    arms: [String; 4],
    oldest: u32,
}

/// A visitor, as the code below needs them.
struct Visitor {
    id: String,
    country: String,
    plan: String,
    page: String,
    email: String,
    age: u32,
}

impl Snapshot {
    fn new() -> Result<Self, String> {
        let experience = |id: String, index: usize| Experience {
            hasher: BucketHasher::new(&id),
            id,
            arms: [0, 1, 2, 3].map(|arm| format!("{index}-variation-{arm}")),
            oldest: u32::try_from(40 + index % 20).unwrap_or_default(),
        };
        let experiences = (0..EXPERIENCES).map(|index| {
            let id = (100_000_000 + index).to_string();
            (format!("experience-{index}"), experience(id, index))
        });
        Ok(Snapshot {
            experiences: experiences.collect(),
            patterned: experience("100999999".to_owned(), 0),
            pattern: Regex::new(&format!("(?-u){PATTERN}")).map_err(|error| error.to_string())?,
        })
    }

    fn decide(&self, key: &str, visitor: &Visitor) -> Option<&str> {
        let experience = self.experiences.get(key)?;
        if visitor.is_wanted(experience.oldest) { experience.arm(visitor) } else { None }
    }

    fn decide_again(
        &self,
        key: &str,
        visitor: &Visitor,
        record: &HashMap<String, String>,
    ) -> Option<&str> {
        let experience = self.experiences.get(key)?;
        if !visitor.is_wanted(experience.oldest) {
            return None;
        }
        let known = record.get(&experience.id)?;
        experience.arms.iter().find(|arm| *arm == known).map(String::as_str)
    }

    fn decide_by_pattern(&self, visitor: &Visitor) -> Option<&str> {
        let is_match = self.pattern.is_match(black_box(&visitor.email));
        if is_match { self.patterned.arm(visitor) } else { None }
    }
}

impl Experience {
    /// Finds the arm; all four are as wide.
    fn arm(&self, visitor: &Visitor) -> Option<&str> {
        let value = self.hasher.bucket_value(&visitor.id);
        self.arms.get(usize::from(value / 2_500)).map(String::as_str)
    }
}

impl Visitor {
    fn new(context: &Context) -> Self {
        let text = |name: &str| match context.attributes().get(name) {
            Some(ValueRef::Text(text)) => text.to_owned(),
            _ => String::new(),
        };
        let age = match context.attributes().get("age") {
            Some(ValueRef::Integer(age)) => u32::try_from(age).unwrap_or_default(),
            _ => 0,
        };
        Visitor {
            id: context.visitor_id().to_owned(),
            country: text("country_code"),
            plan: text("plan"),
            page: text("page"),
            email: text("email"),
            age,
        }
    }

    /// The audience of every guarded experience of the workload.
    fn is_wanted(&self, oldest: u32) -> bool {
        // As in the JavaScript SDK, only the constants of `isIn` are lower-cased.
        let is_near = ["us", "de", "fr", "gb"].contains(&&*self.country);
        (is_near || self.plan.eq_ignore_ascii_case("pro"))
            && (self.age < oldest || contains_ignoring_case(&self.page, b"checkout"))
    }
}

fn contains_ignoring_case(text: &str, part: &[u8]) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

/// Fails unless the SDK decides the same; a floor that cuts corners would be none.
fn check(snapshot: &Snapshot, visitors: &[Visitor], contexts: &[Context]) -> Result<(), String> {
    let unstored = unstored();
    let keys = guarded();
    for (visitor, context) in visitors.iter().zip(contexts).take(CHECKED) {
        for key in &keys {
            let expected = context.run_experience_with(key, &unstored);
            let expected = expected.as_ref().map(ExperienceResult::variation_key);
            if snapshot.decide(key, visitor) != expected {
                return Err(format!("bench: the floor decides `{key}` otherwise than the SDK"));
            }
        }
        let expected = context.run_experience_with("regex", &unstored);
        let expected = expected.as_ref().map(ExperienceResult::variation_key);
        if snapshot.decide_by_pattern(visitor) != expected {
            return Err("bench: the floor decides by the pattern otherwise than the SDK".to_owned());
        }
    }
    Ok(())
}

/// Makes the records of visitors who have been decided for in every experience.
fn remembered(snapshot: &Snapshot, visitors: &[Visitor]) -> Vec<HashMap<String, String>> {
    let record = |visitor: &Visitor| {
        let arm = |experience: &Experience| {
            Some((experience.id.clone(), experience.arm(visitor)?.to_owned()))
        };
        snapshot.experiences.values().filter_map(arm).collect()
    };
    visitors.iter().map(record).collect()
}

/// How many visitors are decided for by both; enough to meet every case.
const CHECKED: usize = 500;
