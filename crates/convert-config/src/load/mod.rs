//! Turning JSON into a compiled project.

mod buckets;
mod cast;
mod entities;
mod experience;
mod features;
pub(crate) mod json;
mod project;
mod reader;
mod rules;

pub(crate) use self::project::{from_json, from_value};
