//! A TLS server on the loopback interface that misbehaves on demand.
#![expect(clippy::expect_used, reason = "a test cannot go on without its server")]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convert_transport::{HttpsUrl, HttpsUrlTemplate, TransportConfig};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Certificates;
use crate::ledger::Ledger;
use crate::listener::{Listener, Sockets};
use crate::reply::Reply;
use crate::step::Step;
use crate::stop::Stop;
use crate::wire::RequestReader;

/// A TLS server on 127.0.0.1 that follows a script of [`Step`]s and records what it was asked.
///
/// Its certificate is for `localhost` and signed by an authority of this process. The last step
/// of the script is repeated for ever. Dropping the server closes its connections and joins its
/// threads.
///
/// # Example
///
/// ```
/// use convert_transport::{ConfigRequest, ConfigResponse, HttpsTransport, SdkKey, Transport};
/// use test_support::{LoopbackServer, Reply};
///
/// let server = LoopbackServer::start([Reply::json("{}")]);
/// let transport = HttpsTransport::new(&server.transport_config())?;
/// let request = ConfigRequest::new(SdkKey::parse("10012345/10067890")?);
/// assert!(matches!(transport.fetch_config(&request)?, ConfigResponse::Modified(_)));
/// assert_eq!(server.ledger().requests()[0].method, "GET");
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Debug)]
pub struct LoopbackServer {
    listener: Listener,
    state: Arc<State>,
}

impl LoopbackServer {
    /// Starts a server on a free port; an empty script answers everything with 404.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn start<S: Into<Step>>(script: impl IntoIterator<Item = S>) -> Self {
        let state = Arc::new(State {
            script: Mutex::new(script.into_iter().map(Into::into).collect()),
            ledger: Ledger::default(),
            requests_per_connection: AtomicUsize::new(usize::MAX),
        });
        let for_connections = Arc::clone(&state);
        let listener = Listener::start(move |socket, number, sockets| {
            // A connection that breaks is what most scripts are about.
            let _ = for_connections.serve(socket, number, sockets);
        })
        .expect("a loopback port");
        // Certificates are made before the first deadline runs.
        Certificates::shared();
        Self { listener, state }
    }

    /// Replaces what is left of the script.
    pub fn replace_script<S: Into<Step>>(&self, script: impl IntoIterator<Item = S>) {
        *self.state.script() = script.into_iter().map(Into::into).collect();
    }

    /// Closes each connection, unannounced, after it answered `count` requests.
    pub fn close_after(&self, count: usize) {
        self.state.requests_per_connection.store(count, Ordering::SeqCst);
    }

    /// Gives the port.
    pub fn port(&self) -> u16 {
        self.listener.port()
    }

    /// Gives the address, as `https://localhost:{port}`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port())
    }

    /// Gives the certificate of the authority in PEM form.
    pub fn authority_pem(&self) -> &'static str {
        Certificates::shared().authority_pem()
    }

    /// Gives what was received so far.
    pub fn ledger(&self) -> &Ledger {
        &self.state.ledger
    }

    /// Gives transport settings that reach and trust this server, for both endpoints, with a
    /// total timeout of 10 s and tracking below `/v1`.
    ///
    /// # Panics
    ///
    /// Never: the addresses are valid.
    pub fn transport_config(&self) -> TransportConfig {
        TransportConfig::default()
            .base_url(HttpsUrl::parse(self.url()).expect("a valid address"))
            .track_base_url(
                HttpsUrlTemplate::parse(format!("{}/[project_id]/v1", self.url()))
                    .expect("a valid template"),
            )
            .root_certificates(self.authority_pem())
    }
}

#[derive(Debug)]
struct State {
    script: Mutex<VecDeque<Step>>,
    ledger: Ledger,
    requests_per_connection: AtomicUsize,
}

type Tls = StreamOwned<ServerConnection, TcpStream>;

impl State {
    fn script(&self) -> MutexGuard<'_, VecDeque<Step>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next step if it fits; the last one stays.
    fn take(&self, about_connection: bool) -> Option<Step> {
        let mut script = self.script();
        let next = script.front()?;
        if next.is_about_connection() != about_connection {
            return None;
        }
        if script.len() == 1 {
            return script.front().cloned();
        }
        script.pop_front()
    }

    fn next_is_about_connection(&self) -> bool {
        self.script().front().is_some_and(Step::is_about_connection)
    }

    fn serve(&self, mut socket: TcpStream, number: usize, sockets: &Sockets) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let certificates = Certificates::shared();
        match self.take(true) {
            Some(Step::CloseOnAccept) => Ok(()),
            Some(Step::HangInHandshake) => {
                sockets.stop().wait_forever();
                Ok(())
            }
            Some(Step::DripInHandshake(interval)) => {
                // The header of a handshake record of 16 KiB, which never gets complete.
                socket.write_all(&[0x16, 0x03, 0x03, 0x40, 0x00, 0x02])?;
                drip(&mut socket, interval, sockets.stop())
            }
            Some(Step::NeverRead) => {
                let mut tls = open(certificates.valid(), socket)?;
                tls.conn.complete_io(&mut tls.sock)?;
                sockets.stop().wait_forever();
                Ok(())
            }
            Some(Step::AnswerUnread(reply)) => {
                let mut tls = open(certificates.valid(), socket)?;
                // What is read is a part of the request: the rest is lost with the connection.
                tls.read_exact(&mut [0; 1024])?;
                reply.write_to(&mut tls)
            }
            Some(Step::ReadSlowly(interval)) => {
                let mut tls = open(certificates.valid(), socket)?;
                let mut buffer = vec![0; 64 * 1024];
                while tls.read(&mut buffer)? > 0 && !sockets.stop().wait(interval) {}
                Ok(())
            }
            Some(Step::PlainHttp) => answer_plainly(&mut socket),
            Some(Step::WrongName) => hold_handshake(certificates.wrong_name(), socket),
            Some(Step::Expired) => hold_handshake(certificates.expired(), socket),
            _ => self.serve_requests(open(certificates.valid(), socket)?, number, sockets.stop()),
        }
    }

    fn serve_requests(&self, mut tls: Tls, number: usize, stop: &Stop) -> io::Result<()> {
        let mut reader = RequestReader::default();
        let mut count = 0;
        while let Some(mut request) = reader.next(&mut tls)? {
            request.connection = number;
            let action = self.take(false).unwrap_or_else(|| Reply::new(404).into());
            let answer = match &action {
                Step::Answer(reply) => Some(reply.for_request(&request)),
                _ => None,
            };
            self.ledger.record(request);
            if let Step::RawOpen(bytes) = &action {
                tls.write_all(bytes)?;
                tls.flush()?;
                continue;
            }
            let Some(mut answer) = answer else {
                return misbehave(&mut tls, &action, stop);
            };
            if self.next_is_about_connection() {
                answer = answer.closing();
            }
            answer.write_to(&mut tls)?;
            count += 1;
            if count >= self.requests_per_connection.load(Ordering::SeqCst) {
                return Ok(());
            }
            if answer.closes() {
                tls.conn.send_close_notify();
                return tls.flush();
            }
        }
        Ok(())
    }
}

fn open(config: Arc<ServerConfig>, socket: TcpStream) -> io::Result<Tls> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, socket))
}

/// Goes through a handshake the client is expected to break off.
fn hold_handshake(config: Arc<ServerConfig>, socket: TcpStream) -> io::Result<()> {
    open(config, socket)?.read(&mut [0]).map(|_| ())
}

fn answer_plainly(socket: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    if socket.read(&mut buffer)? > 0 {
        Reply::new(400).body("plain").write_to(socket)?;
        while socket.read(&mut buffer)? > 0 {}
    }
    Ok(())
}

fn misbehave(tls: &mut Tls, fault: &Step, stop: &Stop) -> io::Result<()> {
    match fault {
        Step::DripHeaders(interval) => {
            tls.write_all(b"HTTP/1.1 200 OK\r\nx-drip: ")?;
            drip(tls, *interval, stop)
        }
        Step::DripBody(interval) => {
            tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")?;
            drip(tls, *interval, stop)
        }
        Step::DripError(interval) => {
            tls.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 1000\r\n\r\n")?;
            drip(tls, *interval, stop)
        }
        Step::CutBody => {
            tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"a\"")?;
            tls.flush()
        }
        Step::Raw(bytes) => {
            tls.write_all(bytes)?;
            tls.conn.send_close_notify();
            tls.flush()
        }
        Step::RawCut(bytes) => {
            tls.write_all(bytes)?;
            tls.flush()
        }
        Step::Garbage => {
            tls.write_all(b"\x00\x01not http at all\r\n\r\n")?;
            tls.flush()
        }
        _ => {
            stop.wait_forever();
            Ok(())
        }
    }
}

fn drip(stream: &mut impl Write, interval: Duration, stop: &Stop) -> io::Result<()> {
    stream.flush()?;
    while !stop.wait(interval) {
        stream.write_all(b"x")?;
        stream.flush()?;
    }
    Ok(())
}
