//! A connection to a server: made, logged in, and used for one exchange after another.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use convert_sdk::{StoreError, StoreErrorKind};
use redis::{Cmd, RedisError, Value, cmd};

use crate::clock::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{self, unavailable};
use crate::reply::{ReplyError, ReplyReader};
use crate::resolver::Resolver;
use crate::socket::Socket;
#[cfg(feature = "tls")]
use crate::tls::{Tls, TlsStream};

/// What all connections of a store have in common. Holds the password, so that it has no `Debug`.
pub(crate) struct ConnectionSettings {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: i64,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    /// How long a call may take.
    pub(crate) timeout: Duration,
    /// How many connections there may be to one server.
    pub(crate) connections: usize,
    /// How long a reply may be, in bytes.
    pub(crate) reply_limit: usize,
}

/// Where and how to connect.
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) settings: Arc<ConnectionSettings>,
    pub(crate) resolver: Resolver,
}

/// A connection that is logged in.
pub(crate) struct Connection {
    stream: Stream,
    replies: ReplyReader,
}

enum Stream {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Connection {
    /// Connects and logs in.
    pub(crate) fn open(target: &Target, deadline: Deadline) -> Result<Self, StoreError> {
        let stream = match &target.endpoint {
            Endpoint::Tcp(host, port) => target.connect(host, *port, deadline)?,
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                let socket = Socket::connect_local(path, deadline);
                Stream::Plain(socket.map_err(|error| target.refused("connect to", &error))?)
            }
            #[cfg(not(unix))]
            Endpoint::Unix(_) => return Err(unavailable("local sockets exist on Unix".to_owned())),
        };
        let replies = ReplyReader::new(target.settings.reply_limit);
        let mut connection = Connection { stream, replies };
        connection.log_in(target, deadline)?;
        Ok(connection)
    }

    /// Sends commands that have been packed.
    pub(crate) fn send(&mut self, packed: &[u8], deadline: Deadline) -> Result<(), ReplyError> {
        let sent = match &mut self.stream {
            Stream::Plain(socket) => {
                socket.set_deadline(deadline);
                socket.write_all(packed)
            }
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => {
                stream.sock.set_deadline(deadline);
                stream.write_all(packed).and_then(|()| stream.flush())
            }
        };
        sent.map_err(ReplyError::Io)
    }

    /// Receives the reply to the command that was sent first of those without one. An error that the
    /// server replies with is a [`Value::ServerError`].
    pub(crate) fn receive(&mut self, deadline: Deadline) -> Result<Value, ReplyError> {
        match &mut self.stream {
            Stream::Plain(socket) => {
                socket.set_deadline(deadline);
                self.replies.read(socket)
            }
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => {
                stream.sock.set_deadline(deadline);
                self.replies.read(&mut **stream)
            }
        }
    }

    /// Returns whether every byte that was received belonged to a reply that was read.
    pub(crate) fn is_in_step(&self) -> bool {
        self.replies.is_empty()
    }

    /// Returns whether a connection that was kept can be used again: the server has not closed it, and
    /// has sent nothing that would be taken for the reply to the next command. Does not wait. The
    /// connection is of no use where this is not so.
    pub(crate) fn is_reusable(&mut self) -> bool {
        self.is_in_step()
            && match &mut self.stream {
                Stream::Plain(socket) => socket.is_quiet(),
                // Not so while there are decrypted bytes, which the socket does not show.
                #[cfg(feature = "tls")]
                Stream::Tls(stream) => stream.conn.wants_read() && stream.sock.is_quiet(),
            }
    }

    fn log_in(&mut self, target: &Target, deadline: Deadline) -> Result<(), StoreError> {
        let settings = &target.settings;
        let mut commands = Vec::new();
        if let Some(password) = &settings.password {
            let mut auth = cmd("AUTH");
            auth.arg(&settings.username).arg(password);
            commands.push(auth);
        }
        if settings.database != 0 {
            let mut select = cmd("SELECT");
            select.arg(settings.database);
            commands.push(select);
        }
        let required = commands.len();
        for (name, value) in [("LIB-NAME", "convert-redis"), ("LIB-VER", env!("CARGO_PKG_VERSION"))]
        {
            let mut inform = cmd("CLIENT");
            inform.arg("SETINFO").arg(name).arg(value);
            commands.push(inform);
        }
        let packed: Vec<u8> = commands.iter().flat_map(Cmd::get_packed_command).collect();
        let sent = self.send(&packed, deadline);
        // A server that refuses a connection says why before it closes it.
        let mut refusal: Option<RedisError> = None;
        let broken = |error: &ReplyError, refusal: Option<RedisError>| match refusal {
            Some(reply) => error::of_reply(&reply, &target.endpoint),
            None => error::of_broken(error, &target.endpoint, StoreErrorKind::Unavailable),
        };
        for at in 0..commands.len() {
            match self.receive(deadline).map(Value::extract_error) {
                Ok(Ok(_)) => {}
                Ok(Err(error)) if at < required => {
                    return Err(error::of_reply(&error, &target.endpoint));
                }
                // Servers before Redis 7.2 do not know these commands.
                Ok(Err(error)) => refusal = Some(error),
                Err(error) => return Err(broken(&error, refusal)),
            }
        }
        sent.map_err(|error| broken(&error, refusal))
    }
}

impl Target {
    fn connect(&self, host: &str, port: u16, deadline: Deadline) -> Result<Stream, StoreError> {
        let found = self.resolver.resolve(host, deadline)?;
        let addresses: Vec<SocketAddr> =
            found.iter().map(|address| SocketAddr::new(*address, port)).collect();
        let socket = Socket::connect(&addresses, deadline).map_err(|error| {
            self.resolver.forget(host);
            self.refused("connect to", &error)
        })?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.settings.tls {
            let stream = tls.connect(host, socket);
            let stream = stream.map_err(|error| self.refused("set up TLS with", &error))?;
            return Ok(Stream::Tls(Box::new(stream)));
        }
        Ok(Stream::Plain(socket))
    }

    fn refused(&self, what: &str, error: &io::Error) -> StoreError {
        if error.kind() == io::ErrorKind::TimedOut {
            let message = format!("could not {what} {} in time", self.endpoint);
            return StoreError::new(StoreErrorKind::Timeout, message);
        }
        unavailable(format!("could not {what} {}: {error}", self.endpoint))
    }
}
