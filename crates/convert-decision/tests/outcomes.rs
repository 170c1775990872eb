//! What a decision says of itself: variation, source, bucket, and whether it is new.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use convert_config::ProjectConfig;
use convert_decision::{
    Attributes, CallOptions, Decision, Evaluation, Explanation, NoopObserver, Segments, Source,
    VisitorRecord,
};

fn project() -> ProjectConfig {
    ProjectConfig::from_json(
        r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [{"id": "3", "key": "e",
            "variations": [{"id": "30", "key": "a"}, {"id": "31", "key": "b", "traffic_allocation": 0}]}]}"#,
    )
    .unwrap()
}

type Facts<'c> = (Option<&'c str>, Source, Option<u16>, bool, Option<(&'c str, &'c str)>);

fn facts(decision: Decision<'_>) -> Facts<'_> {
    (
        decision.variation().id(),
        decision.source(),
        decision.bucket_value(),
        decision.is_new(),
        decision.assignment(),
    )
}

fn decide<'c>(
    config: &'c ProjectConfig,
    record: &VisitorRecord,
    forced: Option<&str>,
) -> Decision<'c> {
    let options = CallOptions::new().force_variation(forced);
    let evaluation = Evaluation::new(config, "visitor-1").record(record).options(&options);
    evaluation.decide_by_key("e", &mut NoopObserver).unwrap()
}

#[test]
fn a_bucketed_decision_is_new_and_names_its_bucket() {
    let config = project();
    let (id, source, bucket, is_new, assignment) =
        facts(decide(&config, &VisitorRecord::new(), None));
    assert_eq!(
        (id, source, is_new, assignment),
        (Some("30"), Source::Bucketed, true, Some(("3", "30")))
    );
    assert_eq!(bucket, Some(convert_bucketing::bucket_value("3", "visitor-1")));
}

#[test]
fn a_remembered_decision_is_not_new_and_has_no_bucket() {
    let config = project();
    let mut record = VisitorRecord::new();
    record.assign("3", "31");
    let expected = (Some("31"), Source::Sticky, None, false, None);
    assert_eq!(facts(decide(&config, &record, None)), expected);
    // Forcing what the visitor has already changes nothing.
    assert_eq!(facts(decide(&config, &record, Some("31"))), expected);
}

#[test]
fn a_forced_decision_is_new_where_it_changes_the_variation() {
    let config = project();
    let mut record = VisitorRecord::new();
    let expected = (Some("31"), Source::Forced, None, true, Some(("3", "31")));
    assert_eq!(facts(decide(&config, &record, Some("31"))), expected);
    record.assign("3", "30");
    assert_eq!(facts(decide(&config, &record, Some("31"))), expected);
    // An id that the experience does not have is as good as none.
    let unknown = facts(decide(&config, &record, Some("39")));
    assert_eq!(unknown, (Some("30"), Source::Sticky, None, false, None));
}

#[test]
fn a_decision_yields_to_the_variation_that_another_writer_has_assigned() {
    let config = project();
    let decision = decide(&config, &VisitorRecord::new(), None);
    let before = facts(decision);
    let yielded = (Some("31"), Source::Sticky, None, false, None);
    assert_eq!(facts(decision.yield_to("31")), yielded);
    assert_eq!(facts(decision.yield_to("30")), before);
    assert_eq!(facts(decision.yield_to("39")), before);
}

#[test]
fn explained_outcomes_are_equal_where_variation_source_and_bucket_are() {
    let config = project();
    let explained = |record: &VisitorRecord, visitor: &str, forced: Option<&str>| {
        let options = CallOptions::new().force_variation(forced);
        let evaluation = Evaluation::new(&config, visitor).record(record).options(&options);
        Explanation::of_experience(&evaluation, "e").outcome().cloned().unwrap()
    };
    let none = VisitorRecord::new();
    let mut remembered = VisitorRecord::new();
    remembered.assign("3", "30");
    let bucketed = explained(&none, "visitor-1", None);
    assert_eq!(bucketed, explained(&none, "visitor-1", None));
    // Another bucket of the same variation, another source, and another variation.
    assert_ne!(bucketed, explained(&none, "visitor-2", None));
    let sticky = explained(&remembered, "visitor-1", None);
    let forced = explained(&none, "visitor-1", Some("30"));
    assert_ne!(sticky, forced);
    assert_ne!(forced, explained(&none, "visitor-1", Some("31")));
}

#[test]
fn a_visitor_leaves_one_location_alone() {
    let mut record = VisitorRecord::new();
    record.enter("shop");
    record.enter("blog");
    record.leave("shop");
    assert_eq!(record.locations().collect::<Vec<_>>(), ["blog"]);
}

#[test]
fn segments_take_memory_for_their_names_and_their_values() {
    let bytes = |name: &str, value: &str| {
        Segments::from(Attributes::from([(name, value)])).approximate_bytes()
    };
    let country = bytes("country", "FR");
    assert!(country > "countryFR".len(), "{country}");
    assert_eq!(bytes("country", &"x".repeat(1_000)) - country, 998);
    assert_eq!(bytes("campaign", "FR") - country, 1);
}
