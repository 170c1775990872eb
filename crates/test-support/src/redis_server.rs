//! A real Redis server for one test.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::requirement::require;

/// A `redis-server` process on a free port of the loopback interface, without persistence. It ends
/// with the value.
///
/// # Example
///
/// ```no_run
/// use test_support::RedisServer;
///
/// let mut server = RedisServer::start(&[]);
/// assert_eq!(server.command(&["PING"]), "PONG");
/// server.kill();
/// server.restart();
/// assert_eq!(server.command(&["DBSIZE"]), "0");
/// ```
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
}

impl RedisServer {
    /// Starts a server with more options, `--maxmemory 2mb` say.
    ///
    /// # Panics
    ///
    /// Panics if there is no `redis-server`, if it does not come up, or in a test without `redis`
    /// in its name; see [`require`](crate::require).
    pub fn start(options: &[&str]) -> Self {
        require("redis-server", "redis-server", "redis");
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("convert-redis-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let server = fs::create_dir_all(&folder).and_then(|()| {
            // Somebody else may take the port in between.
            (0..5)
                .find_map(|_| attempt(&folder, &options).ok())
                .ok_or_else(|| io::ErrorKind::Other.into())
        });
        let (child, port) = server.unwrap_or_else(|error| unreachable!("no server: {error}"));
        RedisServer { child, port, folder, options }
    }

    /// Returns the address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the process at once, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts the server again on the same port, empty.
    ///
    /// # Panics
    ///
    /// Panics if it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        let came = launch(&self.folder, &self.options, self.port);
        self.child = came.unwrap_or_else(|error| unreachable!("no server: {error}"));
    }

    /// Stops the process, so that it takes connections and answers nothing.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets a paused process go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Runs a command with `redis-cli`, and returns what it prints.
    ///
    /// # Panics
    ///
    /// Panics if `redis-cli` cannot be run.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(arguments)
            .output();
        let output = output.unwrap_or_else(|error| unreachable!("no redis-cli: {error}"));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "the process takes no signal");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn attempt(folder: &PathBuf, options: &[String]) -> io::Result<(Child, u16)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    // A cluster's servers talk on this port plus 10,000.
    if port > 55_000 {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    Ok((launch(folder, options, port)?, port))
}

fn launch(folder: &PathBuf, options: &[String], port: u16) -> io::Result<Child> {
    let mut child = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ])
        .arg("--dir")
        .arg(folder)
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let began = Instant::now();
    while began.elapsed() < TIMEOUT {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(child);
        }
        if child.try_wait()?.is_some() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::thread::yield_now();
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(io::ErrorKind::TimedOut.into())
}

/// How long a server may take to come up.
const TIMEOUT: Duration = Duration::from_secs(20);
static NEXT: AtomicU32 = AtomicU32::new(0);
