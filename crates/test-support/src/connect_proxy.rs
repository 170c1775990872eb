//! An HTTP proxy on the loopback interface.
#![expect(clippy::expect_used, reason = "a test cannot go on without its proxy")]

use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::listener::{Listener, Sockets};
use crate::reply::Reply;
use crate::wire::RequestReader;

/// A `CONNECT` proxy on 127.0.0.1 that tunnels to other loopback ports and records who asked.
///
/// Dropping it closes its tunnels and joins its threads.
///
/// # Example
///
/// ```
/// use test_support::ConnectProxy;
///
/// let proxy = ConnectProxy::start();
/// assert!(proxy.url().starts_with("http://localhost:"));
/// assert_eq!(proxy.requests(), []);
/// ```
#[derive(Debug)]
pub struct ConnectProxy {
    listener: Listener,
    requests: Requests,
}

impl ConnectProxy {
    /// Starts a proxy that lets everyone through.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn start() -> Self {
        Self::start_answering(200)
    }

    /// Starts a proxy that refuses every tunnel with a status.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn refusing(status: u16) -> Self {
        Self::start_answering(status)
    }

    /// Starts a proxy whose answer goes on for ever, a byte per interval.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn dripping(interval: Duration) -> Self {
        Self::start_with(Answer::Drip(interval))
    }

    /// Starts a proxy that answers with these bytes and closes the connection.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        Self::start_with(Answer::Raw(bytes.into()))
    }

    /// Gives the address, as `http://localhost:{port}`.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.listener.port())
    }

    /// Gives the address with credentials in it.
    pub fn url_with_credentials(&self, user: &str, password: &str) -> String {
        format!("http://{user}:{password}@localhost:{}", self.listener.port())
    }

    /// Copies the tunnels that were asked for so far.
    pub fn requests(&self) -> Vec<TunnelRequest> {
        let requests = self.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn start_answering(status: u16) -> Self {
        Self::start_with(Answer::Status(status))
    }

    fn start_with(answer: Answer) -> Self {
        let requests = Requests::default();
        let for_connections = Arc::clone(&requests);
        let listener = Listener::start(move |socket, _, sockets| {
            // A tunnel ends when either side is closed, often with an error.
            let _ = tunnel(socket, sockets, &answer, &for_connections);
        })
        .expect("a loopback port");
        Self { listener, requests }
    }
}

/// A request for a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TunnelRequest {
    /// Host and port the tunnel was to lead to.
    pub authority: String,
    /// The `Proxy-Authorization` header.
    pub authorization: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}

#[derive(Clone, Debug)]
enum Answer {
    /// 200 opens the tunnel.
    Status(u16),
    Drip(Duration),
    Raw(Vec<u8>),
}

type Requests = Arc<Mutex<Vec<TunnelRequest>>>;

fn tunnel(
    mut client: TcpStream,
    sockets: &Sockets,
    answer: &Answer,
    requests: &Requests,
) -> io::Result<()> {
    let mut reader = RequestReader::default();
    let Some(request) = reader.next(&mut client)? else {
        return Ok(());
    };
    let header = |name| request.header(name).map(str::to_owned);
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(TunnelRequest {
        authority: request.target.clone(),
        authorization: header("proxy-authorization"),
        user_agent: header("user-agent"),
    });
    let status = match answer {
        Answer::Status(status) => *status,
        Answer::Raw(bytes) => return client.write_all(bytes),
        Answer::Drip(interval) => {
            client.write_all(b"HTTP/1.1 200 OK\r\nx-drip: ")?;
            while !sockets.stop().wait(*interval) {
                client.write_all(b"x")?;
            }
            return Ok(());
        }
    };
    if status != 200 || request.method != "CONNECT" {
        return Reply::new(status).closing().write_to(&mut client);
    }
    // Whatever host was named, the tunnel stays on this machine.
    let port = request.target.rsplit_once(':').map_or("", |(_, port)| port);
    let port = port.parse().map_err(io::Error::other)?;
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let _guard = sockets.register(&server)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    server.write_all(&reader.into_unread())?;

    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Both);
    let _ = back.join();
    Ok(())
}
