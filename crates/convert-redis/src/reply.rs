//! Replies of a server, read within limits.

use std::io::{self, Read};

use redis::Value;

/// Reads replies from one connection. The `redis` crate parses them, but reads whatever a server
/// announces, so that the end of a reply is found here first.
#[derive(Debug)]
pub(crate) struct ReplyReader {
    /// What has been received and not yet returned.
    buffer: Vec<u8>,
    limit: usize,
}

/// Why there is no reply. The connection is of no use afterwards.
#[derive(Debug)]
pub(crate) enum ReplyError {
    Io(io::Error),
    /// The reply is longer than so many bytes.
    TooLong(usize),
    /// Lists are nested deeper than any reply to the commands used here.
    TooDeep,
    /// The bytes are none of the Redis protocol.
    Malformed,
}

impl ReplyReader {
    /// `limit` is in bytes; each value of a reply counts [`VALUE_BYTES`] more than its text.
    pub(crate) fn new(limit: usize) -> Self {
        ReplyReader { buffer: Vec::new(), limit }
    }

    /// Reads one reply.
    pub(crate) fn read(&mut self, source: &mut impl Read) -> Result<Value, ReplyError> {
        let mut scan = Scan::default();
        let end = loop {
            match scan.advance(&self.buffer, self.limit)? {
                Progress::Complete(end) => break end,
                Progress::Needs(length) => self.fill(source, length)?,
            }
        };
        let reply = self.buffer.get(..end).unwrap_or_default();
        let value = redis::parse_redis_value(reply).map_err(|_| ReplyError::Malformed);
        self.buffer.drain(..end);
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer.shrink_to(KEPT_BYTES);
        }
        value
    }

    /// Returns whether every byte that was received belonged to a reply that was read. A server that
    /// has sent more would have its next reply taken for the answer to another command.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Receives some bytes of the `length` that are needed at least, and some more where there are:
    /// what nobody has asked for must not be left for the next command.
    fn fill(&mut self, source: &mut impl Read, length: usize) -> Result<(), ReplyError> {
        let held = self.buffer.len();
        let room = length.saturating_sub(held).min(LONGEST_READ) + SHORTEST_READ;
        self.buffer.resize(held + room, 0);
        let read = source.read(self.buffer.get_mut(held..).unwrap_or_default());
        self.buffer.truncate(held + read.as_ref().map_or(0, |count| *count));
        match read {
            Ok(0) => Err(ReplyError::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(()),
            Err(error) => Err(ReplyError::Io(error)),
        }
    }
}

/// The search for the end of a reply. It goes on where it stopped when more bytes have come.
struct Scan {
    /// How many values each list that is open still lacks; the reply itself is the first entry.
    open: Vec<usize>,
    /// Where the next value begins; past the end of what is there within a text.
    at: usize,
    /// Up to where there is no end of the line.
    searched: usize,
    values: usize,
}

enum Progress {
    /// The reply ends before this byte.
    Complete(usize),
    /// So many bytes are needed at least.
    Needs(usize),
}

impl Default for Scan {
    fn default() -> Self {
        Scan { open: vec![1], at: 0, searched: 0, values: 0 }
    }
}

impl Scan {
    fn advance(&mut self, bytes: &[u8], limit: usize) -> Result<Progress, ReplyError> {
        loop {
            let weight = self.values.saturating_mul(VALUE_BYTES);
            if self.at.max(self.searched).saturating_add(weight) > limit {
                return Err(ReplyError::TooLong(limit));
            }
            if self.at > bytes.len() {
                return Ok(Progress::Needs(self.at));
            }
            while self.open.last() == Some(&0) {
                self.open.pop();
            }
            let Some(missing) = self.open.last_mut() else {
                return Ok(Progress::Complete(self.at));
            };
            self.searched = self.searched.max(self.at);
            let rest = bytes.get(self.searched..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.searched = bytes.len();
                if self.searched > limit {
                    return Err(ReplyError::TooLong(limit));
                }
                return Ok(Progress::Needs(bytes.len() + 1));
            };
            *missing -= 1;
            let end = self.searched + end + 1;
            let line = bytes.get(self.at..end).unwrap_or_default();
            self.at = end;
            self.value(line)?;
        }
    }

    /// Takes in the first line of a value.
    fn value(&mut self, line: &[u8]) -> Result<(), ReplyError> {
        let (kind, text) = line.split_first().ok_or(ReplyError::Malformed)?;
        match kind {
            b'+' | b'-' | b':' => self.values = self.values.saturating_add(1),
            b'$' => {
                self.values = self.values.saturating_add(1);
                if let Some(length) = length(text)? {
                    self.at = self.at.saturating_add(length).saturating_add(b"\r\n".len());
                }
            }
            b'*' => {
                let count = length(text)?.unwrap_or_default();
                self.values = self.values.saturating_add(count.saturating_add(1));
                if self.open.len() > MOST_NESTED {
                    return Err(ReplyError::TooDeep);
                }
                self.open.push(count);
            }
            // The types of RESP3 come to those alone who ask for them.
            _ => return Err(ReplyError::Malformed),
        }
        Ok(())
    }
}

/// Reads a length; -1 stands for no value.
fn length(line: &[u8]) -> Result<Option<usize>, ReplyError> {
    let text = line.strip_suffix(b"\r\n").and_then(|text| std::str::from_utf8(text).ok());
    match text {
        Some("-1") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| ReplyError::Malformed),
        None => Err(ReplyError::Malformed),
    }
}

/// What a value takes in memory besides its text, or more.
pub(crate) const VALUE_BYTES: usize = 32;
/// How deep lists may be nested; `CLUSTER SLOTS` has four levels.
const MOST_NESTED: usize = 8;
const SHORTEST_READ: usize = 4 << 10;
const LONGEST_READ: usize = 64 << 10;
/// How much of the buffer a connection keeps while it is idle.
const KEPT_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields bytes a few at a time, and counts them.
    struct Drip<'b> {
        bytes: &'b [u8],
        /// Comes again and again once the bytes have been read.
        tail: &'b [u8],
        at_a_time: usize,
        count: usize,
    }

    impl<'b> Drip<'b> {
        fn new(bytes: &'b [u8], tail: &'b [u8], at_a_time: usize) -> Self {
            Drip { bytes, tail, at_a_time, count: 0 }
        }
    }

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.bytes.is_empty() {
                self.bytes = self.tail;
            }
            let count = self.at_a_time.min(self.bytes.len()).min(into.len());
            let (now, later) = self.bytes.split_at(count);
            into[..count].copy_from_slice(now);
            self.bytes = later;
            self.count += count;
            Ok(count)
        }
    }

    const LIMIT: usize = 1 << 20;

    /// Reads endless bytes, and returns why it stopped and how many bytes that took.
    fn refused(start: &[u8], tail: &[u8]) -> (ReplyError, usize, usize) {
        let mut reader = ReplyReader::new(LIMIT);
        let mut source = Drip::new(start, tail, usize::MAX);
        let error = reader.read(&mut source).unwrap_err();
        (error, source.count, reader.buffer.capacity())
    }

    #[test]
    fn replies_are_read_however_they_are_cut() {
        let text = |text: &str| Value::BulkString(text.into());
        let bytes = b"$5\r\na\r\nbc\r\n*3\r\n:-7\r\n*-1\r\n*1\r\n$-1\r\n+OK\r\n*0\r\n$0\r\n\r\n-NOAUTH no\r\n";
        for at_a_time in [1, 2, 3, 7, 1_000] {
            let mut reader = ReplyReader::new(LIMIT);
            let mut source = Drip::new(bytes, b"", at_a_time);
            let mut read = || reader.read(&mut source);
            assert_eq!(read().unwrap(), text("a\r\nbc"));
            let inner = Value::Array(vec![Value::Nil]);
            assert_eq!(read().unwrap(), Value::Array(vec![Value::Int(-7), Value::Nil, inner]));
            assert_eq!(read().unwrap(), Value::Okay);
            assert_eq!(read().unwrap(), Value::Array(Vec::new()));
            assert_eq!(read().unwrap(), text(""));
            assert!(matches!(read().unwrap(), Value::ServerError(_)));
            assert!(matches!(read(), Err(ReplyError::Io(_))));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn a_text_that_is_announced_longer_than_the_limit_is_refused_unread() {
        for start in ["$2000000000\r\n", "$18446744073709551615\r\n", "*2\r\n$2000000000\r\n"] {
            let (error, read, _) = refused(start.as_bytes(), b"x");
            assert!(matches!(error, ReplyError::TooLong(LIMIT)), "{start}: {error:?}");
            assert!(read <= start.len(), "{read}");
        }
    }

    #[test]
    fn replies_without_end_are_refused_at_the_limit() {
        for (start, tail) in [
            ("+", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            ("*1000\r\n", "$5000\r\n"),
            ("*30000\r\n", ":1\r\n"),
            ("*2000000000\r\n", ":1\r\n"),
            ("*9223372036854775807\r\n", "*9223372036854775807\r\n"),
        ] {
            let (error, read, memory) = refused(start.as_bytes(), tail.as_bytes());
            let is_refused = matches!(error, ReplyError::TooLong(_) | ReplyError::Malformed);
            assert!(is_refused, "{start}: {error:?}");
            assert!(read <= LIMIT + LONGEST_READ + SHORTEST_READ, "{start}: {read}");
            assert!(memory <= 3 * LIMIT, "{start}: {memory}");
        }
    }

    #[test]
    fn lists_nested_without_end_are_refused() {
        let (error, read, _) = refused(b"*1\r\n", b"*1\r\n");
        assert!(matches!(error, ReplyError::TooDeep), "{error:?}");
        assert!(read < 200, "{read}");
    }

    #[test]
    fn what_is_no_reply_is_refused_at_its_first_line() {
        for start in
            ["HTTP/1.1 400 Bad Request\r\n", ">2\r\n", "\n", "\r\n", "$x\r\n", "$-2\r\n", "$5\n"]
        {
            let (error, _, _) = refused(start.as_bytes(), b">1\r\n");
            assert!(matches!(error, ReplyError::Malformed), "{start}: {error:?}");
        }
    }

    #[test]
    fn what_comes_without_being_asked_for_is_noticed() {
        for length in [2, 10_000, SHORTEST_READ, LONGEST_READ, 3 * LONGEST_READ] {
            let mut reader = ReplyReader::new(10 * LONGEST_READ);
            let bytes = format!("${length}\r\n{}\r\n+MORE\r\n", "x".repeat(length));
            reader.read(&mut Drip::new(bytes.as_bytes(), b"", usize::MAX)).unwrap();
            assert!(!reader.is_empty(), "{length}");
        }
    }

    #[test]
    fn an_idle_connection_keeps_little_of_a_long_reply() {
        let mut long = b"$1000000\r\n".to_vec();
        long.extend(vec![b'x'; 1_000_000]);
        long.extend(b"\r\n");
        let mut reader = ReplyReader::new(LIMIT);
        assert!(reader.read(&mut Drip::new(&long, b"", usize::MAX)).is_ok());
        assert!(reader.buffer.capacity() <= KEPT_BYTES);
    }
}
