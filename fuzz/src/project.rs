//! Configs that are nearly what the service serves.

use arbitrary::{Result, Unstructured};
use serde_json::{Value, json};

use crate::document::{Object, id, list, one_of, value};
use crate::rules::tree;

/// Makes a config. Ids and keys are few, so that they meet, and repeat.
pub(crate) fn project(choices: &mut Unstructured<'_>) -> Result<Value> {
    let project = Object::new()
        .exact("id", json!("2"))
        .rare(choices, "utc_offset", |it| value(it, 0))?
        .rare(choices, "settings", |it| Ok(json!({ "version": value(it, 1)? })))?
        .done();
    let root = Object::new()
        .exact("account_id", json!(1))
        .exact("project", project)
        .exact("experiences", list(choices, 5, experience)?)
        .exact("features", list(choices, 3, feature)?)
        .exact("audiences", list(choices, 4, |it| carrier(it, &["permanent", "transient"]))?)
        .exact("locations", list(choices, 3, |it| carrier(it, &["url"]))?)
        .exact("segments", list(choices, 3, |it| carrier(it, &["segment"]))?)
        .exact("goals", list(choices, 2, |it| carrier(it, &["revenue"]))?)
        .rare(choices, "archived_experiences", |it| list(it, 2, id))?;
    Ok(match choices.int_in_range(0..=30)? {
        0 => json!({ "data": root.done() }),
        1 => root.member(choices, "features", |it| value(it, 2))?.done(),
        2 => root.member(choices, "error", |it| value(it, 2))?.done(),
        _ => root.done(),
    })
}

fn experience(choices: &mut Unstructured<'_>) -> Result<Value> {
    let options = |it: &mut Unstructured<'_>| {
        let options = Object::new()
            .member(it, "audiences", |it| one_of(it, &["any", "all"]))?
            .member(it, "locations", |it| one_of(it, &["any", "all"]))?;
        Ok(json!({ "matching_options": options.done() }))
    };
    Ok(Object::new()
        .member(choices, "id", id)?
        .member(choices, "key", key)?
        .rare(choices, "name", |it| value(it, 1))?
        .member(choices, "version", |it| Ok(json!(it.int_in_range(9..=14)?)))?
        .rare(choices, "environment", |it| one_of(it, ENVIRONMENTS))?
        .rare(choices, "audiences", |it| list(it, 3, id))?
        .rare(choices, "locations", |it| list(it, 2, id))?
        .rare(choices, "site_area", tree)?
        .rare(choices, "goals", |it| list(it, 2, id))?
        .rare(choices, "settings", options)?
        .member(choices, "variations", |it| list(it, 5, variation))?
        .done())
}

fn variation(choices: &mut Unstructured<'_>) -> Result<Value> {
    Ok(Object::new()
        .member(choices, "id", id)?
        .member(choices, "key", key)?
        .member(choices, "traffic_allocation", |it| {
            Ok(json!(f64::from(it.arbitrary::<u16>()?) / 256.0))
        })?
        .rare(choices, "status", |it| one_of(it, &["running", "stopped", ""]))?
        .rare(choices, "changes", |it| list(it, 3, change))?
        .done())
}

fn change(choices: &mut Unstructured<'_>) -> Result<Value> {
    let data = |it: &mut Unstructured<'_>| {
        Ok(Object::new()
            .member(it, "feature_id", id)?
            .member(it, "variables_data", |it| {
                Ok(Object::new()
                    .member(it, "a", |it| value(it, 2))?
                    .member(it, "b", |it| value(it, 2))?
                    .rare(it, "c", |it| value(it, 2))?
                    .done())
            })?
            .done())
    };
    Ok(Object::new()
        .member(choices, "type", |it| one_of(it, &["fullStackFeature", "fullStackFeature", "x"]))?
        .member(choices, "data", data)?
        .rare(choices, "id", id)?
        .done())
}

fn feature(choices: &mut Unstructured<'_>) -> Result<Value> {
    let variable = |it: &mut Unstructured<'_>| {
        Ok(Object::new()
            .member(it, "key", |it| one_of(it, &["a", "b", "c"]))?
            .member(it, "type", |it| one_of(it, KINDS))?
            .done())
    };
    Ok(Object::new()
        .member(choices, "id", id)?
        .member(choices, "key", key)?
        .member(choices, "variables", |it| list(it, 3, variable))?
        .done())
}

/// An entity that carries rules.
fn carrier(choices: &mut Unstructured<'_>, kinds: &[&str]) -> Result<Value> {
    Ok(Object::new()
        .member(choices, "id", id)?
        .member(choices, "key", key)?
        .member(choices, "type", |it| one_of(it, kinds))?
        .member(choices, "rules", tree)?
        .done())
}

fn key(choices: &mut Unstructured<'_>) -> Result<Value> {
    Ok(json!(format!("k{}", choices.int_in_range(0..=9)?)))
}

pub(crate) const ENVIRONMENTS: &[&str] = &["live", "staging", ""];
const KINDS: &[&str] = &["boolean", "integer", "float", "string", "json"];
