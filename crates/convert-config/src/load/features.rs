//! Reading features, and the changes of variations that turn them on.

use std::borrow::Cow;

use crate::catalog::Catalog;
use crate::feature::{Feature, VariableKind};
use crate::load::cast::cast;
use crate::load::reader::{Path, Reader, label_of};
use crate::value::Value;
use crate::variation::{Change, FEATURE_CHANGE, FeatureChange};

pub(super) fn read_feature(reader: &Reader<'_, '_>) -> Option<Feature> {
    let Some(id) = reader.id("id") else {
        if reader.field("id").is_none() {
            reader.warn("id", "missing");
        }
        return None;
    };
    let mut variables = Vec::new();
    reader.each("variables", |variable| {
        let Some(key) = variable.id("key") else {
            variable.warn("key", "missing, so the variable has no type");
            return;
        };
        variables.push((key, read_kind(&variable)));
    });
    Some(Feature {
        id,
        key: reader.label("key"),
        name: reader.field("name").and_then(label_of),
        variables: variables.into(),
        carriers: Vec::new(),
    })
}

fn read_kind(variable: &Reader<'_, '_>) -> Option<VariableKind> {
    let name = variable.field("type")?;
    let kind = name.as_str().and_then(VariableKind::from_name);
    if kind.is_none() {
        variable.warn("type", "unknown, so the variable keeps its raw value");
    }
    kind
}

/// Reads a change as the config has it.
pub(super) fn read_change(reader: &Reader<'_, '_>) -> Change {
    Change {
        id: reader.field("id").and_then(label_of),
        kind: reader.field("type").and_then(label_of),
        data: reader.field("data").cloned().unwrap_or_default().into_owned(),
    }
}

/// Reads a change as a feature turned on, if it is that and the feature is declared.
pub(super) fn read_feature_change(
    reader: &Reader<'_, '_>,
    features: &Catalog<Feature>,
) -> Option<FeatureChange> {
    if reader.field("type")?.as_str() != Some(FEATURE_CHANGE) {
        return None;
    }
    let path = Path::Field(reader.path, "data");
    let data = Reader { value: reader.field("data")?, path: &path, sink: reader.sink };
    let Some(id) = data.id("feature_id") else {
        data.warn("feature_id", "missing, so the change turns nothing on");
        return None;
    };
    let Some(feature) = features.position_of_id(&id) else {
        data.warn("feature_id", format!("no feature has the id {id}, so the change is ignored"));
        return None;
    };
    let declared = features.at(feature)?;
    Some(FeatureChange { feature, variables: read_variables(&data, declared) })
}

fn read_variables(data: &Reader<'_, '_>, feature: &Feature) -> Value<'static> {
    let members = match data.field("variables_data") {
        Some(Value::Map(members)) => members.as_slice(),
        None => &[],
        Some(_) => {
            data.warn("variables_data", "not an object, so there are no variables");
            &[]
        }
    };
    let path = Path::Field(data.path, "variables_data");
    let variables = members.iter().map(|(name, value)| {
        let reader = Reader { value, path: &Path::Field(&path, name), sink: data.sink };
        (Cow::Owned(name.to_string()), read_variable(&reader, feature.kind_of(name)))
    });
    Value::Map(variables.collect())
}

/// Casts one variable; without a type, or where the cast fails, it keeps its raw value.
fn read_variable(reader: &Reader<'_, '_>, kind: Option<VariableKind>) -> Value<'static> {
    let raw = || reader.value.clone().into_owned();
    let Some(kind) = kind else { return raw() };
    cast(reader.value, kind).unwrap_or_else(|| {
        let kind = format!("{kind:?}").to_lowercase();
        reader.warn("", format!("cannot be read as {kind}, so it keeps its raw value"));
        raw()
    })
}

/// Lists, for every feature, the experiences that can turn it on.
pub(super) fn link_carriers<'c>(
    features: &mut Catalog<Feature>,
    changes_by_experience: impl Iterator<Item = Vec<&'c FeatureChange>>,
) {
    for (experience, changes) in (0u32..).zip(changes_by_experience) {
        for change in changes {
            let Some(feature) = features.at_mut(change.feature) else {
                continue;
            };
            if feature.carriers.last() != Some(&experience) {
                feature.carriers.push(experience);
            }
        }
    }
}
