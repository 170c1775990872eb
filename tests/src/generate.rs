//! Random projects and visitors, made so that every kind of outcome is common.
//!
//! A [`Case`] is a config as the service might serve it and a few visitors of it. All ids and keys
//! follow from positions (`experience-2` has the id `102`, its arms `1021`, `1022`, …), so a
//! visitor's record can refer to a config without having seen it, and so can a test. Ids and keys
//! of one kind never repeat: which of two twins wins is not what these tests are about.
//!
//! Documents are [`Json`], which keeps the order of members, so that a test can change it.

use std::fmt;

use convert_sdk::{ProjectConfig, Value};
use proptest::collection::vec;
use proptest::prelude::*;

mod answers;
mod project;
mod rules;
mod visitor;

pub use self::answers::{Answers, describe, describe_feature, experience_answer, sorted};
pub use self::project::{Shape, anchored_arms, junk, project};
pub use self::visitor::{FixedClock, Gazetteer, Visitor, visitor};

/// A JSON document that remembers the order of its members.
pub type Json = Value<'static>;

/// A project and visitors of it. `Debug` shows JSON, so that a failing case can be tried by hand.
#[derive(Clone)]
#[non_exhaustive]
pub struct Case {
    /// The serving config.
    pub config: Json,
    /// Visitors with distinct ids, unless the id is empty.
    pub visitors: Vec<Visitor>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", text_of(&self.config))?;
        self.visitors.iter().try_for_each(|visitor| writeln!(f, "{visitor:?}"))
    }
}

/// Makes cases of one to six experiences and three visitors.
pub fn case(shape: Shape) -> impl Strategy<Value = Case> {
    (project(shape), vec(visitor(), 3)).prop_map(|(config, mut visitors)| {
        for (index, visitor) in visitors.iter_mut().enumerate() {
            if !visitor.id.is_empty() {
                visitor.id = format!("{}-{index}", visitor.id);
            }
        }
        Case { config, visitors }
    })
}

/// Makes a document of members; those without a value are left out.
pub fn object<const COUNT: usize>(members: [(&str, Option<Json>); COUNT]) -> Json {
    let present = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Value::Map(present.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Returns the JSON text of a document.
pub fn text_of(document: &Json) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

/// Loads a config from a document.
///
/// # Panics
///
/// Panics if the config is unusable.
#[expect(clippy::expect_used, reason = "a test cannot go on without its config")]
pub fn load(document: &Json) -> ProjectConfig {
    ProjectConfig::from_json(&text_of(document)).expect("generated configs have a usable root")
}

/// Changes the member of an object, if it has it.
pub fn edit_member<R>(
    document: &mut Json,
    name: &str,
    change: impl FnOnce(&mut Json) -> R,
) -> Option<R> {
    let Value::Map(map) = document else { return None };
    map.edit(|members| {
        members.iter_mut().find(|(known, _)| known == name).map(|(_, value)| change(value))
    })
}

/// Changes the items of a list that is a member of an object, if it has it.
pub fn edit_items<R>(
    document: &mut Json,
    name: &str,
    change: impl FnOnce(&mut Vec<Json>) -> R,
) -> Option<R> {
    edit_member(document, name, |member| match member {
        Value::List(list) => Some(list.edit(change)),
        _ => None,
    })
    .flatten()
}

/// Text as a JSON value.
fn text(text: impl Into<String>) -> Json {
    Value::from(text.into())
}
