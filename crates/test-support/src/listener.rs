//! A listening socket with a thread per connection, all of which end with it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::stop::Stop;

/// Accepts connections on the loopback interface until it is dropped.
///
/// Dropping shuts every open socket down, wakes every waiting thread and joins them all: each
/// blocking call of a connection thread is on one of those sockets or on the stop signal.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    sockets: Sockets,
    accepting: Option<JoinHandle<()>>,
}

impl Listener {
    /// Binds a free port and runs `serve` for each connection, on a thread of its own.
    pub(crate) fn start(
        serve: impl Fn(TcpStream, usize, &Sockets) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let sockets = Sockets::default();
        let for_thread = sockets.clone();
        let accepting = thread::spawn(move || accept_all(&listener, &for_thread, &Arc::new(serve)));
        Ok(Self { address, sockets, accepting: Some(accepting) })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.sockets.shut_down();
        // `accept` cannot be interrupted, but a last connection makes it return.
        let wake_up = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        drop(wake_up);
    }
}

/// The sockets of a listener's connections, so that they can be shut down from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sockets {
    stop: Stop,
    open: Arc<Mutex<(usize, HashMap<usize, TcpStream>)>>,
}

impl Sockets {
    /// Registers a socket until the guard is dropped.
    pub(crate) fn register(&self, socket: &TcpStream) -> std::io::Result<SocketGuard> {
        let copy = socket.try_clone()?;
        let key = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let key = open.0;
            open.0 += 1;
            open.1.insert(key, copy);
            key
        };
        if self.stop.is_set() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        Ok(SocketGuard(self.clone(), key))
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    fn shut_down(&self) {
        self.stop.set();
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::iter_over_hash_type, reason = "all of them, in any order")]
        for socket in open.1.values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Keeps a socket registered.
#[derive(Debug)]
pub(crate) struct SocketGuard(Sockets, usize);

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.1.remove(&self.1);
    }
}

fn accept_all(
    listener: &TcpListener,
    sockets: &Sockets,
    serve: &Arc<impl Fn(TcpStream, usize, &Sockets) + Send + Sync + 'static>,
) {
    let mut running: Vec<JoinHandle<()>> = Vec::new();
    for connection in 0.. {
        let Ok((socket, _)) = listener.accept() else {
            break;
        };
        if sockets.stop().is_set() {
            break;
        }
        let Ok(guard) = sockets.register(&socket) else {
            continue;
        };
        let (serve, sockets) = (Arc::clone(serve), sockets.clone());
        running.retain(|thread| !thread.is_finished());
        if running.len() >= MAX_CONNECTIONS {
            // Closed at once, which a client sees as a broken connection.
            continue;
        }
        running.push(thread::spawn(move || {
            serve(socket, connection, &sockets);
            drop(guard);
        }));
    }
    for thread in running {
        let _ = thread.join();
    }
}

/// How many connections are served at the same time; each has a thread.
const MAX_CONNECTIONS: usize = 512;
