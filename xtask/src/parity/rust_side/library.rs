//! The Rust side through the facade, in this process.

use convert_sdk::{
    Attributes, Context, Core, ExperienceResult, Identified as _, RunOptions, SdkConfig,
    VisitorRecord,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Decides for every visitor as `convertctl evaluate` does.
///
/// # Errors
/// Fails when a config or a visitor is refused as a whole.
pub(crate) fn evaluate(
    config: &Value,
    environment: Option<&str>,
    visitors: &[Value],
) -> Result<Vec<Value>, String> {
    let mut config =
        SdkConfig::from_json(&config.to_string()).map_err(|error| error.to_string())?;
    if let Some(environment) = environment {
        config = config.environment(environment);
    }
    visitors.iter().map(|visitor| judge(&config, visitor)).collect()
}

/// Decides for one visitor of whom nothing is known but the record of the request.
fn judge(config: &SdkConfig, request: &Value) -> Result<Value, String> {
    let decided_alone = {
        let core = core(config)?;
        let context = context(&core, request)?;
        let unstored = RunOptions::new().storage(false);
        let snapshot = core.current_config();
        let names = snapshot.experiences().iter().map(|one| one.key().unwrap_or(one.id()));
        let results = names.filter_map(|name| context.run_experience_with(name, &unstored));
        results.map(|result| described(&result)).collect::<Vec<_>>()
    };
    let core = core(config)?;
    let context = context(&core, request)?;
    let results = context.run_experiences();
    let features: Vec<Value> =
        results.iter().flat_map(|result| carried(&context, result)).collect();
    Ok(json!({
        "visitor_id": context.visitor_id(),
        "experiences": decided_alone,
        "features": features,
    }))
}

/// Starts the SDK afresh, so that no visitor is remembered.
fn core(config: &SdkConfig) -> Result<Core, String> {
    Core::initialize(config.clone()).map_err(|error| error.to_string())
}

fn context(core: &Core, request: &Value) -> Result<Context, String> {
    let visitor_id = request.get("visitor_id").and_then(Value::as_str).unwrap_or_default();
    let attributes: Attributes = part(request, "attributes")?;
    let location: Attributes = part(request, "location")?;
    let record: VisitorRecord = part(request, "record")?;
    let context = core.create_context(visitor_id).with_record(record);
    Ok(context.with_attributes(attributes).with_location(location))
}

fn part<T: Default + DeserializeOwned>(request: &Value, name: &str) -> Result<T, String> {
    let given = request.get(name).filter(|value| !value.is_null()).cloned();
    let read = given.map_or_else(|| Ok(T::default()), serde_json::from_value);
    read.map_err(|error| format!("{name}: {error}"))
}

fn described(result: &ExperienceResult<'_>) -> Value {
    json!({
        "experience_key": result.experience().key(),
        "experience_id": result.experience_id(),
        "variation_key": result.variation().key(),
        "variation_id": result.variation_id(),
    })
}

fn carried(context: &Context, result: &ExperienceResult<'_>) -> Vec<Value> {
    let features = context.features_in(result);
    let describe = features.iter().map(|feature| {
        json!({
            "feature_key": feature.feature().key(),
            "feature_id": feature.feature_id(),
            "experience_key": result.experience().key(),
            "variation_key": result.variation().key(),
            "variables": feature.raw_variables(),
        })
    });
    describe.collect()
}
