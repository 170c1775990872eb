//! From a host name to a connection with TLS.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::ClientConfig;

use crate::clock::Deadline;
use crate::failure::Failure;
use crate::http::{Connection, Head, Request};
use crate::lookup::{Limits, Lookups};
use crate::proxy::ProxyUrl;
use crate::socket::{Socket, SocketStream};
use crate::tls::{self, Io};
use crate::url::Authority;

/// Makes connections, and can end all of them.
#[derive(Debug)]
pub(crate) struct Connector {
    tls: Arc<ClientConfig>,
    max_head: usize,
    max_lookups: usize,
    is_closed: AtomicBool,
    open: Mutex<Vec<Weak<Socket>>>,
}

impl Connector {
    pub(crate) fn new(tls: Arc<ClientConfig>, max_head: usize, max_lookups: usize) -> Self {
        let open = Mutex::new(Vec::new());
        Self { tls, max_head, max_lookups, is_closed: AtomicBool::new(false), open }
    }

    /// Connects to the service, through the proxy if there is one. All steps share the deadline.
    pub(crate) fn connect(
        &self,
        service: &Authority,
        proxy: Option<&ProxyUrl>,
        deadline: Deadline,
    ) -> Result<Connection, Failure> {
        let Some(proxy) = proxy else {
            let (stream, socket) = self.open(service, deadline)?;
            return self.secure(service, stream, socket, deadline);
        };
        let (stream, socket) = self
            .open(proxy.authority(), deadline)
            .and_then(|(stream, socket)| {
                let stream = self.tunnel(service, proxy, stream, &socket, deadline)?;
                Ok((stream, socket))
            })
            .map_err(|failure| self.or_closed(failure).of_proxy(proxy))?;
        self.secure(service, stream, socket, deadline)
    }

    /// Ends every connection, those that are being made included, and lets no new one be made.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        let open = std::mem::take(&mut *self.open_sockets());
        for socket in open.iter().filter_map(Weak::upgrade) {
            socket.shut_down();
        }
        Lookups::of_process().wake();
    }

    /// Replaces the reason of a failure that closing the transport has caused.
    pub(crate) fn or_closed(&self, failure: Failure) -> Failure {
        if self.is_closed() { Failure::broken(CLOSED) } else { failure }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Looks a name up and connects.
    fn open(
        &self,
        peer: &Authority,
        deadline: Deadline,
    ) -> Result<(Box<dyn Io>, Arc<Socket>), Failure> {
        if self.is_closed() {
            return Err(Failure::broken(CLOSED));
        }
        let limits = Limits { deadline, closed: &self.is_closed, most: self.max_lookups };
        let port = peer.port();
        let addresses = Lookups::of_process().resolve(peer.host(), port, &limits)?;
        let doing = format!("connecting to {}:{port}", peer.host());
        let socket = Socket::connect(&addresses, deadline)
            .map_err(|error| Failure::io(error, &deadline, &doing))?;
        let socket = Arc::new(socket);
        self.register(&socket)?;
        Ok((Box::new(SocketStream(Arc::clone(&socket))), socket))
    }

    /// Asks a proxy for a tunnel to the service.
    fn tunnel(
        &self,
        service: &Authority,
        proxy: &ProxyUrl,
        stream: Box<dyn Io>,
        socket: &Arc<Socket>,
        deadline: Deadline,
    ) -> Result<Box<dyn Io>, Failure> {
        let stream = if proxy.is_tls() {
            tls::handshake(&self.tls, proxy.authority().host(), stream)
                .map_err(|error| Failure::io(error, &deadline, "making the TLS handshake"))?
        } else {
            stream
        };
        let target = format!("{}:{}", service.host(), service.port());
        let mut headers = vec![("host", target.clone()), ("user-agent", USER_AGENT.to_owned())];
        if let Some((user, password)) = proxy.credentials() {
            let pair = format!("{user}:{}", password.unwrap_or_default());
            let pair = BASE64_STANDARD.encode(pair);
            headers.push(("proxy-authorization", format!("Basic {pair}")));
        }
        let request = Request { method: "CONNECT", target: &target, headers: &headers };
        let mut connection = Connection::new(stream, Arc::clone(socket), deadline);
        connection
            .write(&request.head())
            .map_err(|error| Failure::io(error, &deadline, "asking for a tunnel"))?;
        let head = Head::read(&mut connection, self.max_head)?;
        if !(200..300).contains(&head.status()) {
            let refused = format!("it refused the tunnel: status {}", head.status());
            return Err(Failure { retry_after: head.retry_after(), ..Failure::broken(refused) });
        }
        connection
            .into_stream()
            .ok_or_else(|| Failure::broken("it sent bytes that were not asked for"))
    }

    fn secure(
        &self,
        service: &Authority,
        stream: Box<dyn Io>,
        socket: Arc<Socket>,
        deadline: Deadline,
    ) -> Result<Connection, Failure> {
        let stream = tls::handshake(&self.tls, service.host(), stream).map_err(|error| {
            let doing = format!("making the TLS handshake with {}", service.host());
            Failure::io(error, &deadline, &doing)
        })?;
        Ok(Connection::new(stream, socket, deadline))
    }

    /// Remembers a socket, so that it can be shut down.
    fn register(&self, socket: &Arc<Socket>) -> Result<(), Failure> {
        let mut open = self.open_sockets();
        open.retain(|socket| socket.strong_count() > 0);
        open.push(Arc::downgrade(socket));
        drop(open);
        // `close` sets the flag first, so that it either finds the socket or is seen here.
        if self.is_closed() { Err(Failure::broken(CLOSED)) } else { Ok(()) }
    }

    fn open_sockets(&self) -> MutexGuard<'_, Vec<Weak<Socket>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service takes any other agent for a bot and throws its events away.
pub(crate) const USER_AGENT: &str = "ConvertAgent/1.0";

const CLOSED: &str = "the transport was closed";
