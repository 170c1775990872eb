//! The part of HTTP/1.1 that a client of two endpoints needs.
//!
//! Written for this crate because the SDK must hold one deadline over every step of an exchange,
//! bound what it reads, tell a broken transfer from a complete one, and let no secret reach a log.
//! Heads and chunk sizes are parsed by `httparse`.

mod body;
mod connection;
mod content;
mod head;

pub(crate) use body::{drain, read_body, read_prefix};
pub(crate) use connection::Connection;
pub(crate) use content::{breaks_off, decode, decode_prefix};
pub(crate) use head::{Framing, Head, Request};
