//! Reading the root of a config.

use std::collections::HashSet;

use smol_str::SmolStr;

use crate::catalog::{Catalog, Identified};
use crate::ecma::parse_int;
use crate::entity::Audience;
use crate::error::InvalidConfigError;
use crate::load::entities::{read_audience, read_goal, read_location, read_segment};
use crate::load::experience::{Referents, read_experience};
use crate::load::features::{link_carriers, read_feature};
use crate::load::json::parse;
use crate::load::reader::{Path, Reader, Sink, label_of};
use crate::project::ProjectConfig;
use crate::value::{Value, ValueRef};

/// Loads JSON text.
pub(crate) fn from_json(json: &[u8]) -> Result<ProjectConfig, InvalidConfigError> {
    parse(json, |root, repaired| {
        let sink = Sink::default();
        if repaired {
            let reason = "lone surrogates or numbers past the range of doubles were replaced";
            sink.push(crate::Severity::Warning, String::new(), reason.to_owned());
        }
        compile(root, sink)
    })
}

/// Loads a document that has been parsed already.
pub(crate) fn from_value(root: &Value<'_>) -> Result<ProjectConfig, InvalidConfigError> {
    compile(root, Sink::default())
}

fn compile(root: &Value<'_>, sink: Sink) -> Result<ProjectConfig, InvalidConfigError> {
    let root = unwrap_data(root)?;
    let reader = Reader { value: root, path: &Path::Root, sink: &sink };
    let account_id = required_id(root, "account_id", "account_id")?;
    let project = root.member("project").unwrap_or(&Value::Null);
    let project_id = required_id(project, "id", "project.id")?;
    for name in LISTS {
        if reader.field(name).is_some_and(|value| !matches!(value, Value::List(_))) {
            return Err(InvalidConfigError::new(*name, "not a list"));
        }
    }
    let mut features = catalog(&reader, "features", read_feature);
    let mut audiences = catalog(&reader, "audiences", read_audience);
    let locations = catalog(&reader, "locations", read_location);
    let segments = catalog(&reader, "segments", read_segment);
    let goals = catalog(&reader, "goals", read_goal);
    let archived = reader.ids("archived_experiences");
    let referents = Referents {
        archived: &archived,
        audiences: &audiences,
        features: &features,
        locations: &locations,
        segments: &segments,
    };
    let experiences =
        catalog(&reader, "experiences", |experience| read_experience(experience, &referents));
    link_carriers(
        &mut features,
        experiences.iter().map(|experience| {
            experience.variations.iter().flat_map(|variation| &variation.features).collect()
        }),
    );
    let mut config = ProjectConfig {
        account_id,
        project_id,
        name: project.member("name").and_then(label_of),
        version: settings_version(project),
        utc_offset: utc_offset(project),
        experiences,
        features,
        goals,
        audiences: Catalog::new(Vec::new()),
        locations,
        segments,
        diagnostics: Box::default(),
    };
    resolve_exclusions(&mut audiences, &config, &sink);
    config.audiences = audiences;
    config.diagnostics = sink.into_diagnostics();
    Ok(config)
}

/// Returns the flat config, unwrapped from `{"data": …}`, unless the service sent an error.
fn unwrap_data<'r>(root: &'r Value<'r>) -> Result<&'r Value<'r>, InvalidConfigError> {
    if !matches!(root, Value::Map(_)) {
        return Err(InvalidConfigError::new("", "not an object"));
    }
    let has_project = root.member("project").is_some_and(|project| !project.is_null());
    if let Some(error) = root.member("error").filter(|error| error.as_view().is_truthy()) {
        return Err(InvalidConfigError::new(
            "error",
            format!("the service answered: {}", brief(error)),
        ));
    }
    if !has_project && root.member("code").is_some() {
        if let Some(message) = root.member("message") {
            let reason = format!("the service answered: {}", brief(message));
            return Err(InvalidConfigError::new("message", reason));
        }
    }
    match root.member("data") {
        Some(data @ Value::Map(_)) if !has_project && root.member("account_id").is_none() => {
            unwrap_data_once(data)
        }
        _ => Ok(root),
    }
}

fn unwrap_data_once<'r>(data: &'r Value<'r>) -> Result<&'r Value<'r>, InvalidConfigError> {
    if let Some(error) = data.member("error").filter(|error| error.as_view().is_truthy()) {
        let reason = format!("the service answered: {}", brief(error));
        return Err(InvalidConfigError::new("data.error", reason));
    }
    Ok(data)
}

/// The beginning of a message that came from outside.
fn brief(value: &Value<'_>) -> String {
    let text = match value {
        Value::Text(text) => text.clone().into_owned(),
        other => serde_json::to_string(other).unwrap_or_default(),
    };
    text.chars().take(MAX_MESSAGE).filter(|c| !c.is_control()).collect()
}

fn required_id(owner: &Value<'_>, name: &str, path: &str) -> Result<SmolStr, InvalidConfigError> {
    match owner.member(name).filter(|value| !value.is_null()) {
        None => Err(InvalidConfigError::new(path, "missing or empty")),
        Some(value) => match label_of(value) {
            Some(id) if !id.is_empty() => Ok(id),
            Some(_) => Err(InvalidConfigError::new(path, "missing or empty")),
            None => Err(InvalidConfigError::new(path, "neither text nor a number")),
        },
    }
}

/// Reads one list into a catalog and reports ids and keys that repeat.
fn catalog<T: Identified>(
    root: &Reader<'_, '_>,
    name: &str,
    mut read: impl FnMut(&Reader<'_, '_>) -> Option<T>,
) -> Catalog<T> {
    let mut ids = HashSet::new();
    let mut keys = HashSet::new();
    let mut entities = Vec::with_capacity(root.list(name).len());
    root.each(name, |item| {
        let Some(entity) = read(&item) else { return };
        if !ids.insert(SmolStr::from(entity.id())) {
            item.warn("id", format!("{} repeats; the first one is found", entity.id()));
        }
        if let Some(key) = entity.key() {
            if !keys.insert(SmolStr::from(key)) {
                item.warn("key", format!("`{key}` repeats; the first one is found"));
            }
        }
        entities.push(entity);
    });
    Catalog::new(entities)
}

/// Looks up, once, the experiences that mutual-exclusion rules name.
fn resolve_exclusions(audiences: &mut Catalog<Audience>, config: &ProjectConfig, sink: &Sink) {
    for index in 0..audiences.len() {
        let Some(audience) = u32::try_from(index).ok().and_then(|index| audiences.at_mut(index))
        else {
            continue;
        };
        let exclusion = audience.common.rules.as_mut().and_then(|rules| rules.exclusion.as_mut());
        let Some(exclusion) = exclusion else { continue };
        exclusion.target = config.experience_id(&exclusion.experience_key);
        if exclusion.target.is_none() {
            let path = format!("audiences[{index}].rules");
            let key = &exclusion.experience_key;
            let reason = format!("excludes by `{key}`, which is no experience: nobody is in it");
            sink.push(crate::Severity::Warning, path, reason);
        }
    }
}

fn settings_version(project: &Value<'_>) -> Option<SmolStr> {
    let version = project.member("settings")?.member("version")?;
    label_of(version)
}

/// The project's distance from UTC in seconds; the service sends text or a number.
#[expect(clippy::cast_possible_truncation, reason = "clamped to a day's length first")]
fn utc_offset(project: &Value<'_>) -> i32 {
    let offset = match project.member("utc_offset").map(Value::as_view) {
        Some(ValueRef::Text(text)) => parse_int(text),
        Some(number) => number.as_number().unwrap_or(0.0),
        None => 0.0,
    };
    if offset.is_nan() { 0 } else { offset.clamp(-DAY, DAY) as i32 }
}

/// The root's lists.
const LISTS: &[&str] = &[
    "experiences",
    "features",
    "goals",
    "audiences",
    "locations",
    "segments",
    "archived_experiences",
];
/// Longer messages of the service are cut.
const MAX_MESSAGE: usize = 200;
/// Seconds in a day.
const DAY: f64 = 86_400.0;
