//! What clients of `serve-sink` may take, and that it is taken from them again.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use support::sink::Sink;

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn connect(sink: &Sink) -> TcpStream {
    let port: u16 = sink.url.rsplit(':').next().unwrap().parse().unwrap();
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    socket
}

fn connect_tls(sink: &Sink) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&sink.certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), connect(sink))
}

/// Reads until the server closes the connection; whether it says so first does not matter here.
fn rest(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("still open"),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Sends a part of a request and returns everything that comes back until the connection closes.
fn answer_to(sink: &Sink, bytes: &[u8]) -> String {
    let mut stream = connect_tls(sink);
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
    rest(&mut stream)
}

/// Sends one byte now and then until the server closes the connection, and returns what it sent.
fn drip(sink: &Sink, start: &[u8]) -> String {
    let mut stream = connect_tls(sink);
    stream.write_all(start).unwrap();
    stream.sock.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let _ = stream.write_all(b"x").and_then(|()| stream.flush());
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&received).into_owned()
}

fn count_in(folder: &str) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

const TRACK: [&str; 6] = ["--config", "demo", "--visitor", "v", "--goal", "order-placed"];

#[test]
fn half_handshakes_and_half_bodies_hold_no_thread_and_are_cut_off() {
    let sink = Sink::start("attacked", &["--timeout", "0.3", "--max-connections", "100"]);
    let threads = format!("/proc/{}/task", sink.child.id());
    let descriptors = format!("/proc/{}/fd", sink.child.id());
    let before = (count_in(&threads), count_in(&descriptors));
    let mut handshakes: Vec<TcpStream> = (0..600).map(|_| connect(&sink)).collect();
    for socket in handshakes.iter_mut().step_by(2) {
        // The first bytes of a handshake that announces more.
        socket.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).unwrap();
    }
    let during = (count_in(&threads), count_in(&descriptors));
    assert!(during.0 <= before.0 && during.1 <= before.1 + 100, "{before:?} {during:?}");
    let run = sink.track(&[&TRACK[..], &["--timeout", "60", "--delivery-timeout", "60"]].concat());
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    for socket in &mut handshakes {
        rest(socket);
    }
    let head = b"POST /v1/track/1/2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{";
    let mut bodies: Vec<Tls> = (0..100).map(|_| connect_tls(&sink)).collect();
    for stream in &mut bodies {
        let _ = stream.write_all(head).and_then(|()| stream.flush());
    }
    assert!(count_in(&threads) <= before.0);
    for stream in &mut bodies {
        rest(stream);
    }
    let run = sink.track(&TRACK);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

#[test]
fn drips_and_idle_connections_are_cut_off_in_time() {
    let mut sink = Sink::start("dripped", &["--timeout", "0.3"]);
    assert_eq!(drip(&sink, b"POST /v1/track/1/2 HTTP/1.1\r\nHost: localhost\r\nX-Drip: "), "");
    let head = "POST /v1/track/1/2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    let answer = drip(&sink, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let expected = json!({"refused": "the body took longer than 300ms", "status": 408});
    assert_eq!(sink.line(), expected);
    let idle = answer_to(&sink, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(idle.starts_with("HTTP/1.1 404 ") && !idle.contains("connection: close"), "{idle}");
}

#[test]
fn heads_and_bodies_without_end_are_refused() {
    let mut sink = Sink::start("endless", &[]);
    let post = "POST /v1/track/1/2 HTTP/1.1\r\nHost: localhost\r\n";
    for (head, status) in [
        (format!("{post}Content-Length: 1048577\r\n\r\n"), 413),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n"), 411),
    ] {
        let answer = answer_to(&sink, head.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(sink.line()["status"], status);
    }
    for head in [
        format!("{post}X-Long: {}", "x".repeat(1 << 20)),
        format!("{post}{}", "X-Many: 1\r\n".repeat(10_000)),
        format!("{post}Content-Length: many\r\n\r\n"),
        "no HTTP at all\r\n\r\n".to_owned(),
    ] {
        let answer = answer_to(&sink, head.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let run = sink.track(&TRACK);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

#[test]
fn a_client_that_does_not_trust_the_certificate_is_explained() {
    use std::process::{Command, Stdio};

    let trusted = Sink::start("trusted", &[]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_convertctl"))
        .args(["serve-sink", "--json", "--until-input-ends"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut output = io::BufReader::new(child.stdout.take().unwrap());
    io::BufRead::read_line(&mut output, &mut ready).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let base = format!("{}/v1", ready["listening"].as_str().unwrap());
    let reach = ["--track-base-url", &base, "--root-certificate", &trusted.certificate];
    let run =
        support::run(&[&["track"], &TRACK[..], &reach, &["--delivery-timeout", "1"]].concat());
    assert_eq!(run.code, Some(1));
    drop(child.stdin.take());
    let errors = child.wait_with_output().unwrap().stderr;
    let errors = String::from_utf8(errors).unwrap();
    assert!(errors.contains("the TLS handshake failed"), "{errors}");
    assert!(errors.contains("--certificate-out"), "{errors}");
}
