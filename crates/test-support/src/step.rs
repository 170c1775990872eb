//! The steps of a fault script.

use std::time::Duration;

use crate::reply::Reply;

/// What a [`LoopbackServer`](crate::LoopbackServer) does next.
///
/// Some steps are about a connection: they are taken when a client connects. The others are about
/// a request: they are taken when one has been read, on a connection with a valid certificate.
/// Before a step about a connection the server closes the connection it has, so that the client
/// must make a new one.
///
/// # Example
///
/// ```
/// use test_support::{Reply, Step};
///
/// assert!(Step::WrongName.is_about_connection());
/// assert!(!Step::from(Reply::json("{}")).is_about_connection());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// Connection: closed as soon as it is accepted.
    CloseOnAccept,
    /// Connection: accepted, then nothing is ever sent.
    HangInHandshake,
    /// Connection: one byte of the handshake per interval, without an end.
    DripInHandshake(Duration),
    /// Connection: handshake done, then nothing is read or sent.
    NeverRead,
    /// Connection: answers in plain HTTP instead of TLS.
    PlainHttp,
    /// Connection: a certificate for another host.
    WrongName,
    /// Connection: a certificate that is out of date.
    Expired,
    /// Request: answered.
    Answer(Reply),
    /// Request: read, then nothing is ever sent.
    Hang,
    /// Request: one byte of the answer's headers per interval, without an end.
    DripHeaders(Duration),
    /// Request: status and headers at once, then one byte of the body per interval.
    DripBody(Duration),
    /// Request: status 503 and headers at once, then one byte of the body per interval.
    DripError(Duration),
    /// Request: half a body, then the connection breaks without a TLS goodbye.
    CutBody,
    /// Request: answered with something that is not HTTP.
    Garbage,
    /// Request: answered with these bytes, then the connection is closed with a TLS goodbye.
    Raw(Vec<u8>),
    /// Request: answered with these bytes, all in one write; the connection stays open.
    RawOpen(Vec<u8>),
    /// Request: answered with these bytes, then the connection breaks without a TLS goodbye.
    RawCut(Vec<u8>),
    /// Connection: handshake done, then the answer is sent and the connection closed before all of
    /// a long request has been read.
    AnswerUnread(Reply),
    /// Connection: handshake done, then some of the request is read per interval.
    ReadSlowly(Duration),
}

impl Step {
    /// Tells whether the step is about a connection rather than a request.
    pub fn is_about_connection(&self) -> bool {
        matches!(
            self,
            Self::CloseOnAccept
                | Self::HangInHandshake
                | Self::DripInHandshake(_)
                | Self::NeverRead
                | Self::PlainHttp
                | Self::WrongName
                | Self::Expired
                | Self::AnswerUnread(_)
                | Self::ReadSlowly(_)
        )
    }
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self::Answer(reply)
    }
}
