//! What the caller sees of everything that can go wrong on the way, one test per fault.
#![cfg(feature = "https")]
#![allow(clippy::expect_used, clippy::panic, reason = "helpers fail their test")]

mod common;

use std::error::Error;
use std::net::TcpListener;
use std::time::Duration;

use common::{
    SHORT, assert_no_secret, batch_request, build, config, config_request, printed, transport,
};
use convert_transport::{
    ConfigResponse, HttpsUrl, Transport, TransportConfig, TransportError,
    TransportErrorKind as Kind,
};
use test_support::{LoopbackServer, RefusedPort, Reply, Step};

const INTERVAL: Duration = Duration::from_millis(20);

/// A total deadline that a test would not survive, and that no clock can be advanced by.
const FOR_EVER: Duration = Duration::MAX;

/// Fetches under a config and gives the error, after checking that it holds no secret.
fn fetch_error(config: &TransportConfig) -> TransportError {
    let error = build(config).fetch_config(&config_request()).expect_err("the fetch must fail");
    assert_no_secret(&printed(&error));
    error
}

/// Fetches once, from a server in the given state.
fn fault(step: impl Into<Step>) -> TransportError {
    fetch_error(&config(&LoopbackServer::start([step.into()])))
}

/// Fetches with a deadline that the server will not keep.
fn slow_fault(step: Step) -> TransportError {
    let server = LoopbackServer::start([step]);
    fetch_error(&config(&server).timeout(SHORT))
}

/// Fetches successfully and gives the bytes.
fn body_of(step: impl Into<Step>) -> Vec<u8> {
    let server = LoopbackServer::start([step.into()]);
    match transport(&server).fetch_config(&config_request()) {
        Ok(ConfigResponse::Modified(body)) => body.into_bytes(),
        other => panic!("expected a body, got {other:?}"),
    }
}

fn check(error: &TransportError, kind: Kind, is_retryable: bool) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert_eq!(error.is_retryable(), is_retryable, "{error:?}");
    assert_eq!(error.is_timeout(), kind == Kind::Timeout, "{error:?}");
    let endpoint = error.endpoint().expect("an endpoint");
    assert!(endpoint.starts_with("https://localhost:"), "{endpoint}");
    assert!(endpoint.ends_with("/api/v1/config/1003****4190"), "{endpoint}");
}

fn check_status(error: &TransportError, status: u16, is_retryable: bool) {
    check(error, Kind::Status, is_retryable);
    assert_eq!(error.status(), Some(status));
    assert!(error.to_string().contains(&status.to_string()), "{error}");
}

#[test]
fn refused_connection_is_a_retryable_network_error() {
    let port = RefusedPort::reserve();
    let url = HttpsUrl::parse(format!("https://localhost:{}", port.port())).expect("a URL");
    let error = fetch_error(&TransportConfig::default().base_url(url));
    check(&error, Kind::Network, true);
    assert_eq!(error.status(), None);
    assert!(error.source().is_some(), "the reason is kept");
}

#[test]
fn unknown_host_is_a_retryable_network_error() {
    // A label this long is no domain name, so that no name server is asked for it.
    let url = HttpsUrl::parse(format!("https://{}.invalid", "a".repeat(64))).expect("a URL");
    let error = fetch_error(&TransportConfig::default().base_url(url));
    assert_eq!(error.kind(), Kind::Network, "{error:?}");
    assert!(error.is_retryable());
}

#[test]
fn connection_closed_at_once_is_a_retryable_network_error() {
    check(&fault(Step::CloseOnAccept), Kind::Network, true);
}

#[test]
fn hanging_handshake_ends_at_the_connect_deadline() {
    let server = LoopbackServer::start([Step::HangInHandshake]);
    let error = fetch_error(&config(&server).connect_timeout(SHORT).timeout(FOR_EVER));
    check(&error, Kind::Timeout, true);
}

#[test]
fn hanging_handshake_ends_at_the_total_deadline() {
    check(&slow_fault(Step::HangInHandshake), Kind::Timeout, true);
}

#[test]
fn dripping_handshake_ends_at_the_connect_deadline() {
    let server = LoopbackServer::start([Step::DripInHandshake(INTERVAL)]);
    let error = fetch_error(&config(&server).connect_timeout(SHORT).timeout(FOR_EVER));
    check(&error, Kind::Timeout, true);
}

#[test]
fn accepting_and_hanging_ends_at_the_total_deadline() {
    check(&slow_fault(Step::Hang), Kind::Timeout, true);
}

#[test]
fn dripping_headers_end_at_the_total_deadline() {
    check(&slow_fault(Step::DripHeaders(INTERVAL)), Kind::Timeout, true);
}

#[test]
fn dripping_body_ends_at_the_total_deadline() {
    check(&slow_fault(Step::DripBody(INTERVAL)), Kind::Timeout, true);
}

#[test]
fn body_cut_in_the_middle_is_a_retryable_network_error() {
    check(&fault(Step::CutBody), Kind::Network, true);
}

#[test]
fn announced_length_beyond_the_body_is_a_retryable_network_error() {
    let error = fault(Reply::json(r#"{"a":1}"#).announcing(100));
    check(&error, Kind::Network, true);
}

#[test]
fn announced_length_short_of_the_body_gives_what_was_announced() {
    let body = body_of(Reply::json(r#"{"a":1}"#).announcing(4));
    assert_eq!(body, br#"{"a""#, "the parser of the config refuses it");
}

#[test]
fn certificate_for_another_name_is_a_tls_error() {
    let error = fault(Step::WrongName);
    check(&error, Kind::Tls, false);
    assert!(printed(&error).contains("elsewhere.example"), "the reason is kept");
}

#[test]
fn expired_certificate_is_a_tls_error() {
    let error = fault(Step::Expired);
    check(&error, Kind::Tls, false);
    assert!(printed(&error).contains("expired"), "the reason is kept");
}

#[test]
fn unknown_authority_is_a_tls_error() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let url = HttpsUrl::parse(server.url()).expect("a URL");
    let error = fetch_error(&TransportConfig::default().base_url(url));
    check(&error, Kind::Tls, false);
    assert!(server.ledger().is_empty(), "nothing was sent to a stranger");
}

#[test]
fn plain_http_is_a_tls_error() {
    check(&fault(Step::PlainHttp), Kind::Tls, false);
}

#[test]
fn something_other_than_http_is_an_invalid_response() {
    check(&fault(Step::Garbage), Kind::InvalidResponse, false);
}

#[test]
fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let other = LoopbackServer::start([Reply::json("{}")]);
        let server = LoopbackServer::start([Reply::new(status).header("location", &other.url())]);
        check_status(&fetch_error(&config(&server)), status, false);
        assert!(other.ledger().is_empty(), "{status}");
        assert_eq!(server.ledger().len(), 1, "{status}");
    }
}

#[test]
fn client_error_statuses_are_not_retryable() {
    for status in [400, 401, 403, 404, 410] {
        check_status(&fault(Reply::new(status).body("no")), status, false);
    }
}

#[test]
fn server_error_statuses_are_retryable() {
    for status in [408, 500, 502, 503, 504] {
        let error = fault(Reply::new(status).body("no"));
        check_status(&error, status, true);
        assert_eq!(error.retry_after(), None);
    }
}

#[test]
fn too_many_requests_tells_when_to_come_back() {
    let error = fault(Reply::new(429).header("retry-after", "7"));
    check_status(&error, 429, true);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));

    let reply = Reply::new(503)
        .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .header("retry-after", "Sun, 06 Nov 1994 08:51:07 GMT");
    assert_eq!(fault(reply).retry_after(), Some(Duration::from_secs(90)));
}

#[test]
fn other_success_statuses_are_no_config() {
    for status in [201, 204, 206] {
        check_status(&fault(Reply::new(status)), status, false);
    }
}

#[test]
fn not_modified_without_a_condition_is_an_error() {
    check_status(&fault(Reply::new(304)), 304, false);
}

#[test]
fn gzip_bomb_is_stopped_at_the_limit() {
    let server = LoopbackServer::start([Reply::gzip_bomb(64 * 1024 * 1024)]);
    let error = fetch_error(&config(&server));
    check(&error, Kind::BodyTooLarge, false);
}

#[test]
fn broken_gzip_is_an_invalid_response() {
    let reply = Reply::json("this is not gzip").header("content-encoding", "gzip");
    check(&fault(reply), Kind::InvalidResponse, false);
}

#[test]
fn unknown_content_encoding_is_an_invalid_response() {
    let reply = Reply::json("{}").header("content-encoding", "zstd");
    check(&fault(reply), Kind::InvalidResponse, false);
}

#[test]
fn huge_body_is_refused() {
    check(&fault(Reply::filler(100_000_000)), Kind::BodyTooLarge, false);
}

#[test]
fn announced_length_beyond_the_limit_is_refused_without_reading() {
    let error = fault(Reply::json("{}").announcing(100_000_000));
    check(&error, Kind::BodyTooLarge, false);
}

#[test]
fn body_limit_is_exact_and_counts_decompressed_bytes() {
    for (reply, is_accepted) in [
        (Reply::filler(1000), true),
        (Reply::filler(1001), false),
        (Reply::gzip_bomb(1000), true),
        (Reply::gzip_bomb(1001), false),
    ] {
        let server = LoopbackServer::start([reply]);
        let answer = build(&config(&server).max_body(1000)).fetch_config(&config_request());
        match answer {
            Ok(ConfigResponse::Modified(body)) => {
                assert!(is_accepted);
                assert_eq!(body.bytes().len(), 1000);
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(!is_accepted);
                check(&error, Kind::BodyTooLarge, false);
            }
        }
    }
}

#[test]
fn what_a_200_holds_is_passed_on_unjudged() {
    for body in [
        "{ not json",
        r#"["not a config"]"#,
        r#"{"error":"no such project"}"#,
        r#"{"account_id":"1","project":{"id":"2"}}"#,
        "",
    ] {
        assert_eq!(body_of(Reply::json(body)), body.as_bytes());
    }
}

#[test]
fn a_different_config_is_given_with_the_next_fetch() {
    let server = LoopbackServer::start([
        Reply::json(r#"{"v":1}"#),
        Reply::new(503),
        Reply::json(r#"{"v":2}"#),
    ]);
    let transport = transport(&server);
    let fetch = || match transport.fetch_config(&config_request()) {
        Ok(ConfigResponse::Modified(body)) => Some(body.into_bytes()),
        _ => None,
    };
    assert_eq!(fetch().as_deref(), Some(&br#"{"v":1}"#[..]));
    assert_eq!(fetch(), None);
    assert_eq!(fetch().as_deref(), Some(&br#"{"v":2}"#[..]));
}

#[test]
fn batches_fail_only_when_no_status_came() {
    for (step, kind) in [
        (Step::CloseOnAccept, Kind::Network),
        (Step::WrongName, Kind::Tls),
        (Step::Garbage, Kind::InvalidResponse),
        (Step::Hang, Kind::Timeout),
        (Step::DripHeaders(INTERVAL), Kind::Timeout),
    ] {
        let server = LoopbackServer::start([step]);
        // Only the last two run into the deadline.
        let timeout = if kind == Kind::Timeout { SHORT } else { Duration::from_secs(10) };
        let error = build(&config(&server).timeout(timeout))
            .send_batch(&batch_request())
            .expect_err("the delivery must fail");
        assert_no_secret(&printed(&error));
        assert_eq!(error.kind(), kind, "{error:?}");
        let endpoint = error.endpoint().expect("an endpoint");
        assert!(endpoint.ends_with("/10034190/v1/track/1003****4190"), "{endpoint}");
    }
}

#[test]
fn batch_answer_whose_body_breaks_off_keeps_its_status() {
    // The status must come before the deadline, on a busy machine too.
    let timeout = SHORT * 5;
    for step in [Step::CutBody, Step::DripBody(INTERVAL)] {
        let server = LoopbackServer::start([step]);
        let response = build(&config(&server).timeout(timeout))
            .send_batch(&batch_request())
            .expect("a status came");
        assert_eq!(response.status(), 200);
        assert_eq!(server.ledger().len(), 1, "an accepted batch is not sent twice");
    }
}

#[test]
fn large_batch_to_a_server_that_does_not_read_ends_at_the_deadline() {
    let server = LoopbackServer::start([Step::NeverRead]);
    let error = build(&config(&server).timeout(SHORT))
        .send_batch(&convert_transport::BatchRequest::new(
            batch_request().sdk_key().clone(),
            "10034190",
            vec![b' '; 16 * 1024 * 1024],
        ))
        .expect_err("the server does not read");
    assert!(error.is_timeout(), "{error:?}");
}

#[test]
fn server_that_reads_slowly_does_not_extend_the_deadline() {
    let server = LoopbackServer::start([Step::ReadSlowly(INTERVAL)]);
    let request = convert_transport::BatchRequest::new(
        batch_request().sdk_key().clone(),
        "10034190",
        vec![b' '; 64 * 1024 * 1024],
    );
    let error = build(&config(&server).timeout(SHORT)).send_batch(&request).expect_err("too slow");
    assert!(error.is_timeout(), "{error:?}");
    let text = error.to_string();
    assert!(text.ends_with("the timeout of 300ms elapsed while sending the request"), "{text}");
}

#[test]
fn closing_breaks_off_a_call_in_progress_and_refuses_new_ones() {
    let server = LoopbackServer::start([Step::Hang]);
    let transport = transport(&server);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| transport.fetch_config(&config_request()));
        assert!(server.ledger().wait_for(1, Duration::from_secs(10)));
        transport.close();
        let error = waiting.join().expect("no panic").expect_err("broken off");
        check(&error, Kind::Network, true);
        assert_no_secret(&printed(&error));
    });
    let error = transport.send_batch(&batch_request()).expect_err("closed");
    assert_eq!(error.kind(), Kind::Network);
    assert_eq!(server.ledger().len(), 1);
}

#[test]
fn closed_transport_connects_to_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let base = HttpsUrl::parse(url).expect("a valid address");
    let transport = build(&TransportConfig::default().base_url(base).timeout(SHORT));
    transport.close();
    let error = transport.fetch_config(&config_request()).expect_err("closed");
    assert!(error.to_string().ends_with("the transport was closed"), "{error}");
    let accepted = listener.accept().expect_err("nobody connects");
    assert_eq!(accepted.kind(), std::io::ErrorKind::WouldBlock);
}
