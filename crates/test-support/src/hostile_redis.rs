//! A server that a client of Redis should survive.
#![expect(clippy::expect_used, reason = "a test cannot go on without its server")]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::listener::{Listener, Sockets};

/// A server on 127.0.0.1 that answers the first commands of a connection as an empty Redis does, and
/// then misbehaves.
///
/// Dropping it closes its connections and joins its threads.
///
/// # Example
///
/// ```
/// use std::io::{Read as _, Write as _};
/// use std::net::TcpStream;
/// use test_support::{HostileRedis, RedisFault};
///
/// let server = HostileRedis::start(|_connection| (1, RedisFault::Send(b"HTTP/1.1 400\r\n")));
/// let mut client = TcpStream::connect(("127.0.0.1", server.port()))?;
/// client.write_all(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n")?;
/// let mut answers = [0; 19];
/// client.read_exact(&mut answers)?;
/// assert_eq!(&answers, b"+OK\r\nHTTP/1.1 400\r\n");
/// assert_eq!((server.accepted(), server.open()), (1, 1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct HostileRedis {
    listener: Listener,
    counts: Arc<Counts>,
}

/// What a [`HostileRedis`] does from a certain command on.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum RedisFault {
    /// Reads and never answers.
    Silent,
    /// Answers as before, each time after a pause.
    Late(Duration),
    /// Answers with these bytes, and goes on as before.
    Send(&'static [u8]),
    /// Sends the first bytes, then the others again and again, one at a time, with a pause before
    /// each.
    Drip(&'static [u8], &'static [u8], Duration),
    /// Sends the first bytes, then the others again and again as fast as it can.
    Flood(&'static [u8], &'static [u8]),
    /// Sends these bytes and closes the connection.
    Close(&'static [u8]),
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
    sent: AtomicUsize,
}

impl HostileRedis {
    /// Starts a server. `behave` is asked for each connection, which are numbered from 0, how many
    /// commands it answers, and what it does afterwards.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn start(behave: impl Fn(usize) -> (usize, RedisFault) + Send + Sync + 'static) -> Self {
        Self::listen(behave, read_command)
    }

    /// Starts a server as [`HostileRedis::start`] does that misbehaves as soon as it has been sent
    /// anything, whatever that is: the beginning of TLS say.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn start_raw(
        behave: impl Fn(usize) -> (usize, RedisFault) + Send + Sync + 'static,
    ) -> Self {
        Self::listen(behave, read_anything)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.listener.port()
    }

    /// Returns the address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// Returns how many connections there have been.
    pub fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    /// Returns how many connections there are.
    pub fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// Returns how many bytes have been sent by faults.
    pub fn sent(&self) -> usize {
        self.counts.sent.load(Ordering::SeqCst)
    }

    fn listen(
        behave: impl Fn(usize) -> (usize, RedisFault) + Send + Sync + 'static,
        read: fn(&mut BufReader<&TcpStream>) -> io::Result<Vec<u8>>,
    ) -> Self {
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        let listener = Listener::start(move |socket, connection, sockets| {
            counted.accepted.fetch_add(1, Ordering::SeqCst);
            counted.open.fetch_add(1, Ordering::SeqCst);
            let (answered, fault) = behave(connection);
            // A client that goes away ends its connection.
            let _ = serve(&socket, read, answered, fault, sockets, &counted.sent);
            counted.open.fetch_sub(1, Ordering::SeqCst);
        });
        Self { listener: listener.expect("a loopback port"), counts }
    }
}

fn serve(
    socket: &TcpStream,
    read: fn(&mut BufReader<&TcpStream>) -> io::Result<Vec<u8>>,
    answered: usize,
    fault: RedisFault,
    sockets: &Sockets,
    count: &AtomicUsize,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut commands = BufReader::new(socket);
    let mut writer = socket;
    let mut send = |bytes: &[u8]| {
        count.fetch_add(bytes.len(), Ordering::SeqCst);
        writer.write_all(bytes)
    };
    for number in 0.. {
        let command = read(&mut commands)?;
        if number < answered {
            (&*socket).write_all(answer_to(&command))?;
            continue;
        }
        match fault {
            RedisFault::Silent => {}
            RedisFault::Late(pause) => {
                sockets.stop().wait(pause);
                (&*socket).write_all(answer_to(&command))?;
            }
            RedisFault::Send(bytes) => send(bytes)?,
            RedisFault::Drip(start, rest, pause) => {
                for byte in start.chunks(1).chain(rest.chunks(1).cycle()) {
                    sockets.stop().wait(pause);
                    send(byte)?;
                }
            }
            RedisFault::Flood(start, rest) => {
                send(start)?;
                let rest = rest.repeat(1 + (64 << 10) / rest.len().max(1));
                loop {
                    send(&rest)?;
                }
            }
            RedisFault::Close(bytes) => return send(bytes),
        }
    }
    Ok(())
}

/// Reads a command as clients send it, and returns its first word.
fn read_command(commands: &mut BufReader<&TcpStream>) -> io::Result<Vec<u8>> {
    let count = read_number(commands)?;
    let mut name = Vec::new();
    for at in 0..count {
        let length = read_number(commands)?;
        let mut argument = vec![0; length + 2];
        commands.read_exact(&mut argument)?;
        if at == 0 {
            argument.truncate(length);
            name = argument;
        }
    }
    Ok(name)
}

/// Reads whatever comes first.
fn read_anything(commands: &mut BufReader<&TcpStream>) -> io::Result<Vec<u8>> {
    let bytes = commands.fill_buf()?.to_vec();
    commands.consume(bytes.len());
    if bytes.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

fn read_number(commands: &mut BufReader<&TcpStream>) -> io::Result<usize> {
    let mut line = String::new();
    commands.read_line(&mut line)?;
    let number = line.get(1..).and_then(|number| number.trim_end().parse().ok());
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn answer_to(command: &[u8]) -> &'static [u8] {
    match command {
        b"GETRANGE" => b"$0\r\n\r\n",
        b"EVALSHA" | b"EVAL" => b":1\r\n",
        _ => b"+OK\r\n",
    }
}
