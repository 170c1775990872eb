//! `convertctl records` where a login may not use every key, and where answers are lost.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use serde_json::json;
use test_support::{LossyProxy, RedisServer};

mod support;

use support::{Run, run_with};

fn records(url: &str, arguments: &[&str], input: &str) -> Run {
    let (action, rest) = arguments.split_first().unwrap();
    run_with(&[&["records", action, "--redis", url], rest].concat(), input.as_bytes())
}

fn fill(server: &RedisServer, count: usize) {
    let script = format!("for i = 1, {count} do redis.call('SET', '1-2-v' .. i, '{{}}') end");
    server.command(&["EVAL", &script, "0"]);
}

#[test]
fn one_key_that_a_login_may_not_use_costs_itself_alone() {
    let server = RedisServer::start(&[]);
    fill(&server, 1_200);
    server.command(&["SET", "0-0-theirs", "{}"]);
    let rights = ["ACL", "SETUSER", "some", "on", ">pw", "~1-2-*", "+@all"];
    assert_eq!(server.command(&rights), "OK");
    let url = server.url().replace("redis://", "redis://some:pw@");
    let why = format!(
        "the store denies access to the record: 127.0.0.1:{} does not let this login use this key \
         (NOPERM)",
        server.port()
    );

    let exported = records(&url, &["export"], "");
    assert_eq!((exported.code, exported.json_lines().len()), (Some(1), 1_200));
    assert_eq!(exported.stderr, format!("convertctl: `0-0-theirs` was left out: {why}\n"));

    let keys: Vec<String> = (1..=1_200).map(|number| format!("1-2-v{number}")).collect();
    let keys = keys.iter().map(String::as_str);
    let named: Vec<&str> = ["delete", "0-0-theirs"].into_iter().chain(keys).collect();
    let deleted = records(&url, &named, "");
    assert_eq!((deleted.code, deleted.json()), (Some(1), json!({"deleted": 1_200})));
    assert_eq!(deleted.stderr, format!("convertctl: `0-0-theirs` was not deleted: {why}\n"));

    for key in ["1-2-a", "1-2-b"] {
        server.command(&["SET", key, "{}"]);
    }
    let matching = records(&url, &["delete", "--matching", "*", "--yes"], "");
    assert_eq!(matching.json(), json!({"matching": 2, "deleted": 2, "left": 1}));
    assert_eq!(matching.code, Some(1));
}

#[test]
fn a_change_whose_answer_is_lost_may_have_been_made() {
    let server = RedisServer::start(&[]);
    let may = "closed the connection; it may have been carried out all the same";
    for (arguments, input, word, exists) in [
        (&["set", "1-2-v"][..], "{}", "NX", "1"),
        (&["delete", "1-2-v"], "", "DEL", "0"),
        (&["delete", "--matching", "*", "--yes"], "", "DEL", "0"),
    ] {
        if arguments[0] == "delete" {
            server.command(&["SET", "1-2-v", "{}"]);
        }
        let proxy = LossyProxy::start(server.port(), word, 2);
        let url = format!("redis://127.0.0.1:{}", proxy.port());
        let run = records(&url, arguments, input);
        assert_eq!(run.code, Some(1), "{arguments:?}");
        assert!(run.stderr.ends_with(&format!("{may}\n")), "{arguments:?}: {}", run.stderr);
        assert_eq!(server.command(&["EXISTS", "1-2-v"]), exists);
    }
    // Nothing can have been stored where what is there was not even read.
    let proxy = LossyProxy::start(server.port(), "GETRANGE", 2);
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let run = records(&url, &["set", "1-2-v"], "{}");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.ends_with("closed the connection\n"), "{}", run.stderr);
}
