//! The floor of rules that are data: the same decisions by a plain interpreter of a config's rules.
//!
//! As [`floor`](super::floor), but audiences are read from the config and attributes found by name,
//! since no library knows them beforehand. It has neither gates nor options, remembers, counts and
//! explains nothing, and knows the operators and the types of values of the workload alone.

use std::hint::black_box;

use arc_swap::ArcSwap;
use convert_bucketing::BucketHasher;
use convert_sdk::{Context, ExperienceResult, Identified as _, ProjectConfig, ValueRef};
use hashbrown::HashMap;

use super::deciding::unstored;
use super::fixture::{Fixture, guarded};
use super::measure::Work;

/// What a fresh decision takes when its rules are interpreted, and nothing else is done.
pub(super) fn work(fixture: &Fixture) -> Result<Work<'_>, String> {
    let plan = Plan::of(&fixture.config())?;
    let visitors: Vec<Visitor> = fixture.fresh().iter().map(Visitor::new).collect();
    check(&plan, &visitors, fixture.fresh())?;
    let (plan, keys) = (ArcSwap::from_pointee(plan), guarded());
    Ok(Work::new("floor_fresh_rules", visitors.len() * keys.len(), move || {
        for visitor in &visitors {
            for key in &keys {
                black_box(plan.load().decide(black_box(key), visitor).map(str::len));
            }
        }
    }))
}

/// The experiences by key.
struct Plan {
    experiences: HashMap<String, Experience>,
}

struct Experience {
    hasher: BucketHasher,
    /// The end of each arm's range, and its key.
    arms: Vec<(u16, String)>,
    /// All blocks must hold; of the rules of a block one.
    blocks: Vec<Vec<Rule>>,
}

struct Rule {
    attribute: String,
    test: Test,
}

enum Test {
    IsIn(Vec<String>),
    Equals(String),
    Contains(String),
    Less(f64),
}

struct Visitor {
    id: String,
    attributes: Vec<(String, Attribute)>,
}

enum Attribute {
    Text(String),
    Number(f64),
}

impl Plan {
    fn of(config: &ProjectConfig) -> Result<Self, String> {
        let mut experiences = HashMap::new();
        for experience in config.experiences() {
            let mut blocks = Vec::new();
            for audience in config.audiences_of(experience) {
                let Some(rules) = audience.rules() else { continue };
                for branch in rules.branches() {
                    for block in branch.blocks() {
                        let rules = block.elements().iter().map(|element| {
                            let constant = element.operand().as_view();
                            let test = Test::of(element.operator().unwrap_or_default(), constant)?;
                            let attribute = element.key().unwrap_or_default().to_owned();
                            Some(Rule { attribute, test })
                        });
                        // The pattern has a floor of its own.
                        blocks.extend(rules.collect::<Option<Vec<_>>>());
                    }
                }
            }
            let arms = experience.buckets().ranges().map(|(range, arm)| {
                let key = experience.variations().get(arm).and_then(|arm| arm.key());
                (range.end(), key.unwrap_or_default().to_owned())
            });
            let (hasher, arms) = (BucketHasher::new(experience.id()), arms.collect());
            let key = experience.key().ok_or("bench: an experience without a key")?;
            experiences.insert(key.to_owned(), Experience { hasher, arms, blocks });
        }
        Ok(Plan { experiences })
    }

    fn decide(&self, key: &str, visitor: &Visitor) -> Option<&str> {
        let experience = self.experiences.get(key)?;
        if !experience.blocks.iter().all(|rules| rules.iter().any(|rule| rule.holds(visitor))) {
            return None;
        }
        let value = experience.hasher.bucket_value(&visitor.id);
        experience.arms.iter().find(|(end, _)| value < *end).map(|(_, key)| key.as_str())
    }
}

impl Test {
    fn of(operator: &str, constant: ValueRef<'_>) -> Option<Self> {
        let text = constant.to_text().to_lowercase();
        match operator {
            "isIn" => Some(Test::IsIn(text.split('|').map(str::to_owned).collect())),
            "equals" => Some(Test::Equals(text)),
            "contains" => Some(Test::Contains(text)),
            "less" => constant.as_number().map(Test::Less),
            _ => None,
        }
    }
}

impl Rule {
    #[inline]
    fn holds(&self, visitor: &Visitor) -> bool {
        let named = visitor.attributes.iter().find(|(name, _)| *name == self.attribute);
        match (&self.test, named.map(|(_, value)| value)) {
            // As in the JavaScript SDK, only the constants of `isIn` are lower-cased.
            (Test::IsIn(options), Some(Attribute::Text(text))) => options.contains(text),
            (Test::Equals(wanted), Some(Attribute::Text(text))) => {
                text.eq_ignore_ascii_case(wanted)
            }
            (Test::Contains(part), Some(Attribute::Text(text))) => {
                let mut places = text.as_bytes().windows(part.len());
                places.any(|place| place.eq_ignore_ascii_case(part.as_bytes()))
            }
            (Test::Less(most), Some(Attribute::Number(number))) => number < most,
            _ => false,
        }
    }
}

impl Visitor {
    fn new(context: &Context) -> Self {
        let attribute = |value: ValueRef<'_>| match value.as_number() {
            Some(number) => Attribute::Number(number),
            None => Attribute::Text(value.to_text().into_owned()),
        };
        let attributes = context.attributes().iter();
        Visitor {
            id: context.visitor_id().to_owned(),
            attributes: attributes
                .map(|(name, value)| (name.to_owned(), attribute(value)))
                .collect(),
        }
    }
}

/// Fails unless the SDK decides the same.
fn check(plan: &Plan, visitors: &[Visitor], contexts: &[Context]) -> Result<(), String> {
    let (unstored, keys) = (unstored(), guarded());
    for (visitor, context) in visitors.iter().zip(contexts).take(CHECKED) {
        for key in &keys {
            let expected = context.run_experience_with(key, &unstored);
            let expected = expected.as_ref().map(ExperienceResult::variation_key);
            if plan.decide(key, visitor) != expected {
                return Err(format!("bench: the interpreter decides `{key}` otherwise"));
            }
        }
    }
    Ok(())
}

/// How many visitors are decided for by both; enough to meet every case.
const CHECKED: usize = 500;
