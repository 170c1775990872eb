//! What goes over the wire, and how connections are used.
#![cfg(feature = "https")]
#![allow(clippy::expect_used, clippy::panic, reason = "helpers fail their test")]

mod common;

use std::time::Duration;

use common::{AUTH_SECRET, HEADER_VALUE, KEY, batch_request, build, config_request, transport};
use convert_transport::{
    BatchRequest, BatchResponse, ConfigBody, ConfigRequest, ConfigResponse, HttpsTransport, SdkKey,
    Secret, Transport, Validators,
};
use test_support::{LoopbackServer, RecordedRequest, Reply, Step};

fn plain_request() -> ConfigRequest {
    ConfigRequest::new(SdkKey::parse(KEY).expect("a key"))
}

fn fetch(transport: &HttpsTransport, request: &ConfigRequest) -> ConfigBody {
    match transport.fetch_config(request) {
        Ok(ConfigResponse::Modified(body)) => body,
        other => panic!("expected a body, got {other:?}"),
    }
}

/// Gives the header lines as `name: value`, without the one that names the port.
fn header_lines(request: &RecordedRequest) -> Vec<String> {
    let mut lines: Vec<String> = request
        .headers
        .iter()
        .filter(|(name, _)| name != "host")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.sort();
    lines
}

#[test]
fn config_request_is_exactly_as_specified() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let bare = build(&server.transport_config());
    fetch(&bare, &plain_request());
    fetch(&transport(&server), &config_request().with_experience("100 2"));

    let requests = server.ledger().requests();
    let [bare, full] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert_eq!(bare.method, "GET");
    assert_eq!(bare.target, "/api/v1/config/10035569/10034190");
    assert_eq!(bare.header("host"), Some(&*format!("localhost:{}", server.port())));
    assert_eq!(bare.body, b"");
    let common = ["accept-encoding: gzip", "accept: application/json"];
    let agent = "user-agent: ConvertAgent/1.0".to_owned();
    assert_eq!(header_lines(bare), [common[0], common[1], &agent]);

    assert_eq!(
        full.target,
        "/api/v1/config/10035569/10034190?environment=staging&exp=100%202&_conv_low_cache=1\
         &debug_token=debug%20token%2B77%2Fe1b2%3D"
    );
    let secret = format!("authorization: Bearer {AUTH_SECRET}");
    let extra = format!("x-gateway: {HEADER_VALUE}");
    assert_eq!(header_lines(full), [common[0], common[1], &secret, &agent, &extra]);
}

#[test]
fn batch_request_is_exactly_as_specified() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let response = transport(&server).send_batch(&batch_request()).expect("an answer");
    assert!(response.is_success());
    assert_eq!(response.body(), b"{}");

    let requests = server.ledger().requests();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert_eq!(request.method, "POST");
    assert_eq!(request.target, "/10034190/v1/track/10035569/10034190");
    assert_eq!(request.body, br#"{"visitors":[]}"#);
    assert_eq!(
        header_lines(request),
        [
            format!("authorization: Bearer {AUTH_SECRET}"),
            "content-length: 15".to_owned(),
            "content-type: application/json".to_owned(),
            "user-agent: ConvertAgent/1.0".to_owned(),
            format!("x-gateway: {HEADER_VALUE}"),
        ]
    );
}

#[test]
fn debug_token_never_goes_to_the_tracking_endpoint() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let transport = transport(&server);
    fetch(&transport, &plain_request().with_debug_token(Secret::new("tok-77e1b2")));
    let _ = transport.send_batch(&batch_request()).expect("an answer");
    let requests = server.ledger().requests();
    let texts: Vec<String> = requests.iter().map(|request| format!("{request:?}")).collect();
    assert!(texts[0].contains("tok-77e1b2"));
    assert!(!texts[1].contains("tok-77e1b2"));
}

#[test]
fn batch_answers_of_every_status_are_given_as_they_are() {
    let bot = r#"{"code":"BOT"}"#;
    let server = LoopbackServer::start([
        Reply::json(bot),
        Reply::new(429).header("retry-after", "3"),
        Reply::new(400).body("bad"),
        Reply::new(302).header("location", "https://localhost:1/"),
        Reply::new(503),
        Reply::filler(10_000_000),
    ]);
    let transport = transport(&server);
    let send = || transport.send_batch(&batch_request()).expect("an answer");

    let response = send();
    assert!(response.is_success(), "a BOT answer is told by its body");
    assert_eq!(response.body(), bot.as_bytes());
    let response = send();
    assert_eq!(response.status(), 429);
    assert!(response.is_retryable());
    assert_eq!(response.retry_after(), Some(Duration::from_secs(3)));
    let response = send();
    assert_eq!((response.status(), response.body()), (400, &b"bad"[..]));
    assert!(!response.is_success() && !response.is_retryable());
    assert_eq!(send().status(), 302);
    assert!(send().is_retryable());
    assert_eq!(send().body().len(), 64 * 1024, "a long body is cut");
}

#[test]
fn project_id_from_a_config_cannot_redirect_a_batch() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let key = SdkKey::parse(KEY).expect("a key");
    let request = BatchRequest::new(key, "elsewhere.example/", "{}");
    let error = transport(&server).send_batch(&request).expect_err("refused");
    assert!(!error.is_retryable());
    assert!(server.ledger().is_empty());
}

#[test]
fn known_validators_make_the_request_conditional() {
    let modified = "Wed, 21 Oct 2015 07:28:00 GMT";
    let server = LoopbackServer::start([
        Reply::json("{}").etag("\"v1\"").header("last-modified", modified),
        Reply::json("{}").etag("\"v1\""),
        Reply::json("[]").etag("\"v2\""),
    ]);
    let transport = transport(&server);
    let body = fetch(&transport, &plain_request());
    assert_eq!(body.validators(), &Validators::new(Some("\"v1\""), Some(modified)));

    let request = plain_request().with_validators(body.validators().clone());
    let response = transport.fetch_config(&request).expect("an answer");
    assert!(matches!(response, ConfigResponse::NotModified), "{response:?}");
    let body = fetch(&transport, &request);
    assert_eq!(body.bytes(), b"[]");
    assert_eq!(body.validators().etag(), Some("\"v2\""));

    let requests = server.ledger().requests();
    assert_eq!(requests[0].header("if-none-match"), None);
    assert_eq!(requests[0].header("if-modified-since"), None);
    assert_eq!(requests[1].header("if-none-match"), Some("\"v1\""));
    assert_eq!(requests[1].header("if-modified-since"), Some(modified));
}

#[test]
fn gzip_is_decoded() {
    let json = format!(r#"{{"padding":"{}"}}"#, "x".repeat(100_000));
    let server = LoopbackServer::start([Reply::json(json.clone()).gzip()]);
    let body = fetch(&transport(&server), &plain_request());
    assert_eq!(body.bytes(), json.as_bytes());
}

#[test]
fn connections_are_reused_for_both_endpoints() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let transport = transport(&server);
    for _ in 0..3 {
        fetch(&transport, &plain_request());
        assert!(transport.send_batch(&batch_request()).is_ok());
    }
    let connections: Vec<usize> =
        server.ledger().requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0; 6]);
}

#[test]
fn connection_the_server_says_it_closes_is_not_used_again() {
    let server = LoopbackServer::start([Reply::json("{}").closing()]);
    let transport = transport(&server);
    for _ in 0..3 {
        fetch(&transport, &plain_request());
    }
    let requests = server.ledger().requests();
    assert_eq!(requests.iter().map(|request| request.connection).max(), Some(2));
}

#[test]
fn connection_closed_without_notice_costs_a_fetch_nothing() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    server.close_after(2);
    let transport = transport(&server);
    for _ in 0..20 {
        fetch(&transport, &plain_request());
    }
    let requests = server.ledger().requests();
    assert!(requests.iter().any(|request| request.connection >= 4));
}

#[test]
fn connections_live_on_after_errors_and_answers_without_a_body() {
    let error = || Reply::new(503).body("x".repeat(10_000));
    let etag = "\"v1\"";
    let server = LoopbackServer::start([
        Reply::json("{}").etag(etag),
        Reply::json("{}").etag(etag),
        error(),
        Reply::new(404),
        Reply::new(302).body("elsewhere"),
        Reply::json("{}"),
    ]);
    let transport = transport(&server);
    let conditional = plain_request().with_validators(Validators::new(Some(etag), None));
    for _ in 0..6 {
        let _ = transport.fetch_config(&conditional);
    }
    let connections: Vec<usize> =
        server.ledger().requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0; 6]);
}

#[test]
fn bytes_after_an_answer_are_not_taken_for_the_next_answer() {
    let answer = |length: usize, body: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), body.as_bytes()].concat()
    };
    // The first answer fills a TLS record, which is also as much as the client reads at a time. The
    // record after it is decrypted at the same time, and the socket shows nothing of it.
    let length = TLS_RECORD - answer(10_000, "").len();
    let mut bytes = answer(length, &" ".repeat(length));
    assert_eq!(bytes.len(), TLS_RECORD);
    bytes.extend(answer(8, "smuggled"));
    let server = LoopbackServer::start([Step::RawOpen(bytes), Reply::json("{}").into()]);
    let transport = transport(&server);
    assert_eq!(fetch(&transport, &plain_request()).bytes().len(), length);
    assert_eq!(fetch(&transport, &plain_request()).bytes(), b"{}");
}

#[test]
fn batch_that_is_not_taken_does_not_wait_for_the_end_of_the_body() {
    let server = LoopbackServer::start([Step::DripError(Duration::from_millis(20))]);
    let config = server.transport_config().timeout(Duration::from_secs(600));
    let response = build(&config).send_batch(&batch_request()).expect("an answer");
    assert_eq!(response.status(), 503);
    assert!(response.body().len() < 1_000, "the body has 1,000 bytes");
}

#[test]
fn batch_that_is_taken_waits_a_second_at_most_for_the_body() {
    let server = LoopbackServer::start([Step::DripBody(Duration::from_millis(20))]);
    let config = server.transport_config().timeout(Duration::from_secs(60));
    let response = build(&config).send_batch(&batch_request()).expect("an answer");
    assert_eq!(response.status(), 200);
    assert!(response.body().len() < 1_000, "the body has 1,000 bytes");
}

#[test]
fn compressed_batch_answers_are_decoded_within_the_limit() {
    let bot = r#"{"code":"BOT"}"#;
    let bomb = 64 * 1024 * 1024;
    let server = LoopbackServer::start([
        Reply::json(bot).gzip(),
        Reply::gzip_bomb(bomb),
        Reply::json(bot).header("content-encoding", "gzip"),
        Reply::json(bot).header("content-encoding", "br"),
    ]);
    let transport = transport(&server);
    let send = || transport.send_batch(&batch_request()).expect("an answer").body().to_vec();
    assert_eq!(send(), bot.as_bytes());
    assert_eq!(send(), vec![0; BatchResponse::MAX_PREFIX]);
    assert_eq!(send(), b"", "it is no gzip");
    assert_eq!(send(), bot.as_bytes(), "an unknown coding is left as it is");
}

#[test]
fn long_and_slow_error_bodies_are_not_read_to_their_end() {
    let server = LoopbackServer::start([
        Step::from(Reply::new(503).filler_body(100_000_000)),
        Step::Raw(b"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\n".to_vec()),
        Step::DripError(Duration::from_millis(20)),
    ]);
    let transport = build(&server.transport_config().timeout(Duration::from_secs(600)));
    for connection in 0..3 {
        let error = transport.fetch_config(&plain_request()).expect_err("an error");
        assert_eq!(error.status(), Some(503), "{error}");
        assert_eq!(server.ledger().requests()[connection].connection, connection);
    }
}

#[test]
fn answer_to_a_request_that_was_not_read_to_its_end_is_seen() {
    let server = LoopbackServer::start([Step::AnswerUnread(Reply::new(413).closing())]);
    let key = SdkKey::parse(KEY).expect("a key");
    let request = BatchRequest::new(key, "10034190", vec![b' '; 32 * 1024 * 1024]);
    let response = transport(&server).send_batch(&request).expect("an answer");
    assert_eq!(response.status(), 413);
}

#[test]
fn idle_connections_are_bounded() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let transport = build(&server.transport_config().max_idle_connections(0));
    for _ in 0..3 {
        fetch(&transport, &plain_request());
    }
    let requests = server.ledger().requests();
    assert_eq!(requests.iter().map(|request| request.connection).max(), Some(2));
}

#[test]
fn cookies_are_not_kept() {
    let server = LoopbackServer::start([Reply::json("{}").header("set-cookie", "a=1; Path=/")]);
    let transport = transport(&server);
    fetch(&transport, &plain_request());
    fetch(&transport, &plain_request());
    assert_eq!(server.ledger().requests()[1].header("cookie"), None);
}

#[test]
fn one_transport_serves_many_threads() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let transport = transport(&server);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    fetch(&transport, &plain_request());
                }
            });
        }
    });
    assert_eq!(server.ledger().len(), 100);
}

const TLS_RECORD: usize = 16 * 1024;
