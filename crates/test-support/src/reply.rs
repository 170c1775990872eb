//! An answer of a loopback server, well formed or not.
#![expect(clippy::expect_used, reason = "compressing into memory cannot fail")]

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::ledger::RecordedRequest;

/// Status, headers and body of an answer, and what happens to the connection afterwards.
///
/// # Example
///
/// ```
/// use test_support::Reply;
///
/// let reply = Reply::new(429).header("retry-after", "30").body("slow down");
/// assert_eq!(reply.status(), 429);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Content,
    announced: Option<u64>,
    closes: bool,
}

impl Reply {
    /// Creates an answer with a status and an empty body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Content::Bytes(Vec::new()),
            announced: None,
            closes: false,
        }
    }

    /// Creates a 200 with a JSON body.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).header("content-type", "application/json").body(body)
    }

    /// Creates a 200 with a body of `length` zero bytes, written in pieces.
    pub fn filler(length: u64) -> Self {
        Self::json("").filler_body(length)
    }

    /// Sets a body of `length` zero bytes, written in pieces.
    pub fn filler_body(mut self, length: u64) -> Self {
        self.body = Content::Zeros(length);
        self
    }

    /// Creates a 200 whose small body unpacks to `length` zero bytes.
    ///
    /// # Panics
    ///
    /// Never: it is compressed in memory.
    pub fn gzip_bomb(length: u64) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        write_zeros(&mut encoder, length).expect("memory");
        Self::json(encoder.finish().expect("memory")).header("content-encoding", "gzip")
    }

    /// Adds a header line.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an `ETag`; a request that already knows it is answered with 304.
    pub fn etag(self, etag: &str) -> Self {
        self.header("etag", etag)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Content::Bytes(body.into());
        self
    }

    /// Compresses the body given so far.
    ///
    /// # Panics
    ///
    /// Never: it is compressed in memory.
    pub fn gzip(mut self) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        self.body.write_to(&mut encoder).expect("memory");
        self.body = Content::Bytes(encoder.finish().expect("memory"));
        self.header("content-encoding", "gzip")
    }

    /// Announces another length than the body has, and closes the connection after it.
    pub fn announcing(mut self, length: u64) -> Self {
        self.announced = Some(length);
        self.closes = true;
        self
    }

    /// Says `Connection: close` and closes the connection.
    pub fn closing(mut self) -> Self {
        self.closes = true;
        self.header("connection", "close")
    }

    /// Gives the body as it is sent.
    ///
    /// # Panics
    ///
    /// Never: it is written into memory.
    pub fn content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        self.body.write_to(&mut content).expect("memory");
        content
    }

    /// Gives the status.
    pub fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn closes(&self) -> bool {
        self.closes
    }

    /// Gives what to answer: a 304 in place of a body the request already has.
    pub(crate) fn for_request(&self, request: &RecordedRequest) -> Self {
        let etag = self.headers.iter().find(|(name, _)| name == "etag");
        match etag {
            Some((_, etag)) if request.header("if-none-match") == Some(etag) => {
                Self::new(304).etag(etag)
            }
            _ => self.clone(),
        }
    }

    pub(crate) fn write_to(&self, stream: &mut impl Write) -> io::Result<()> {
        let mut head = Vec::new();
        write!(head, "HTTP/1.1 {} Scripted\r\n", self.status)?;
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        if self.status != 304 {
            let length = self.announced.unwrap_or(self.body.length());
            write!(head, "content-length: {length}\r\n")?;
        }
        head.extend(b"\r\n");
        stream.write_all(&head)?;
        self.body.write_to(stream)?;
        stream.flush()
    }
}

#[derive(Clone, Debug)]
enum Content {
    Bytes(Vec<u8>),
    Zeros(u64),
}

impl Content {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(length) => *length,
        }
    }

    fn write_to(&self, stream: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => stream.write_all(bytes),
            Self::Zeros(length) => write_zeros(stream, *length),
        }
    }
}

fn write_zeros(stream: &mut impl Write, length: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), length), stream).map(|_| ())
}
