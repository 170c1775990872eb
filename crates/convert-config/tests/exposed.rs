//! What a loaded config tells of the fields that have no part in decisions.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use convert_config::{Experience, Identified, ProjectConfig, Value, ValueList};

#[test]
fn every_documented_field_can_be_read() {
    let config = ProjectConfig::from_json(
        r#"{"account_id": "1", "is_debug": true, "_s_t": "2026-06-11 10:37:58Z",
            "project": {"id": "2", "name": "Shop", "type": "fullstack", "utc_offset": "3600", "settings": {
                "version": "2026-06-11T00:00:13+00:00-334", "do_not_track": "EU ONLY",
                "global_privacy_control": "OFF", "data_anonymization": true, "placeholders": []}},
            "goals": [{"id": "3", "type": "revenue", "settings": {"triggering_type": "manual"}}, {"id": "4"}],
            "audiences": [{"id": "5", "type": "permanent"}, {"id": "6", "type": "transient"}, {"id": "7"}],
            "locations": [{"id": "8", "trigger": {"type": "upon_run"}}, {"id": "9", "trigger": null}]}"#,
    )
    .unwrap();
    assert!(config.is_debug());
    assert_eq!(config.served_at(), Some("2026-06-11 10:37:58Z"));
    assert_eq!((config.kind(), config.name()), (Some("fullstack"), Some("Shop")));
    let settings = config.settings();
    assert_eq!(settings.version(), config.version());
    assert_eq!(settings.do_not_track(), Some("EU ONLY"));
    assert_eq!(settings.global_privacy_control(), Some("OFF"));
    assert!(settings.data_anonymization());
    assert_eq!(
        settings.as_value().member("placeholders"),
        Some(&Value::List(ValueList::default()))
    );
    let manual = config.goals()[0].settings().member("triggering_type");
    assert_eq!(manual.and_then(Value::as_str), Some("manual"));
    assert!(config.goals()[1].settings().is_null());
    let kinds: Vec<_> =
        config.audiences().iter().map(|one| (one.kind(), one.is_permanent())).collect();
    assert_eq!(kinds, [(Some("permanent"), true), (Some("transient"), false), (None, false)]);
    let trigger = config.locations()[0].trigger().member("type");
    assert_eq!(trigger.and_then(Value::as_str), Some("upon_run"));
    assert!(config.locations()[1].trigger().is_null());
    let noted = config.diagnostics().iter().map(convert_config::Diagnostic::reason);
    assert!(noted.eq(["missing, so nobody matches"; 5]), "{:?}", config.diagnostics());
}

#[test]
fn absent_fields_have_their_defaults() {
    let config = ProjectConfig::from_json(r#"{"account_id": 1, "project": {"id": 2}}"#).unwrap();
    assert!(!config.is_debug() && config.served_at().is_none() && config.kind().is_none());
    let settings = config.settings();
    assert!(settings.as_value().is_null() && !settings.data_anonymization());
    assert_eq!((settings.do_not_track(), settings.global_privacy_control()), (None, None));
}

#[test]
fn a_later_experience_with_the_key_of_another_is_reached_by_its_id_alone() {
    let config = ProjectConfig::from_json(
        r#"{"account_id": "1", "project": {"id": "2"}, "features": [{"id": 7}], "experiences": [
            {"id": 1, "key": "hero"}, {"id": 2, "key": "hero", "variations": [{"id": 20, "changes": [
                {"type": "fullStackFeature", "data": {"feature_id": 7}}]}]},
            {"id": 3, "key": null}, {"id": 4, "key": null}]}"#,
    )
    .unwrap();
    assert_eq!(config.experience("hero").map(Identified::id), Some("1"));
    assert!(config.experience("2").is_some_and(Experience::is_shadowed));
    let all: Vec<_> =
        config.experiences().iter().filter(|one| !one.is_shadowed()).map(Identified::id).collect();
    assert_eq!(all, ["1", "3", "4"]);
    assert_eq!(config.carriers_of(&config.features()[0]).count(), 0);
}
