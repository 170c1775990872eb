//! What a context has found of its visitor changes no answer, whatever is done with it meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier};

use convert_sdk::{
    Answer, AttributeProvider, Attributes, Context, Core, Experience, Identified as _, Moment,
    Preview, ProjectConfig, RunOptions, SdkConfig, Segments, Value, VisitorRecord, WallClock,
    attributes,
};
use convert_tests::generate::{Case, Json, Shape, case, describe, load, visitor};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Written, json};

/// A clock that tests move on.
#[derive(Debug, Clone, Default)]
struct Moved(Arc<AtomicI64>);

impl WallClock for Moved {
    fn now(&self) -> Moment {
        Moment::new(self.0.load(Ordering::Relaxed), 3_600)
    }
}

/// A provider whose answers about browsers change with the time.
struct Fickle(Moved);

impl AttributeProvider for Fickle {
    fn answer(&self, rule_type: &str, _: Option<&str>, _: &str) -> Answer {
        match rule_type {
            "browser_name" | "generic_text_key_value"
                if self.0.0.load(Ordering::Relaxed) % 7_200 == 0 =>
            {
                Answer::Value("pro".into())
            }
            "country" => Answer::Value("US".into()),
            "os" => Answer::NoDataFound,
            _ => Answer::Unknown,
        }
    }
}

/// Something an application does with a context.
#[derive(Debug, Clone)]
enum Act {
    Attributes(Attributes),
    Segments(Attributes),
    CustomSegments(bool),
    Record(VisitorRecord),
    Preview(u32),
    NoPreview,
    Elsewhere(Attributes),
    Hours(i64),
    Decide { at: usize, called: Attributes, calls: bool, stores: bool },
    DecideAll(bool),
}

fn act() -> impl Strategy<Value = Act> {
    let attributes = || visitor().prop_map(|visitor| visitor.attributes).boxed();
    prop_oneof![
        2 => attributes().prop_map(Act::Attributes),
        2 => attributes().prop_map(Act::Segments),
        1 => any::<bool>().prop_map(Act::CustomSegments),
        1 => visitor().prop_map(|visitor| Act::Record(visitor.read_record())),
        1 => (0..4_u32).prop_map(Act::Preview),
        1 => Just(Act::NoPreview),
        1 => attributes().prop_map(Act::Elsewhere),
        1 => (1..30_i64).prop_map(Act::Hours),
        12 => (0..8_usize, attributes(), prop::bool::weighted(0.2), prop::bool::weighted(0.2))
            .prop_map(|(at, called, calls, stores)| Act::Decide { at, called, calls, stores }),
        2 => prop::bool::weighted(0.2).prop_map(Act::DecideAll),
    ]
}

/// Compares an answer with the one that is explained, which is found without a memory.
fn check(context: &Context, id: &str, options: &RunOptions<'_>) -> Result<(), TestCaseError> {
    let explained = context.explain_experience_with(id, options);
    let expected = explained.outcome().map(|outcome| {
        let bucket = outcome.bucket_value().map_or_else(String::new, |bucket| format!(" {bucket}"));
        format!("{} {}{bucket}", outcome.variation_id().unwrap_or_default(), outcome.source())
    });
    let answer = context.run_experience_with(id, options);
    prop_assert_eq!(answer.as_ref().map(describe), expected, "{}", explained);
    Ok(())
}

fn check_all(
    context: &Context,
    config: &ProjectConfig,
    options: &RunOptions<'_>,
) -> Result<(), TestCaseError> {
    config.experiences().iter().try_for_each(|one| check(context, one.id(), options))
}

fn perform(
    core: &Core,
    mut context: Context,
    config: &ProjectConfig,
    clock: &Moved,
    act: Act,
) -> Result<Context, TestCaseError> {
    match act {
        Act::Attributes(attributes) => context.set_attributes(attributes),
        Act::Segments(attributes) => context.set_segments(Segments::from(attributes)),
        Act::CustomSegments(both) => {
            let keys: &[&str] = if both { &["segment-0", "segment-1"] } else { &["segment-1"] };
            drop(context.run_custom_segments(keys));
        }
        Act::Record(record) => context = context.with_record(record),
        Act::Preview(at) => {
            let _ = context.set_preview(Preview::new(format!("10{at}"), format!("10{at}0")));
        }
        Act::NoPreview => context.clear_preview(),
        Act::Elsewhere(attributes) => {
            let other = core.create_context(context.visitor_id()).with_attributes(attributes);
            check_all(&other, config, &RunOptions::new().storage(false))?;
        }
        Act::Hours(hours) => {
            clock.0.fetch_add(3_600 * hours, Ordering::Relaxed);
        }
        Act::Decide { at, called, calls, stores } => {
            let called: Vec<(&str, Value<'_>)> =
                called.iter().map(|(name, value)| (name, Value::from(value))).collect();
            let options = RunOptions::new().storage(stores);
            let options = if calls { options.attributes(&called) } else { options };
            let id = format!("10{at}");
            check(&context, &id, &options)?;
            check(&context, &id, &options)?;
        }
        Act::DecideAll(stores) => {
            check_all(&context, config, &RunOptions::new().storage(stores))?;
        }
    }
    Ok(context)
}

/// Has every experience wait for audiences, as most generated ones do not.
fn guarded(Case { mut config, .. }: Case, places: &[Vec<u8>]) -> Json {
    convert_tests::generate::edit_items(&mut config, "experiences", |experiences| {
        for (experience, places) in experiences.iter_mut().zip(places) {
            let ids: Vec<Json> =
                places.iter().map(|place| Value::from(format!("20{place}"))).collect();
            if let Value::Map(members) = experience {
                members.edit(|members| {
                    members.retain(|(name, _)| {
                        !["audiences", "locations", "site_area"].contains(&&**name)
                    });
                    members.push(("audiences".into(), Value::from(ids)));
                });
            }
        }
    });
    config
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn nothing_that_is_done_with_a_context_makes_it_answer_by_what_is_past(
        case in case(Shape::ANY),
        places in vec(vec(0..5_u8, 1..3), 6),
        acts in vec(act(), 4..30),
        asks in prop::bool::weighted(0.2),
    ) {
        let config = load(&guarded(case, &places));
        let clock = Moved::default();
        let mut settings = SdkConfig::from_data(config.clone()).wall_clock(clock.clone());
        if asks {
            settings = settings.attribute_provider(Fickle(clock.clone()));
        }
        let core = Core::initialize(settings).unwrap();
        let mut context = core.create_context("v");
        for act in acts {
            context = perform(&core, context, &config, &clock, act)?;
        }
    }
}

/// Makes a context, and returns with it what is explained of each experience.
fn explained(core: &Core, config: &ProjectConfig, attributes: &Attributes) -> (Context, Vec<bool>) {
    let context = core.create_context("v").with_attributes(attributes.clone());
    let is_in = |one: &Experience| context.explain_experience(one.id()).outcome().is_some();
    let answers = config.experiences().iter().map(is_in).collect();
    (context, answers)
}

#[test]
fn threads_that_find_out_about_one_visitor_at_the_same_time_mix_nothing_up() {
    let number = |id: u32| {
        let key = if id % 2 == 0 { "age" } else { "country" };
        vec![rule(key, "less", &json!(id)), rule("age", "less", &json!(60 - id))]
    };
    let config = project(&(0..60).map(number).collect::<Vec<_>>());
    let core = Core::initialize(SdkConfig::from_data(config.clone())).unwrap();
    let options = RunOptions::new().storage(false);
    for round in 0..ROUNDS {
        let value = i64::from(round % 60);
        let attributes = attributes! { "age" => value, "country" => 59 - value };
        let (context, expected) = explained(&core, &config, &attributes);
        let start = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (context, expected, config, start) = (&context, &expected, &config, &start);
                scope.spawn(move || {
                    start.wait();
                    // Each begins elsewhere, so that all have something to find.
                    for at in 0..2 * expected.len() {
                        let at = (at + thread * 17) % expected.len();
                        let id = config.experiences()[at].id();
                        let is_in = context.run_experience_with(id, &options).is_some();
                        assert_eq!(is_in, expected[at], "{id} in round {round}");
                    }
                });
            }
        });
    }
}

#[test]
fn what_stands_beside_report_segments_is_found_anew_where_attributes_change() {
    let config = project(&[vec![
        rule("country", "doesNotExist", &json!("")),
        rule("plan", "equals", &json!("pro")),
    ]]);
    let core = Core::initialize(SdkConfig::from_data(config)).unwrap();
    let mut context = core.create_context("v");
    for (plan, is_in) in [("free", false), ("pro", true), ("free", false)] {
        context.set_attributes(attributes! { "plan" => plan });
        assert_eq!(context.run_experience("0").is_some(), is_in, "{plan}");
    }
}

#[test]
fn an_audience_sees_the_custom_segments_that_a_visitor_has_come_to() {
    let wanted = rule("customSegments", "contains", &json!("400"));
    let mut config = written(&[vec![wanted]]);
    let anybody = json!({"OR": [{"AND": [rule("missing", "doesNotExist", &json!(""))]}]});
    config["segments"] = json!([{"id": "400", "key": "anybody", "rules": anybody}]);
    let config = ProjectConfig::from_json(&config.to_string()).unwrap();
    let core = Core::initialize(SdkConfig::from_data(config)).unwrap();
    let context = core.create_context("v");
    assert!(context.run_experience("0").is_none());
    assert_eq!(context.run_custom_segments(&["anybody"]).unwrap(), ["400"]);
    assert!(context.run_experience("0").is_some());
}

#[test]
fn what_an_exclusion_stands_beside_does_not_settle_its_audience() {
    let plan = rule("plan", "equals", &json!("pro"));
    let exclusion = json!({"OR_WHEN": [{"rule_type": "bucketed_into_experience_key",
        "value": "nowhere", "matching": {"match_type": "equals", "negated": true}}]});
    let core = Core::initialize(SdkConfig::from_data(project(&[
        vec![plan.clone()],
        vec![plan, exclusion],
    ])));
    let context =
        core.unwrap().create_context("v").with_attributes(attributes! { "plan" => "free" });
    assert!(context.run_experience("0").is_none());
    assert!(context.run_experience("1").is_some());
}

#[test]
fn a_provider_is_asked_for_every_decision() {
    let config = project(&[vec![rule("missing", "equals", &json!("pro"))]]);
    let clock = Moved::default();
    let settings = SdkConfig::from_data(config).attribute_provider(Fickle(clock.clone()));
    let context = Core::initialize(settings).unwrap().create_context("v");
    let options = RunOptions::new().storage(false);
    for hour in 0..4 {
        clock.0.store(3_600 * hour, Ordering::Relaxed);
        let answer = context.run_experience_with("0", &options);
        assert_eq!(answer.is_some(), hour % 2 == 0, "at {hour}");
    }
}

/// One requirement.
fn rule(key: &str, operator: &str, value: &Written) -> Written {
    json!({"OR_WHEN": [{"rule_type": "generic_text_key_value", "key": key, "value": value,
        "matching": {"match_type": operator, "negated": false}}]})
}

/// A project with an experience for each of these lists of requirements, named by its position.
fn written(audiences: &[Vec<Written>]) -> Written {
    let tree = |rules: &Vec<Written>| json!({"OR": [{"AND": rules}]});
    let audience = |(id, rules)| json!({"id": format!("a{id}"), "rules": tree(rules)});
    let experience = |id: usize| {
        json!({"id": id.to_string(), "audiences": [format!("a{id}")],
            "variations": [{"id": format!("{id}0")}]})
    };
    json!({"account_id": "1", "project": {"id": "2"},
        "audiences": audiences.iter().enumerate().map(audience).collect::<Vec<_>>(),
        "experiences": (0..audiences.len()).map(experience).collect::<Vec<_>>()})
}

fn project(audiences: &[Vec<Written>]) -> ProjectConfig {
    ProjectConfig::from_json(&written(audiences).to_string()).unwrap()
}

const CASES: u32 = 512;
const ROUNDS: u32 = 300;
const THREADS: usize = 4;
