//! The threads: they connect and look up names, which an application's thread must not wait for
//! longer than its deadline.

#![expect(clippy::disallowed_methods, reason = "other modules ask this one for a thread")]

use std::io;
use std::thread;

/// Starts a thread that ends when `run` returns.
pub(crate) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}
