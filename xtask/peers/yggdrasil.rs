//! The core of Unleash's SDKs.

use std::collections::HashMap;

use serde_json::{Map, Value};
use unleash_types::client_features::ClientFeatures;
use unleash_yggdrasil::{Context, EngineState, ExtendedVariantDef};

use crate::harness::{Failure, Peer};

/// The library with its config.
pub struct Library {
    engine: EngineState,
    flag: String,
}

impl Peer for Library {
    type Visitor = Context;
    type Decision = ExtendedVariantDef;

    fn new(config: &Value, flag: &str) -> Result<Self, Failure> {
        let features: ClientFeatures = serde_json::from_value(config.clone())?;
        let engine = EngineState::default();
        match engine.apply_client_features(features) {
            None => Ok(Library { engine, flag: flag.to_owned() }),
            Some(warnings) => Err(format!("{} warnings of the config", warnings.len()).into()),
        }
    }

    fn visitor(&self, id: &str, attributes: &Map<String, Value>) -> Self::Visitor {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let properties: HashMap<String, String> =
            attributes.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        Context {
            user_id: Some(id.to_owned()),
            session_id: None,
            environment: None,
            app_name: None,
            current_time: None,
            remote_address: None,
            properties: Some(properties),
        }
    }

    fn decide(&self, visitor: &Self::Visitor) -> Self::Decision {
        self.engine.get_variant(&self.flag, visitor, &None)
    }

    fn name(decision: &Self::Decision) -> Option<String> {
        (decision.enabled && decision.feature_enabled).then(|| decision.name.clone())
    }
}
