//! A server that takes whatever it is sent and keeps nothing.
#![expect(clippy::expect_used, reason = "a test cannot go on without its server")]

use std::io;
use std::net::TcpStream;

use convert_transport::{HttpsUrlTemplate, TransportConfig};
use rustls::{ServerConnection, StreamOwned};

use crate::certificates::Certificates;
use crate::listener::Listener;
use crate::reply::Reply;
use crate::wire::RequestReader;

/// A TLS server on 127.0.0.1 that accepts every body and hands it to a function, for loads that a
/// [`LoopbackServer`](crate::LoopbackServer) would have to remember.
///
/// Dropping it closes its connections and joins its threads.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use convert_transport::{BatchRequest, HttpsTransport, SdkKey, Transport};
/// use test_support::DrainServer;
///
/// let bytes = Arc::new(AtomicUsize::new(0));
/// let counted = Arc::clone(&bytes);
/// let server = DrainServer::start(move |body: &[u8]| {
///     counted.fetch_add(body.len(), Ordering::SeqCst);
/// });
/// let transport = HttpsTransport::new(&server.transport_config())?;
/// let request = BatchRequest::new(SdkKey::parse("10012345/10067890")?, "10067890", *b"{}");
/// assert!(transport.send_batch(&request)?.is_success());
/// assert_eq!(bytes.load(Ordering::SeqCst), 2);
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Debug)]
pub struct DrainServer {
    listener: Listener,
}

impl DrainServer {
    /// Starts a server on a free port that calls `take` with every body.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn start(take: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Certificates::shared();
        let listener = Listener::start(move |socket, _, _| {
            // A client that goes away ends its connection.
            let _ = serve(socket, &take);
        });
        Self { listener: listener.expect("a loopback port") }
    }

    /// Gives transport settings that reach and trust this server, for tracking.
    ///
    /// # Panics
    ///
    /// Never: the address is valid.
    pub fn transport_config(&self) -> TransportConfig {
        let url = format!("https://localhost:{}/v1", self.listener.port());
        TransportConfig::default()
            .track_base_url(HttpsUrlTemplate::parse(url).expect("a valid template"))
            .root_certificates(Certificates::shared().authority_pem())
    }
}

fn serve(socket: TcpStream, take: &impl Fn(&[u8])) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let connection =
        ServerConnection::new(Certificates::shared().valid()).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, socket);
    let mut reader = RequestReader::default();
    let accepted = Reply::json("{}");
    while let Some(request) = reader.next(&mut stream)? {
        take(&request.body);
        accepted.write_to(&mut stream)?;
    }
    Ok(())
}
