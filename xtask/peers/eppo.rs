//! The core of Eppo's SDKs.

use std::hint::black_box;
use std::sync::Arc;

use eppo_core::eval::{get_assignment, get_assignment_details};
use eppo_core::ufc::{Assignment, UniversalFlagConfig};
use eppo_core::{AttributeValue, Attributes, Configuration, EvaluationError, SdkMetadata, Str};
use serde_json::{Map, Value};

use crate::harness::{Failure, Peer};

/// The library with its config.
pub struct Library {
    configuration: Configuration,
    flag: String,
}

impl Peer for Library {
    type Visitor = (Str, Arc<Attributes>);
    type Decision = Result<Option<Assignment>, EvaluationError>;

    fn new(config: &Value, flag: &str) -> Result<Self, Failure> {
        let metadata = SdkMetadata { name: "bench", version: "0" };
        let flags = UniversalFlagConfig::from_json(metadata, config.to_string().into_bytes())
            .map_err(|error| error.to_string())?;
        let configuration = Configuration::from_server_response(flags, None);
        Ok(Library { configuration, flag: flag.to_owned() })
    }

    fn visitor(&self, id: &str, attributes: &Map<String, Value>) -> Self::Visitor {
        let attributes = attributes.iter().map(|(name, value)| {
            let value: AttributeValue = match value {
                Value::Number(number) => number.as_f64().unwrap_or(0.0).into(),
                other => other.as_str().unwrap_or("").into(),
            };
            (name.as_str().into(), value)
        });
        (id.into(), Arc::new(attributes.collect()))
    }

    fn decide(&self, (id, attributes): &Self::Visitor) -> Self::Decision {
        // Its evaluator asks for the time on every call, too.
        let now = chrono::Utc::now();
        get_assignment(Some(&self.configuration), &self.flag, id, attributes, None, now)
    }

    fn name(decision: &Self::Decision) -> Option<String> {
        let assignment = decision.as_ref().ok()?.as_ref()?;
        assignment.value.as_str().map(|name| name.to_string())
    }

    fn explain(&self, (id, attributes): &Self::Visitor) -> bool {
        let now = chrono::Utc::now();
        let configuration = Some(&self.configuration);
        black_box(get_assignment_details(configuration, &self.flag, id, attributes, None, now));
        true
    }
}
