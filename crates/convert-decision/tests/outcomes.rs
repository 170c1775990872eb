//! What a decision says of itself: variation, source, bucket, and whether it is new.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use convert_config::ProjectConfig;
use convert_decision::{CallOptions, Decision, Evaluation, NoopObserver, Source, VisitorRecord};

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
