//! What holds of every decision, whatever the project and the visitor.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::collections::{BTreeMap, BTreeSet};

use convert_sdk::{
    Identified as _, Preview, ProjectConfig, RunOptions, Source, Text, Value, VisitorRecord,
};
use convert_tests::generate::{
    Answers, Case, Json, Shape, Visitor, anchored_arms, case, describe, describe_feature,
    edit_items, edit_member, experience_answer, junk, load, object, project, text_of,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn an_answer_is_a_function_of_its_inputs(case in case(Shape::ANY)) {
        let (config, twin) = (load(&case.config), load(&case.config));
        for visitor in &case.visitors {
            let context = visitor.context(&visitor.core(config.clone()));
            let first = Answers::of_context(&context, &config, &visitor.options());
            let again = Answers::of_context(&context, &config, &visitor.options());
            prop_assert_eq!(&first, &again);
            prop_assert_eq!(&first, &Answers::of(visitor, &twin));
            prop_assert_eq!(context.visitor_record(), recorded(visitor));
        }
    }

    #[test]
    fn visitors_do_not_influence_one_another(case in case(Shape::ANY)) {
        let config = load(&case.config);
        let shared = case.visitors[0].core(config.clone());
        let contexts: Vec<_> = case.visitors.iter().map(|one| one.bare_context(&shared)).collect();
        let alone: Vec<_> = case.visitors.iter().map(|visitor| {
            visitor.bare_context(&case.visitors[0].core(config.clone()))
        }).collect();
        for experience in config.experiences() {
            for (among, alone) in contexts.iter().zip(&alone) {
                let key = experience.id();
                prop_assert_eq!(
                    experience_answer(among, key, &RunOptions::new()),
                    experience_answer(alone, key, &RunOptions::new())
                );
            }
        }
    }

    #[test]
    fn without_storage_the_order_of_calls_does_not_matter(
        case in case(Shape::ANY),
        calls in proptest::collection::vec(any::<Index>(), 0..12),
    ) {
        let config = load(&case.config);
        for visitor in &case.visitors {
            let expected = Answers::of(visitor, &config);
            let context = visitor.context(&visitor.core(config.clone()));
            for call in &calls {
                let id = call.get(config.experiences()).id();
                let answer = experience_answer(&context, id, &visitor.options());
                prop_assert_eq!(Some(&answer), expected.experiences.get(id));
                context.run_experiences_with(&visitor.options());
                context.run_features_with(&visitor.options());
            }
        }
    }

    #[test]
    fn other_experiences_do_not_matter(
        case in case(Shape::INDEPENDENT),
        stranger in project(Shape::INDEPENDENT.experiences(9)),
        places in proptest::collection::vec(any::<Index>(), 9),
        removed in any::<Index>(),
    ) {
        let mut changed = case.config.clone();
        let mut strangers = stranger;
        let strangers = edit_items(&mut strangers, "experiences", std::mem::take).unwrap();
        let gone = edit_items(&mut changed, "experiences", |known| {
            let gone = known.remove(removed.index(known.len()));
            for (stranger, place) in strangers.into_iter().zip(&places) {
                let is_known = known.iter().chain([&gone]).any(|one| one.member("id") == stranger.member("id"));
                if !is_known {
                    known.insert(place.index(known.len() + 1), stranger);
                }
            }
            if let Some(last) = known.len().checked_sub(1) {
                known.swap(removed.index(last + 1), 0);
            }
            gone
        })
        .unwrap();
        let (config, changed) = (load(&case.config), load(&changed));
        for visitor in &case.visitors {
            let expected = Answers::of(visitor, &config);
            let found = Answers::of(visitor, &changed);
            for (id, answer) in &expected.experiences {
                let is_gone = gone.member("id").and_then(|known| known.as_str()) == Some(id);
                prop_assert!(is_gone || found.experiences.get(id) == Some(answer), "{id}: {answer}");
            }
        }
    }

    #[test]
    fn anchored_traffic_only_ever_admits_when_it_grows(
        (arms, before, after) in anchored_arms(),
        visitors in proptest::collection::vec("[a-z0-9-]{1,20}", 40),
    ) {
        let smaller = anchored_project(&arms, before, |running| running);
        let larger = anchored_project(&arms, after, |running| running);
        let started = anchored_project(&arms, after, |_| true);
        for visitor in &visitors {
            let [smaller, larger, started] =
                [&smaller, &larger, &started].map(|config| assignment(config, visitor));
            prop_assert!(smaller.is_none() || smaller == larger, "{visitor}: {smaller:?} {larger:?}");
            prop_assert!(larger.is_none() || larger == started, "{visitor}: {larger:?} {started:?}");
        }
    }

    #[test]
    fn explanations_come_to_the_plain_outcome(
        case in case(Shape::ANY),
        storage: bool,
        limit in proptest::option::of(proptest::sample::subsequence(KEYS, 0..=4)),
    ) {
        let config = load(&case.config);
        for visitor in &case.visitors {
            let core = visitor.core(config.clone());
            let mut options = visitor.options().storage(storage);
            if let Some(keys) = &limit {
                options = options.experience_keys(keys);
            }
            for experience in config.experiences() {
                let context = visitor.context(&core);
                let explained = context.explain_experience_with(experience.id(), &options);
                let plain = context.run_experience_with(experience.id(), &options);
                let outcome = explained.outcome().map(|outcome| {
                    let bucket = outcome.bucket_value().map_or_else(String::new, |b| format!(" {b}"));
                    format!("{} {}{bucket}", outcome.variation_id().unwrap_or_default(), outcome.source())
                });
                prop_assert_eq!(plain.as_ref().map(describe), outcome, "{}", explained);
                prop_assert_eq!(explained.reason().code() == "resolved", plain.is_some());
            }
            for feature in config.features() {
                let context = visitor.context(&core);
                let explained = context.explain_feature_with(feature.id(), &options);
                let plain = context.run_feature_with(feature.id(), &options);
                let outcome = explained.outcome();
                prop_assert_eq!(
                    plain.map(|one| (one.experience().experience_id(), one.experience().variation_id())),
                    outcome.map(|one| (one.experience_id(), one.variation_id().unwrap_or_default())),
                    "{}", explained
                );
            }
        }
    }

    #[test]
    fn a_record_survives_json(case in case(Shape::ANY)) {
        let config = load(&case.config);
        for visitor in &case.visitors {
            let context = visitor.context(&visitor.core(config.clone()));
            context.run_experiences();
            context.run_custom_segments(&["segment-0", "segment-1"]).ok();
            let kept = context.visitor_record();
            let json = serde_json::to_string(&kept).unwrap();
            let read: VisitorRecord = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
            let later = |record| Visitor::bare_context(visitor, &visitor.core(config.clone())).with_record(record);
            let options = visitor.options();
            prop_assert_eq!(
                Answers::of_context(&later(read), &config, &options),
                Answers::of_context(&later(kept), &config, &options)
            );
        }
    }

    #[test]
    fn what_was_decided_stays_decided(case in case(Shape::INDEPENDENT)) {
        let config = load(&case.config);
        for visitor in &case.visitors {
            let context = visitor.context(&visitor.core(config.clone()));
            for experience in config.experiences() {
                let Some(first) = context.run_experience(experience.id()) else { continue };
                let id = experience.id();
                let record = context.visitor_record();
                prop_assert_eq!(record.assignment(id), Some(first.variation_id()));
                if mixes_audiences(&config, experience) { continue }
                let second = context.run_experience(id).unwrap();
                prop_assert_eq!(second.variation_id(), first.variation_id());
                prop_assert_eq!((second.source(), second.bucket_value()), (Source::Sticky, None));
            }
        }
    }

    #[test]
    fn permanent_audiences_are_asked_until_the_visitor_is_in(case in case(Shape::INDEPENDENT)) {
        let config = load(&case.config);
        let transient = load(&with_audiences(&case.config, |kind| {
            *kind = Value::from("transient");
            true
        }));
        let without = load(&with_audiences(&case.config, |kind| *kind != Value::from("permanent")));
        for (visitor, experience) in pairs(&case, &config) {
            let id = experience.id();
            let ask = |config: &ProjectConfig, record: &VisitorRecord| {
                let context = visitor.bare_context(&visitor.core(config.clone()));
                experience_answer(&context.with_record(record.clone()), id, &visitor.options())
            };
            let mut record = VisitorRecord::new();
            prop_assert_eq!(ask(&config, &record), ask(&transient, &record));
            let Some(arm) = experience.variations().first().and_then(|arm| arm.id()) else { continue };
            record.assign(id, arm);
            prop_assert_eq!(ask(&config, &record), ask(&without, &record));
        }
    }

    #[test]
    fn the_forced_variation_goes_before_the_stored_one_and_that_before_the_hash(
        case in case(Shape::INDEPENDENT),
        arm in any::<Index>(),
        stored in any::<Index>(),
    ) {
        let config = load(&case.config);
        let plain = RunOptions::new().storage(false).ignore_location(true);
        for (visitor, experience) in pairs(&case, &config) {
            let arms = experience.variations();
            let (id, core) = (experience.id(), visitor.core(config.clone()));
            let ask = |stored: Option<&str>, options: &RunOptions<'_>| {
                let mut record = VisitorRecord::new();
                if let Some(stored) = stored {
                    record.assign(id, stored);
                }
                let context = visitor.bare_context(&core).with_record(record);
                experience_answer(&context, id, options)
            };
            let hashed = ask(None, &plain);
            prop_assert_eq!(&hashed, &ask(Some("stale"), &plain));
            prop_assert_eq!(&hashed, &ask(None, &plain.force_variation("no-such-variation")));
            if arms.is_empty() { continue }
            let (forced, stored) = (arm.get(arms).id().unwrap(), stored.get(arms).id().unwrap());
            let is_let_in = hashed == "not_in_traffic" || hashed.contains(" bucketed ");
            let forcing = plain.force_variation(forced);
            let as_forced = if is_let_in { format!("{forced} forced") } else { hashed };
            prop_assert_eq!(ask(None, &forcing), as_forced);
            let is_let_in = is_let_in && !mixes_audiences(&config, experience);
            let sticky = ask(Some(stored), &plain);
            prop_assert!(!is_let_in || sticky == format!("{stored} sticky"), "{}", sticky);
            let both = ask(Some(stored), &forcing);
            let expected = if forced == stored { "sticky" } else { "forced" };
            prop_assert!(!is_let_in || both == format!("{forced} {expected}"), "{}", both);
        }
    }

    #[test]
    fn a_preview_shows_its_arm_and_leaves_no_trace(
        case in case(Shape::ANY),
        experience in any::<Index>(),
        arm in any::<Index>(),
    ) {
        let config = load(&case.config);
        let previewed = experience.get(config.experiences());
        prop_assume!(!previewed.variations().is_empty());
        let arm = arm.get(previewed.variations()).id().unwrap();
        for visitor in &case.visitors {
            let options = visitor.options().storage(true);
            let mut context = visitor.context(&visitor.core(config.clone()));
            context.set_preview(Preview::new(previewed.id(), arm)).unwrap();
            let before = context.visitor_record();
            let mut found = Answers::of_context(&context, &config, &options).experiences;
            context.run_experiences_with(&options);
            context.run_features_with(&options);
            context.run_custom_segments(&["segment-0", "segment-1"]).ok();
            prop_assert_eq!(context.visitor_record(), before);
            let shown = if visitor.id.is_empty() { "empty_visitor_id".to_owned() } else { format!("{arm} preview") };
            prop_assert_eq!(found.insert(previewed.id().to_owned(), String::new()), Some(shown));
            let mut expected = Answers::of(visitor, &config).experiences;
            expected.insert(previewed.id().to_owned(), String::new());
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_pass_over_all_experiences_decides_each_as_if_alone(
        case in case(Shape::INDEPENDENT),
        storage: bool,
    ) {
        let config = load(&case.config);
        for visitor in &case.visitors {
            let options = visitor.options().storage(storage);
            let core = visitor.core(config.clone());
            let (at_once, one_by_one) = (visitor.context(&core), visitor.context(&core));
            let at_once: Vec<_> =
                at_once.run_experiences_with(&options).iter().map(describe).collect();
            let keys = config.experiences().iter().map(convert_sdk::Identified::id);
            let one_by_one: Vec<_> = keys
                .filter_map(|key| one_by_one.run_experience_with(key, &options))
                .map(|result| describe(&result))
                .collect();
            prop_assert_eq!(at_once, one_by_one);
        }
    }

    #[test]
    fn features_come_in_config_order_each_as_its_first_carrier_has_it(
        case in case(Shape::INDEPENDENT),
    ) {
        let config = load(&case.config);
        for visitor in &case.visitors {
            let options = visitor.options();
            let context = visitor.context(&visitor.core(config.clone()));
            let mut expected = Vec::new();
            for feature in config.features() {
                let all = context.run_feature_all_with(feature.id(), &options);
                let carriers: Vec<_> = all.iter().map(|one| place_of(&config, one.experience().experience_id())).collect();
                prop_assert!(carriers.is_sorted());
                let first = context.run_feature_with(feature.id(), &options);
                prop_assert_eq!(first.as_ref().map(describe_feature), all.first().map(describe_feature));
                expected.extend(first.iter().map(describe_feature));
            }
            let found: Vec<_> = context.run_features_with(&options).iter().map(describe_feature).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn one_broken_experience_of_a_hundred_leaves_the_others_alone(
        case in case(Shape::INDEPENDENT),
        junk in junk(),
        place in any::<Index>(),
    ) {
        let hundred = hundredfold(&case.config);
        let mut broken = hundred.clone();
        let place = place.index(100);
        let junk = match junk {
            // A twin of another experience would rightly take its place.
            Value::Map(members) => Value::Map(
                members.into_iter().filter(|(name, _)| name != "id" && name != "key")
                    .chain([(Text::from("key"), Value::from("the-broken-one"))]).collect()),
            other => other,
        };
        let count = edit_items(&mut broken, "experiences", |experiences| {
            experiences[place] = junk;
            experiences.len()
        });
        prop_assert_eq!(count, Some(100));
        let (hundred, broken) = (load(&hundred), load(&broken));
        let gone = hundred.experiences()[place].id();
        for visitor in &case.visitors {
            let mut expected = Answers::of(visitor, &hundred).experiences;
            expected.remove(gone);
            let found = Answers::of(visitor, &broken).experiences;
            prop_assert_eq!(expected, found);
        }
        prop_assert!(broken.has_warnings());
    }
}

/// The properties above are worth what the cases are: all outcomes must occur, none prevail.
#[test]
fn the_cases_are_diverse() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..200 {
        let case = case(Shape::ANY).new_tree(&mut runner).unwrap().current();
        let config = load(&case.config);
        for visitor in &case.visitors {
            let answers = Answers::of(visitor, &config);
            for answer in answers.experiences.into_values() {
                let word = answer.split(' ').nth(1).unwrap_or(&answer);
                *counts.entry(word.to_owned()).or_default() += 1;
            }
            let context = visitor.context(&visitor.core(config.clone()));
            for key in ["feature-0", "feature-1", "feature-9"] {
                let reason = context.explain_feature_with(key, &visitor.options()).reason();
                *counts.entry(format!("feature {}", reason.code())).or_default() += 1;
            }
            for key in ["goal-0", "goal-1", "goal-9"] {
                let reason = context.explain_goal_with(key, &visitor.options()).reason();
                *counts.entry(format!("goal {}", reason.code())).or_default() += 1;
            }
            let reason = context.explain_experience("no-such-key").reason();
            *counts.entry(reason.code().to_owned()).or_default() += 1;
        }
    }
    let total: usize = counts.values().sum();
    println!("{total} answers: {counts:#?}");
    let of_experiences = |name: &&String| !name.contains(' ') && *name != "experience_not_found";
    let decided: usize = counts.keys().filter(of_experiences).map(|name| counts[name]).sum();
    for (outcome, least) in [("bucketed", 30), ("sticky", 3), ("forced", 1)] {
        assert!(
            counts[outcome] * 100 >= decided * least,
            "{outcome}: {} of {decided}",
            counts[outcome]
        );
    }
    let met: BTreeSet<&str> = counts.keys().map(String::as_str).collect();
    for outcome in OUTCOMES {
        assert!(met.contains(outcome), "{outcome} never occurs in {counts:#?}");
    }
}

/// So many cases, or as many as `PROPTEST_CASES` says.
fn cases(count: u32) -> Config {
    let config = Config { failure_persistence: None, ..Config::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => Config { cases: count, ..config },
    }
}

/// What a context remembers of a visitor to begin with: their record, and report segments among
/// their attributes.
fn recorded(visitor: &Visitor) -> VisitorRecord {
    let mut record = visitor.read_record();
    record.merge_segments(visitor.attributes.clone().into());
    record
}

fn pairs<'c>(
    case: &'c Case,
    config: &'c ProjectConfig,
) -> impl Iterator<Item = (&'c Visitor, &'c convert_sdk::Experience)> {
    case.visitors.iter().flat_map(|one| config.experiences().iter().map(move |it| (one, it)))
}

/// Whether some audiences are asked only about visitors who are not in yet, and others always: a
/// visitor may then be let in by the former and turned away by the latter.
fn mixes_audiences(config: &ProjectConfig, experience: &convert_sdk::Experience) -> bool {
    let permanent = config.audiences_of(experience).filter(|one| one.is_permanent()).count();
    permanent > 0 && permanent < config.audiences_of(experience).count()
}

/// Copies a config with only those audiences of experiences whose `type` the closure keeps.
fn with_audiences(config: &Json, keeps: impl Fn(&mut Json) -> bool) -> Json {
    let mut config = config.clone();
    let mut gone = BTreeSet::new();
    edit_items(&mut config, "audiences", |audiences| {
        for audience in audiences {
            let id = audience.member("id").cloned().unwrap();
            if edit_member(audience, "type", |kind| !keeps(kind)).unwrap_or_default() {
                gone.insert(text_of(&id));
            }
        }
    })
    .unwrap();
    edit_items(&mut config, "experiences", |experiences| {
        for experience in experiences {
            edit_items(experience, "audiences", |ids| {
                ids.retain(|id| !gone.contains(&text_of(id)));
            });
        }
    })
    .unwrap();
    config
}

fn place_of(config: &ProjectConfig, id: &str) -> Option<usize> {
    config.experiences().iter().position(|experience| experience.id() == id)
}

/// A project with one experience of version 12 that gives each arm its parts of the traffic.
fn anchored_project(
    arms: &[(u8, bool)],
    percent_per_part: f64,
    runs: impl Fn(bool) -> bool,
) -> ProjectConfig {
    let arms = arms.iter().enumerate().map(|(index, (parts, running))| {
        let status = if runs(*running) { "running" } else { "stopped" };
        object([
            ("id", Some(Value::from(format!("arm-{index}")))),
            ("traffic_allocation", Some(Value::from(f64::from(*parts) * percent_per_part))),
            ("status", Some(status.into())),
        ])
    });
    let experience = object([
        ("id", Some("77".into())),
        ("key", Some("grows".into())),
        ("version", Some(Value::from(12))),
        ("variations", Some(Value::List(arms.collect()))),
    ]);
    load(&object([
        ("account_id", Some("1".into())),
        ("project", Some(object([("id", Some("2".into()))]))),
        ("experiences", Some(Value::from(vec![experience]))),
    ]))
}

fn assignment(config: &ProjectConfig, visitor: &str) -> Option<String> {
    let experience = config.experience("grows")?;
    let arm = experience.variation_at(experience.buckets().bucket_value(visitor))?;
    arm.id().map(str::to_owned)
}

/// Repeats the experiences of a project, under other names, until there are a hundred.
fn hundredfold(config: &Json) -> Json {
    let mut config = config.clone();
    edit_items(&mut config, "experiences", |experiences| {
        let copies = experiences.iter().cycle().take(100).cloned().enumerate();
        *experiences = copies
            .map(|(index, mut copy)| {
                for name in ["id", "key"] {
                    let text = Value::from(format!("{name}-{index}"));
                    edit_member(&mut copy, name, |value| *value = text);
                }
                copy
            })
            .collect();
    })
    .unwrap();
    config
}

/// The keys of the first experiences.
const KEYS: &[&str] = &["experience-0", "experience-1", "experience-2", "experience-3"];

/// Every outcome the generator must bring about.
const OUTCOMES: &[&str] = &[
    "bucketed",
    "sticky",
    "forced",
    "archived",
    "audience_mismatch",
    "empty_visitor_id",
    "environment_mismatch",
    "experience_not_found",
    "location_mismatch",
    "need_more_data",
    "no_data_found",
    "no_variations",
    "not_in_traffic",
    "segment_mismatch",
    "feature resolved",
    "feature feature_not_found",
    "feature feature_not_in_selected_variations",
    "goal resolved",
    "goal goal_not_found",
    "goal rule_mismatch",
    "goal need_more_data",
];
