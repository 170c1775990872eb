//! Replies that nobody has asked for, on a connection that was kept.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a server that waits in a scope would keep a failed test from ending"
)]

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use convert_redis::RedisStore;
use convert_sdk::DataStore as _;

const LONG: Duration = Duration::from_secs(30);
/// Every key is absent.
const ABSENT: &[u8] = b"$0\r\n\r\n";
/// The record that a command would get that is answered with the stray reply.
const STRAY: &[u8] = b"$2\r\n{}\r\n";

/// Answers the commands of a connection, until a read has been answered with `answer` so many times.
fn serve(stream: &mut (impl Read + Write), answer: &[u8], reads: usize) {
    let mut left = reads;
    let mut bytes = [0; 4096];
    while left > 0 {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "the client has closed the connection");
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        for _ in text.matches("SETINFO") {
            stream.write_all(b"+OK\r\n").unwrap();
        }
        for _ in text.matches("GETRANGE") {
            stream.write_all(answer).unwrap();
            left -= 1;
        }
        stream.flush().unwrap();
    }
}

#[test]
fn a_reply_that_comes_after_the_connection_was_released_answers_no_command() {
    let path = std::env::temp_dir().join(format!("convert-stray-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let store = RedisStore::builder(format!("unix://{}", path.display()));
    let store = store.timeout(LONG).build().unwrap();
    let (released, is_released) = mpsc::channel();
    let (sent, is_sent) = mpsc::channel();
    let server = thread::spawn(move || {
        let mut first = listener.accept().unwrap().0;
        serve(&mut first, ABSENT, 1);
        is_released.recv().unwrap();
        first.write_all(STRAY).unwrap();
        sent.send(()).unwrap();
        // One new connection, which is kept.
        let mut second = listener.accept().unwrap().0;
        serve(&mut second, ABSENT, 2);
    });
    assert_eq!(store.load("a").unwrap(), None);
    released.send(()).unwrap();
    is_sent.recv().unwrap();
    assert_eq!(store.load("b").unwrap(), None);
    assert_eq!(store.load("c").unwrap(), None);
    server.join().unwrap();
    std::fs::remove_file(&path).unwrap();
}

/// The stray reply is decrypted along with the one before it, and the socket shows nothing of it.
#[test]
#[cfg(feature = "tls")]
fn a_reply_that_was_decrypted_along_with_another_answers_no_command() {
    use std::net::TcpListener;
    use std::sync::Arc;

    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let chain = vec![certified.cert.der().clone()];
    let config = rustls::ServerConfig::builder_with_provider(
        rustls::crypto::ring::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(chain, PrivateKeyDer::from(key))
    .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let store = RedisStore::builder(format!("rediss://localhost:{port}"));
    let store = store.root_certificates(certified.cert.pem()).timeout(LONG).build().unwrap();
    let server = thread::spawn(move || {
        let accept = || {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            rustls::StreamOwned::new(connection, listener.accept().unwrap().0)
        };
        // As much as the client reads at first, so that it does not read what follows.
        let head = format!("${}\r\n{{}}", FIRST_READ - "$4088\r\n\r\n".len());
        let mut answer = format!("{head:<width$}\r\n", width = FIRST_READ - 2).into_bytes();
        assert_eq!(answer.len(), FIRST_READ);
        answer.extend(STRAY);
        let mut first = accept();
        serve(&mut first, &answer, 1);
        // One new connection, which is kept.
        let mut second = accept();
        serve(&mut second, ABSENT, 2);
    });
    assert!(store.load("a").unwrap().is_some());
    assert_eq!(store.load("b").unwrap(), None);
    assert_eq!(store.load("c").unwrap(), None);
    server.join().unwrap();
}

/// How many bytes of a reply the client reads at first.
#[cfg(feature = "tls")]
const FIRST_READ: usize = 4097;
