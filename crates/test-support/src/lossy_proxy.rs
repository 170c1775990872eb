//! A proxy that loses the answers to some commands.
#![expect(clippy::expect_used, reason = "a test cannot go on without its proxy")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::listener::Listener;

/// Passes connections on to a server of the own machine. What is sent with a certain word in it still
/// arrives there, but both ends are closed in place of the answer, so often as is said.
///
/// # Example
///
/// ```no_run
/// use std::io::{Read as _, Write as _};
/// use std::net::TcpStream;
/// use test_support::{LossyProxy, RedisServer};
///
/// let server = RedisServer::start(&[]);
/// let proxy = LossyProxy::start(server.port(), "SET", 1);
/// let mut client = TcpStream::connect(("127.0.0.1", proxy.port()))?;
/// client.write_all(b"SET k v\r\n")?;
/// assert!(!matches!(client.read(&mut [0]), Ok(1..)));
/// assert_eq!(server.command(&["GET", "k"]), "v");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LossyProxy {
    listener: Listener,
}

impl LossyProxy {
    /// Starts a proxy to `port` that loses the first `times` answers to what has `word` in it.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn start(port: u16, word: &str, times: usize) -> Self {
        let (word, left) = (word.as_bytes().to_vec(), Arc::new(AtomicUsize::new(times)));
        let listener = Listener::start(move |client, _, sockets| {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
            let Ok(_guard) = sockets.register(&server) else { return };
            relay(&client, &server, &word, &left);
        });
        Self { listener: listener.expect("a loopback port") }
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.listener.port()
    }
}

fn relay(client: &TcpStream, server: &TcpStream, word: &[u8], left: &AtomicUsize) {
    let is_lost = AtomicBool::new(false);
    let pass = |mut from: &TcpStream, mut to: &TcpStream, is_asked: bool| {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let part = bytes.get(..count).unwrap_or_default();
            if is_asked && part.windows(word.len()).any(|at| at == word) {
                let take = |left: usize| left.checked_sub(1);
                let is_taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
                is_lost.fetch_or(is_taken, Ordering::SeqCst);
            }
            let is_over = !is_asked && is_lost.load(Ordering::SeqCst);
            if is_over || to.write_all(part).is_err() {
                break;
            }
        }
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    };
    thread::scope(|scope| {
        scope.spawn(|| pass(client, server, true));
        pass(server, client, false);
    });
}
