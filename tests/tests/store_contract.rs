//! What every store of visitor records must do, whichever it is; and what merging is.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::collections::BTreeSet;

use convert_redis::RedisStore;
use convert_sdk::{DataStore, MemoryStore, RecordDelta, VisitorRecord, attributes};
use proptest::collection::vec;
use proptest::prelude::*;
use test_support::{RecordingStore, RedisServer};

const KEY: &str = "1-2-visitor";

fn json(store: &dyn DataStore, key: &str) -> String {
    serde_json::to_string(&store.load(key).unwrap().unwrap_or_default()).unwrap()
}

/// Checks one store. `threads` of them race in the end.
fn check(store: &dyn DataStore) {
    assert_eq!(store.load(KEY).unwrap(), None);
    let first = RecordDelta::new()
        .assign("10", "20")
        .enter("shop")
        .segments(attributes! { "country" => "DE" })
        .add_custom_segments(["5"])
        .reach("purchase");
    let merged = store.merge(KEY, &first).unwrap();
    assert_eq!(merged.new_goals().collect::<Vec<_>>(), ["purchase"]);
    let expected = r#"{"bucketing":{"10":"20"},"locations":["shop"],"segments":{"country":"DE","customSegments":["5"]},"goals":{"purchase":true}}"#;
    assert_eq!(serde_json::to_string(merged.record()).unwrap(), expected);
    assert_eq!(json(store, KEY), expected);

    // Applied again it changes nothing.
    let again = store.merge(KEY, &first).unwrap();
    assert_eq!((again.new_goals().count(), json(store, KEY)), (0, expected.to_owned()));

    // The first assignment wins, the last location and segment do, and goals stay.
    let second = RecordDelta::new()
        .assign("10", "21")
        .assign("11", "30")
        .leave("shop")
        .enter("bar")
        .segments(attributes! { "country" => "FR" })
        .add_custom_segments(["6", "5"])
        .reach_known_as("renamed", "purchase")
        .reach("signup");
    let merged = store.merge(KEY, &second).unwrap();
    assert_eq!(merged.new_goals().collect::<Vec<_>>(), ["signup"]);
    let expected = r#"{"bucketing":{"10":"20","11":"30"},"locations":["bar"],"segments":{"country":"FR","customSegments":["5","6"]},"goals":{"purchase":true,"signup":true}}"#;
    assert_eq!(json(store, KEY), expected);

    // A forced one overwrites.
    store.merge(KEY, &RecordDelta::new().force("10", "21")).unwrap();
    assert_eq!(store.load(KEY).unwrap().unwrap().assignment("10"), Some("21"));

    // Another visitor is another visitor, whatever their id.
    for id in ["1-2-", "1-2-zoë {x} 🎯", "1-2-{visitor}", "1-2-a\r\nb\0c"] {
        assert_eq!(store.load(id).unwrap(), None, "{id:?}");
        store.merge(id, &RecordDelta::new().assign("10", id)).unwrap();
        assert_eq!(store.load(id).unwrap().unwrap().assignment("10"), Some(id));
    }
    together(store);
    race(store);
}

/// Changes of several visitors are made as if one after another, a repeated key included.
fn together(store: &dyn DataStore) {
    assert!(store.merge_all(&[]).is_empty());
    let keys: Vec<String> = (0..100).map(|number| format!("1-2-one-of-many-{number}")).collect();
    store.merge(&keys[7], &RecordDelta::new().assign("10", "first").reach("signup")).unwrap();
    let early = RecordDelta::new().assign("10", "20").force("11", "30").reach("purchase");
    let late = RecordDelta::new().assign("10", "21").force("11", "31").enter("shop");
    let mut changes: Vec<(&str, &RecordDelta<'_>)> =
        keys.iter().map(|key| (&**key, &early)).collect();
    changes.extend([(&*keys[0], &late), (&*keys[7], &late), (&*keys[99], &late)]);
    let answers = store.merge_all(&changes);
    assert_eq!(answers, vec![Ok(()); 103]);
    let plain = r#"{"bucketing":{"10":"20","11":"30"},"goals":{"purchase":true}}"#;
    let twice =
        r#"{"bucketing":{"10":"20","11":"31"},"locations":["shop"],"goals":{"purchase":true}}"#;
    let known = r#"{"bucketing":{"10":"first","11":"31"},"locations":["shop"],"goals":{"signup":true,"purchase":true}}"#;
    for (number, key) in keys.iter().enumerate() {
        let expected = match number {
            0 | 99 => twice,
            7 => known,
            _ => plain,
        };
        assert_eq!(json(store, key), expected, "{key}");
    }
}

/// Threads race: one variation, one first goal, and no change is lost.
fn race(store: &dyn DataStore) {
    let names: Vec<String> = (0..8).map(|number| format!("name-{number}")).collect();
    let answers: Vec<(String, usize)> = std::thread::scope(|scope| {
        let racers: Vec<_> = names
            .iter()
            .map(|name| {
                scope.spawn(move || {
                    let delta = RecordDelta::new()
                        .assign("10", name)
                        .assign(name, "1")
                        .enter(name)
                        .reach("purchase");
                    let merged = store.merge("1-2-racer", &delta).unwrap();
                    let variation = merged.record().assignment("10").unwrap().to_owned();
                    (variation, merged.new_goals().count())
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let variations: BTreeSet<&str> = answers.iter().map(|(variation, _)| &**variation).collect();
    assert_eq!(variations.len(), 1, "{answers:?}");
    assert_eq!(answers.iter().map(|(_, goals)| goals).sum::<usize>(), 1, "{answers:?}");
    let record = store.load("1-2-racer").unwrap().unwrap();
    assert_eq!((record.assignments().count(), record.locations().count()), (9, 8));
}

#[test]
fn the_memory_store_keeps_the_contract() {
    check(&MemoryStore::default());
}

#[test]
fn the_recording_store_keeps_the_contract() {
    check(&RecordingStore::default());
}

#[test]
fn the_redis_store_keeps_the_contract() {
    let server = RedisServer::start(&[]);
    check(&RedisStore::builder(server.url()).build().unwrap());
    check(&RedisStore::builder(server.url()).prefix("other:").build().unwrap());
    check(&RedisStore::builder(format!("{}/3", server.url())).ttl(None).build().unwrap());
}

/// A change as random steps; few names, so that steps meet.
fn deltas() -> impl Strategy<Value = RecordDelta<'static>> {
    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    let name = || proptest::sample::select(&NAMES);
    let step = prop_oneof![
        (name(), name())
            .prop_map(|(experience, variation)| RecordDelta::new().assign(experience, variation)),
        (name(), name())
            .prop_map(|(experience, variation)| RecordDelta::new().force(experience, variation)),
        name().prop_map(|key| RecordDelta::new().enter(key)),
        name().prop_map(|key| RecordDelta::new().leave(key)),
        name().prop_map(|value| RecordDelta::new().segments(attributes! { "country" => value })),
        name().prop_map(|value| RecordDelta::new().segments(attributes! { "browser" => value })),
        name().prop_map(|id| RecordDelta::new().add_custom_segments([id])),
        (name(), name()).prop_map(|(key, id)| RecordDelta::new().reach_known_as(key, id)),
    ];
    vec(step, 0..6).prop_map(|steps| steps.into_iter().fold(RecordDelta::new(), RecordDelta::then))
}

fn after(record: &VisitorRecord, delta: &RecordDelta<'_>) -> VisitorRecord {
    delta.merge_into(record.clone()).into_record()
}

/// A record without the order of its locations, which has no meaning.
fn meaning(record: &VisitorRecord) -> (String, BTreeSet<String>) {
    let mut plain = record.clone();
    let locations: BTreeSet<String> = record.locations().map(str::to_owned).collect();
    for location in &locations {
        plain.leave(location);
    }
    (serde_json::to_string(&plain).unwrap(), locations)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn merging_twice_is_merging_once(start in deltas(), delta in deltas()) {
        let start = after(&VisitorRecord::new(), &start);
        let once = delta.merge_into(start);
        let twice = delta.merge_into(once.record().clone());
        prop_assert_eq!(once.record(), twice.record());
        prop_assert_eq!(twice.new_goals().count(), 0);
    }

    #[test]
    fn a_sum_is_one_after_the_other(start in deltas(), first in deltas(), second in deltas()) {
        let start = after(&VisitorRecord::new(), &start);
        let apart = after(&after(&start, &first), &second);
        let together = after(&start, &first.clone().then(second.clone()));
        prop_assert_eq!(meaning(&apart), meaning(&together));
    }

    #[test]
    fn sums_may_be_built_in_any_grouping(
        start in deltas(), first in deltas(), second in deltas(), third in deltas(),
    ) {
        let start = after(&VisitorRecord::new(), &start);
        let left = first.clone().then(second.clone()).then(third.clone());
        let right = first.then(second.then(third));
        prop_assert_eq!(meaning(&after(&start, &left)), meaning(&after(&start, &right)));
    }

    #[test]
    fn the_first_assignment_wins_unless_a_later_one_is_forced(
        variations in vec(("[a-c]", proptest::bool::ANY), 1..8),
    ) {
        let mut record = VisitorRecord::new();
        let mut expected: Option<&str> = None;
        for (variation, is_forced) in &variations {
            let delta = RecordDelta::new();
            let delta =
                if *is_forced { delta.force("10", variation) } else { delta.assign("10", variation) };
            record = after(&record, &delta);
            if *is_forced || expected.is_none() {
                expected = Some(variation);
            }
        }
        prop_assert_eq!(record.assignment("10"), expected);
    }

    #[test]
    fn a_goal_is_new_to_exactly_one_of_many(deltas in vec(deltas(), 1..6)) {
        let mut record = VisitorRecord::new();
        let mut counted = Vec::new();
        for delta in &deltas {
            let merged = delta.merge_into(record);
            counted.extend(merged.new_goals().map(str::to_owned));
            record = merged.into_record();
        }
        let distinct: BTreeSet<&String> = counted.iter().collect();
        prop_assert_eq!(distinct.len(), counted.len());
        prop_assert_eq!(record.goals().count(), counted.len());
    }
}
