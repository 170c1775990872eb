//! The little of HTTP/1.1 that a scripted server needs.

use std::io::{self, Read};

use crate::ledger::RecordedRequest;

/// Reads requests off one connection.
#[derive(Debug, Default)]
pub(crate) struct RequestReader {
    unread: Vec<u8>,
}

impl RequestReader {
    /// Reads the next request; `None` when the peer has closed or sent something else.
    pub(crate) fn next(&mut self, stream: &mut impl Read) -> io::Result<Option<RecordedRequest>> {
        let Some(head) = self.read_head(stream)? else {
            return Ok(None);
        };
        let Some(mut request) = parse_head(&head) else {
            return Ok(None);
        };
        let length =
            request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.unread.len() < length {
            if !self.read_more(stream)? {
                return Ok(None);
            }
        }
        request.body = self.unread.drain(..length).collect();
        Ok(Some(request))
    }

    /// Gives what was read beyond the last request.
    pub(crate) fn into_unread(self) -> Vec<u8> {
        self.unread
    }

    fn read_head(&mut self, stream: &mut impl Read) -> io::Result<Option<String>> {
        loop {
            let end = self.unread.windows(END.len()).position(|part| part == END);
            if let Some(end) = end {
                let head: Vec<u8> = self.unread.drain(..end + END.len()).collect();
                return Ok(String::from_utf8(head).ok());
            }
            if !self.read_more(stream)? {
                return Ok(None);
            }
        }
    }

    fn read_more(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let count = stream.read(&mut buffer)?;
        self.unread.extend(buffer.iter().take(count));
        Ok(count > 0)
    }
}

fn parse_head(head: &str) -> Option<RecordedRequest> {
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?, first.next()?);
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(RecordedRequest {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        ..RecordedRequest::default()
    })
}

const END: &[u8] = b"\r\n\r\n";
