//! The same visitor scripts through this SDK and through the published JavaScript SDK.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use convert_sdk::{Attributes, Context, Conversion, Core, Repeat, SdkConfig, TrackingConfig};
use convert_tests::sink::body;
use serde_json::Value;
use test_support::RecordingTransport;

const PATIENCE: Duration = Duration::from_secs(30);

fn attributes(value: &Value) -> Attributes {
    serde_json::from_value(value.clone()).unwrap()
}

fn conversion(step: &Value) -> Conversion {
    let mut conversion = Conversion::new(step["convert"].as_str().unwrap());
    for datum in step["data"].as_array().into_iter().flatten() {
        let (key, value) = (datum["key"].as_str().unwrap(), &datum["value"]);
        conversion = match key {
            "amount" => conversion.revenue(value.as_f64().unwrap()),
            "productsCount" => {
                conversion.products_count(u32::try_from(value.as_u64().unwrap()).unwrap())
            }
            "transactionId" => conversion.transaction_id(value.as_str().unwrap()),
            dimension => {
                let number = dimension.strip_prefix("customDimension").unwrap().parse().unwrap();
                match value.as_f64() {
                    Some(value) => conversion.custom_dimension(number, value),
                    None => conversion.custom_dimension(number, value.as_str().unwrap()),
                }
            }
        };
    }
    if !step["rule"].is_null() {
        conversion = conversion.attributes(attributes(&step["rule"]));
    }
    if step["repeat"] == true { conversion.repeat(Repeat::Every) } else { conversion }
}

fn play(context: &Context, step: &Value) {
    if let Some(key) = step["run"].as_str() {
        let _ = context.run_experience(key);
    }
    if !step["segments"].is_null() {
        context.set_segments(attributes(&step["segments"]));
    }
    if !step["convert"].is_null() {
        let _ = context.track_conversion(conversion(step));
    }
}

/// Plays a script and returns the path and the body of the one request it leads to.
fn sent(case: &Value) -> Option<(String, Value)> {
    let service = Arc::new(RecordingTransport::default());
    let tracking = TrackingConfig::builder().batch_size(1_000).flush_interval(None);
    let config = SdkConfig::from_json(&case["config"].to_string())
        .unwrap()
        .environment("staging")
        .tracking(true)
        .tracking_config(tracking.build().unwrap())
        .transport_impl(Arc::clone(&service));
    let core = Core::initialize(config).unwrap();
    let mut contexts: HashMap<String, Context> = HashMap::new();
    for step in case["steps"].as_array().unwrap() {
        let visitor = step["visitor"].as_str().unwrap();
        if !step["attributes"].is_null() || !contexts.contains_key(visitor) {
            let mut context = core.create_context(visitor);
            if !step["attributes"].is_null() {
                context.set_attributes(attributes(&step["attributes"]));
            }
            contexts.insert(visitor.to_owned(), context);
        }
        play(&contexts[visitor], step);
    }
    core.flush(PATIENCE).unwrap();
    let requests = service.batch_requests();
    assert!(requests.len() <= 1);
    requests.first().map(|request| (request.path(), body(request.body())))
}

#[test]
fn what_is_sent_is_what_the_javascript_sdk_sends_but_for_the_source() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tracking.json");
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(cases.len() >= 13, "{}", cases.len());
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let expected = &case["expected"];
        let (path, mut body) = sent(&case).unwrap();
        assert_eq!(path, expected["path"].as_str().unwrap(), "{name}");
        assert_eq!(body["source"], "rust-sdk", "{name}");
        body["source"] = expected["body"]["source"].clone();
        assert_eq!(body, expected["body"], "{name}");
    }
}
