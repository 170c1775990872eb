//! Configs that are made to hurt: long, deep and faulty all over.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::sync::Arc;

use convert_config::escape::is_escaped;
use convert_config::rule::Test;
use convert_config::{Diagnostic, ProjectConfig, Severity, Value, ValueMap, ValueRef};
use serde::de::{Deserialize as _, IntoDeserializer as _};

/// Loads a project whose root has these members besides the required ones.
fn project(members: &str) -> ProjectConfig {
    let json = format!(r#"{{"account_id": "1", "project": {{"id": "2"}}, {members}}}"#);
    ProjectConfig::from_json(&json).unwrap()
}

/// Writes a list of [`LONG`] items.
fn list(item: impl Fn(usize) -> String) -> String {
    format!("[{}]", (0..LONG).map(item).collect::<Vec<_>>().join(","))
}

/// Writes [`LONG`] members of an object.
fn members(name: impl Fn(usize) -> String, value: &str) -> String {
    let member = |index| format!(r#""{}": {value}"#, name(index));
    (0..LONG).map(member).collect::<Vec<_>>().join(",")
}

fn rules(elements: &str) -> String {
    format!(r#"{{"OR": [{{"AND": [{{"OR_WHEN": {elements}}}]}}]}}"#)
}

fn element(value: &str, operator: &str) -> String {
    format!(
        r#"{{"key": "a", "value": {value}, "matching": {{"match_type": "{operator}", "negated": false}}}}"#
    )
}

/// Anything quadratic takes these tests many minutes, after which the suite stops them.
#[test]
fn long_lists_of_entities_load() {
    let entity = |i: usize| format!(r#"{{"id": "{i}", "key": "k{i}"}}"#);
    let twins = |_: usize| r#"{"id": 1, "key": "k"}"#.to_owned();
    for kind in ["experiences", "features", "goals", "audiences", "locations", "segments"] {
        project(&format!(r#""{kind}": {}"#, list(entity)));
        project(&format!(r#""{kind}": {}"#, list(twins)));
    }
    let archived = list(|i| (i + 1).to_string());
    let json = format!(r#""archived_experiences": {archived}, "experiences": {}"#, list(entity));
    let config = project(&json);
    assert_eq!(config.experiences().iter().filter(|one| one.is_archived()).count(), LONG - 1);
}

#[test]
fn long_lists_in_an_experience_load() {
    let experience =
        |members: &str| project(&format!(r#""experiences": [{{"id": 1, {members}}}]"#));
    for version in [11, 12] {
        for arms in [
            list(|i| format!(r#"{{"id": "{i}", "traffic_allocation": 0.001}}"#)),
            list(|i| format!(r#"{{"id": "v{i}", "traffic_allocation": 0.001}}"#)),
            list(|_| r#"{"id": "twin", "traffic_allocation": 0.001}"#.to_owned()),
        ] {
            let config = experience(&format!(r#""version": {version}, "variations": {arms}"#));
            assert!(config.experiences()[0].buckets().ranges().count() > 0);
        }
    }
    let ids = list(|i| (LONG - i).to_string());
    let entities = list(|i| format!(r#"{{"id": {i}}}"#));
    let config = project(&format!(
        r#""audiences": {entities}, "locations": {entities},
        "experiences": [{{"id": 1, "audiences": {ids}, "locations": {ids}, "goals": {ids}}}]"#
    ));
    assert_eq!(config.audiences_of(&config.experiences()[0]).count(), LONG - 1);
    assert_eq!(config.locations_of(&config.experiences()[0]).count(), LONG - 1);
    experience(&members(|i| format!("m{i}"), "0"));
    experience(&members(|_| "twin".to_owned(), "0"));
}

#[test]
fn long_lists_of_changes_and_variables_load() {
    let declared = list(|i| format!(r#"{{"key": "v{i}", "type": "integer"}}"#));
    let variables = format!("{{{}}}", members(|i| format!("v{i}"), "\"7\""));
    let change = |feature: usize, variables: &str| {
        format!(
            r#"{{"type": "fullStackFeature", "data": {{"feature_id": {feature}, "variables_data": {variables}}}}}"#
        )
    };
    let carrier = |features: &str, changes: &str| {
        project(&format!(
            r#""experiences": [{{"id": 1, "variations": [{{"id": 2, "changes": {changes}}}]}}], "features": {features}"#
        ))
    };
    let config = carrier(
        &format!(r#"[{{"id": 0, "variables": {declared}}}]"#),
        &format!("[{}]", change(0, &variables)),
    );
    let cast = config.experiences()[0].variations()[0].feature_changes()[0].variables();
    assert_eq!(cast.member("v99"), Some(&Value::Integer(7)));
    let config =
        carrier(&list(|i| format!(r#"{{"id": {i}}}"#)), &list(|i| change(LONG - 1 - i, "{}")));
    assert!(config.features().iter().all(|feature| config.carriers_of(feature).count() == 1));
}

#[test]
fn long_lists_in_rules_load() {
    let audience =
        |rules: &str| project(&format!(r#""audiences": [{{"id": 1, "rules": {rules}}}]"#));
    let options = (0..LONG).map(|i| i.to_string()).collect::<Vec<_>>();
    let operands = [
        (format!("\"{}\"", options.join("|")), "isIn"),
        (format!("[{}]", options.join(",")), "isIn"),
        (format!("{{{}}}", members(|i| i.to_string(), "0")), "equals"),
    ];
    for (operand, operator) in operands {
        audience(&rules(&format!("[{}]", element(&operand, operator))));
    }
    let config = audience(&rules(&list(|i| element(&i.to_string(), "equals"))));
    assert_eq!(config.audiences()[0].rules().unwrap().elements().len(), LONG);
    audience(&format!(r#"{{"OR": {}}}"#, list(|_| r#"{"AND": []}"#.to_owned())));
}

#[test]
fn equal_patterns_are_compiled_once_and_shared() {
    let pattern = element("\"^(a|b)+$\"", "regexMatches");
    let rules = rules(&format!("[{pattern}, {pattern}]"));
    let config = project(&format!(
        r#""audiences": [{{"id": 1, "rules": {rules}}}], "goals": [{{"id": 2, "rules": {rules}}}]"#
    ));
    let audience = config.audiences()[0].rules().unwrap().elements().iter();
    let goal = config.goals()[0].rules().unwrap().elements().iter();
    let patterns: Vec<_> = audience
        .chain(goal)
        .map(|element| match element.test() {
            Test::Regex(pattern) => pattern,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(patterns.len(), 4);
    assert!(patterns.iter().all(|pattern| Arc::ptr_eq(pattern, patterns[0])));
}

#[test]
fn notes_do_not_push_warnings_out_and_what_is_left_out_is_counted() {
    let stale = list(|i| format!(r#"{{"id": "{i}", "audiences": [7]}}"#));
    let config =
        project(&format!(r#""experiences": {stale}, "goals": {}"#, list(|_| "0".to_owned())));
    let count =
        |severity| config.diagnostics().iter().filter(|one| one.severity() == severity).count();
    assert_eq!((count(Severity::Warning), count(Severity::Note)), (1_001, 1_001));
    let last: Vec<_> = config.diagnostics().iter().rev().take(2).map(Diagnostic::reason).collect();
    let rest = LONG - 1_000;
    let expected =
        [format!("{rest} more notes are left out"), format!("{rest} more warnings are left out")];
    assert_eq!(last, expected);
}

#[test]
fn diagnostics_do_not_depend_on_the_order_of_the_lists() {
    let (goals, features) = (r#""goals": [0], "#, r#""features": [1]"#);
    let (one, other) =
        (project(&[goals, features].concat()), project(&format!("{features}, {goals} \"x\": 0")));
    assert_eq!(one.diagnostics(), other.diagnostics());
    let twice = project(r#""goals": [0], "goals": []"#);
    let shown: Vec<String> = twice.diagnostics().iter().map(Diagnostic::to_string).collect();
    let repeated = "warning: goals: repeats a name of its object; the last one counts";
    assert_eq!(shown, [repeated], "what was overwritten is not looked at");
}

/// A thread with little room makes unbounded recursion fail at once.
fn with_little_room(check: fn()) {
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    #[expect(clippy::disallowed_methods, reason = "only a thread of its own has a small stack")]
    let done = thread.spawn(check).unwrap().join();
    done.unwrap();
}

fn deep(levels: usize) -> Value<'static> {
    let mut value = Value::from("x");
    for level in 0..levels {
        value = if level % 2 == 0 {
            Value::from(vec![value])
        } else {
            Value::from([("inner", value)].into_iter().collect::<ValueMap<'_>>())
        };
    }
    value
}

#[test]
fn no_value_is_deep_enough_to_exhaust_the_stack() {
    with_little_room(|| {
        let value = deep(200_000);
        assert_eq!(value, value.clone());
        assert!(value.as_view().to_text().len() < 1_000);
        assert!(!format!("{value:?}").is_empty());
        let json = serde_json::to_string(&value).unwrap();
        assert!(json.len() < 10_000, "{} bytes", json.len());
        assert_eq!(serde_json::to_value(&value).unwrap().to_string(), json);
        assert_eq!(Value::deserialize(&value).unwrap(), value);
        assert_eq!(Value::from(value.as_view()), value);
        drop(value.into_owned());
        let mut list = convert_config::ValueList::from(vec![Value::Null]);
        for _ in 0..1_000 {
            list.edit(|items| items[0] = Value::from(items.clone()));
        }
        assert_eq!(list.len(), 1);
        let mut map = ValueMap::default();
        for _ in 0..1_000 {
            map.edit(|members| {
                *members = vec![("a".into(), Value::from(ValueMap::from(members.clone())))];
            });
        }
        assert_eq!(map.len(), 1);
    });
}

#[test]
fn a_view_may_be_one_deeper_than_a_value() {
    let items = [deep(128), Value::Null];
    assert!(ValueRef::List(&items).to_text().ends_with(','));
    assert_eq!(Value::from(ValueRef::List(&items)), Value::from(items.to_vec()));
}

/// A format without a limit of its own: lists in lists, as deep as asked.
struct Nest(u32);

impl<'de> serde::Deserializer<'de> for Nest {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self.0.checked_sub(1) {
            None => visitor.visit_unit(),
            Some(inner) => visitor
                .visit_seq(serde::de::value::SeqDeserializer::new(std::iter::once(Nest(inner)))),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl serde::de::IntoDeserializer<'_, serde::de::value::Error> for Nest {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[test]
fn formats_without_a_limit_are_limited() {
    with_little_room(|| {
        assert!(Value::deserialize(Nest(128)).is_ok());
        let error = Value::deserialize(Nest(1_000_000).into_deserializer()).unwrap_err();
        assert!(error.to_string().contains("128 deep"), "{error}");
        assert!(ProjectConfig::deserialize(Nest(1_000_000)).is_err());
    });
}

/// Long enough for whatever is quadratic to take for ever.
const LONG: usize = 60_000;

/// Text that ends a line, clears a terminal, and turns the direction of what follows.
const STEERING: &str = r"a\u001b[2J\nWARN forged\u202e\u2028";

#[test]
fn control_characters_of_a_config_are_escaped_in_diagnostics_and_errors() {
    let named = project(&format!(
        r#""features": [{{"id": "{STEERING}", "variables": [{{"key": "{STEERING}", "type": "{STEERING}"}}]}}],
        "audiences": [{{"id": "{STEERING}"}}, {{"id": "{STEERING}"}}],
        "experiences": [{{"id": "{STEERING}", "audiences": ["{STEERING}x"], "variations": [
            {{"id": "{STEERING}", "changes": [{{"type": "fullStackFeature", "data":
                {{"feature_id": "{STEERING}", "variables_data": {{"{STEERING}": 1e999}}}}}}]}}]}}]"#
    ));
    assert!(named.diagnostics().iter().any(|one| one.reason().contains(r"\u{1b}[2J\nWARN")));
    for diagnostic in named.diagnostics() {
        for shown in [diagnostic.to_string(), diagnostic.path().into(), diagnostic.reason().into()]
        {
            assert!(!shown.contains(is_escaped), "{shown:?}");
        }
    }
    let error = ProjectConfig::from_json(&format!(r#"{{"error": "{STEERING}"}}"#)).unwrap_err();
    assert!(error.reason().contains(r"a\u{1b}[2J\nWARN forged\u{202e}"), "{error:?}");
    assert!(!error.to_string().contains(is_escaped));
    let config = project(&format!(
        r#""audiences": [{{"id": "1", "rules": {}}}]"#,
        rules(&format!(
            r#"[{{"rule_type": "t", "key": "{STEERING}", "value": "{STEERING}",
                "matching": {{"match_type": "{STEERING}", "negated": false}}}}]"#
        ))
    ));
    let elements = config.audiences()[0].rules().unwrap().elements();
    assert!(elements.iter().all(|element| !element.to_string().contains(is_escaped)));
    assert_eq!(elements.len(), 1);
}

#[test]
fn a_member_given_twice_counts_last_and_is_reported_with_its_path() {
    let json = r#"{"account_id": "1", "project": {"id": "2"}, "account_id": "3",
        "experiences": [{"id": "4", "key": "old", "key": "new"},
            {"id": "5", "variations": [{"id": "6", "changes": [{"data": {"a": [{"b": 1, "b": 2}]}}]}]}],
        "other": {"\u0061": 1, "a": 2}, "features": [{"id": "7", "variables": [
            {"key": "v", "type": "json"}]}]}"#;
    let paths = |config: &ProjectConfig| -> Vec<String> {
        config.diagnostics().iter().map(|one| one.path().to_owned()).collect()
    };
    let config = ProjectConfig::from_json(json).unwrap();
    let expected = [
        "account_id",
        "experiences[0].key",
        "experiences[1].variations[0].changes[0].data.a[0].b",
        "other.a",
    ];
    assert_eq!(paths(&config), expected);
    assert!(config.has_warnings());
    assert_eq!(config.account_id(), "3");
    assert!(config.experiences().by_key("new").is_some());
    let data = config.experiences()[1].variations()[0].changes()[0].data();
    assert_eq!(serde_json::to_string(data).unwrap(), r#"{"a":[{"b":2}]}"#);

    let wrapped = ProjectConfig::from_json(&format!(r#"{{"data": {json}}}"#)).unwrap();
    assert_eq!(paths(&wrapped), expected.map(|path| format!("data.{path}")));
    let replaced = json.replace("\"other\"", "\"huge\": 1e999, \"other\"");
    let replaced = ProjectConfig::from_json(&replaced).unwrap();
    assert!(expected.iter().all(|path| paths(&replaced).contains(&(*path).to_owned())));
    let without_text: ProjectConfig = serde_json::from_str(json).unwrap();
    assert_eq!(paths(&without_text), [""]);
    assert!(
        project(r#""goals": [{"id": 1}, {"id": 2, "settings": {"id": 3}}]"#)
            .diagnostics()
            .is_empty()
    );
}

#[test]
fn a_member_given_twice_in_the_text_of_a_variable_is_reported() {
    let config = project(
        r#""features": [{"id": "7", "variables": [{"key": "v", "type": "json"}]}],
        "experiences": [{"id": "1", "variations": [{"id": "2", "changes": [{"type": "fullStackFeature",
            "data": {"feature_id": "7", "variables_data": {"v": "{\"a\": 1, \"a\": 2}"}}}]}]}]"#,
    );
    let shown: Vec<String> = config.diagnostics().iter().map(Diagnostic::to_string).collect();
    assert_eq!(shown.len(), 1);
    assert!(
        shown[0].ends_with("variables_data.v: an object in it repeats a name; the last one counts")
    );
}

#[test]
fn experiences_that_repeat_an_id_too_often_have_no_variations_of_the_first_one() {
    let arms: Vec<String> = (0..100).map(|i| format!(r#"{{"id": {i}}}"#)).collect();
    let twins: Vec<String> = (0..100).map(|i| format!(r#"{{"id": 1, "key": "k{i}"}}"#)).collect();
    let config = project(&format!(
        r#""experiences": [{{"id": 1, "variations": [{}]}}, {}]"#,
        arms.join(","),
        twins.join(",")
    ));
    let arms: usize = config.experiences().iter().map(|one| one.variations().len()).sum();
    assert_eq!(arms, 200, "the first one and one copy");
    let refused = |one: &&Diagnostic| one.reason().contains("repeats an id too often");
    assert_eq!(config.diagnostics().iter().find(refused).unwrap().path(), "experiences[2]");
}
