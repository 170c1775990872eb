//! Numbers at the edges mean the same by every way in: the API's conversions, serde, the macro,
//! borrowed pairs, request lines and the command line.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use convert_sdk::{
    Attributes, Context, Conversion, Core, GoalValue, RunOptions, SdkConfig, Value, attributes,
};
use serde::Deserialize as _;
use serde_json::json;
use support::{run, run_with, scratch_with};
use test_support::RecordingTransport;

/// A number: how JSON may spell it, what Rust may hold it in, and how ECMAScript prints it.
struct Number {
    text: &'static str,
    json: &'static [&'static str],
    values: Vec<Value<'static>>,
    goal_values: Vec<GoalValue>,
}

fn numbers() -> Vec<Number> {
    vec![
        Number {
            text: "0.1",
            json: &["0.1", "1e-1", "0.10"],
            values: vec![0.1_f32.into(), 0.1_f64.into()],
            goal_values: vec![0.1_f32.into(), 0.1_f64.into()],
        },
        Number {
            text: "5",
            json: &["5", "5.0", "0.5e1"],
            values: vec![
                5_i8.into(),
                5_u8.into(),
                5_i16.into(),
                5_u16.into(),
                5_i32.into(),
                5_u32.into(),
                5_i64.into(),
                5_u64.into(),
                5_isize.into(),
                5_usize.into(),
                5.0_f32.into(),
                5.0_f64.into(),
            ],
            goal_values: vec![
                5_i32.into(),
                5_u32.into(),
                5_i64.into(),
                5_u64.into(),
                5.0_f32.into(),
                5.0_f64.into(),
            ],
        },
        Number {
            text: "0",
            json: &["0", "-0", "-0.0", "0e5"],
            values: vec![0.into(), (-0.0_f32).into(), (-0.0_f64).into()],
            goal_values: vec![0.into(), (-0.0_f32).into(), (-0.0_f64).into()],
        },
        Number {
            text: "9007199254740992",
            json: &["9007199254740992", "9007199254740993", "9007199254740993.0"],
            values: vec![
                9_007_199_254_740_993_i64.into(),
                9_007_199_254_740_993_u64.into(),
                9_007_199_254_740_993_isize.into(),
                9_007_199_254_740_993_usize.into(),
                9_007_199_254_740_993.0_f64.into(),
                Value::Integer(9_007_199_254_740_993),
            ],
            goal_values: vec![
                9_007_199_254_740_993_i64.into(),
                9_007_199_254_740_993_u64.into(),
                9_007_199_254_740_993.0_f64.into(),
            ],
        },
        Number {
            text: "-9223372036854776000",
            json: &["-9223372036854775808", "-9.223372036854775808e18"],
            values: vec![i64::MIN.into(), Value::Integer(i64::MIN)],
            goal_values: vec![i64::MIN.into()],
        },
        Number {
            text: "18446744073709552000",
            json: &["18446744073709551615", "18446744073709552000"],
            values: vec![u64::MAX.into(), usize::MAX.into()],
            goal_values: vec![u64::MAX.into()],
        },
        Number {
            text: "1e+21",
            json: &["1e21", "1000000000000000000000", "1.0E+21"],
            values: vec![1e21_f64.into(), 1e21_f32.into()],
            goal_values: vec![1e21_f64.into(), 1e21_f32.into()],
        },
        Number {
            text: "1e-7",
            json: &["1e-7", "0.0000001"],
            values: vec![1e-7_f64.into(), 1e-7_f32.into()],
            goal_values: vec![1e-7_f64.into(), 1e-7_f32.into()],
        },
        Number {
            text: "3.4028235e+38",
            json: &["3.4028235e38"],
            values: vec![f32::MAX.into(), 3.402_823_5e38_f64.into()],
            goal_values: vec![f32::MAX.into()],
        },
    ]
}

/// Lists every way in which a value becomes an attribute, with its name.
fn ways_of(value: &Value<'static>) -> Vec<(&'static str, Attributes)> {
    let mut inserted = Attributes::new();
    inserted.insert("v", value.clone());
    let serialized = serde_json::to_value(value).unwrap();
    vec![
        ("macro", attributes! { "v" => value.clone() }),
        ("insert", inserted),
        ("array", Attributes::from([("v", value.clone())])),
        ("pairs", [("v", value.clone())].into_iter().collect()),
        ("written as JSON and read", ways_of_json(&serialized.to_string()).swap_remove(0).1),
        ("a list's item", attributes! { "v" => vec![value.clone()] }),
    ]
}

/// Lists every way in which a number in JSON becomes an attribute, with its name.
fn ways_of_json(number: &str) -> Vec<(&'static str, Attributes)> {
    let text = format!(r#"{{"v":{number}}}"#);
    let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
    let value: Value<'_> = serde_json::from_str(number).unwrap();
    vec![
        ("serde, from text", serde_json::from_str(&text).unwrap()),
        ("serde, from a tree", Attributes::deserialize(&tree).unwrap()),
        ("a value from text", attributes! { "v" => value }),
    ]
}

/// A project with an experience for whoever has `v` as this number, by its text and in order, and a
/// goal.
fn project(number: &Number) -> serde_json::Value {
    let element = |kind: &str, matching: &str, value: serde_json::Value| {
        json!({"OR_WHEN": [{"rule_type": kind, "key": "v", "value": value,
            "matching": {"match_type": matching, "negated": false}}]})
    };
    let exact: serde_json::Value = serde_json::from_str(number.json[0]).unwrap();
    let (text, numeric) = ("generic_text_key_value", "generic_numeric_key_value");
    json!({"account_id": "1", "project": {"id": "2"}, "goals": [{"id": "9", "key": "g"}],
        "audiences": [{"id": "7", "key": "a", "rules": {"OR": [{"AND": [
            element(text, "equals", json!(number.text)),
            element(numeric, "equalsNumber", exact.clone()),
            element(numeric, "lessEqual", exact),
        ]}]}}],
        "experiences": [{"id": "3", "key": "e", "audiences": ["7"],
            "variations": [{"id": "30", "key": "a", "traffic_allocation": 100}]}]})
}

fn core(project: &serde_json::Value, service: &Arc<RecordingTransport>) -> Core {
    let settings = SdkConfig::from_json(&project.to_string()).unwrap();
    Core::initialize(settings.tracking(true).transport_impl(Arc::clone(service))).unwrap()
}

fn visitor(core: &Core) -> Context {
    core.create_context("v")
}

#[test]
fn an_attribute_is_the_same_number_by_every_way_in() {
    for number in numbers() {
        let core = core(&project(&number), &Arc::default());
        let text = number.text;
        for value in &number.values {
            for (way, attributes) in ways_of(value) {
                assert_eq!(attributes.get("v").unwrap().to_text(), text, "{way}");
                let is_list = way == "a list's item";
                let visitor = visitor(&core).with_attributes(attributes);
                let is_met = is_list || visitor.run_experience("e").is_some();
                assert!(is_met, "{text} by {way}, {value:?}");
            }
            let pairs = [("v", value.clone())];
            let visitor = visitor(&core);
            let options = RunOptions::new().attributes(&pairs);
            assert!(visitor.run_experience_with("e", &options).is_some(), "{text}, borrowed");
        }
        for json in number.json {
            for (way, attributes) in ways_of_json(json) {
                assert_eq!(attributes.get("v").unwrap().to_text(), text, "{way}");
                let visitor = visitor(&core).with_attributes(attributes);
                assert!(visitor.run_experience("e").is_some(), "{json} by {way}");
            }
        }
    }
}

#[test]
fn the_command_line_and_request_lines_mean_the_same_numbers() {
    for (index, number) in numbers().iter().enumerate() {
        let config = scratch_with(&format!("number-{index}.json"), &project(number).to_string());
        let request = |json: &&str| format!(r#"{{"visitor_id":"v","attributes":{{"v":{json}}}}}"#);
        let requests: Vec<String> = number.json.iter().map(request).collect();
        let requests = requests.join("\n");
        let answers = run_with(&["evaluate", "--config", &config], requests.as_bytes());
        for (answer, json) in answers.json_lines().iter().zip(number.json) {
            assert_eq!(answer["experiences"][0]["variation_key"], "a", "{json}");
        }
        for json in number.json {
            let attribute = format!("v={json}");
            let shown = run(&[
                "explain",
                "--config",
                &config,
                "--visitor",
                "v",
                "--experience",
                "e",
                "--attr",
                &attribute,
            ]);
            assert!(shown.stdout.starts_with("e -> a"), "{json}: {}", shown.stdout);
            let is_respelt = *json != number.text;
            assert_eq!(shown.stderr.contains("v:text="), is_respelt, "{json}: {}", shown.stderr);
        }
    }
}

#[test]
fn what_is_no_number_of_json_is_a_number_all_the_same() {
    for (values, text) in [
        ([Value::from(f64::NAN), Value::from(f32::NAN)], "NaN"),
        ([Value::from(f64::INFINITY), Value::from(f32::INFINITY)], "Infinity"),
        ([Value::from(f64::NEG_INFINITY), Value::from(f32::NEG_INFINITY)], "-Infinity"),
    ] {
        for value in values {
            assert_eq!(value.as_view().to_text(), text);
            let attributes = attributes! { "v" => value.clone() };
            assert_eq!(attributes.get("v").unwrap().to_text(), text);
            assert_eq!(serde_json::to_string(&value).unwrap(), "null");
        }
    }
}

#[test]
fn goal_data_are_written_as_ecmascript_writes_them() {
    for number in numbers() {
        let service = Arc::new(RecordingTransport::default());
        let core = core(&project(&number), &service);
        let mut conversions: Vec<Conversion> = number
            .goal_values
            .iter()
            .map(|value| Conversion::new("g").custom_dimension(1, value.clone()))
            .collect();
        let revenue: f64 = number.json[0].parse().unwrap();
        conversions.push(Conversion::new("g").revenue(revenue));
        let count = conversions.len();
        for (index, conversion) in conversions.into_iter().enumerate() {
            assert_eq!(conversion.error(), None);
            let visitor = core.create_context(format!("v{index}"));
            assert!(visitor.track_conversion(conversion).is_queued());
        }
        core.flush(Duration::from_secs(60)).unwrap();
        let bodies: String = service
            .batch_requests()
            .iter()
            .map(|request| String::from_utf8(request.body().to_vec()).unwrap())
            .collect();
        let written = bodies.matches(&format!("\"value\":{}}}", number.text)).count();
        assert_eq!(written, count, "{}: {bodies}", number.text);
    }
}

#[test]
fn what_is_not_finite_is_refused_where_goal_data_are_set() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(GoalValue::number(number).is_err());
        let conversion = Conversion::new("g").revenue(number);
        assert_eq!(conversion.error().unwrap().key(), "amount");
        #[expect(clippy::cast_possible_truncation, reason = "it stays what it is")]
        let dimension = Conversion::new("g").custom_dimension(2, number as f32);
        assert_eq!(dimension.error().unwrap().key(), "customDimension2");
        let revenue = format!("--revenue={number}");
        let run = run(&["track", "--config", "demo", "--visitor", "v", "--goal", "g", &revenue]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("invalid goal data for amount"), "{}", run.stderr);
    }
}

#[test]
fn whole_numbers_are_read_back_as_integers() {
    assert_eq!(Value::from(1_u64 << 60).read::<u64>(), Ok(1 << 60));
    assert_eq!(Value::from(i64::MIN).read::<i64>(), Ok(i64::MIN));
    assert_eq!(Value::from(0.1_f32).read::<f32>().map(f32::to_bits), Ok(0.1_f32.to_bits()));
}
