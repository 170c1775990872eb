//! A socket of which every read and write ends by a deadline.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

use crate::clock::Deadline;
use crate::lock::assert_no_lock_held;

/// A socket. Bytes that keep coming do not move its deadline: what is left of it is looked up before
/// each read and write.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    deadline: Deadline,
    /// The timeouts that the system knows.
    read_timeout: Duration,
    write_timeout: Duration,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    /// Connects to the first of some addresses that answers. Each has an equal part of the time.
    pub(crate) fn connect(addresses: &[SocketAddr], deadline: Deadline) -> io::Result<Self> {
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let mut parts = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for address in addresses {
            assert_no_lock_held();
            let timeout = deadline.part(parts).remaining().ok_or(io::ErrorKind::TimedOut)?;
            parts = parts.saturating_sub(1);
            match TcpStream::connect_timeout(address, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Socket::new(Stream::Tcp(stream), deadline));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Connects to a local socket. While the server's queue of connections is full this may block.
    #[cfg(unix)]
    pub(crate) fn connect_local(path: &Path, deadline: Deadline) -> io::Result<Self> {
        assert_no_lock_held();
        Ok(Socket::new(Stream::Unix(UnixStream::connect(path)?), deadline))
    }

    /// Sets when the reads and writes that follow must have ended.
    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// Returns whether the server has neither closed the connection nor sent anything unasked. Does not
    /// wait. Takes a byte where there is one, so that the connection is of no use afterwards.
    pub(crate) fn is_quiet(&mut self) -> bool {
        assert_no_lock_held();
        if self.set_nonblocking(true).is_err() {
            return false;
        }
        // Peeking is not stable for local sockets.
        let read = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut [0]),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.read(&mut [0]),
        };
        let is_quiet = read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        is_quiet && self.set_nonblocking(false).is_ok()
    }

    fn set_nonblocking(&self, is_nonblocking: bool) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_nonblocking(is_nonblocking),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.set_nonblocking(is_nonblocking),
        }
    }

    fn new(stream: Stream, deadline: Deadline) -> Self {
        Socket { stream, deadline, read_timeout: Duration::MAX, write_timeout: Duration::MAX }
    }

    fn left(&self) -> io::Result<Duration> {
        assert_no_lock_held();
        self.deadline.remaining().ok_or_else(|| io::ErrorKind::TimedOut.into())
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            if self.read_timeout.abs_diff(left) > SLACK {
                match &self.stream {
                    Stream::Tcp(stream) => stream.set_read_timeout(Some(left))?,
                    #[cfg(unix)]
                    Stream::Unix(stream) => stream.set_read_timeout(Some(left))?,
                }
                self.read_timeout = left;
            }
            let read = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(into),
                #[cfg(unix)]
                Stream::Unix(stream) => stream.read(into),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(timed_out),
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left()?;
        if self.write_timeout.abs_diff(left) > SLACK {
            match &self.stream {
                Stream::Tcp(stream) => stream.set_write_timeout(Some(left))?,
                #[cfg(unix)]
                Stream::Unix(stream) => stream.set_write_timeout(Some(left))?,
            }
            self.write_timeout = left;
        }
        let written = match &mut self.stream {
            Stream::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.write(bytes),
        };
        written.map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Systems differ in what a read that took too long is called.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

/// How much longer than it should a call may take. Setting a timeout costs as much as a part of an
/// exchange, and is not worth it for a smaller difference.
const SLACK: Duration = Duration::from_millis(2);
