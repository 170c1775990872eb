//! The bodies of answers, however they are framed.

use httparse::{Status, parse_chunk_size};

use super::content::too_large;
use super::{Connection, Framing};
use crate::clock::Deadline;
use crate::error::TransportErrorKind;
use crate::failure::Failure;

/// Reads a whole body of at most `max` bytes.
pub(crate) fn read_body(
    connection: &mut Connection,
    framing: Framing,
    max: usize,
) -> Result<Vec<u8>, Failure> {
    if matches!(framing, Framing::Length(length) if length > as_u64(max)) {
        return Err(too_large(max));
    }
    let mut body = Vec::new();
    let mut reader = BodyReader::new(connection, framing);
    while let Some(piece) = reader.next()? {
        if body.len() + piece > max {
            return Err(too_large(max));
        }
        reader.take(piece, &mut body);
    }
    Ok(body)
}

/// Reads the first `max` bytes of a body, and returns whether that was all of it. What had arrived
/// before a failure is kept.
pub(crate) fn read_prefix(
    connection: &mut Connection,
    framing: Framing,
    max: usize,
) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    let mut reader = BodyReader::new(connection, framing);
    loop {
        match reader.next() {
            Ok(Some(piece)) => {
                let piece = piece.min(max - body.len());
                if piece == 0 {
                    return (body, false);
                }
                reader.take(piece, &mut body);
            }
            Ok(None) => return (body, framing != Framing::Close),
            Err(_) => return (body, false),
        }
    }
}

/// Discards a body, so that the connection can be used again. Gives up, and returns
/// false, where that takes more than `max` bytes or goes past the deadline.
pub(crate) fn drain(
    connection: &mut Connection,
    framing: Framing,
    max: usize,
    deadline: Deadline,
) -> bool {
    if matches!(framing, Framing::Length(length) if length > as_u64(max)) {
        return false;
    }
    connection.set_deadline(deadline);
    framing != Framing::Close && read_prefix(connection, framing, max).1
}

/// Goes through a body piece by piece.
struct BodyReader<'connection> {
    connection: &'connection mut Connection,
    state: State,
}

enum State {
    /// So many bytes are left.
    Length(u64),
    /// The size of a chunk comes next.
    ChunkSize,
    /// So many bytes of a chunk are left.
    Chunk(u64),
    /// The line end after a chunk comes next.
    ChunkEnd,
    /// Trailers, of so many bytes so far, come next.
    Trailers(usize),
    Close,
    Done,
}

impl<'connection> BodyReader<'connection> {
    fn new(connection: &'connection mut Connection, framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize,
            Framing::Close => State::Close,
        };
        Self { connection, state }
    }

    /// Waits until bytes of the body are there, and returns how many; `None` at its end.
    fn next(&mut self) -> Result<Option<usize>, Failure> {
        loop {
            match self.state {
                State::Length(0) | State::Done => return Ok(None),
                State::Length(left) | State::Chunk(left) if left > 0 => {
                    if self.connection.unread().is_empty() {
                        self.connection.expect_more(READING)?;
                    }
                    let here = as_u64(self.connection.unread().len());
                    return Ok(usize::try_from(left.min(here)).ok());
                }
                State::Chunk(_) | State::Length(_) => self.state = State::ChunkEnd,
                State::ChunkEnd => self.end_chunk()?,
                State::ChunkSize => self.start_chunk()?,
                State::Trailers(length) => self.skip_trailer(length)?,
                State::Close => match self.next_until_close()? {
                    0 => self.state = State::Done,
                    here => return Ok(Some(here)),
                },
            }
        }
    }

    /// Moves bytes that [`next`](Self::next) has found into `out`.
    fn take(&mut self, count: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.connection.unread().get(..count).unwrap_or_default());
        self.connection.use_up(count);
        if let State::Length(left) | State::Chunk(left) = &mut self.state {
            *left = left.saturating_sub(as_u64(count));
        }
    }

    fn next_until_close(&mut self) -> Result<usize, Failure> {
        if self.connection.unread().is_empty() {
            let read = self.connection.read_more();
            let is_end = |error: &std::io::Error| {
                matches!(
                    error.kind(),
                    std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset
                )
            };
            match read {
                // Many servers end TLS without a goodbye.
                Err(error) if is_end(&error) => return Ok(0),
                Err(error) => {
                    return Err(Failure::io(error, &self.connection.deadline(), READING));
                }
                Ok(_) => {}
            }
        }
        Ok(self.connection.unread().len())
    }

    fn start_chunk(&mut self) -> Result<(), Failure> {
        loop {
            let unread = self.connection.unread();
            let malformed = || Failure::malformed("the size of a chunk is malformed");
            // The parser takes a line without a number for a zero.
            if unread.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
                return Err(malformed());
            }
            let parsed = parse_chunk_size(unread).map_err(|_| malformed())?;
            if let Status::Complete((length, size)) = parsed {
                self.connection.use_up(length);
                self.state = if size == 0 { State::Trailers(0) } else { State::Chunk(size) };
                return Ok(());
            }
            if unread.len() > MAX_LINE {
                return Err(malformed());
            }
            self.connection.expect_more(READING)?;
        }
    }

    fn end_chunk(&mut self) -> Result<(), Failure> {
        while self.connection.unread().len() < 2 {
            self.connection.expect_more(READING)?;
        }
        if !self.connection.unread().starts_with(b"\r\n") {
            return Err(Failure::malformed("a chunk is longer than its size"));
        }
        self.connection.use_up(2);
        self.state = State::ChunkSize;
        Ok(())
    }

    /// Skips a line after the last chunk; an empty one ends the body.
    fn skip_trailer(&mut self, length: usize) -> Result<(), Failure> {
        let unread = self.connection.unread();
        let end = unread.iter().position(|byte| *byte == b'\n');
        if length + end.unwrap_or(unread.len()) > MAX_LINE {
            return Err(Failure::malformed("the trailers after the last chunk are too long"));
        }
        let Some(end) = end else {
            // All chunks are there: a connection that ends now has lost nothing.
            return match self.connection.expect_more(READING) {
                Err(failure) if failure.kind == TransportErrorKind::Network => {
                    self.state = State::Done;
                    Ok(())
                }
                outcome => outcome,
            };
        };
        let is_empty = matches!(unread.get(..end), Some([] | [b'\r']));
        self.connection.use_up(end + 1);
        self.state = if is_empty { State::Done } else { State::Trailers(length + end) };
        Ok(())
    }
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

const READING: &str = "reading the body of the answer";

/// The most bytes of a line with the size of a chunk, and of all trailers together.
const MAX_LINE: usize = 16 * 1024;
