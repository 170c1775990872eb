//! The little of HTTP/1.1 that a sink needs. The heads are parsed by the `httparse` crate.

use std::io::{self, Read, Write};

/// A request, whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) content_type: String,
    pub(super) user_agent: String,
    pub(super) body: Vec<u8>,
    /// Whether the connection is of no use afterwards.
    pub(super) closes: bool,
}

/// Why a request cannot be read: a status, and words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) u16, pub(super) &'static str);

/// What was read of a connection and not used yet.
#[derive(Debug, Default)]
pub(super) struct Reader {
    unread: Vec<u8>,
}

impl Reader {
    /// Reads the next request; `None` when there is none any more.
    pub(super) fn next(
        &mut self,
        stream: &mut (impl Read + Write),
    ) -> io::Result<Option<Result<Request, Unreadable>>> {
        let (mut request, length) = loop {
            match parse_head(&self.unread) {
                Some(Ok((request, head, length))) => {
                    self.unread.drain(..head);
                    break (request, length);
                }
                Some(Err(unreadable)) => return Ok(Some(Err(unreadable))),
                None if !self.read_more(stream)? => return Ok(None),
                None => {}
            }
        };
        if self.unread.len() < length {
            // A client that asks first, as `curl` does, would wait a second otherwise.
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            stream.flush()?;
        }
        while self.unread.len() < length {
            if !self.read_more(stream)? {
                return Ok(None);
            }
        }
        request.body = self.unread.drain(..length).collect();
        Ok(Some(Ok(request)))
    }

    fn read_more(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let count = stream.read(&mut buffer)?;
        self.unread.extend(buffer.iter().take(count));
        Ok(count > 0)
    }
}

/// Writes an answer with a JSON body.
pub(super) fn answer(
    stream: &mut impl Write,
    status: u16,
    body: &str,
    closes: bool,
) -> io::Result<()> {
    let reason = match status {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        _ => "Bad Request",
    };
    let connection = if closes { "close" } else { "keep-alive" };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: {connection}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    stream.flush()
}

/// Parses a head, and returns it with its own length and that of the body; `None` if it is not all
/// there.
fn parse_head(bytes: &[u8]) -> Option<Result<(Request, usize, usize), Unreadable>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) if bytes.len() > LONGEST_HEAD => {
            return Some(Err(Unreadable(400, "the head of the request is too long")));
        }
        Ok(httparse::Status::Partial) => return None,
        Err(_) => return Some(Err(Unreadable(400, "this is no HTTP request"))),
    };
    let header = |name: &str| {
        let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    };
    if header("transfer-encoding").is_some() {
        return Some(Err(Unreadable(411, "the body has no length")));
    }
    let length = match header("content-length").map(|length| length.parse()) {
        None => 0,
        Some(Ok(length)) if length <= LONGEST_BODY => length,
        Some(Ok(_)) => return Some(Err(Unreadable(413, "the body is longer than 1 MiB"))),
        Some(Err(_)) => return Some(Err(Unreadable(400, "the body's length is no number"))),
    };
    let closes = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        content_type: header("content-type").unwrap_or_default(),
        user_agent: header("user-agent").unwrap_or_default(),
        body: Vec::new(),
        closes: closes || parsed.version == Some(0),
    };
    Some(Ok((request, head, length)))
}

const MOST_HEADERS: usize = 64;
const LONGEST_HEAD: usize = 16 * 1024;
/// What the service takes at most.
const LONGEST_BODY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection that brings bytes one by one, and keeps what it is given.
    struct Drip(Vec<u8>, Vec<u8>);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            buffer[0] = self.0.remove(0);
            Ok(1)
        }
    }

    impl Write for Drip {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn read_all(bytes: &[u8]) -> Vec<Result<Request, Unreadable>> {
        let (mut reader, mut stream) = (Reader::default(), Drip(bytes.to_vec(), Vec::new()));
        let mut found = Vec::new();
        while let Some(request) = reader.next(&mut stream).unwrap() {
            let is_over = request.is_err();
            found.push(request);
            if is_over {
                break;
            }
        }
        found
    }

    #[test]
    fn requests_that_arrive_byte_by_byte_are_read_one_after_the_other() {
        let found = read_all(
            b"POST /v1/track/1/2 HTTP/1.1\r\nContent-Length: 2\r\nUser-Agent: A\r\n\r\n{}\
              GET / HTTP/1.1\r\nConnection: close\r\n\r\nPOST / HTTP/1.1\r\n",
        );
        let first = found[0].as_ref().unwrap();
        assert_eq!((first.path.as_str(), first.body.as_slice()), ("/v1/track/1/2", &b"{}"[..]));
        assert!(found[1].as_ref().unwrap().closes && found.len() == 2);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let status = |head: &str| {
            let bytes = format!("POST / HTTP/1.1\r\n{head}\r\n\r\n");
            read_all(bytes.as_bytes()).remove(0).unwrap_err().0
        };
        assert_eq!(status("Content-Length: 1048577"), 413);
        assert_eq!(status("Content-Length: many"), 400);
        assert_eq!(status("Transfer-Encoding: chunked"), 411);
        assert_eq!(status("no header at all"), 400);
        assert_eq!(read_all(&vec![b'x'; LONGEST_HEAD + 1])[0].as_ref().unwrap_err().0, 400);
    }
}
