//! The threads that look names up.
#![expect(clippy::disallowed_methods, reason = "what others must not do is done here")]

use std::io;
use std::net::ToSocketAddrs;
use std::thread;

use super::Done;

/// Looks a name up on a thread of its own, which calls `done` with the outcome.
///
/// The operating system's look-up blocks and cannot be interrupted.
pub(super) fn start(host: String, port: u16, done: Done) -> io::Result<()> {
    let look_up = move || done((host.as_str(), port).to_socket_addrs().map(Iterator::collect));
    thread::Builder::new().name("convert-lookup".to_owned()).spawn(look_up).map(drop)
}
