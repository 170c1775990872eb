//! The heads of requests and answers.

use std::time::Duration;

use httparse::{EMPTY_HEADER, Response, Status};

use super::Connection;
use crate::failure::Failure;
use crate::{clock, retry_after};

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Request<'request> {
    pub(crate) method: &'static str,
    /// Path and query, or the authority of a `CONNECT`.
    pub(crate) target: &'request str,
    pub(crate) headers: &'request [(&'request str, String)],
}

impl Request<'_> {
    /// Spells the head. Names and values have been checked when they were accepted.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in self.headers {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// Status and headers of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    status: u16,
    is_http_1_0: bool,
    headers: Vec<(String, Vec<u8>)>,
}

/// Where the body of an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

impl Head {
    /// Reads the head of an answer, of `max` bytes at most. Interim answers (1xx) are skipped and
    /// count towards the limit.
    pub(crate) fn read(connection: &mut Connection, max: usize) -> Result<Self, Failure> {
        let mut left = max;
        loop {
            let (head, length) = Self::read_one(connection, left, max)?;
            left = left.saturating_sub(length);
            match head.status {
                101 => return Err(Failure::malformed("status 101 without an upgrade")),
                100..=199 => {}
                _ => return Ok(head),
            }
        }
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Returns the first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Returns how long the peer asks to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after::parse(self.header("retry-after"), self.header("date"), clock::unix_seconds)
    }

    /// Returns the elements of a header that holds a list, over all its lines, in lower case.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let lines = self.values(name).map(|value| String::from_utf8_lossy(value).to_lowercase());
        let joined = lines.collect::<Vec<_>>().join(",");
        let elements = joined.split(',').map(str::trim).filter(|element| !element.is_empty());
        elements.map(str::to_owned).collect()
    }

    /// Returns whether the connection stays open after the body.
    pub(crate) fn keeps_alive(&self) -> bool {
        let options = self.list("connection");
        let has = |option: &str| options.iter().any(|other| other == option);
        // A message with both headers may be an attempt to smuggle another one in.
        let is_ambiguous = self.has("transfer-encoding") && self.has("content-length");
        let is_kept = if self.is_http_1_0 { has("keep-alive") } else { !has("close") };
        is_kept && !is_ambiguous
    }

    /// Finds out where the body ends (RFC 9112, section 6.3).
    pub(crate) fn framing(&self) -> Result<Framing, Failure> {
        if matches!(self.status, 204 | 304) {
            return Ok(Framing::Length(0));
        }
        let codings = self.list("transfer-encoding");
        match codings.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => {}
            ["chunked"] if !self.is_http_1_0 => return Ok(Framing::Chunked),
            ["identity"] => return Ok(Framing::Close),
            _ => return Err(Failure::malformed("the transfer encoding is not supported")),
        }
        let lengths = self.list("content-length");
        if !self.has("content-length") {
            return Ok(Framing::Close);
        }
        let first = lengths.first().map(String::as_str).unwrap_or_default();
        let is_number = first.bytes().all(|byte| byte.is_ascii_digit());
        match first.parse() {
            Ok(length) if is_number && lengths.iter().all(|length| length == first) => {
                Ok(Framing::Length(length))
            }
            _ => Err(Failure::malformed("the header Content-Length is malformed")),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let of_name =
            self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_slice())
    }

    /// Reads one head, and returns its length with it.
    fn read_one(
        connection: &mut Connection,
        left: usize,
        max: usize,
    ) -> Result<(Self, usize), Failure> {
        // Only new bytes are searched, so that a head in small pieces costs linear time.
        let mut searched = 0;
        let mut skipped = 0;
        loop {
            // Empty lines before the status line are allowed for.
            let is_empty_line = |byte: &&u8| matches!(byte, b'\r' | b'\n');
            let leading = connection.unread().iter().take_while(is_empty_line).count();
            connection.use_up(leading);
            skipped += leading;
            let unread = connection.unread();
            check_start(unread)?;
            let end = end_of_head(unread, searched);
            if skipped + end.unwrap_or(unread.len()) > left {
                return Err(Failure::malformed(format!(
                    "the head of the answer exceeds the limit of {max} bytes"
                )));
            }
            if let Some(end) = end {
                let head = Self::parse(unread.get(..end).unwrap_or_default())?;
                connection.use_up(end);
                return Ok((head, skipped + end));
            }
            searched = unread.len();
            connection.expect_more("waiting for the answer")?;
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        // Each header is a line, so that there cannot be more of them.
        let lines = bytes.split(|byte| *byte == b'\n').count();
        let mut headers = vec![EMPTY_HEADER; lines];
        let mut response = Response::new(&mut headers);
        let parsed = response.parse(bytes).map_err(|error| {
            Failure::malformed(format!("the head of the answer is malformed: {error}"))
        })?;
        let (Status::Complete(_), Some(status)) = (parsed, response.code) else {
            return Err(Failure::malformed("the head of the answer is malformed"));
        };
        let headers = response.headers.iter();
        let headers = headers.map(|header| (header.name.to_owned(), header.value.to_vec()));
        Ok(Self { status, is_http_1_0: response.version == Some(0), headers: headers.collect() })
    }
}

/// Refuses at once what cannot become the head of an answer: its end may never come.
fn check_start(bytes: &[u8]) -> Result<(), Failure> {
    if bytes.iter().zip(STATUS_LINE).all(|(byte, expected)| byte == expected) {
        return Ok(());
    }
    Err(Failure::malformed("the answer does not begin with HTTP/1"))
}

/// Finds the end of a head, the empty line included, when the first `searched` bytes hold none.
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(2);
    let tail = bytes.get(from..)?;
    let feeds = tail.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut ends = feeds.map(|(at, _)| from + at + 1);
    ends.find_map(|next| match bytes.get(next..)? {
        [b'\n', ..] => Some(next + 1),
        [b'\r', b'\n', ..] => Some(next + 2),
        _ => None,
    })
}

const STATUS_LINE: &[u8] = b"HTTP/1.";

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        Head::parse(text.as_bytes()).expect(text)
    }

    #[test]
    fn the_end_of_a_head_is_found_however_it_arrives() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\nbody", Some(19)),
            ("HTTP/1.1 200 OK\n\nbody", Some(17)),
            ("HTTP/1.1 200 OK\r\na: b\r\n", None),
            ("", None),
        ] {
            for searched in 0..=text.len() {
                let seen = &text.as_bytes()[..searched];
                if end_of_head(seen, 0).is_none() {
                    let end = end_of_head(text.as_bytes(), searched);
                    assert_eq!(end, expected, "{text:?} {searched}");
                }
            }
        }
    }

    #[test]
    fn only_http_1_can_begin() {
        for text in ["", "H", "HTTP/1", "HTTP/1.1 200", "HTTP/1.0"] {
            assert!(check_start(text.as_bytes()).is_ok(), "{text}");
        }
        for text in ["{", "<html>", "HTTP/2 200", "HTTP/0.9", "SSH-2.0", "\r\nX", "http/1.1"] {
            assert!(check_start(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn framing_follows_the_rfc() {
        use Framing::{Chunked, Close, Length};
        for (version, status, headers, expected) in [
            (1, 200, "Content-Length: 5", Some(Length(5))),
            (1, 200, "content-length: 5\r\nCONTENT-LENGTH: 5", Some(Length(5))),
            (1, 200, "Content-Length: 5, 5", Some(Length(5))),
            (1, 200, "Content-Length: 5, 6", None),
            (1, 200, "Content-Length: +5", None),
            (1, 200, "Content-Length:", None),
            (1, 200, "Content-Length: 99999999999999999999", None),
            (1, 200, "Transfer-Encoding: Chunked", Some(Chunked)),
            (1, 200, "Transfer-Encoding: chunked\r\nContent-Length: 5", Some(Chunked)),
            (1, 200, "Transfer-Encoding: gzip, chunked", None),
            (1, 200, "Transfer-Encoding: chunked, identity", None),
            (0, 200, "Transfer-Encoding: chunked", None),
            (1, 200, "X-A: b", Some(Close)),
            (1, 204, "X-A: b", Some(Length(0))),
            (1, 304, "Content-Length: 5", Some(Length(0))),
        ] {
            let text = format!("HTTP/1.{version} {status} OK\r\n{headers}\r\n\r\n");
            assert_eq!(head(&text).framing().ok(), expected, "{text}");
        }
    }

    #[test]
    fn connections_are_kept_as_the_tokens_of_the_header_say() {
        for (version, headers, expected) in [
            (1, "x: y", true),
            (1, "Connection: CLOSE", false),
            (1, "Connection: Keep-Alive, Close", false),
            (1, "Connection: keep-alive\r\nConnection: close", false),
            (0, "x: y", false),
            (0, "connection: Keep-Alive", true),
            (1, "Transfer-Encoding: chunked\r\nContent-Length: 5", false),
        ] {
            let text = format!("HTTP/1.{version} 200 OK\r\n{headers}\r\n\r\n");
            assert_eq!(head(&text).keeps_alive(), expected, "{text}");
        }
    }

    #[test]
    fn names_of_headers_compare_without_case() {
        let head = head("HTTP/1.1 429 Slow\r\nRETRY-AFTER: 7\r\n\r\n");
        assert_eq!(head.header("retry-after"), Some("7"));
        assert_eq!(head.status(), 429);
    }
}
