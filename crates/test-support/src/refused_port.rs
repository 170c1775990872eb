//! A port on which nothing listens, for as long as it is needed.
#![expect(clippy::expect_used, reason = "a test cannot go on without its port")]

use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// A loopback port that refuses connections and that nobody else is given meanwhile.
///
/// # Example
///
/// ```
/// use std::net::TcpStream;
/// use test_support::RefusedPort;
///
/// let port = RefusedPort::reserve();
/// assert!(TcpStream::connect(("127.0.0.1", port.port())).is_err());
/// ```
#[derive(Debug)]
pub struct RefusedPort {
    // The local end of an open connection keeps its port taken without listening on it.
    holder: TcpStream,
    _peer: TcpListener,
}

impl RefusedPort {
    /// Reserves a port.
    ///
    /// # Panics
    ///
    /// When the loopback interface cannot be used.
    pub fn reserve() -> Self {
        let peer = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let address = peer.local_addr().expect("a bound socket");
        Self { holder: TcpStream::connect(address).expect("a loopback connection"), _peer: peer }
    }

    /// Gives the port.
    ///
    /// # Panics
    ///
    /// Never: the socket is bound.
    pub fn port(&self) -> u16 {
        self.holder.local_addr().expect("a bound socket").port()
    }
}
