//! Turning JSON into a compiled project.

mod buckets;
mod cast;
mod entities;
mod experience;
mod features;
pub(crate) mod json;
mod link;
mod locate;
mod project;
mod reader;
mod root;
mod rules;
mod sink;

pub(crate) use self::project::{deserialize, from_json};
