//! Watching an evaluation changes nothing about its outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use convert_config::{ProjectConfig, Value};
use convert_decision::{
    Attributes, Evaluation, Facts, Moment, Observer, Profile, Reason, Segments, Silent, Source,
    Surroundings, VisitorRecord, WallClock,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

/// Watches every step, as explanations do.
struct Watcher;

impl Observer<'_> for Watcher {}

/// A clock that runs while decisions are made.
struct Running(AtomicI64);

impl WallClock for Running {
    fn now(&self) -> Moment {
        Moment::new(self.0.load(Ordering::Relaxed), 0)
    }
}

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
        let facts = Facts::new(&own);
        for facts in [facts, facts.with_call(&called).with_segments(record.segments())] {
            let evaluation = Evaluation::new(&config, "visitor-1").facts(facts).record(&record);
            prop_assert_eq!(
                outcome(&evaluation, "e", &mut Silent),
                outcome(&evaluation, "e", &mut Watcher)
            );
        }
    }

    #[test]
    fn what_was_found_before_changes_no_outcome(
        audiences in vec(audience(), 1..6),
        wanted in vec((vec(0..6_usize, 1..3), any::<bool>()), 1..6),
        changes in vec(attributes(), 1..4),
        calls in vec((0..6_usize, attributes(), attributes(), 0..5_u8), 1..24),
        sticky in any::<bool>(),
    ) {
        let audiences = numbered(audiences);
        let ids: Vec<_> = audiences.iter().map(|audience| audience["id"].clone()).collect();
        let experiences: Vec<_> = wanted
            .iter()
            .enumerate()
            .map(|(number, (places, all))| {
                let own: Vec<_> = places.iter().map(|place| &ids[place % ids.len()]).collect();
                let matching = if *all { "all" } else { "any" };
                json!({"id": format!("3{number}"), "key": format!("e{number}"), "audiences": own,
                    "settings": {"matching_options": {"audiences": matching}},
                    "variations": [{"id": "30"}]})
            })
            .collect();
        let count = experiences.len();
        let config = ProjectConfig::from_json(&json!({
            "account_id": "1", "project": {"id": "2"}, "audiences": audiences,
            "experiences": experiences}).to_string()).unwrap();
        let clock = Arc::new(Running(AtomicI64::new(0)));
        let surroundings = Surroundings::new().clock(Some(Arc::clone(&clock) as _));
        let (mut profile, mut own) = (Profile::new(&config), Attributes::new());
        let mut record = VisitorRecord::new();
        if sticky {
            record.assign("30", "30");
        }
        for change in changes {
            let change = read(change).into_iter().collect::<Attributes>();
            profile.merge(change.clone());
            own.merge(change);
            for (place, called, recorded, kind) in &calls {
                clock.0.fetch_add(3_600, Ordering::Relaxed);
                let called = if *kind == 0 { read(called.clone()) } else { Vec::new() };
                if *kind == 1 {
                    let recorded = read(recorded.clone()).into_iter().collect::<Attributes>();
                    record.merge_segments(Segments::from(recorded));
                }
                let evaluation = Evaluation::new(&config, "v").record(&record);
                let evaluation = evaluation.surroundings(&surroundings);
                let [kept, anew] = [Facts::of(&profile), Facts::new(&own)].map(|facts| {
                    let facts = facts.with_call(&called).with_segments(record.segments());
                    evaluation.facts(facts)
                });
                let key = format!("e{}", place % count);
                let expected = outcome(&anew, &key, &mut Watcher);
                prop_assert_eq!(outcome(&kept, &key, &mut Silent), expected.clone());
                prop_assert_eq!(outcome(&kept, &key, &mut Silent), expected);
            }
        }
    }
}

#[test]
fn a_profile_is_about_one_config() {
    let config = |value: &str| {
        let element = json!({"rule_type": "generic_text_key_value", "key": "plan", "value": value,
            "matching": {"match_type": "equals", "negated": false}});
        ProjectConfig::from_json(&json!({"account_id": "1", "project": {"id": "2"},
            "audiences": [{"id": "7", "rules": {"OR": [{"AND": [{"OR_WHEN": [element]}]}]}}],
            "experiences": [{"id": "3", "key": "e", "audiences": ["7"], "variations": [{"id": "30"}]}],
        }).to_string()).unwrap()
    };
    let (pro, free) = (config("pro"), config("free"));
    let mut profile = Profile::new(&pro);
    profile.merge([("plan", "pro")]);
    for _ in 0..2 {
        for (config, is_in) in [(&pro, true), (&free, false), (&pro.clone(), true)] {
            let evaluation = Evaluation::new(config, "v").facts(Facts::of(&profile));
            assert_eq!(outcome(&evaluation, "e", &mut Silent).is_ok(), is_in);
        }
    }
    assert!(!format!("{profile:?}").contains("pro"));
}
