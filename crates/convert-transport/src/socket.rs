//! A TCP socket whose every read and write ends at one deadline.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Deadline;
use crate::tls::Io;

/// The socket under a connection, shared so that it can be shut down while it is in use.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    deadline: Mutex<Deadline>,
}

impl Socket {
    /// Connects to the first address that answers. An address may use half of the time that is
    /// left, the last one all of it.
    pub(crate) fn connect(addresses: &[SocketAddr], deadline: Deadline) -> io::Result<Self> {
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for (index, address) in addresses.iter().enumerate() {
            let left = time_left(&deadline)?;
            let is_last = index + 1 == addresses.len();
            let share = if is_last { left } else { (left / 2).max(SHORTEST_ATTEMPT) };
            match TcpStream::connect_timeout(address, share) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, deadline: Mutex::new(deadline) });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Sets the deadline of everything that follows.
    pub(crate) fn set_deadline(&self, deadline: Deadline) {
        *self.deadline() = deadline;
    }

    /// Ends every read and write, those in progress included.
    pub(crate) fn shut_down(&self) {
        // An error means that the connection is gone already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// The lock is held for the copy alone, never while reading or writing.
    fn deadline(&self) -> MutexGuard<'_, Deadline> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> io::Result<Duration> {
        let deadline = *self.deadline();
        time_left(&deadline)
    }
}

/// The reading and writing end of a [`Socket`].
#[derive(Debug)]
pub(crate) struct SocketStream(pub(crate) Arc<Socket>);

impl Io for SocketStream {
    fn is_quiet(&self) -> bool {
        let stream = &self.0.stream;
        if stream.set_nonblocking(true).is_err() {
            return false;
        }
        let peeked = stream.peek(&mut [0]);
        let is_quiet = peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        is_quiet && stream.set_nonblocking(false).is_ok()
    }
}

impl Read for SocketStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| {
            self.0.stream.set_read_timeout(Some(self.0.left()?))?;
            (&self.0.stream).read(buffer)
        })
    }
}

impl Write for SocketStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        uninterrupted(|| {
            self.0.stream.set_write_timeout(Some(self.0.left()?))?;
            (&self.0.stream).write(buffer)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Repeats a call that a signal has interrupted, or that the system has ended a little before the
/// deadline. The call itself fails once the deadline has passed.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                ) => {}
            outcome => return outcome,
        }
    }
}

fn time_left(deadline: &Deadline) -> io::Result<Duration> {
    deadline.left().ok_or_else(|| io::ErrorKind::TimedOut.into())
}

const SHORTEST_ATTEMPT: Duration = Duration::from_millis(10);
