//! `convertctl records` on a real Redis.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use test_support::{RedisServer, wait_until};

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
    let server = RedisServer::start(&[]);
    let missing = records(&server, &["get", "1-2-v"]);
    assert_eq!((missing.code, &*missing.stdout), (Some(1), ""));
    assert_eq!(missing.stderr, "convertctl: there is no record `1-2-v`\n");
    let record = json!({"bucketing": {"3": "30"}, "theirs": [1]});
    let set = records_with(&server, &["set", "1-2-v"], &record.to_string());
    let shown = records(&server, &["get", "1-2-v"]);
    assert_eq!((set.code, shown.code), (Some(0), Some(0)));
    assert_eq!(shown.json(), json!({"key": "1-2-v", "record": record}));
    assert_eq!(set.json(), json!({"key": "1-2-v", "record": record, "replaced": false}));
    assert_eq!(server.command(&["GET", "1-2-v"]), record.to_string());
    let deleted = records(&server, &["delete", "1-2-v", "1-2-w"]);
    assert_eq!(deleted.json(), json!({"deleted": 1}));
    assert_eq!(server.command(&["DBSIZE"]), "0");
    let wrong = records_with(&server, &["set", "1-2-v"], "[1]");
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("standard input is no record"), "{}", wrong.stderr);
}

#[test]
fn records_are_exported_and_deleted_by_pattern() {
    let server = RedisServer::start(&[]);
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
    assert_eq!(exported.stderr, "convertctl: `1-2-broken` was left out: it is no record in JSON\n");
    assert_eq!(exported.code, Some(1));
    let some = records(&server, &["export", "--prefix", "shop*", "--matching", "1-2-v1*"]);
    assert_eq!(some.json_lines().len(), 4);
    let pattern = ["delete", "--prefix", "shop*", "--matching", "1-2-v1*"];
    let counted = records(&server, &pattern);
    assert_eq!(counted.json(), json!({"matching": 4, "deleted": 0, "left": 0}));
    assert_eq!(server.command(&["DBSIZE"]), "15");
    let deleted = records(&server, &[&pattern[..], &["--yes"]].concat());
    assert_eq!(deleted.json(), json!({"matching": 4, "deleted": 4, "left": 0}));
    assert_eq!(server.command(&["DBSIZE"]), "11");
}

#[test]
fn troubles_are_told_without_the_address() {
    let mut server = RedisServer::start(&[]);
    server.kill();
    let refused = records(&server, &["get", "1-2-v"]);
    let expected = format!(
        "convertctl: the store is unavailable: could not connect to 127.0.0.1:{}: ",
        server.port()
    );
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.starts_with(&expected), "{}", refused.stderr);
    let wrong = run(&["records", "get", "k", "--redis", "http://user:secret@host"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("not a Redis URL") && !wrong.stderr.contains("secret"));
    let none = run(&["records", "get", "k"]);
    assert!(none.code == Some(2) && none.stderr.contains("--redis <URL>"), "{}", none.stderr);
}

#[test]
fn what_get_and_export_print_can_be_set_again() {
    let server = RedisServer::start(&[]);
    let stored = [
        (
            "1-2-v",
            r#"{"bucketing":{"3":"30"},"segments":{"country":"DE"},"goals":{"a":true},"z":[1]}"#,
        ),
        ("1-2-order", r#"{"z": 1, "a": {"y": 1e2, "b": 2}, "goals": {"b": true, "a": true}}"#),
        ("1-2-cut", r#"{"segments":{"campaign":"x\ud83d"},"bucketing":{"3":"30"}}"#),
        ("1-2-é \"q\"", r"{}"),
    ];
    for (key, text) in stored {
        assert_eq!(server.command(&["SET", key, text]), "OK");
    }
    for (key, text) in stored {
        let got = records(&server, &["get", key]);
        let key_as_json = json!(key);
        assert_eq!(got.stdout, format!("{{\"key\":{key_as_json},\"record\":{text}}}\n"));
        let set = records_with(&server, &["set", key], &got.stdout);
        assert_eq!((set.code, &*set.stderr), (Some(0), ""));
        assert!(set.stdout.ends_with(",\"replaced\":true}\n"), "{}", set.stdout);
        assert_eq!(server.command(&["GET", key]), text);
        let other = records_with(&server, &["set", "1-2-other"], &set.stdout);
        assert_eq!((other.code, &*other.stdout), (Some(1), ""));
        assert!(other.stderr.contains("standard input is no record: it is the one of"));
    }
    let exported = records(&server, &["export"]);
    assert_eq!((exported.code, exported.stdout.lines().count()), (Some(0), stored.len()));
}

#[test]
fn what_is_refused_is_not_stored() {
    let server = RedisServer::start(&[]);
    let long = " ".repeat((4 << 20) + 1);
    for (input, why) in [
        ("", "standard input is no record: it is empty"),
        (&*long, "standard input cannot be read: it is longer than 4 MiB"),
        (
            r#"{"bucketing":{"3":30}}"#,
            r#"standard input is no record: the SDK would make {"bucketing":{"3":"30"}} of it"#,
        ),
    ] {
        let set = records_with(&server, &["set", "1-2-v"], input);
        assert_eq!((set.code, &*set.stdout), (Some(1), ""));
        assert_eq!(set.stderr, format!("convertctl: {why}\n"));
    }
    assert_eq!(server.command(&["DBSIZE"]), "0");
}

#[test]
fn a_record_that_is_replaced_keeps_its_time_to_live() {
    let server = RedisServer::start(&[]);
    let days = |key: &str| match server.command(&["TTL", key]).parse::<i64>().unwrap() {
        -1 => -1,
        seconds => (seconds + 86_399) / 86_400,
    };
    let set = |arguments: &[&str]| {
        let run = records_with(&server, &[&["set"], arguments].concat(), "{}");
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.json()["replaced"] == json!(true)
    };
    server.command(&["SET", "1-2-p", "{}"]);
    assert!(set(&["1-2-p"]));
    assert_eq!(days("1-2-p"), -1);
    server.command(&["SET", "1-2-v", "{}", "EX", "100"]);
    assert!(set(&["1-2-v", "--ttl", "never"]));
    assert_eq!(days("1-2-v"), 1);
    assert!(!set(&["1-2-new"]) && !set(&["1-2-short", "--ttl", "30"]));
    assert!(!set(&["1-2-ever", "--ttl", "never"]));
    assert_eq!((days("1-2-new"), days("1-2-short"), days("1-2-ever")), (180, 30, -1));
    let wrong = records_with(&server, &["set", "1-2-v", "--ttl", "0"], "{}");
    assert!(wrong.code == Some(2) && wrong.stderr.contains("days from 1"), "{}", wrong.stderr);
}

#[test]
fn what_is_no_visitor_record_is_left_alone() {
    let server = RedisServer::start(&[]);
    let keys = ["1-2-hash", "1-2-set", "1-2-text", "1-2-list", "1-2-long", r"1-2-\255"];
    server.command(&["HSET", keys[0], "a", "1"]);
    server.command(&["SADD", keys[1], "1"]);
    server.command(&["SET", keys[2], "x"]);
    server.command(&["SET", keys[3], "[]"]);
    let long = "redis.call('SET', '1-2-long', string.rep(' ', 1048576) .. '{}')";
    server.command(&["EVAL", long, "0"]);
    server.command(&["EVAL", r"redis.call('SET', '1-2-\255', '{}')", "0"]);
    server.command(&["SET", "1-2-v", "{}"]);

    let exported = records(&server, &["export"]);
    assert_eq!((exported.code, exported.json_lines().len()), (Some(1), 1));
    let left = |how: &str, run: &Run| {
        for (key, why) in [
            (keys[0], "holds no text under this key (WRONGTYPE)"),
            (keys[2], "it is no record in JSON"),
            (keys[3], "it is no record in JSON"),
            (keys[4], "it is longer than 1 MiB"),
            (r"1-2-\xff", "the key is no UTF-8"),
        ] {
            let line = run.stderr.lines().find(|line| line.contains(&format!("`{key}`"))).unwrap();
            assert!(line.contains(how) && line.ends_with(why), "{line}");
        }
        assert!(run.stderr.contains(&format!("6 keys were {how}\n")), "{}", run.stderr);
    };
    left("left out", &exported);
    let deleted = records(&server, &["delete", "--matching", "*", "--yes"]);
    assert_eq!(deleted.json(), json!({"matching": 1, "deleted": 1, "left": 6}));
    assert_eq!((deleted.code, &*server.command(&["DBSIZE"])), (Some(1), "6"));
    left("left alone", &deleted);

    for key in &keys[..5] {
        let set = records_with(&server, &["set", key], "{}");
        assert_eq!((set.code, &*set.stdout), (Some(1), ""), "{key}: {}", set.stderr);
        assert!(set.stderr.contains("no visitor record: "), "{}", set.stderr);
    }
    assert_eq!(server.command(&["TYPE", keys[0]]), "hash");
    for key in ["sess:1", "1-2", "1-2-", "-2-v", "1--v"] {
        let set = records_with(&server, &["set", "--", key], "{}");
        assert!(set.code == Some(1) && set.stderr.contains("ACCOUNT-PROJECT"), "{}", set.stderr);
    }
    // Whoever names a key means it.
    assert_eq!(records(&server, &["delete", keys[0]]).json(), json!({"deleted": 1}));
}

#[test]
fn what_others_store_while_a_record_is_corrected_is_not_undone() {
    let server = RedisServer::start(&[]);
    server.command(&["SET", "1-2-v", r#"{"bucketing":{"3":"30"}}"#]);
    let url = server.url();
    let theirs = r#"{"bucketing":{"3":"30"},"goals":{"bought":true}}"#;
    let meanwhile = || {
        let mut child = Command::new(env!("CARGO_BIN_EXE_convertctl"))
            .args(["records", "set", "1-2-v", "--redis", &url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let has_read = || server.command(&["INFO", "commandstats"]).contains("cmdstat_getrange:");
        assert!(wait_until(Duration::from_secs(30), has_read));
        server.command(&["SET", "1-2-v", theirs]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(br#"{"bucketing":{"3":"31"}}"#).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    };
    let output = meanwhile();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "convertctl: `1-2-v` has changed meanwhile, so nothing was stored\n";
    assert_eq!(said, expected);
    assert_eq!(server.command(&["GET", "1-2-v"]), theirs);
}

#[test]
fn what_is_deleted_is_counted_although_some_cannot_be() {
    let server = RedisServer::start(&[]);
    for key in ["1-2-k1", "1-2-v5", "1-2-k6"] {
        server.command(&["SET", key, "{}"]);
    }
    let rights = ["ACL", "SETUSER", "some", "on", ">pw", "~1-2-k*", "+@all"];
    assert_eq!(server.command(&rights), "OK");
    let url = server.url().replace("redis://", "redis://some:pw@");
    let deleted = run(&["records", "delete", "--redis", &url, "1-2-k1", "1-2-v5", "1-2-k6"]);
    assert_eq!((deleted.code, deleted.json()), (Some(1), json!({"deleted": 2})));
    let why = format!(
        "the store denies access to the record: 127.0.0.1:{} does not let this login use this key \
         (NOPERM)",
        server.port()
    );
    assert_eq!(deleted.stderr, format!("convertctl: `1-2-v5` was not deleted: {why}\n"));
}

#[test]
fn keys_show_no_password_and_steer_no_terminal() {
    let server = RedisServer::start(&[]);
    for action in ["get", "set"] {
        let none =
            run(&["records", action, "redis://:sec-ret-x@127.0.0.1", "--redis", &server.url()]);
        assert!(none.code == Some(1) && !none.stderr.contains("ret"), "{}", none.stderr);
    }
    let steering = records(&server, &["get", "1-2-v\nconvertctl: all\u{9b}2J"]);
    let expected = "convertctl: there is no record `1-2-v\\nconvertctl: all\\u{9b}2J`\n";
    assert_eq!(steering.stderr, expected);
    server.command(&["SET", "1-2-\u{9b}31m", "{\"goals\":{},\"a\":\"\u{7f}\"}"]);
    let exported = records(&server, &["export"]);
    assert_eq!(
        exported.stdout,
        "{\"key\":\"1-2-\\u009b31m\",\"record\":{\"goals\":{},\"a\":\"\\u007f\"}}\n"
    );
}

#[test]
fn yes_alone_is_wrong_usage() {
    let wrong = run(&["records", "delete", "1-2-v", "--yes", "--redis", "redis://127.0.0.1:1"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("--yes goes with --matching alone"), "{}", wrong.stderr);
}

#[test]
fn a_part_of_a_cluster_is_not_taken_for_all_of_it() {
    let options = ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"];
    let server = RedisServer::start(&options);
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
    let server = RedisServer::start(&[]);
    let alone = records(&server, &["export", "--cluster"]);
    assert!(
        alone.stderr.contains("the server reports no slots (CLUSTER SLOTS)"),
        "{}",
        alone.stderr
    );
}
