//! `convertctl records` on a Redis that others use, too.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::process::{Command, Stdio};

use serde_json::json;
use test_support::RedisServer;

mod support;

use support::run_with;

#[test]
fn what_other_applications_keep_is_left_alone() {
    let server = RedisServer::start(&[]);
    server.command(&["SET", "1-2-v", r#"{"goals":{"a":true},"theirs":1}"#]);
    let theirs = [("session:1", r#"{"goals":{}}"#), ("shop-2-cart", r#"{"items":[1]}"#)];
    for (key, text) in theirs {
        server.command(&["SET", key, text]);
    }
    let url = server.url();
    let delete = ["records", "delete", "--redis", &url, "--matching", "*"];
    let counted = run_with(&delete, b"");
    assert_eq!(counted.json(), json!({"matching": 1, "deleted": 0, "left": 2}));
    assert_eq!(counted.code, Some(1), "something would be left");
    let deleted = run_with(&[&delete[..], &["--yes"]].concat(), b"");
    assert_eq!(deleted.json(), json!({"matching": 1, "deleted": 1, "left": 2}));
    assert_eq!(deleted.code, Some(1));
    let keyed = "`session:1` was left alone: the key is not of the form ACCOUNT-PROJECT-VISITOR\n";
    assert!(deleted.stderr.contains(keyed), "{}", deleted.stderr);
    let shaped =
        "`shop-2-cart` was left alone: it has none of bucketing, locations, segments, goals\n";
    assert!(deleted.stderr.contains(shaped), "{}", deleted.stderr);
    for (key, text) in theirs {
        assert_eq!(server.command(&["GET", key]), text);
    }
    let set = run_with(&["records", "set", "shop-2-cart", "--redis", &url], b"{}");
    assert_eq!((set.code, &*set.stdout), (Some(1), ""), "{}", set.stderr);
}

#[test]
fn what_is_set_can_be_shown_and_set_again() {
    let server = RedisServer::start(&[]);
    let given = r#"{"theirs":1,"goals":{}}"#;
    let url = server.url();
    for replaced in [false, true] {
        let set = run_with(&["records", "set", "1-2-v", "--redis", &url], given.as_bytes());
        assert_eq!(set.json()["replaced"], json!(replaced), "{}", set.stderr);
        let got = run_with(&["records", "get", "1-2-v", "--redis", &url], b"");
        assert_eq!(got.stdout, format!("{{\"key\":\"1-2-v\",\"record\":{given}}}\n"));
    }
}

#[test]
fn a_login_that_may_not_ask_for_slots_is_shown_no_part_as_the_whole() {
    let options = ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"];
    let server = RedisServer::start(&options);
    let rights = ["ACL", "SETUSER", "some", "on", ">pw", "~*", "+@all", "-cluster|slots"];
    assert_eq!(server.command(&rights), "OK");
    let url = server.url().replace("redis://", "redis://some:pw@");
    for arguments in [&["export"][..], &["delete", "--matching", "*", "--yes"]] {
        let run = run_with(&[&["records"], arguments, &["--redis", &url]].concat(), b"");
        assert_eq!((run.code, &*run.stdout), (Some(1), ""), "{}", run.stderr);
        assert!(run.stderr.contains("CLUSTER SLOTS"), "{}", run.stderr);
    }
}

#[test]
fn what_was_left_out_counts_although_nobody_reads_the_rest() {
    let server = RedisServer::start(&[]);
    let script =
        "for i = 1, 5000 do redis.call('MSET', '1-2-v' .. i, '{}', 'theirs' .. i, '{}') end";
    server.command(&["EVAL", script, "0"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_convertctl"))
        .args(["records", "export", "--redis", &server.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
