//! The published JavaScript SDK and this one take turns on the same visitors, through one Redis.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use convert_redis::RedisStore;
use convert_sdk::{Context, Core, SdkConfig, VisitorRecord, attributes};
use serde_json::{Value, json};
use test_support::{RecordingTransport, RedisServer};

/// The JavaScript SDK as a program that plays one call a line.
struct JavaScript {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl JavaScript {
    fn start(installed: &Path, port: u16) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/js/records.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .arg(installed)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        JavaScript { child, input, output }
    }

    /// Plays a call for a visitor, with a traffic split of its own.
    fn play(&mut self, visitor: &str, call: Value) -> Value {
        let mut call = call;
        call["visitor"] = json!(visitor);
        call["config"] = project(90);
        writeln!(self.input.as_mut().unwrap(), "{call}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn run(&mut self, visitor: &str) -> Option<String> {
        let answer = self.play(visitor, json!({"run": "split", "location": {"path": "/shop"}}));
        answer["variation"].as_str().map(str::to_owned)
    }

    /// Converts, and returns how many events that makes.
    fn convert(&mut self, visitor: &str, goal: &str) -> usize {
        let answer = self.play(visitor, json!({"convert": goal}));
        answer["events"].as_array().unwrap().len()
    }
}

impl Drop for JavaScript {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

/// This SDK, with the other traffic split.
struct Rust {
    core: Core,
}

impl Rust {
    fn start(server: &RedisServer) -> Self {
        let store = RedisStore::builder(server.url()).timeout(Duration::from_secs(60)).build();
        let config = SdkConfig::from_json(&project(10).to_string())
            .unwrap()
            .environment("staging")
            .data_store(store.unwrap())
            .transport_impl(RecordingTransport::default())
            .tracking(true);
        Rust { core: Core::initialize(config).unwrap() }
    }

    /// Lets a visitor do something, and waits until it is written.
    fn with<T>(&self, visitor: &str, act: impl FnOnce(&Context) -> T) -> T {
        let context =
            self.core.create_context(visitor).with_location(attributes! { "path" => "/shop" });
        let done = act(&context);
        self.core.flush(Duration::from_secs(60)).unwrap();
        done
    }

    fn run(&self, visitor: &str) -> Option<String> {
        self.with(visitor, |context| {
            context.run_experience("split").map(|got| got.variation_id().to_owned())
        })
    }

    fn convert(&self, visitor: &str, goal: &str) -> bool {
        self.with(visitor, |context| context.track_conversion(goal).is_queued())
    }
}

fn element(key: &str, value: &str) -> Value {
    json!({"rule_type": "generic_text_key_value", "key": key, "value": value,
        "matching": {"match_type": "equals", "negated": false}})
}

fn rules(key: &str, value: &str) -> Value {
    json!({"OR": [{"AND": [{"OR_WHEN": [element(key, value)]}]}]})
}

fn project(split: u32) -> Value {
    let settings = json!({"matching_options": {"audiences": "any", "locations": "any"}});
    let arms = json!([
        {"id": "30", "key": "a", "traffic_allocation": split, "changes": []},
        {"id": "31", "key": "b", "traffic_allocation": 100 - split, "changes": []}]);
    let experience = |id: &str, key: &str, audiences: Value, locations: Value| {
        json!({"id": id, "key": key, "environment": "staging", "settings": settings,
            "audiences": audiences, "locations": locations, "variations": arms})
    };
    json!({
        "account_id": "1", "project": {"id": "2"},
        "audiences": [{"id": "50", "key": "french", "type": "transient", "rules": rules("country", "FR")}],
        "locations": [{"id": "60", "key": "shop", "name": "Shop", "rules": rules("path", "/shop")}],
        "segments": [{"id": "40", "key": "buyers", "rules": rules("plan", "pro")},
            {"id": "41", "key": "readers", "rules": rules("plan", "free")}],
        "goals": [{"id": "91", "key": "purchase"}, {"id": "92", "key": "signup"}],
        "experiences": [
            experience("3", "split", json!([]), json!(["60"])),
            experience("4", "french", json!(["50"]), json!([]))],
    })
}

/// Returns where `cargo xtask test` has installed the JavaScript SDK.
fn installed() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let here = executable.ancestors().map(|folder| folder.join("js"));
    let named = std::env::var_os("CONVERT_JS_SDK").map(PathBuf::from);
    let found = named
        .into_iter()
        .chain(here)
        .find(|folder| folder.join("node_modules/@convertcom/js-sdk").is_dir());
    found.expect("the JavaScript SDK is not installed; `cargo xtask test` installs it")
}

fn both() -> (RedisServer, JavaScript, Rust) {
    let installed = installed();
    let server = RedisServer::start(&[]);
    let (javascript, rust) = (JavaScript::start(&installed, server.port()), Rust::start(&server));
    (server, javascript, rust)
}

fn stored(server: &RedisServer, visitor: &str) -> Value {
    serde_json::from_str(&server.command(&["GET", &format!("1-2-{visitor}")])).unwrap()
}

#[test]
fn each_keeps_the_others_assignments() {
    let (_server, mut javascript, rust) = both();
    let mut differ = 0;
    for number in 0..30 {
        let (first, second) = (format!("js-{number}"), format!("rust-{number}"));
        let got = javascript.run(&first);
        assert_eq!(rust.run(&first), got);
        let own = rust.run(&second);
        assert_eq!(javascript.run(&second), own);
        assert_eq!(rust.run(&second), own);
        // Left alone, the two splits give most visitors different variations.
        let fresh = rust.core.create_context(&*first).with_record(VisitorRecord::default());
        let fresh = fresh.with_location(attributes! { "path" => "/shop" });
        differ += u32::from(
            fresh.run_experience("split").map(|got| got.variation_id().to_owned()) != got,
        );
    }
    assert!(differ > 10, "{differ}");
}

#[test]
fn each_keeps_what_the_other_forced() {
    let (_server, mut javascript, rust) = both();
    let options = convert_sdk::RunOptions::new().force_variation("31");
    rust.with("v", |context| context.run_experience_with("split", &options).map(drop)).unwrap();
    assert_eq!(javascript.run("v").as_deref(), Some("31"));
    assert_eq!(rust.run("v").as_deref(), Some("31"));
}

#[test]
fn a_goal_counts_once_whoever_reports_it() {
    let (server, mut javascript, rust) = both();
    assert_eq!(javascript.convert("v", "purchase"), 1);
    assert!(!rust.convert("v", "purchase"));
    assert!(rust.convert("v", "signup"));
    assert_eq!(javascript.convert("v", "signup"), 0);
    assert!(!rust.convert("v", "signup"));
    assert_eq!(stored(&server, "v")["goals"], json!({"purchase": true, "signup": true}));
}

#[test]
fn segments_pass_both_ways() {
    let (server, mut javascript, rust) = both();
    javascript.play("v", json!({"attributes": {"country": "DE"}}));
    javascript.play("v", json!({"segments": {"browser": "firefox"}}));
    javascript.play("v", json!({"custom": ["buyers"], "rule": {"plan": "pro"}}));
    let seen = rust.with("v", |context| {
        let seen = serde_json::to_value(context.visitor_record().segments()).unwrap();
        let plan = [("plan", "free".into())];
        let options = convert_sdk::RunOptions::new().attributes(&plan);
        context.set_segments(attributes! { "country" => "FR" });
        assert_eq!(context.run_custom_segments_with(&["readers"], &options).unwrap(), ["41"]);
        seen
    });
    assert_eq!(seen, json!({"browser": "firefox", "country": "DE", "customSegments": ["40"]}));
    let expected = json!({"browser": "firefox", "country": "FR", "customSegments": ["40", "41"]});
    assert_eq!(stored(&server, "v")["segments"], expected);
    // The audience asks for the country that the other SDK has stored.
    assert!(!javascript.play("v", json!({"run": "french"}))["variation"].is_null());
    assert_eq!(javascript.play("w", json!({"run": "french"}))["variation"], Value::Null);
    javascript.play("v", json!({"segments": {"source": "mail"}}));
    let seen = rust
        .with("v", |context| serde_json::to_value(context.visitor_record().segments()).unwrap());
    assert_eq!(
        seen,
        json!({"browser": "firefox", "country": "FR", "source": "mail", "customSegments": ["40", "41"]})
    );
}

#[test]
fn locations_pass_both_ways() {
    let (_server, mut javascript, rust) = both();
    javascript.run("v");
    let at = |visitor: &str| {
        rust.with(visitor, |context| {
            context.visitor_record().locations().map(str::to_owned).collect::<Vec<_>>()
        })
    };
    assert_eq!(at("v"), ["shop"]);
    // With a data store the other SDK unites lists, and so never leaves a location. This one does,
    // and the other one sees that.
    let told = javascript.play("v", json!({"run": "split", "location": {"path": "/home"}}));
    assert_eq!((&told["variation"], at("v").as_slice()), (&Value::Null, &["shop".to_owned()][..]));
    let elsewhere = attributes! { "path" => "/home" };
    let options = convert_sdk::RunOptions::new().location(&elsewhere);
    rust.with("v", |context| assert!(context.run_experience_with("split", &options).is_none()));
    assert_eq!(at("v"), Vec::<String>::new());
    javascript.run("v");
    assert_eq!(at("v"), ["shop"]);
    rust.run("w");
    javascript.run("w");
    assert_eq!(at("w"), ["shop"]);
}

#[test]
fn half_a_pair_of_surrogates_that_javascript_wrote_is_read() {
    let (server, mut javascript, rust) = both();
    // What `JSON.stringify` makes of a text that was cut within a character.
    let record = r#"{"bucketing":{"3":"31"},"goals":{"purchase":true},"segments":{"campaign":"sun \ud83d"},"theirs":["\udc00"]}"#;
    server.command(&["SET", "1-2-v", record]);
    assert_eq!(javascript.run("v").as_deref(), Some("31"));
    assert_eq!(rust.run("v").as_deref(), Some("31"));
    assert!(!rust.convert("v", "purchase") && rust.convert("v", "signup"));
    assert_eq!(javascript.convert("v", "signup"), 0);
    assert_eq!(stored(&server, "v")["segments"]["campaign"], "sun \u{fffd}");
    assert_eq!(stored(&server, "v")["theirs"], json!(["\u{fffd}"]));
}

#[test]
fn members_that_neither_knows_survive_both() {
    let (server, mut javascript, rust) = both();
    let theirs = json!({"empty": [], "none": {}, "numbers": [1.5, 9_007_199_254_740_991_u64, -0.25], "text": "zoë\u{1f3af}\n\"", "null": null});
    let record = json!({"theirs": theirs, "goals": {"purchase": true}});
    server.command(&["SET", "1-2-v", &record.to_string()]);
    for _ in 0..3 {
        javascript.run("v");
        rust.run("v");
        javascript.convert("v", "signup");
        rust.with("v", |context| context.set_segments(attributes! { "country" => "FR" }));
    }
    let stored = stored(&server, "v");
    assert_eq!(stored["theirs"], theirs);
    assert_eq!(stored["goals"], json!({"purchase": true, "signup": true}));
    assert!(stored["bucketing"]["3"].is_string());
}
