//! Reading the root of a config.

use serde::de::{DeserializeSeed as _, Deserializer, Error as _};
use smol_str::SmolStr;

use crate::catalog::Catalog;
use crate::diagnostic::Severity;
use crate::ecma::{parse_int, trim};
use crate::error::InvalidConfigError;
use crate::load::json::parse;
use crate::load::link::{Referents, link_carriers, link_exclusions, link_experiences};
use crate::load::reader::{Path, label_of};
use crate::load::root::{DocumentSeed, Entities, Listed, Root};
use crate::load::sink::Sink;
use crate::project::{ProjectConfig, ProjectSettings};
use crate::value::{Value, ValueRef};

/// Loads JSON text.
pub(crate) fn from_json(json: &[u8]) -> Result<ProjectConfig, InvalidConfigError> {
    parse(json, compile)
}

/// Loads a document from any format.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<ProjectConfig, D::Error> {
    let document = DocumentSeed.deserialize(deserializer)?;
    if let Some(root) = document.as_ref().filter(|root| root.has_repeated_names) {
        // Without the text, where that is cannot be found again.
        let reason = "some objects repeat a name; the last one counts";
        for sink in [Some(&root.sink), root.data.as_ref().map(|data| &data.sink)] {
            sink.inspect(|sink| sink.push(Severity::Warning, Path::Root, reason));
        }
    }
    compile(document).map_err(D::Error::custom)
}

fn compile(document: Option<Root<'_>>) -> Result<ProjectConfig, InvalidConfigError> {
    let Some(mut root) = document else {
        return Err(InvalidConfigError::new("", "not an object"));
    };
    check_no_error(&root, &Path::Root)?;
    if root.project.is_null() && root.account_id.is_null() {
        if let Some(data) = root.data.take() {
            let path = Path::Field(&Path::Root, "data");
            check_no_error(&data, &path)?;
            return link(*data, &path);
        }
    }
    link(root, &Path::Root)
}

/// Checks that the service did not answer with an error.
fn check_no_error(root: &Root<'_>, path: &Path<'_>) -> Result<(), InvalidConfigError> {
    let (name, message) = if root.error.as_view().is_truthy() {
        // Where the error is only a code or a flag, the message stands beside it.
        let inner = root.error.member("message").filter(|message| message.as_view().is_truthy());
        let beside = Some(&root.message).filter(|message| message.as_view().is_truthy());
        let says_nothing = !matches!(root.error, Value::Text(_) | Value::Map(_));
        ("error", inner.or(beside.filter(|_| says_nothing)).unwrap_or(&root.error))
    } else if root.project.is_null() && !root.code.is_null() && !root.message.is_null() {
        ("message", &root.message)
    } else {
        return Ok(());
    };
    let reason = format!("the service answered: {}", brief(message));
    Err(InvalidConfigError::new(Path::Field(path, name).to_string(), reason))
}

/// Checks the root and resolves the references between entities.
fn link(root: Root<'_>, path: &Path<'_>) -> Result<ProjectConfig, InvalidConfigError> {
    let account_id = required_id(&root.account_id, &Path::Field(path, "account_id"))?;
    let project_path = Path::Field(path, "project");
    let project_id = root.project.member("id").unwrap_or(&Value::Null);
    let project_id = required_id(project_id, &Path::Field(&project_path, "id"))?;
    check_lists(&root, path)?;
    let project = &root.project;
    // Diagnostics come in this order, whatever the order of the lists in the document.
    let sink = root.sink;
    let mut features = catalog(root.features, &sink);
    let mut audiences = root.audiences.into_read();
    sink.absorb(std::mem::take(&mut audiences.sink));
    let locations = catalog(root.locations, &sink);
    let segments = catalog(root.segments, &sink);
    let goals = catalog(root.goals, &sink);
    let archived = root.archived.into_read();
    sink.absorb(archived.sink);
    let referents = Referents {
        archived: archived.ids,
        audiences: &audiences.catalog,
        features: &features,
        locations: &locations,
        segments: &segments,
    };
    let (drafts, list) = (root.experiences.into_read(), Path::Field(path, "experiences"));
    let experiences = link_experiences(drafts, referents, &list, &sink);
    link_carriers(&mut features, &experiences);
    let list = Path::Field(path, "audiences");
    link_exclusions(&mut audiences, &experiences, &list, &sink);
    Ok(ProjectConfig {
        account_id,
        project_id,
        name: project.member("name").and_then(label_of),
        kind: project.member("type").and_then(label_of),
        utc_offset: utc_offset(project),
        settings: ProjectSettings::new(project.member("settings").map(Value::copied)),
        is_debug: root.is_debug.as_view().is_truthy(),
        served_at: label_of(&root.served_at),
        experiences,
        features,
        goals,
        audiences: audiences.catalog,
        locations,
        segments,
        diagnostics: sink.into_diagnostics(),
    })
}

fn catalog<T>(list: Listed<Entities<T>>, sink: &Sink) -> Catalog<T> {
    let entities = list.into_read();
    sink.absorb(entities.sink);
    entities.catalog
}

/// Checks that no list is something else.
fn check_lists(root: &Root<'_>, path: &Path<'_>) -> Result<(), InvalidConfigError> {
    let lists = [
        ("experiences", matches!(root.experiences, Listed::NoList)),
        ("features", matches!(root.features, Listed::NoList)),
        ("goals", matches!(root.goals, Listed::NoList)),
        ("audiences", matches!(root.audiences, Listed::NoList)),
        ("locations", matches!(root.locations, Listed::NoList)),
        ("segments", matches!(root.segments, Listed::NoList)),
        ("archived_experiences", matches!(root.archived, Listed::NoList)),
    ];
    match lists.into_iter().find(|(_, is_wrong)| *is_wrong) {
        None => Ok(()),
        Some((name, _)) => {
            Err(InvalidConfigError::new(Path::Field(path, name).to_string(), "not a list"))
        }
    }
}

/// The beginning of a message that came from outside.
fn brief(value: &Value<'_>) -> String {
    let text = match value {
        Value::Text(text) => text.to_string(),
        other => serde_json::to_string(other).unwrap_or_default(),
    };
    text.chars().take(MAX_MESSAGE).collect()
}

fn required_id(value: &Value<'_>, path: &Path<'_>) -> Result<SmolStr, InvalidConfigError> {
    let reason = match label_of(value) {
        Some(id) if !trim(&id).is_empty() => return Ok(id),
        None if !value.is_null() => "neither text nor a number",
        _ => "missing or empty",
    };
    Err(InvalidConfigError::new(path.to_string(), reason))
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

/// Longer messages of the service are cut.
const MAX_MESSAGE: usize = 200;
/// Seconds in a day.
const DAY: f64 = 86_400.0;
