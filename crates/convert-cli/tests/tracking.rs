//! `track` and `serve-sink`: the built program on both ends, over real connections.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::sink::Sink;
use support::{run, scratch, scratch_with};
use test_support::{LoopbackServer, RefusedPort, Reply, require};

const PURCHASE: [&str; 10] = [
    "--config",
    "demo",
    "--visitor",
    "visitor-001",
    "--goal",
    "order-placed",
    "--revenue",
    "49.99",
    "--transaction-id",
    "t-1",
];

#[test]
fn a_conversion_from_the_shell_arrives_with_its_exposures() {
    let mut sink = Sink::start("arrives", &[]);
    let run = sink
        .track(&[&PURCHASE[..], &["--run-experiences", "--attr", "plan=pro", "--json"]].concat());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    let told = run.json();
    assert_eq!((&told["conversion"], &told["isDelivered"]), (&json!("queued"), &json!(true)));
    let (experiences, queued) =
        (told["experiences"].as_u64().unwrap(), told["queued"].as_u64().unwrap());
    assert!(experiences > 0 && queued == experiences + 2, "{told}");
    sink.end_input();
    let mut events = Vec::new();
    for _ in 0..queued {
        let line = sink.line();
        assert_eq!(line["visitorId"], "visitor-001");
        events.push(line["event"].clone());
    }
    assert_eq!(sink.rest(), Vec::<Value>::new());
    let kinds: Vec<_> = events.iter().map(|event| event["eventType"].clone()).collect();
    assert_eq!(kinds[usize::try_from(experiences).unwrap()..], ["conversion", "conversion"]);
    let data = &events.last().unwrap()["data"];
    assert_eq!(
        data["goalData"],
        json!([{"key": "amount", "value": 49.99}, {"key": "transactionId", "value": "t-1"}])
    );
    assert_eq!(data["bucketingData"].as_object().unwrap().len() as u64, experiences);
}

#[test]
fn the_sink_ends_by_itself_when_it_has_seen_enough_and_sums_up() {
    let certificate = scratch("enough.pem");
    let mut child = Command::new(env!("CARGO_BIN_EXE_convertctl"))
        .args(["serve-sink", "--certificate-out", &certificate, "--for-events", "4"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut ready = String::new();
    errors.read_line(&mut ready).unwrap();
    let url = ready.split("listening on ").nth(1).unwrap().split(';').next().unwrap();
    let base = format!("{url}/[project_id]/v1");
    for visitor in ["v1", "v2"] {
        let reach = ["--track-base-url", &base, "--root-certificate", &certificate];
        let arguments = ["--config", "demo", "--visitor", visitor, "--goal", "order-placed"];
        let run = run(&[&["track"], &arguments[..], &["--revenue", "10.5"], &reach].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stdout.contains("delivered      2"), "{}", run.stdout);
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let table = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1][..5], ["v1", "0", "1", "1", "10.50"]);
    assert_eq!(rows[2][..5], ["v2", "0", "1", "1", "10.50"]);
    assert_eq!(rows[3][..5], ["TOTAL", "0", "2", "2", "21.00"]);
    assert!(table.ends_with("visitors 2, events 4, batches 2, refused 0\n"), "{table}");
}

#[test]
fn what_the_service_would_not_understand_is_refused_with_the_path_of_it() {
    use convert_sdk::{BatchRequest, HttpsTransport, HttpsUrlTemplate, SdkKey, Transport as _};

    let mut sink = Sink::start("refused", &["--for-batches", "1"]);
    let base = HttpsUrlTemplate::parse(format!("{}/v1", sink.url)).unwrap();
    let settings = convert_sdk::TransportConfig::default()
        .track_base_url(base)
        .root_certificates(std::fs::read(&sink.certificate).unwrap());
    let transport = HttpsTransport::new(&settings).unwrap();
    let send = |body: &Value| {
        let key = SdkKey::parse("1/2").unwrap();
        let request = BatchRequest::new(key, "2", body.to_string().into_bytes());
        transport.send_batch(&request).unwrap()
    };
    let mut body = json!({"accountId": "1", "projectId": "2", "enrichData": true, "source": "x",
        "visitors": [{"visitorId": "v", "events": [{"eventType": "conversion", "data": {}}]}]});
    let answer = send(&body);
    let expected = "$.visitors[0].events[0].data.goalId: missing";
    assert_eq!((answer.status(), sink.line()), (400, json!({"refused": expected, "status": 400})));
    assert!(String::from_utf8_lossy(answer.body()).contains(expected));
    body["visitors"][0]["events"][0]["data"]["goalId"] = json!("9");
    assert_eq!(send(&body).status(), 200);
    assert_eq!(sink.line()["event"]["data"]["goalId"], "9");
    assert_eq!(sink.rest(), Vec::<Value>::new());
}

#[test]
fn a_request_with_curl_is_taken_for_a_bot_and_another_path_is_not_found() {
    let mut sink = Sink::start("bot", &[]);
    let (status, body) = curl(&sink, "/v1/track/1/2", &["-A", "Mozilla/5.0"]);
    assert_eq!((status, body), (200, json!({"code": "BOT"})));
    assert_eq!(sink.line()["status"], 200);
    let (status, _) = curl(&sink, "/api/v1/config/1/2", &[]);
    assert_eq!((status, &sink.line()["status"]), (404, &json!(404)));
    let (status, _) = curl(&sink, "/v1/track/1/2", &["-X", "PUT"]);
    assert_eq!((status, &sink.line()["status"]), (405, &json!(405)));
    sink.end_input();
    assert_eq!(sink.rest(), Vec::<Value>::new());
}

/// Sends a sound batch with `curl`.
fn curl(sink: &Sink, path: &str, arguments: &[&str]) -> (u16, Value) {
    require("curl", "curl", "with_curl");
    let body = json!({"accountId": "1", "projectId": "2", "enrichData": true, "source": "x",
        "visitors": [{"visitorId": "v", "events": [
            {"eventType": "conversion", "data": {"goalId": "9"}}]}]});
    let output = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--cacert", &sink.certificate])
        .args(["-w", "\n%{http_code}", "-H", "Content-Type: application/json"])
        .args(["--data-binary", &body.to_string()])
        .args(arguments)
        .arg(format!("{}{path}", sink.url))
        .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let (answer, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(answer).unwrap())
}

#[test]
fn a_conversion_that_does_not_arrive_is_a_failure() {
    let refused = RefusedPort::reserve();
    let base = format!("https://localhost:{}/v1", refused.port());
    let arguments = [
        "--config",
        "demo",
        "--visitor",
        "v",
        "--goal",
        "order-placed",
        "--delivery-timeout",
        "1",
        "--json",
    ];
    let run = run(&[&["track"], &arguments[..], &["--track-base-url", &base]].concat());
    assert_eq!(run.code, Some(1));
    let told = run.json();
    assert_eq!((&told["left"], &told["isDelivered"]), (&json!(1), &json!(false)));
    assert!(told["attempts"][0]["status"].is_null(), "{told}");
    let expected = "convertctl: 1 of 1 events were not delivered: the service could not be reached";
    assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    assert!(run.stderr.contains("onnection refused"), "{}", run.stderr);
}

#[test]
fn a_conversion_that_the_service_refuses_is_a_failure() {
    let server = LoopbackServer::start([Reply::new(403)]);
    let authority = scratch_with("refuses.pem", server.authority_pem());
    let reach = ["--track-base-url", &server.url(), "--root-certificate", &authority];
    let run = run(&[&["track"], &PURCHASE[..], &reach].concat());
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("dropped        2"), "{}", run.stdout);
    assert!(run.stdout.contains("2 events: status 403"), "{}", run.stdout);
}

#[test]
fn a_goal_that_is_not_there_is_a_failure_and_sends_nothing() {
    let sink = Sink::start("no-goal", &[]);
    let run = sink.track(&["--config", "demo", "--visitor", "v", "--goal", "nothing"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(
        run.stderr,
        "convertctl: no goal `nothing`; the config has order-placed, excerpt-read\n"
    );
    let mut sink = sink;
    sink.end_input();
    assert_eq!(sink.rest(), Vec::<Value>::new());
}

#[test]
fn a_config_from_the_service_tracks_to_its_project() {
    let config = include_str!("../src/demo.json");
    let server = LoopbackServer::start([Reply::json(config)]);
    let mut sink = Sink::start("service", &["--for-batches", "1"]);
    let both = std::fs::read_to_string(&sink.certificate).unwrap() + server.authority_pem();
    let authorities = scratch_with("both.pem", &both);
    let base = format!("{}/[project_id]", sink.url);
    let run = run(&[
        "track",
        "--sdk-key",
        "10012345/10067890",
        "--base-url",
        &server.url(),
        "--track-base-url",
        &base,
        "--root-certificate",
        &authorities,
        "--visitor",
        "v",
        "--goal",
        "order-placed",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let demo: Value = serde_json::from_str(config).unwrap();
    assert_eq!(sink.line()["projectId"], demo["project"]["id"]);
    assert_eq!(sink.rest(), Vec::<Value>::new());
}

#[test]
fn a_port_in_use_is_a_clear_failure() {
    let sink = Sink::start("port", &[]);
    let port = sink.url.rsplit(':').next().unwrap();
    let run = run(&["serve-sink", "--port", port]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.starts_with(&format!("convertctl: port {port} cannot be served: ")));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_sink_with_its_table() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_convertctl"))
        .args(["serve-sink"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut String::new()).unwrap();
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert!(String::from_utf8(output.stdout).unwrap().contains("events 0, batches 0"));
    let _ = std::io::stdout().flush();
}
