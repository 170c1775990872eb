//! `convertctl records` on a real Redis.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use serde_json::json;
use test_support::RedisServer;

mod support;

use support::{Run, run, run_with};

fn records(server: &RedisServer, arguments: &[&str]) -> Run {
    records_with(server, arguments, "")
}

fn records_with(server: &RedisServer, arguments: &[&str], input: &str) -> Run {
    let url = server.url();
    let (action, rest) = arguments.split_first().unwrap();
    run_with(&[&["records", action, "--redis", &url], rest].concat(), input.as_bytes())
}

#[test]
fn a_record_is_set_shown_and_removed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let missing = records(&server, &["get", "1-2-v"]);
    assert_eq!((missing.code, &*missing.stdout), (Some(1), ""));
    assert_eq!(missing.stderr, "convertctl: there is no record `1-2-v`\n");
    let record = json!({"bucketing": {"3": "30"}, "theirs": [1]});
    let set = records_with(&server, &["set", "1-2-v"], &record.to_string());
    let shown = records(&server, &["get", "1-2-v"]);
    assert_eq!((set.code, shown.code), (Some(0), Some(0)));
    assert_eq!(shown.json(), json!({"key": "1-2-v", "record": record}));
    assert_eq!(set.json(), shown.json());
    assert_eq!(server.command(&["GET", "1-2-v"]), record.to_string());
    let deleted = records(&server, &["delete", "1-2-v", "1-2-w"]);
    assert_eq!(deleted.json(), json!({"deleted": 1}));
    assert_eq!(server.command(&["DBSIZE"]), "0");
    let wrong = records_with(&server, &["set", "1-2-v"], "[1]");
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("standard input is no record"), "{}", wrong.stderr);
}

#[test]
fn what_would_be_lost_is_refused_and_named() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for (record, path) in [
        (json!({"bucketing": ["30"]}), "$.bucketing"),
        (json!({"bucketing": {"3": "30", "4": []}, "locations": 5}), "$.locations"),
        (json!({"bucketing": {"3": "30", "4": {"id": "40"}}}), "$.bucketing.4"),
        (json!({"goals": {"a": true, "b": "yes"}}), "$.goals.b"),
        (json!({"goals": ["a"]}), "$.goals"),
        (json!({"segments": {"country": "DE", "plan": "gold"}}), "$.segments.plan"),
        (json!({"locations": ["a", {"key": "b"}]}), "$.locations[1]"),
    ] {
        let set = records_with(&server, &["set", "1-2-v"], &record.to_string());
        assert_eq!((set.code, &*set.stdout), (Some(1), ""), "{record}");
        let expected =
            format!("convertctl: standard input is no record: what is at {path} would be lost\n");
        assert_eq!(set.stderr, expected, "{record}");
    }
    assert_eq!(server.command(&["DBSIZE"]), "0");
    let record = json!({
        "bucketing": {"3": 30}, "goals": {"a": true, "b": false}, "locations": ["a", "a"],
        "segments": {}, "theirs": {"n": [null, {"deep": 1}]},
    });
    let set = records_with(&server, &["set", "1-2-v"], &record.to_string());
    let kept = json!({
        "bucketing": {"3": "30"}, "goals": {"a": true}, "locations": ["a"],
        "theirs": {"n": [null, {"deep": 1}]},
    });
    assert_eq!((set.code, set.json()["record"].clone()), (Some(0), kept), "{}", set.stderr);
}

#[test]
fn records_are_exported_and_deleted_by_pattern() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for number in 0..13 {
        let key = format!("shop*1-2-v{number}");
        server.command(&["SET", &key, r#"{"goals":{"a":true}}"#]);
    }
    server.command(&["SET", "shop*1-2-broken", "no record"]);
    server.command(&["SET", "shopX1-2-foreign", "{}"]);
    let exported = records(&server, &["export", "--prefix", "shop*"]);
    let mut lines = exported.json_lines();
    lines.sort_by_key(|line| line["key"].as_str().map(str::to_owned));
    assert_eq!(lines.len(), 13);
    assert_eq!(lines[0], json!({"key": "1-2-v0", "record": {"goals": {"a": true}}}));
    assert_eq!(exported.stderr, "convertctl: 1 keys hold no visitor record and were left out\n");
    let some = records(&server, &["export", "--prefix", "shop*", "--matching", "1-2-v1*"]);
    assert_eq!(some.json_lines().len(), 4);
    let pattern = ["delete", "--prefix", "shop*", "--matching", "1-2-v1*"];
    let counted = records(&server, &pattern);
    assert_eq!(counted.json(), json!({"matching": 4, "deleted": 0}));
    assert_eq!(server.command(&["DBSIZE"]), "15");
    let deleted = records(&server, &[&pattern[..], &["--yes"]].concat());
    assert_eq!(deleted.json(), json!({"deleted": 4}));
    assert_eq!(server.command(&["DBSIZE"]), "11");
}

#[test]
fn troubles_are_told_without_the_address() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    server.kill();
    let refused = records(&server, &["get", "1-2-v"]);
    let expected = "convertctl: the store is unavailable: the connection was refused\n";
    assert_eq!((refused.code, &*refused.stderr), (Some(1), expected));
    let wrong = run(&["records", "get", "k", "--redis", "http://user:secret@host"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("no Redis URL") && !wrong.stderr.contains("secret"));
    let none = run(&["records", "get", "k"]);
    assert!(none.code == Some(2) && none.stderr.contains("--redis <URL>"), "{}", none.stderr);
}

#[test]
fn a_part_of_a_cluster_is_not_taken_for_all_of_it() {
    let options = ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"];
    let Some(server) = RedisServer::start(&options) else { return };
    let own = |from: u16, to: u16| {
        let slots: Vec<String> = (from..to).map(|slot| slot.to_string()).collect();
        let slots: Vec<&str> = slots.iter().map(String::as_str).collect();
        assert_eq!(server.command(&[&["CLUSTER", "ADDSLOTS"], &slots[..]].concat()), "OK");
    };
    let refused = |arguments: &[&str], why: &str| {
        let run = records(&server, arguments);
        assert_eq!((run.code, &*run.stdout), (Some(1), ""), "{arguments:?}");
        assert_eq!(run.stderr, format!("convertctl: the store is unavailable: {why}\n"));
    };
    for slots in [0, 8_191] {
        if slots > 0 {
            own(0, slots);
        }
        for arguments in [&["export"][..], &["delete", "--matching", "*", "--yes"]] {
            refused(arguments, "the server belongs to a cluster: add --cluster");
            let with = [arguments, &["--cluster"]].concat();
            refused(&with, "some slots of the cluster have no server");
        }
    }
    own(8_191, 16_384);
    for arguments in [&["export"][..], &["export", "--cluster"]] {
        let all = records(&server, arguments);
        assert_eq!((all.code, &*all.stderr), (Some(0), ""));
    }
    let Some(server) = RedisServer::start(&[]) else { return };
    let alone = records(&server, &["export", "--cluster"]);
    assert!(alone.stderr.contains("the server tells nothing of a cluster"), "{}", alone.stderr);
}
