//! The steps that a decision may take.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::sync::Arc;

use convert_config::ProjectConfig;
use convert_config::rule::{Element, StepBudget};
use convert_decision::{
    AttributeLayers, Attributes, Evaluation, Moment, NoopObserver, Observer, Reason, Surroundings,
    VisitorRecord, WallClock, attributes,
};
use serde_json::{Value, json};

/// Counts how often the limit is reported, and whether an element was named.
#[derive(Default)]
struct Limits {
    at_elements: usize,
    elsewhere: usize,
}

impl<'c> Observer<'c> for Limits {
    fn step_limit_hit(&mut self, element: Option<&'c Element>) {
        match element {
            Some(_) => self.at_elements += 1,
            None => self.elsewhere += 1,
        }
    }
}

fn element(key: &str, operator: &str, value: &str) -> Value {
    json!({"rule_type": "t", "key": key, "value": value,
        "matching": {"match_type": operator, "negated": false}})
}

/// A config whose audience `a` needs one of these elements, with one experience for each key.
fn config(elements: &[Value], experiences: &[Value]) -> ProjectConfig {
    let rules = json!({"OR": [{"AND": [{"OR_WHEN": elements}]}]});
    let locations: Vec<Value> = (0..1_000).map(|n| json!({"id": n.to_string()})).collect();
    let segments: Vec<Value> = (0..1_000).map(|n| json!({"id": format!("s{n}")})).collect();
    ProjectConfig::from_json(
        &json!({"account_id": "1", "project": {"id": "2"}, "locations": locations,
            "audiences": [{"id": "a", "rules": rules}], "segments": segments,
            "experiences": experiences})
        .to_string(),
    )
    .unwrap()
}

fn experience(id: usize) -> Value {
    json!({"id": id.to_string(), "audiences": ["a"], "variations": [{"id": "1"}]})
}

/// Decides the first experience and returns how many steps that took.
fn steps(config: &ProjectConfig, attributes: &Attributes, limits: &mut Limits) -> u64 {
    let budget = StepBudget::with_steps(1_000_000);
    let evaluation = Evaluation::new(config, "visitor-1")
        .attributes(AttributeLayers::new(attributes))
        .step_budget(&budget);
    let outcome = evaluation.decide_by_key("1", limits);
    assert_eq!(outcome.err(), Some(Reason::AudienceMismatch));
    1_000_000 - budget.left()
}

#[test]
fn every_operator_takes_steps_in_proportion_to_what_it_reads() {
    let operators = [
        "equals",
        "contains",
        "startsWith",
        "endsWith",
        "less",
        "lessEqual",
        "isIn",
        "regexMatches",
    ];
    let list: Vec<String> = vec!["xy".to_owned(); 500];
    let longer_list: Vec<String> = vec!["xy".to_owned(); 5_000];
    for operator in operators {
        let elements: Vec<Value> =
            (0..10).map(|n| element("k", operator, &format!("0{n}z"))).collect();
        let config = config(&elements, &[experience(1)]);
        let mut limits = Limits::default();
        let short = steps(&config, &attributes! { "k" => "xy" }, &mut limits);
        assert!((10..200).contains(&short), "{operator}: {short}");
        for (text, longer) in [
            (attributes! { "k" => "xy".repeat(500) }, attributes! { "k" => "xy".repeat(5_000) }),
            (attributes! { "k" => "x|".repeat(500) }, attributes! { "k" => "x|".repeat(5_000) }),
            (attributes! { "k" => list.clone() }, attributes! { "k" => longer_list.clone() }),
        ] {
            let long = steps(&config, &text, &mut limits);
            let longer = steps(&config, &longer, &mut limits);
            assert!(long >= 1_000, "{operator}: {long}");
            assert!(longer >= 8 * long, "{operator}: {long} {longer}");
        }
        assert_eq!(limits.at_elements, 0);
    }
}

#[test]
fn attributes_of_a_call_take_steps_since_they_are_looked_through() {
    let config = config(&[element("k", "equals", "v")], &[experience(1)]);
    let names: Vec<String> = (0..64_000).map(|n| n.to_string()).collect();
    let call: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_str().into())).collect();
    let budget = StepBudget::with_steps(500);
    let own = Attributes::new();
    let evaluation = Evaluation::new(&config, "visitor-1")
        .attributes(AttributeLayers::new(&own).with_call(&call))
        .step_budget(&budget);
    let mut limits = Limits::default();
    assert!(evaluation.decide_by_key("1", &mut limits).is_err());
    assert_eq!((limits.at_elements, budget.is_exhausted()), (1, true));
}

#[test]
fn a_pass_over_experiences_that_share_a_large_audience_is_bounded() {
    let elements: Vec<Value> = (0..1_000).map(|n| element("k", "equals", &n.to_string())).collect();
    let config = config(&elements, &(1..100).map(experience).collect::<Vec<_>>());
    let attributes = attributes! { "k" => "v" };
    let budget = StepBudget::with_steps(10_000);
    let evaluation = Evaluation::new(&config, "visitor-1")
        .attributes(AttributeLayers::new(&attributes))
        .step_budget(&budget);
    let mut limits = Limits::default();
    for experience in evaluation.experiences() {
        assert!(evaluation.decide(experience, &mut limits).is_err());
    }
    assert!(budget.is_exhausted());
    assert_eq!((limits.at_elements, limits.elsewhere), (1, 0), "reported once");
}

#[test]
fn looking_through_a_records_locations_and_segments_takes_steps() {
    let ids: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    let segments: Vec<String> = (0..1_000).map(|n| format!("s{n}")).collect();
    let config = config(
        &[element("k", "equals", "v")],
        &[
            json!({"id": "1", "locations": ids, "variations": [{"id": "1"}]}),
            json!({"id": "2", "audiences": segments, "variations": [{"id": "1"}]}),
        ],
    );
    let held: Vec<String> = (0..10_000).map(|n| format!("t{n}")).collect();
    let record: VisitorRecord =
        serde_json::from_value(json!({"locations": held, "segments": {"customSegments": held}}))
            .unwrap();
    for key in ["1", "2"] {
        let budget = StepBudget::with_steps(100_000);
        let evaluation = Evaluation::new(&config, "visitor-1").record(&record).step_budget(&budget);
        let mut limits = Limits::default();
        assert!(evaluation.decide_by_key(key, &mut limits).is_err());
        assert!(budget.is_exhausted(), "{key}");
        assert_eq!((limits.at_elements, limits.elsewhere), (0, 1), "{key}");
    }
    let few = VisitorRecord::new();
    let evaluation = Evaluation::new(&config, "visitor-1").record(&few);
    assert!(evaluation.decide_by_key("2", &mut NoopObserver).is_err());
}

/// Panics when it is asked.
struct Panicking;

impl WallClock for Panicking {
    fn now(&self) -> Moment {
        panic!("on purpose")
    }
}

#[test]
fn without_an_answer_of_the_clock_time_based_rules_are_false() {
    let rules = json!({"OR": [{"AND": [{"OR_WHEN": [{"rule_type": "local_time_hour_of_day",
        "value": 100, "matching": {"match_type": "less", "negated": false}}]}]}]});
    let config = ProjectConfig::from_json(
        &json!({"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": "a", "rules": rules}],
            "experiences": [{"id": "1", "audiences": ["a"], "variations": [{"id": "1"}]}]})
        .to_string(),
    )
    .unwrap();
    let surroundings = Surroundings::new().clock(Some(Arc::new(Panicking)));
    let evaluation = Evaluation::new(&config, "visitor-1").surroundings(&surroundings);
    let reason = evaluation.decide_by_key("1", &mut NoopObserver).unwrap_err();
    assert_eq!(reason, Reason::AudienceMismatch);
}

#[test]
fn with_no_step_left_mutual_exclusion_lets_nobody_in() {
    let rules = json!({"OR": [{"AND": [{"OR_WHEN": [{"rule_type": "bucketed_into_experience_key",
        "value": "first", "matching": {"match_type": "equals", "negated": true}}]}]}]});
    let config = ProjectConfig::from_json(
        &json!({"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": "a", "rules": rules}],
            "experiences": [{"id": "9", "key": "first"},
                {"id": "1", "audiences": ["a"], "variations": [{"id": "1"}]}]})
        .to_string(),
    )
    .unwrap();
    let decide = |steps| {
        let budget = StepBudget::with_steps(steps);
        let evaluation = Evaluation::new(&config, "visitor-1").step_budget(&budget);
        evaluation.decide_by_key("1", &mut NoopObserver).is_ok()
    };
    assert!(decide(100) && !decide(0));
}
