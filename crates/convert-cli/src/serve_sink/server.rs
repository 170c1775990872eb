//! The HTTPS server of the sink, with a limit on everything that a client can make it hold.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::endpoint::Endpoint;

/// What the clients of a server may take, all together and each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many connections are open at the same time; further ones wait to be accepted.
    pub(super) connections: usize,
    /// How long a handshake, the next head, and a body may take.
    pub(super) timeout: Duration,
}

/// A server on the loopback interface.
pub(super) struct Server {
    listener: TcpListener,
    connection: Connection,
}

/// What serving one connection takes.
#[derive(Clone)]
struct Connection {
    acceptor: TlsAcceptor,
    endpoint: Endpoint,
    limits: Limits,
}

impl Server {
    /// Listens on a port; 0 takes one that is free.
    pub(super) async fn bind(
        port: u16,
        acceptor: TlsAcceptor,
        endpoint: Endpoint,
        limits: Limits,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        Ok(Server { listener, connection: Connection { acceptor, endpoint, limits } })
    }

    /// Returns the address at which the server listens.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves connections until `stop` resolves, then lets answers that are being written finish.
    pub(super) async fn run(self, stop: oneshot::Receiver<()>) {
        let graceful = GracefulShutdown::new();
        tokio::select! {
            () = self.accept_all(&graceful) => {}
            _ = stop => {}
        }
        // A client that reads no answers must not keep the program from ending.
        let _ = timeout(SHUTDOWN, graceful.shutdown()).await;
    }

    async fn accept_all(&self, graceful: &GracefulShutdown) {
        let seats = Arc::new(Semaphore::new(self.connection.limits.connections));
        // Only a semaphore that was closed fails, and nothing closes this one.
        while let Ok(seat) = Arc::clone(&seats).acquire_owned().await {
            match self.listener.accept().await {
                Ok((socket, _)) => {
                    let connection = self.connection.clone();
                    let watcher = graceful.watcher();
                    tokio::spawn(async move {
                        connection.serve(socket, watcher).await;
                        drop(seat);
                    });
                }
                Err(error) => {
                    let fault = format!("no connection could be accepted: {error}");
                    self.connection.endpoint.connection_failed(fault).await;
                    // The process may be out of file descriptors, which only time can mend.
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Connection {
    async fn serve(self, socket: TcpStream, watcher: Watcher) {
        let _ = socket.set_nodelay(true);
        let served = match timeout(self.limits.timeout, self.acceptor.accept(socket)).await {
            Ok(Ok(stream)) => self.serve_requests(stream, watcher).await,
            Ok(Err(error)) => Err(format!("the TLS handshake failed: {}", handshake_fault(&error))),
            Err(_) => Err(format!(
                "the TLS handshake took longer than {:?}, so the connection was closed",
                self.limits.timeout
            )),
        };
        if let Err(fault) = served {
            self.endpoint.connection_failed(fault).await;
        }
    }

    async fn serve_requests(
        &self,
        stream: TlsStream<TcpStream>,
        watcher: Watcher,
    ) -> Result<(), String> {
        let requests = AtomicU64::new(0);
        let service = service_fn(|request| {
            requests.fetch_add(1, Ordering::Relaxed);
            let endpoint = self.endpoint.clone();
            async move { Ok::<_, Infallible>(endpoint.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // Runs while a connection is idle, too.
            .header_read_timeout(self.limits.timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let lifetime = self.limits.timeout.saturating_mul(LIFETIME);
        match timeout(lifetime, watcher.watch(connection)).await {
            Ok(Err(error)) if error.is_parse() => Err(format!("no HTTP request: {error}")),
            Ok(Err(error)) if error.is_timeout() && requests.into_inner() == 0 => {
                let limit = self.limits.timeout;
                Err(format!("no whole request came within {limit:?}, so the connection was closed"))
            }
            // The client has gone, or the connection was idle for too long.
            Ok(_) => Ok(()),
            Err(_) => Err(format!("the connection was closed after {lifetime:?}")),
        }
    }
}

/// Returns what is wrong with a handshake, and what to do about the usual mistakes.
fn handshake_fault(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let hint = match cause {
        Some(rustls::Error::InvalidMessage(_)) => "; is the client's URL an https one?",
        // Not every client sends an alert before it gives up.
        Some(rustls::Error::AlertReceived(_)) => TRUST,
        _ if error.kind() == io::ErrorKind::UnexpectedEof => TRUST,
        _ => "",
    };
    format!("{error}{hint}")
}

const TRUST: &str = "; does the client trust the certificate that --certificate-out writes, and \
                     is its URL one of `localhost` or `127.0.0.1`?";
/// The header fields that a request may have.
const MAX_HEADERS: usize = 64;
/// The bytes that a head may have.
const MAX_HEAD: usize = 16 * 1024;
/// How many times as long as a phase of it a connection may live.
const LIFETIME: u32 = 60;
/// How long the end waits for answers that are being written.
const SHUTDOWN: Duration = Duration::from_secs(1);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
