//! Ways of writing one config that decide alike.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::fmt::Write as _;

use convert_sdk::{ProjectConfig, Text, Value, ValueList};
use convert_tests::generate::{
    Answers, Case, Json, Shape, case, edit_items, edit_member, load, text_of,
};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// A member of an object.
type Member = (Text<'static>, Json);

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn unknown_fields_are_ignored(case in case(Shape::ANY)) {
        let changed = rewrite(&case.config, &|members| {
            members.insert(0, ("_unknown".into(), Value::from(vec![1, 2])));
            members.push(("rule".into(), Value::Map([("OR", "x")].into_iter().collect())));
        });
        check_silently(&case, &text_of(&changed));
    }

    #[test]
    fn the_order_of_members_does_not_matter(case in case(Shape::ANY), turn in 0_usize..9) {
        let changed = rewrite(&case.config, &|members| {
            let turn = turn.checked_rem(members.len()).unwrap_or_default();
            members.rotate_left(turn);
            if turn % 2 == 0 { members.reverse() }
        });
        check(&case, &text_of(&changed));
    }

    #[test]
    fn ids_may_be_numbers(case in case(Shape::ANY), mixed: bool) {
        let toggle = std::cell::Cell::new(false);
        let changed = rewrite(&case.config, &|members| {
            for (name, value) in members {
                if ID_FIELDS.contains(&&**name) {
                    toggle.set(!toggle.get());
                    if !mixed || toggle.get() {
                        as_numbers(value);
                    }
                }
            }
        });
        prop_assert!(text_of(&changed).contains(r#""id":100"#) || mixed);
        check_silently(&case, &text_of(&changed));
    }

    #[test]
    fn assignments_in_a_record_may_be_numbers(case in case(Shape::ANY)) {
        let config = load(&case.config);
        for visitor in &case.visitors {
            let mut twin = visitor.clone();
            edit_member(&mut twin.record, "bucketing", |pairs| {
                let Value::Map(pairs) = pairs else { return };
                pairs.edit(|pairs| pairs.iter_mut().for_each(|(_, arm)| as_numbers(arm)));
            });
            prop_assert_eq!(Answers::of(&twin, &config), Answers::of(visitor, &config));
        }
    }

    #[test]
    fn null_counts_as_absent(case in case(Shape::ANY)) {
        let root = rewrite(&case.config, &|members| {
            let names: &[&str] = if has(members, "account_id") {
                ROOT_FIELDS
            } else if has(members, "variations") && has(members, "id") {
                EXPERIENCE_FIELDS
            } else if has(members, "matching_options") {
                &["split", "matching"]
            } else if has(members, "changes") {
                &["status", "name"]
            } else if has(members, "match_type") || has(members, "OR") {
                &[]
            } else if has(members, "matching") {
                &["key", "rule_type"]
            } else if has(members, "id") {
                &["rules", "type", "name", "variables", "settings"]
            } else {
                &[]
            };
            for name in names {
                if !has(members, name) {
                    members.push(((*name).into(), Value::Null));
                }
            }
        });
        check_silently(&case, &text_of(&root));
    }

    #[test]
    fn empty_lists_may_be_left_out(case in case(Shape::ANY)) {
        let changed = rewrite(&case.config, &|members| {
            // An operand is no list of entities: leaving it out breaks the element.
            let is_empty = |value: &Json| matches!(value, Value::List(items) if items.is_empty());
            members.retain(|(name, value)| name == "value" || !is_empty(value));
        });
        let emptied = rewrite(&changed, &|members| {
            if has(members, "id") && has(members, "key") && !has(members, "changes") {
                members.push(("changes".into(), Value::List(ValueList::default())));
            }
        });
        // An empty level of a rule tree is as good as a missing one: it holds for nobody.
        check(&case, &text_of(&changed));
        check(&case, &text_of(&emptied));
    }

    #[test]
    fn a_wrapper_and_a_byte_order_mark_are_taken_off(case in case(Shape::ANY)) {
        let flat = text_of(&case.config);
        check(&case, &format!("\u{feff}{flat}"));
        check(&case, &format!("{{\"data\": {flat}}}"));
        check(&case, &format!("\u{feff} {{\"status\": 200, \"data\": {flat}}}\r\n"));
    }

    #[test]
    fn white_space_and_escapes_are_not_content(case in case(Shape::ANY)) {
        let document: serde_json::Value = serde_json::from_str(&text_of(&case.config)).unwrap();
        check(&case, &serde_json::to_string_pretty(&document).unwrap());
        check(&case, &escape_all(&text_of(&case.config)));
    }

    #[test]
    fn a_config_from_a_value_is_the_config_from_its_text(case in case(Shape::ANY)) {
        let document: serde_json::Value = serde_json::from_str(&text_of(&case.config)).unwrap();
        let read: ProjectConfig = serde_json::from_value(document).unwrap();
        let config = load(&case.config);
        for visitor in &case.visitors {
            prop_assert_eq!(Answers::of(visitor, &read), Answers::of(visitor, &config));
        }
        // Members may come in another order, which shows in no path.
        let faults = |config: &ProjectConfig| {
            let mut faults: Vec<_> = config.diagnostics().iter().map(ToString::to_string).collect();
            faults.sort();
            faults
        };
        prop_assert_eq!(faults(&read), faults(&config));
    }

    #[test]
    fn the_name_of_an_experience_is_not_part_of_the_decision(case in case(Shape::ANY)) {
        let mut changed = case.config.clone();
        edit_items(&mut changed, "experiences", |experiences| {
            for experience in experiences {
                for (name, value) in [("name", "Other"), ("status", "paused"), ("type", "deploy")] {
                    add(experience, name, Value::from(value));
                }
            }
        })
        .unwrap();
        check(&case, &text_of(&changed));
    }
}

/// A control: the comparison notices changes that do matter.
#[test]
fn what_matters_is_noticed() {
    use proptest::strategy::ValueTree as _;

    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut noticed = 0;
    for _ in 0..50 {
        let case = case(Shape::ANY).new_tree(&mut runner).unwrap().current();
        let changed = rewrite(&case.config, &|members| {
            members.retain(|(name, _)| name != "audiences" && name != "environment");
        });
        let (config, changed) = (load(&case.config), load(&changed));
        let differs = |visitor| Answers::of(visitor, &config) != Answers::of(visitor, &changed);
        noticed += usize::from(case.visitors.iter().any(differs));
    }
    assert!(noticed >= 10, "{noticed} of 50");
}

/// Checks that every visitor is answered the same from `text` as from the case's config.
fn check(case: &Case, text: &str) {
    let (expected, found) = (load(&case.config), ProjectConfig::from_json(text).unwrap());
    for visitor in &case.visitors {
        assert_eq!(Answers::of(visitor, &found), Answers::of(visitor, &expected), "{visitor:?}");
    }
}

/// Checks that the answers are the same, and that loading has no more and no less to say.
fn check_silently(case: &Case, text: &str) {
    let (expected, found) = (load(&case.config), ProjectConfig::from_json(text).unwrap());
    assert_eq!(found.diagnostics(), expected.diagnostics());
    check(case, text);
}

/// Copies a config with every object changed, but for those that are values to compare or hand on.
fn rewrite(document: &Json, change: &dyn Fn(&mut Vec<Member>)) -> Json {
    match document {
        Value::List(items) => Value::List(items.iter().map(|item| rewrite(item, change)).collect()),
        Value::Map(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(name, value)| {
                    let is_opaque = matches!(&**name, "value" | "variables_data");
                    let value = if is_opaque { value.clone() } else { rewrite(value, change) };
                    (name.clone(), value)
                })
                .collect();
            change(&mut members);
            Value::Map(members.into())
        }
        other => other.clone(),
    }
}

fn has(members: &[Member], name: &str) -> bool {
    members.iter().any(|(known, _)| known == name)
}

/// Sets a member of an object.
fn add(document: &mut Json, name: &'static str, value: Json) {
    if let Value::Map(members) = document {
        members.edit(|members| members.push((name.into(), value)));
    }
}

/// Turns ids that are numbers into JSON numbers, lists of them included.
fn as_numbers(value: &mut Json) {
    match value {
        Value::List(items) => items.edit(|items| items.iter_mut().for_each(as_numbers)),
        Value::Text(text) => {
            if let Ok(number) = text.parse::<u32>() {
                *value = Value::from(number);
            }
        }
        _ => {}
    }
}

/// Writes everything outside ASCII, and every letter of a name or text, as an escape.
fn escape_all(json: &str) -> String {
    let mut escaped = String::new();
    let (mut in_text, mut is_escaped) = (false, false);
    for c in json.chars() {
        match c {
            '"' if !is_escaped => {
                in_text = !in_text;
                escaped.push(c);
            }
            _ if in_text && !is_escaped && c != '\\' => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    write!(escaped, "\\u{unit:04x}").unwrap();
                }
            }
            _ => escaped.push(c),
        }
        is_escaped = in_text && c == '\\' && !is_escaped;
    }
    escaped
}

fn cases(count: u32) -> Config {
    let config = Config { failure_persistence: None, ..Config::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => Config { cases: count, ..config },
    }
}

/// The members that hold an id or a list of ids, but for audiences, which at the root are objects.
const ID_FIELDS: &[&str] =
    &["account_id", "id", "audiences", "locations", "archived_experiences", "feature_id", "goals"];
const ROOT_FIELDS: &[&str] = &["is_debug", "_s_t", "segments", "goals", "archived_experiences"];
const EXPERIENCE_FIELDS: &[&str] = &[
    "environment",
    "locations",
    "site_area",
    "audiences",
    "goals",
    "settings",
    "version",
    "status",
    "type",
    "name",
];
