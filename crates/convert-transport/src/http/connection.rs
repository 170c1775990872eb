//! A connection with what has been read from it but not used yet.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use crate::clock::Deadline;
use crate::failure::Failure;
use crate::socket::Socket;
use crate::tls::Io;

/// A stream of messages.
pub(crate) struct Connection {
    stream: Box<dyn Io>,
    socket: Arc<Socket>,
    deadline: Deadline,
    buffer: Vec<u8>,
    used: usize,
}

impl Connection {
    pub(crate) fn new(stream: Box<dyn Io>, socket: Arc<Socket>, deadline: Deadline) -> Self {
        Self { stream, socket, deadline, buffer: Vec::new(), used: 0 }
    }

    /// Returns the stream back for another layer on top of it; `None` when there are unused bytes.
    pub(crate) fn into_stream(self) -> Option<Box<dyn Io>> {
        self.unread().is_empty().then_some(self.stream)
    }

    /// Returns whether another request can be sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.unread().is_empty() && self.stream.is_quiet()
    }

    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.socket.set_deadline(deadline);
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Returns what has been read and not used.
    pub(crate) fn unread(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    pub(crate) fn use_up(&mut self, count: usize) {
        self.used = (self.used + count).min(self.buffer.len());
    }

    /// Reads more, and returns how many bytes; none at the end of the stream.
    pub(crate) fn read_more(&mut self) -> io::Result<usize> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + READ_SIZE, 0);
        let count = self.stream.read(self.buffer.get_mut(before..).unwrap_or_default());
        self.buffer.truncate(before + count.as_ref().copied().unwrap_or(0));
        count
    }

    /// Reads more; the end of the stream is a failure.
    pub(crate) fn expect_more(&mut self, doing: &str) -> Result<(), Failure> {
        match self.read_more() {
            Ok(0) => Err(Failure::broken(format!("the connection was closed while {doing}"))),
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::io(error, &self.deadline, doing)),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("socket", &self.socket).finish_non_exhaustive()
    }
}

const READ_SIZE: usize = 16 * 1024;
