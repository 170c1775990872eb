//! Reading features, and the changes of variations that turn them on.

use crate::catalog::Catalog;
use crate::feature::{Feature, VariableKind};
use crate::load::cast::cast;
use crate::load::reader::{Path, Reader, label_of};
use crate::value::{Text, Value, ValueMap};
use crate::variation::{Change, FeatureChange};

pub(super) fn read_feature(reader: &Reader<'_, '_>) -> Option<Feature> {
    let Some(id) = reader.id("id") else {
        if reader.field("id").is_none() {
            reader.warn("id", "missing");
        }
        return None;
    };
    let mut variables = Vec::new();
    reader.each("variables", |variable, _| {
        let Some(key) = variable.id("key") else {
            if variable.field("key").is_none() {
                variable.warn("key", "missing, so the variable has no type");
            }
            return;
        };
        variables.push((key, read_kind(&variable)));
    });
    Some(Feature::new(id, reader.label("key"), reader.name(), variables.into()))
}

fn read_kind(variable: &Reader<'_, '_>) -> Option<VariableKind> {
    let name = variable.field("type")?;
    let kind = name.as_str().and_then(VariableKind::from_name);
    if kind.is_none() {
        variable.warn("type", "unknown, so the variable keeps its raw value");
    }
    kind
}

/// Where a change lies that turns a feature on, among what was read and in the document.
#[derive(Debug, Clone, Copy)]
pub(super) struct TurnedOn {
    pub(super) arm: usize,
    pub(super) arm_place: usize,
    pub(super) change: usize,
    pub(super) change_place: usize,
}

/// Reads a change as the config has it.
pub(super) fn read_change(reader: &Reader<'_, '_>) -> Change {
    Change {
        id: reader.field("id").and_then(label_of),
        kind: reader.kind(),
        data: reader.field("data").map(Value::copied).unwrap_or_default(),
    }
}

/// Resolves the data of a change to the feature it turns on, if that is declared.
pub(super) fn resolve_change(
    data: &Reader<'_, '_>,
    features: &Catalog<Feature>,
) -> Option<FeatureChange> {
    let Some(id) = data.id("feature_id") else {
        if data.field("feature_id").is_none() {
            data.warn("feature_id", "missing, so the change turns nothing on");
        }
        return None;
    };
    let Some(feature) = features.position_of_id(&id) else {
        data.warn("feature_id", format!("no feature has the id {id}, so the change is ignored"));
        return None;
    };
    let declared = features.at(feature)?;
    Some(FeatureChange { feature, variables: read_variables(data, declared) })
}

fn read_variables(data: &Reader<'_, '_>, feature: &Feature) -> Value<'static> {
    let members = match data.field("variables_data") {
        Some(Value::Map(members)) => &**members,
        None => &[],
        Some(_) => {
            data.warn("variables_data", "not an object, so there are no variables");
            &[]
        }
    };
    let path = Path::Field(data.path, "variables_data");
    let variables = members.iter().map(|(name, value)| {
        let reader = Reader { value, path: &Path::Field(&path, name), sink: data.sink };
        (Text::copied(name), read_variable(&reader, feature.kind_of(name)))
    });
    // A document has distinct names and lies within the limit of nesting, and so do JSON texts.
    ValueMap::of_shallow(variables.collect()).into()
}

/// Casts one variable; without a type, or where the cast fails, it keeps its raw value.
fn read_variable(reader: &Reader<'_, '_>, kind: Option<VariableKind>) -> Value<'static> {
    let Some(kind) = kind else { return reader.value.copied() };
    cast(reader, kind).unwrap_or_else(|| {
        let kind = format!("{kind:?}").to_lowercase();
        reader.warn("", format!("cannot be read as {kind}, so it keeps its raw value"));
        reader.value.copied()
    })
}
