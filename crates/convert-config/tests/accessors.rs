//! What small accessors, conversions and messages return.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use convert_config::pattern::Pattern;
use convert_config::{Identified, Layout, ProjectConfig, Value, ValueRef};
use serde_json::json;

fn project(extra: &serde_json::Value) -> ProjectConfig {
    let mut config = json!({"account_id": "1", "project": {"id": "2"}});
    for (name, value) in extra.as_object().unwrap() {
        config[name] = value.clone();
    }
    ProjectConfig::from_json(&config.to_string()).unwrap()
}

#[test]
fn an_experience_lists_its_goals_and_names_its_layout() {
    let experience = |version: u32| {
        json!({"id": "3", "key": "e", "version": version, "goals": ["9", "7"],
            "variations": [{"id": "30"}]})
    };
    for (version, layout) in [(11, "packed"), (12, "anchored")] {
        let config = project(&json!({"experiences": [experience(version)]}));
        let found = config.experiences().by_id("3").unwrap();
        assert_eq!(found.goal_ids().collect::<Vec<_>>(), ["9", "7"]);
        assert_eq!(found.buckets().layout().name(), layout);
    }
    assert_ne!(Layout::Packed.name(), Layout::Anchored.name());
}

#[test]
fn a_catalog_is_iterated_in_the_order_of_the_config() {
    let config = project(&json!({"goals": [{"id": "9"}, {"id": "7"}]}));
    let mut ids = Vec::new();
    for goal in config.goals() {
        ids.push(goal.id());
    }
    assert_eq!(ids, ["9", "7"]);
}

#[test]
fn an_option_becomes_its_value_or_null() {
    assert_eq!(Value::from(Some(5)).as_view(), ValueRef::Integer(5));
    assert_eq!(Value::from(None::<i32>).as_view(), ValueRef::Null);
}

#[test]
fn a_condition_is_shown_with_its_operand_as_json() {
    for (operand, shown) in [
        (json!("FR"), r#"country equals "FR""#),
        (json!("a\"b"), r#"country equals "a\"b""#),
        (json!("a\\b"), r#"country equals "a\\b""#),
        (json!("\""), r#"country equals "\"""#),
        (json!("\\"), r#"country equals "\\""#),
        (json!(5), "country equals 5"),
    ] {
        let element = json!({"rule_type": "generic_text_key_value", "key": "country",
            "value": operand, "matching": {"match_type": "equals", "negated": false}});
        let rules = json!({"OR": [{"AND": [{"OR_WHEN": [element]}]}]});
        let config = project(&json!({"audiences": [{"id": "5", "rules": rules}]}));
        let rules = config.audiences()[0].rules().unwrap();
        assert_eq!(rules.elements().first().unwrap().to_string(), shown);
    }
}

#[test]
fn the_second_half_of_a_pair_in_a_group_name_is_an_escape_of_its_own() {
    assert!(Pattern::compile(r"(?<\uD835\uDC00>a)").is_ok());
    assert!(Pattern::compile(r"(?<\uD835\xDC00>a)").is_err());
    assert!(Pattern::compile(r"(?<\uD835xuDC00>a)").is_err());
}

#[test]
fn entities_that_an_experience_refers_to_are_found_in_the_order_of_the_config() {
    let rules = json!({"OR": [{"AND": [{"OR_WHEN": [{"rule_type": "generic_text_key_value",
        "key": "k", "value": "v", "matching": {"match_type": "equals"}}]}]}]});
    let entity = |id: &str| json!({"id": id, "key": id, "rules": rules});
    let config = project(&json!({
        "audiences": [entity("50"), entity("51"), entity("52")],
        "locations": [entity("60"), entity("61")],
        "segments": [entity("40"), entity("41")],
        "features": [{"id": "70", "key": "banner", "name": "Banner"}],
        "experiences": [{"id": "3", "key": "e", "audiences": ["51", "52", "40"],
            "locations": ["61"], "variations": [{"id": "30"}]}]}));
    let experience = config.experiences().by_id("3").unwrap();
    assert!(config.audiences_of(experience).map(Identified::id).eq(["51", "52"]));
    assert!(config.segments_of(experience).map(Identified::id).eq(["40"]));
    assert!(config.locations_of(experience).map(Identified::id).eq(["61"]));
    assert_eq!(config.features()[0].name(), Some("Banner"));
}
