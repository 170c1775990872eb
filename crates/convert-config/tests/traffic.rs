//! How loading lays the arms of experiences out.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use convert_config::{Layout, ProjectConfig};

/// Loads a project with one experience of these members.
fn experience(members: &str) -> ProjectConfig {
    let json = format!(
        r#"{{"account_id": "1", "project": {{"id": "2"}}, "experiences": [{{"id": "1", {members}}}]}}"#
    );
    ProjectConfig::from_json(&json).unwrap()
}

/// Lists the arms in the order in which they are tried, each with its first bucket value and the
/// one after its last.
fn walk(version: &str, arms: &str) -> Vec<(usize, u16, u16)> {
    let config = experience(&format!(r#""version": {version}, "variations": [{arms}]"#));
    let ranges = config.experiences()[0].buckets().ranges();
    ranges.map(|(range, arm)| (arm, range.start(), range.end())).collect()
}

fn arm(id: &str, allocation: &str) -> String {
    format!(r#"{{"id": "{id}", "traffic_allocation": {allocation}}}"#)
}

#[test]
fn layouts_follow_the_version() {
    let layout = |version: &str| {
        let config = experience(&format!(r#""version": {version}"#));
        config.experiences()[0].buckets().layout()
    };
    // As `Number(version) > 11` has it in the published source of the JavaScript SDK 5.0.1.
    for version in [
        "12",
        "11.5",
        "12.5",
        "\"12\"",
        "\" 12 \"",
        "\"0xc\"",
        "1e3",
        "[12]",
        "[[12]]",
        "\"Infinity\"",
    ] {
        assert_eq!(layout(version), Layout::Anchored, "{version}");
    }
    for version in [
        "11",
        "null",
        "\"11\"",
        "\"twelve\"",
        "\"12abc\"",
        "{}",
        "[]",
        "[11, 12]",
        "\"\"",
        "true",
        "-12",
    ] {
        assert_eq!(layout(version), Layout::Packed, "{version}");
    }
}

#[test]
fn packed_arms_are_walked_as_ecmascript_walks_object_members() {
    let walk = |arms: &str| walk("11", arms);
    let shuffled = [
        arm("b", "10"),
        arm("20", "10"),
        arm("010", "10"),
        arm("3", "10"),
        arm("4294967295", "10"),
    ];
    let expected =
        [(3, 0, 1000), (1, 1000, 2000), (0, 2000, 3000), (2, 3000, 4000), (4, 4000, 5000)];
    assert_eq!(walk(&shuffled.join(",")), expected);
    let repeated = [arm("a", "10"), arm("b", "20"), arm("a", "30")];
    assert_eq!(walk(&repeated.join(",")), [(0, 0, 3000), (1, 3000, 5000)]);
    let dropped =
        [arm("a", "0"), arm("b", "null"), arm("c", "-5"), arm("d", "\"\""), arm("e", "\"5\"")];
    assert_eq!(walk(&dropped.join(",")), [(4, 0, 500)]);
    assert_eq!(
        walk(r#"{"id": "a"}, {"key": "no id"}, {"id": "b", "status": "stopped"}"#),
        [(0, 0, 10000)]
    );
    let spoilt = [arm("a", "30"), arm("b", "\"much\""), arm("c", "70")];
    let reached = walk(&spoilt.join(",")).iter().filter(|(_, start, end)| start < end).count();
    assert_eq!(reached, 1, "after an allocation that is no number, no arm is chosen");
}

/// What the two functions of the published source 5.0.1 of the JavaScript SDK answer that make the
/// anchored layout, here as the bucket values of the arms.
#[test]
fn odd_allocations_in_the_anchored_layout_are_those_of_the_published_source() {
    let check = |allocations: &[&str], expected: &[(u16, u16)]| {
        let arms: Vec<String> =
            allocations.iter().enumerate().map(|(i, one)| arm(&format!("v{i}"), one)).collect();
        let expected: Vec<_> =
            expected.iter().enumerate().map(|(arm, (start, end))| (arm, *start, *end)).collect();
        assert_eq!(walk("12", &arms.join(",")), expected, "{allocations:?}");
    };
    check(&["-5", "50", "50"], &[(0, 0), (0, 4474), (4737, 9737)]);
    check(&["-50", "50", "50"], &[(0, 0), (0, 0), (0, 5000)]);
    check(&["50", "-50"], &[]);
    check(&["-1", "-1"], &[]);
    check(&["0", "0"], &[]);
    for fifty in ["50", "\"50\"", "[50]", "\"0x32\""] {
        check(&["50", fifty], &[(0, 5000), (5000, 10_000)]);
    }
    for no_number in ["\"abc\"", "{}", "[\"a\"]", "\"50%\""] {
        check(&["50", no_number], &[(0, 5000), (3334, 10_000)]);
    }
    for nothing in ["null", "[]", "\"\"", "false", "0"] {
        check(&["50", nothing], &[(0, 5000), (10_000, 10_000)]);
    }
    check(&["50", "true"], &[(0, 5000), (9804, 9904)]);
    check(&["1e308", "1e308"], &[(0, 10_000), (0, 10_000)]);
}

#[test]
fn odd_arms_in_the_anchored_layout_are_those_of_the_published_source() {
    let arms = r#"{"id": 0, "traffic_allocation": 50}, {"id": "", "traffic_allocation": 50},
        {"traffic_allocation": 50}, null, {"id": 5, "traffic_allocation": 50},
        {"id": "a", "status": "RUNNING", "traffic_allocation": 50},
        {"id": "a", "status": null, "traffic_allocation": 50},
        {"id": "a", "status": 0, "traffic_allocation": 50}"#;
    // Arm 4 is the first that has the id, and so the one it refers to.
    let expected = [(3, 0, 5000), (4, 2500, 2500), (4, 5000, 10_000), (4, 7500, 10_000)];
    assert_eq!(walk("12", arms), expected);
}

#[test]
fn an_allocation_that_is_no_number_is_reported_as_the_layout_takes_it() {
    let reason = |version: &str| {
        let arms = arm("a", "\"much\"");
        let config = experience(&format!(r#""version": {version}, "variations": [{arms}]"#));
        let diagnostic = &config.diagnostics()[0];
        assert_eq!(diagnostic.path(), "experiences[0].variations[0].traffic_allocation");
        diagnostic.reason().to_owned()
    };
    assert!(reason("11").contains("nor any later arm"), "{}", reason("11"));
    assert!(reason("12").contains("counts as 100"), "{}", reason("12"));
}

#[test]
fn the_number_0_is_no_id_of_an_arm() {
    let config = experience(r#""variations": [{"id": 0}, {"id": -0.0}, {"id": "0"}]"#);
    let experience = &config.experiences()[0];
    let ids: Vec<_> = experience.variations().iter().map(|arm| arm.id()).collect();
    assert_eq!(ids, [None, None, Some("0")]);
    assert_eq!(walk("11", r#"{"id": 0}, {"id": "0"}"#), [(1, 0, 10_000)]);
    assert_eq!(config.diagnostics().len(), 2);
}
