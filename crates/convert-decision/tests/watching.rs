//! Watching an evaluation changes nothing about its outcome.

use convert_config::{ProjectConfig, Value};
use convert_decision::{
    AttributeLayers, Attributes, Evaluation, NoopObserver, Observer, Reason, Segments, Source,
    VisitorRecord,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

/// Watches every step, as explanations do.
struct Watcher;

impl Observer<'_> for Watcher {}

type Outcome = Result<(Option<String>, Source, Option<u16>), Reason>;

fn outcome<'c>(
    evaluation: &Evaluation<'c, '_>,
    key: &str,
    observer: &mut impl Observer<'c>,
) -> Outcome {
    let decision = evaluation.decide_by_key(key, observer)?;
    let variation = decision.variation().id().map(str::to_owned);
    Ok((variation, decision.source(), decision.bucket_value()))
}

/// A constant or an attribute: what is equal in some way, and what is compared in another way.
fn value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(json!("Pro")),
        Just(json!("pro")),
        Just(json!("PRO plan of many words")),
        Just(json!("plan|pro")),
        Just(json!("KELVIN \u{212a}")),
        Just(json!("")),
        Just(json!("5")),
        Just(json!(5)),
        Just(json!(4.5)),
        Just(json!(true)),
        Just(json!(null)),
        Just(json!(["pro", 5])),
        Just(json!({"pro": 1})),
    ]
}

fn element() -> impl Strategy<Value = serde_json::Value> {
    let operator = prop::sample::select(vec![
        "equals",
        "contains",
        "startsWith",
        "endsWith",
        "isIn",
        "less",
        "lessEqual",
        "exists",
        "doesNotExist",
        "regexMatches",
        "unknown",
    ]);
    let key = prop::sample::select(vec![
        Some("plan"),
        Some("country"),
        Some("an attribute of a long name"),
        Some("missing"),
        None,
    ]);
    let rule_type = prop::sample::select(vec![
        "generic_text_key_value",
        "generic_text_key_value",
        "local_time_hour_of_day",
        "country",
    ]);
    (operator, rule_type, key, value(), any::<bool>()).prop_map(
        |(operator, rule_type, key, value, negated)| {
            json!({"rule_type": rule_type, "key": key, "value": value,
                "matching": {"match_type": operator, "negated": negated}})
        },
    )
}

fn rules() -> impl Strategy<Value = serde_json::Value> {
    let block = vec(element(), 0..3).prop_map(|elements| json!({"OR_WHEN": elements}));
    let branch = vec(block, 0..3).prop_map(|blocks| json!({"AND": blocks}));
    vec(branch, 0..3).prop_map(|branches| json!({"OR": branches}))
}

fn audience() -> impl Strategy<Value = serde_json::Value> {
    let kind = prop::sample::select(vec!["permanent", "transient"]);
    (prop::option::weighted(0.9, rules()), kind)
        .prop_map(|(rules, kind)| json!({"rules": rules, "type": kind}))
}

fn attributes() -> impl Strategy<Value = Vec<(&'static str, serde_json::Value)>> {
    let name = prop::sample::select(vec!["plan", "country", "an attribute of a long name"]);
    vec((name, value()), 0..4)
}

/// Gives audiences the ids from 7 on.
fn numbered(audiences: Vec<serde_json::Value>) -> Vec<serde_json::Value> {
    let number = |(mut audience, id): (serde_json::Value, u32)| {
        if let Some(members) = audience.as_object_mut() {
            members.insert("id".to_owned(), json!(id.to_string()));
        }
        audience
    };
    audiences.into_iter().zip(7..).map(number).collect()
}

fn read(pairs: Vec<(&'static str, serde_json::Value)>) -> Vec<(&'static str, Value<'static>)> {
    let owned = |json: serde_json::Value| {
        serde_json::from_str::<Value<'_>>(&json.to_string()).unwrap_or_default().into_owned()
    };
    pairs.into_iter().map(|(name, json)| (name, owned(json))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_evaluation_comes_out_alike_whether_it_is_watched_or_not(
        audiences in vec(audience(), 0..4),
        all in any::<bool>(),
        sticky in any::<bool>(),
        share in prop::sample::select(vec![0, 40, 100]),
        own in attributes(),
        called in attributes(),
        recorded in attributes(),
    ) {
        let audiences = numbered(audiences);
        let ids: Vec<_> = audiences.iter().map(|audience| audience["id"].clone()).collect();
        let matching = if all { "all" } else { "any" };
        let config = ProjectConfig::from_json(&json!({
            "account_id": "1", "project": {"id": "2"}, "audiences": audiences,
            "experiences": [{"id": "3", "key": "e", "audiences": ids,
                "settings": {"matching_options": {"audiences": matching}},
                "variations": [{"id": "30", "traffic_allocation": share}]}]}).to_string()).unwrap();
        let own = read(own).into_iter().collect::<Attributes>();
        let called = read(called);
        let mut record = VisitorRecord::new();
        record.merge_segments(Segments::from(read(recorded).into_iter().collect::<Attributes>()));
        if sticky {
            record.assign("3", "30");
        }
        let facts = AttributeLayers::new(&own);
        for facts in [facts, facts.with_call(&called).with_segments(record.segments())] {
            let evaluation = Evaluation::new(&config, "visitor-1").attributes(facts).record(&record);
            prop_assert_eq!(
                outcome(&evaluation, "e", &mut NoopObserver),
                outcome(&evaluation, "e", &mut Watcher)
            );
        }
    }
}
