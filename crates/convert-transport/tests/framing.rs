//! Answers in every framing, whole and broken, as bytes on the wire.
#![cfg(feature = "https")]
#![allow(clippy::expect_used, clippy::panic, reason = "helpers fail their test")]

mod common;

use common::{assert_no_secret, build, config, config_request, printed};
use convert_transport::{ConfigResponse, Transport, TransportError, TransportErrorKind as Kind};
use test_support::{LoopbackServer, Reply, Step};

const OK: &str = "HTTP/1.1 200 OK\r\n";

fn fetch(step: Step) -> Result<Vec<u8>, TransportError> {
    let server = LoopbackServer::start([step]);
    match build(&config(&server)).fetch_config(&config_request()) {
        Ok(ConfigResponse::Modified(body)) => Ok(body.into_bytes()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            assert_no_secret(&printed(&error));
            Err(error)
        }
    }
}

/// Fetches an answer that ends with and without a TLS goodbye.
#[track_caller]
fn check_body(answer: impl AsRef<[u8]>, expected: &str) {
    let answer = answer.as_ref().to_vec();
    for step in [Step::Raw(answer.clone()), Step::RawCut(answer)] {
        let body = fetch(step.clone()).unwrap_or_else(|error| panic!("{error} {step:?}"));
        assert_eq!(String::from_utf8_lossy(&body), expected, "{step:?}");
    }
}

#[track_caller]
fn check_error(answer: impl AsRef<[u8]>, kind: Kind, cause: &str) {
    let answer = answer.as_ref().to_vec();
    for step in [Step::Raw(answer.clone()), Step::RawCut(answer)] {
        let error = fetch(step).expect_err(cause);
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.is_retryable(), kind == Kind::Network, "{error}");
        assert!(error.to_string().contains(cause), "{error}");
    }
}

#[test]
fn bodies_that_end_with_the_connection_are_whole_if_their_brackets_are_closed() {
    check_body(format!("{OK}\r\n{{\"a\":[1]}}"), "{\"a\":[1]}");
    check_body("HTTP/1.0 200 OK\r\n\r\n{}", "{}");
    check_body(format!("{OK}Connection: close\r\n\r\n<html>"), "<html>");
    let cause = "the connection was closed before the body was complete";
    check_error(format!("{OK}\r\n{{\"a\":[1"), Kind::Network, cause);
    check_error(format!("{OK}\r\n{{\"a"), Kind::Network, cause);
    check_error(format!("{OK}\r\n"), Kind::Network, cause);
}

#[test]
fn bodies_of_a_known_length_that_break_off_are_network_errors() {
    check_body(format!("{OK}Content-Length: 2\r\n\r\n{{}}"), "{}");
    let cause = "the connection was closed while reading the body of the answer";
    check_error(format!("{OK}Content-Length: 3\r\n\r\n{{}}"), Kind::Network, cause);
    check_error(format!("{OK}Content-Length: 3\r\n\r\n"), Kind::Network, cause);
}

#[test]
fn chunked_bodies_are_put_together_and_those_that_break_off_are_network_errors() {
    let head = format!("{OK}Transfer-Encoding: Chunked\r\n\r\n");
    check_body(format!("{head}1\r\n{{\r\n1;x=y\r\n}}\r\n0\r\nA: b\r\n\r\n"), "{}");
    check_body(format!("{head}0A\r\n[123456789\r\n1\r\n]\r\n0\r\n\r\n"), "[123456789]");
    check_body(format!("{head}2\r\n{{}}\r\n0\r\n"), "{}");
    let cause = "the connection was closed while reading the body of the answer";
    for cut in ["", "5", "5\r\n", "5\r\n{}", "2\r\n{}", "2\r\n{}\r\n", "2\r\n{}\r\n0"] {
        check_error(format!("{head}{cut}"), Kind::Network, cause);
    }
    let cause = "the size of a chunk is malformed";
    for wrong in ["\r\n", "x\r\n", "-1\r\n", "11111111111111111\r\n", "2 {}\r\n"] {
        check_error(format!("{head}{wrong}"), Kind::InvalidResponse, cause);
    }
    let long = format!("{head}1\r\n{{}}\r\n");
    check_error(long, Kind::InvalidResponse, "a chunk is longer than its size");
    let endless = format!("{head}0\r\n{}", "a: b\r\n".repeat(10_000));
    check_error(endless, Kind::InvalidResponse, "the trailers after the last chunk are too long");
}

#[test]
fn compressed_bodies_that_break_off_are_network_errors() {
    let whole = gzip("{\"a\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}");
    let answer = |coding: &str, body: &[u8]| {
        let length = body.len();
        let head = format!("{OK}Content-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    for coding in ["gzip", "GZIP", "x-gzip", "identity, gzip"] {
        check_body(answer(coding, &whole), "{\"a\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}");
    }
    for end in [5, 15, whole.len() - 1] {
        let cause = "the compressed body ends too early";
        check_error(answer("gzip", &whole[..end]), Kind::Network, cause);
    }
    check_error(answer("br", &whole), Kind::InvalidResponse, "is not gzip");
    check_error(
        answer("gzip", b"{\"not\": 1, \"gzip\": 2}"),
        Kind::InvalidResponse,
        "not valid gzip",
    );
}

#[test]
fn interim_answers_are_skipped() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let answer = format!("HTTP/1.1 100 Continue\r\n\r\n{hints}{OK}Content-Length: 2\r\n\r\n{{}}");
    check_body(answer, "{}");
    check_error("HTTP/1.1 101 Up\r\n\r\n", Kind::InvalidResponse, "status 101");
}

#[test]
fn heads_are_read_up_to_the_limit_and_refused_beyond_it_with_that_reason() {
    let padding = |length: usize| format!("X-Padding: {}\r\n", "x".repeat(length));
    let answer = |padding: String| format!("{OK}{padding}Content-Length: 2\r\n\r\n{{}}");
    check_body(answer(padding(100_000)), "{}");
    check_body(answer(padding(10).repeat(5_000)), "{}");
    let cause = "the head of the answer exceeds the limit of 131072 bytes";
    for too_long in [padding(200_000), padding(10).repeat(10_000)] {
        check_error(answer(too_long), Kind::InvalidResponse, cause);
    }
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
    check_error(endless, Kind::InvalidResponse, cause);

    let step = Step::Raw(answer(padding(2_000)).into_bytes());
    let server = LoopbackServer::start([step]);
    let transport = build(&config(&server).max_head(1024));
    let error = transport.fetch_config(&config_request()).expect_err("the limit");
    assert!(error.to_string().contains("limit of 1024 bytes"), "{error}");
}

#[test]
fn what_is_not_http_1_is_refused_at_once() {
    for answer in ["{\"a\": 1}", "HTTP/2 200\r\n\r\n", "SSH-2.0-x\r\n", "\r\n\r\n\0"] {
        let cause = "the answer does not begin with HTTP/1";
        check_error(answer, Kind::InvalidResponse, cause);
    }
    for answer in ["HTTP/1.1 2xx OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"] {
        check_error(answer, Kind::InvalidResponse, "the head of the answer is malformed");
    }
    check_error("HTTP/1.1 200 O", Kind::Network, "closed while waiting for the answer");
    let two = format!("{OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}");
    check_error(two, Kind::InvalidResponse, "the header Content-Length is malformed");
    let coded = format!("{OK}Transfer-Encoding: gzip, chunked\r\n\r\n");
    check_error(coded, Kind::InvalidResponse, "the transfer encoding is not supported");
}

/// Compresses by way of the test server, whose answers are the only ones that need it.
fn gzip(text: &str) -> Vec<u8> {
    Reply::json(text).gzip().content()
}
