//! Loading takes work in proportion to the bytes of a config, however it is made.
//!
//! Work is what the SDK counts (things visited, compared, moved or written) and the bytes it allocates.
//! Every case is loaded at two sizes: four times the bytes may take little more than four times the
//! work.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use allocation_counter::measure;
use convert_config::work::counted;
use convert_sdk::{Attributes, ProjectConfig};

/// Makes a config of about `n` parts.
type Case = fn(n: usize) -> String;

/// Makes the pattern with a number.
type Source = fn(usize) -> String;

#[derive(Debug, Clone, Copy)]
struct Work {
    bytes: f64,
    steps: f64,
    allocated: f64,
}

#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
fn work_of(bytes: usize, run: impl FnOnce()) -> Work {
    let before = counted();
    let allocated = measure(run).bytes_total;
    let steps = counted() - before;
    Work { bytes: bytes as f64, steps: steps as f64, allocated: allocated as f64 }
}

fn load(json: &str) -> Work {
    work_of(json.len(), || drop(ProjectConfig::from_json(json).unwrap()))
}

fn check(name: &str, small: Work, large: Work) {
    let growth = large.bytes / small.bytes;
    let is_linear = |small: f64, large: f64| large <= 1.4 * growth * small + 20_000.0;
    assert!(is_linear(small.steps, large.steps), "{name}: {small:?} {large:?}");
    assert!(is_linear(small.allocated, large.allocated), "{name}: {small:?} {large:?}");
    // A thousand diagnostics of half a kilobyte are written whatever the size.
    assert!(large.steps <= 20.0 * large.bytes + 1_000_000.0, "{name}: {large:?}");
    assert!(large.allocated <= 150.0 * large.bytes + 1_000_000.0, "{name}: {large:?}");
}

fn check_all(cases: &[(&str, Case)]) {
    for (name, case) in cases {
        let small = case(500);
        let large = case(2_000);
        check(name, load(&small), load(&large));
    }
}

fn project(members: &str) -> String {
    format!(r#"{{"account_id": "1", "project": {{"id": "2"}}, {members}}}"#)
}

fn list(n: usize, item: impl FnMut(usize) -> String) -> String {
    format!("[{}]", (0..n).map(item).collect::<Vec<_>>().join(","))
}

fn rules(branches: usize, blocks: usize, elements: usize, element: &str) -> String {
    let block = format!(r#"{{"OR_WHEN": {}}}"#, list(elements, |_| element.to_owned()));
    let branch = format!(r#"{{"AND": {}}}"#, list(blocks, |_| block.clone()));
    project(&format!(
        r#""audiences": [{{"id": 1, "rules": {{"OR": {}}}}}]"#,
        list(branches, |_| branch.clone())
    ))
}

/// One audience whose block has these elements.
fn any_of(elements: &str) -> String {
    project(&format!(
        r#""audiences": [{{"id": 1, "rules": {{"OR": [{{"AND": [{{"OR_WHEN": {elements}}}]}}]}}}}]"#
    ))
}

fn element(operator: &str, value: &str) -> String {
    format!(
        r#"{{"key": "a", "value": {value}, "matching": {{"match_type": "{operator}", "negated": false}}}}"#
    )
}

/// Ids of sixteen bytes that a fold of their halves without a seed sends to one 256th of a table.
fn colliding_ids(n: usize) -> Vec<String> {
    const KEYS: (u64, u64) = (0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344);
    let falls_together = |id: &String| {
        let half = |at: usize| u64::from_le_bytes(id.as_bytes()[at..at + 8].try_into().unwrap());
        let one = half(8) ^ KEYS.0;
        let other = half(0) ^ 16 ^ KEYS.1;
        let product = u128::from(one) * u128::from(other);
        #[expect(clippy::cast_possible_truncation, reason = "the halves are folded together")]
        let folded = product as u64 ^ (product >> 64) as u64;
        (folded ^ folded >> 32) & 0xFFF < 16
    };
    (0_u64..).map(|i| format!("{i:016}")).filter(falls_together).take(n).collect()
}

const KINDS: [&str; 6] = ["experiences", "features", "goals", "audiences", "locations", "segments"];

#[test]
fn lists_of_entities_are_linear() {
    check_all(&[
        ("distinct", |n| {
            let all = list(n, |i| format!(r#"{{"id": "{i}", "key": "k{i}"}}"#));
            project(&KINDS.map(|kind| format!(r#""{kind}": {all}"#)).join(","))
        }),
        ("twins", |n| {
            let all = list(n, |_| r#"{"id": 1, "key": "k"}"#.to_owned());
            project(&KINDS.map(|kind| format!(r#""{kind}": {all}"#)).join(","))
        }),
        ("archived", |n| {
            let archived = list(n, |i| i.to_string());
            let all = list(n, |i| format!(r#"{{"id": "{i}"}}"#));
            project(&format!(r#""archived_experiences": {archived}, "experiences": {all}"#))
        }),
        ("no entities", |n| project(&format!(r#""goals": {}"#, list(n, |_| "0".to_owned())))),
    ]);
}

#[test]
fn ids_that_collide_without_a_seed_are_linear() {
    check_all(&[
        ("ids", |n| {
            let mut ids = colliding_ids(n).into_iter();
            project(&format!(
                r#""goals": {}"#,
                list(n, |_| format!(r#"{{"id": "{}"}}"#, ids.next().unwrap()))
            ))
        }),
        ("keys", |n| {
            let mut ids = colliding_ids(n).into_iter();
            project(&format!(
                r#""experiences": {}"#,
                list(n, |i| format!(r#"{{"id": 1{i}, "key": "{}"}}"#, ids.next().unwrap()))
            ))
        }),
    ]);
}

#[test]
fn experiences_and_what_they_refer_to_are_linear() {
    check_all(&[
        ("variations", |n| {
            let arms = list(n, |i| format!(r#"{{"id": "{i}", "traffic_allocation": 0.01}}"#));
            project(&format!(r#""experiences": [{{"id": 1, "variations": {arms}}}]"#))
        }),
        ("twin variations", |n| {
            let arms = list(n, |_| r#"{"id": 7, "traffic_allocation": 0.01}"#.to_owned());
            project(&format!(
                r#""experiences": [{{"id": 1, "version": 12, "variations": {arms}}}]"#
            ))
        }),
        ("repeated experiences", |n| {
            let arms = list(n, |i| format!(r#"{{"id": {i}}}"#));
            let first = format!(r#"{{"id": 1, "key": "first", "variations": {arms}}}"#);
            let twins = (0..n).map(|i| format!(r#"{{"id": 1, "key": "k{i}"}}"#));
            let all: Vec<String> = std::iter::once(first).chain(twins).collect();
            project(&format!(r#""experiences": [{}]"#, all.join(",")))
        }),
        ("repeated experiences with one large change", |n| {
            let data = "x".repeat(20 * n);
            let first = format!(
                r#"{{"id": 1, "variations": [{{"id": 1, "changes": [{{"data": "{data}"}}]}}]}}"#
            );
            let twins = (0..n).map(|i| format!(r#"{{"id": 1, "key": "k{i}"}}"#));
            let all: Vec<String> = std::iter::once(first).chain(twins).collect();
            project(&format!(r#""experiences": [{}]"#, all.join(",")))
        }),
        ("audiences, locations and segments of an experience", |n| {
            let all = list(n, |i| format!(r#"{{"id": "{i}"}}"#));
            let segments = list(n, |i| format!(r#"{{"id": "s{i}"}}"#));
            let ids = list(n, |i| format!("\"{}\"", n - i));
            project(&format!(
                r#""audiences": {all}, "locations": {all}, "segments": {segments},
                "experiences": [{{"id": 1, "audiences": {ids}, "locations": {ids}, "goals": {ids}}}]"#
            ))
        }),
        ("features of experiences", |n| {
            let features = list(n, |i| format!(r#"{{"id": {i}}}"#));
            let experiences = list(n, |i| {
                let change = format!(
                    r#"{{"type": "fullStackFeature", "data": {{"feature_id": {}}}}}"#,
                    n - 1 - i
                );
                format!(r#"{{"id": 1{i}, "variations": [{{"id": 1, "changes": [{change}]}}]}}"#)
            });
            project(&format!(r#""features": {features}, "experiences": {experiences}"#))
        }),
        ("changes of a variation", |n| {
            let change =
                |_| r#"{"type": "fullStackFeature", "data": {"feature_id": 7}}"#.to_owned();
            let changes = list(n, change);
            project(&format!(
                r#""features": [{{"id": 7}}],
                "experiences": [{{"id": 1, "variations": [{{"id": 1, "changes": {changes}}}]}}]"#
            ))
        }),
        ("variables", |n| {
            let declared = list(n, |i| format!(r#"{{"key": "v{i}", "type": "integer"}}"#));
            let given = (0..n).map(|i| format!(r#""v{i}": "7""#)).collect::<Vec<_>>().join(",");
            project(&format!(
                r#""features": [{{"id": 7, "variables": {declared}}}], "experiences": [{{"id": 1,
                "variations": [{{"id": 1, "changes": [{{"type": "fullStackFeature", "data":
                {{"feature_id": 7, "variables_data": {{{given}}}}}}}]}}]}}]"#
            ))
        }),
    ]);
}

#[test]
fn rules_are_linear_at_every_level() {
    check_all(&[
        ("OR", |n| rules(n, 1, 1, &element("equals", "1"))),
        ("empty OR", |n| rules(n, 0, 0, "")),
        ("AND", |n| rules(1, n, 1, &element("equals", "1"))),
        ("empty AND", |n| rules(1, n, 0, "")),
        ("OR_WHEN", |n| rules(1, 1, n, &element("equals", "1"))),
        ("different elements", |n| {
            any_of(&list(n, |i| element("equals", &format!("\"value {i}\""))))
        }),
        ("infinite constants", |n| any_of(&list(n, |_| element("equals", "1e999")))),
        ("isIn", |n| {
            let options: Vec<String> =
                (0..n).map(|i| format!("a long option {i} of many")).collect();
            any_of(&list(1, |_| element("isIn", &format!("\"{}\"", options.join("|")))))
        }),
        ("exclusions", |n| {
            let audience = |i| {
                format!(
                    r#"{{"id": {i}, "rules": {{"OR": [{{"AND": [{{"OR_WHEN": [
                    {{"rule_type": "bucketed_into_experience_key", "value": "k",
                    "matching": {{"match_type": "equals", "negated": true}}}}]}}]}}]}}}}"#
                )
            };
            project(&format!(
                r#""experiences": [{{"id": 1, "key": "k"}}], "audiences": {}"#,
                list(n, audience)
            ))
        }),
    ]);
}

#[test]
fn patterns_are_linear_and_bounded_in_total() {
    let of = |n: usize, source: fn(usize) -> String| {
        any_of(&list(n, |i| element("regexMatches", &serde_json::to_string(&source(i)).unwrap())))
    };
    let cases: [(&str, Source); 4] = [
        ("linear", |i| format!("^page{i}$")),
        ("backtracking", |i| format!("(?!x)page{i}")),
        ("heavy", |i| format!(r"[\w\s-]{{1,200}}{i}")),
        ("names", |i| (0..40).fold(String::new(), |all, name| format!("{all}(?<n{name}>{i})"))),
    ];
    for (name, source) in cases {
        let small = of(40, source);
        let large = of(160, source);
        let (small, large) = (load(&small), load(&large));
        assert!(large.steps <= 5.0 * small.steps + 20_000.0, "{name}: {small:?} {large:?}");
        // A program of the linear engine is large, and their sum is what the budget bounds.
        assert!(large.allocated <= 1e9, "{name}: {large:?}");
    }
}

#[test]
fn names_and_texts_are_linear() {
    check_all(&[
        ("one name in one object", |n| {
            let members = vec![r#""twin": 0"#; n].join(",");
            project(&format!(r#""goals": [{{"id": 1, "settings": {{{members}}}}}]"#))
        }),
        ("one name at the root", |n| project(&vec![r#""goals": []"#; n].join(","))),
        ("many names", |n| {
            let members: Vec<String> = (0..n).map(|i| format!(r#""n{i}": 0"#)).collect();
            project(&format!(r#""goals": [{{"id": 1, "settings": {{{}}}}}]"#, members.join(",")))
        }),
        ("many objects that repeat a name", |n| {
            project(&format!(r#""goals": {}"#, list(n, |i| format!(r#"{{"id": {i}, "id": {i}}}"#))))
        }),
        ("repeated names below a long one", |n| {
            let long = "x".repeat(10 * n);
            let twins = list(n, |_| r#"{"a": 0, "a": 1}"#.to_owned());
            project(&format!(r#""project_settings": {{"{long}": {twins}}}"#))
        }),
        ("replaced numbers below a long name", |n| {
            let long = format!("\\n{}", "x".repeat(10 * n));
            project(&format!(r#""other": {{"{long}": {}}}"#, list(n, |_| "1e999".to_owned())))
        }),
        ("escapes", |n| project(&format!(r#""other": "{}""#, r"\ud800\u0041".repeat(n)))),
        ("digits", |n| project(&format!(r#""other": {}, "is_debug": 1e999"#, "9".repeat(10 * n)))),
        ("nesting", |n| {
            let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
            project(&format!(r#""other": {}"#, list(n / 10, |_| deep.clone())))
        }),
        ("long operators", |n| {
            let long = "x".repeat(n);
            any_of(&list(50, |i| element(&format!("{long}{i}"), "1")))
        }),
    ]);
}

#[test]
fn attributes_set_one_by_one_are_linear() {
    let set = |n: usize| {
        // From the last name to the first, so that each new one comes before the others.
        let names: Vec<String> = (0..n).rev().map(|i| format!("{i:08}")).collect();
        let mut attributes = Attributes::new();
        let work = work_of(8 * n, || {
            for name in &names {
                attributes.insert(name, 1);
                attributes.merge([(name.as_str(), 2)].into());
            }
        });
        assert_eq!(attributes.len(), n);
        work
    };
    let (small, large) = (set(1_000), set(4_000));
    assert!(large.steps <= 5.0 * small.steps, "{small:?} {large:?}");
    assert!(large.allocated <= 5.0 * small.allocated, "{small:?} {large:?}");
}
