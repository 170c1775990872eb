//! Content codings: what was compressed on the way.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::Head;
use crate::error::TransportErrorKind;
use crate::failure::Failure;

/// Undoes the content coding of a body; more than `max` decoded bytes are an error.
pub(crate) fn decode(head: &Head, body: Vec<u8>, max: usize) -> Result<Vec<u8>, Failure> {
    match Coding::of(head) {
        Coding::None => Ok(body),
        Coding::Gzip => gunzip(&body, max),
        Coding::Unknown => {
            Err(Failure::malformed("the content encoding of the answer is not gzip"))
        }
    }
}

/// Undoes the content coding of the beginning of a body, and returns at most `max` decoded bytes: those
/// before the body breaks off or is damaged. An unknown coding is left as it is.
pub(crate) fn decode_prefix(head: &Head, body: Vec<u8>, max: usize) -> Vec<u8> {
    if !matches!(Coding::of(head), Coding::Gzip) {
        return body;
    }
    let limit = u64::try_from(max).unwrap_or(u64::MAX);
    let mut decoded = Vec::new();
    // What was decoded before a failure is there all the same.
    let _ = MultiGzDecoder::new(body.as_slice()).take(limit).read_to_end(&mut decoded);
    decoded
}

enum Coding {
    None,
    Gzip,
    Unknown,
}

impl Coding {
    fn of(head: &Head) -> Self {
        let mut codings = head.list("content-encoding");
        codings.retain(|coding| coding != "identity");
        match codings.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => Self::None,
            ["gzip" | "x-gzip"] => Self::Gzip,
            _ => Self::Unknown,
        }
    }
}

fn gunzip(body: &[u8], max: usize) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(max).unwrap_or(u64::MAX);
    let mut decoded = Vec::new();
    let mut reader = MultiGzDecoder::new(body).take(limit.saturating_add(1));
    match reader.read_to_end(&mut decoded) {
        Ok(_) if decoded.len() > max => Err(too_large(max)),
        Ok(_) => Ok(decoded),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Failure::broken("the compressed body ends too early"))
        }
        Err(error) => Err(Failure::malformed(format!("the body is not valid gzip: {error}"))),
    }
}

/// Returns whether a body that only the end of the connection ends has broken off.
///
/// Such a body looks complete wherever it breaks off. What gives it away is JSON whose brackets or
/// quotes are still open.
pub(crate) fn breaks_off(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    if !matches!(body.first(), None | Some(b'{' | b'[')) {
        return false;
    }
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    body.is_empty() || in_string || depth > 0
}

/// The failure of a body that exceeds the configured size.
pub(super) fn too_large(max: usize) -> Failure {
    Failure::new(
        TransportErrorKind::BodyTooLarge,
        format!("the body exceeds the limit of {max} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_brackets_and_quotes_show_that_a_body_breaks_off() {
        let whole = br#" {"a": ["}]", {"b\\": "\""}], "c": 1} "#;
        assert!(!breaks_off(whole));
        for end in 0..whole.trim_ascii_end().len() {
            assert!(breaks_off(&whole[..end]), "{end}");
        }
        assert!(!breaks_off(b"<html>"));
    }
}
