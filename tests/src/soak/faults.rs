//! What goes wrong, one thing after the other.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use test_support::{LoopbackServer, RedisServer, Reply, Step};

use super::guest::config;

/// The servers that misbehave, and how.
#[derive(Debug)]
pub(super) struct Faults<'s> {
    random: u64,
    tracking: &'s LoopbackServer,
    configs: &'s LoopbackServer,
    redis: Option<RedisServer>,
    hostile: &'s HostileRedis,
    spool: PathBuf,
    number: u64,
    is_paused: bool,
    accepts: bool,
}

impl<'s> Faults<'s> {
    pub(super) fn new(
        seed: u64,
        servers: [&'s LoopbackServer; 2],
        redis: Option<RedisServer>,
        hostile: &'s HostileRedis,
        spool: PathBuf,
    ) -> Self {
        let [tracking, configs] = servers;
        Faults {
            random: seed | 1,
            tracking,
            configs,
            redis,
            hostile,
            spool,
            number: 0,
            is_paused: false,
            accepts: true,
        }
    }

    /// Returns whether the tracking service accepts what it is sent. It does so too where the answer
    /// breaks off behind a good status.
    pub(super) fn accepts(&self) -> bool {
        self.accepts
    }

    /// Lets other things go wrong. Every other time the tracking service is well, so that what has
    /// gathered can arrive.
    pub(super) fn next(&mut self) {
        self.number += 1;
        let is_well = self.number % 2 == 1;
        let mut disk = "";
        // What could not be sent so far is in the spool, and goes with its directory.
        if is_well && self.below(2) == 0 {
            let _ = std::fs::remove_dir_all(&self.spool);
            disk = ", the spool's directory removed";
        }
        let step = if is_well { Reply::json("{}").into() } else { self.fault() };
        self.accepts = is_well || matches!(step, Step::DripBody(_) | Step::CutBody);
        let shown: String = format!("{step:?}").chars().take(30).collect();
        self.tracking.replace_script([step]);
        let answer = match self.below(3) {
            0 => self.fault(),
            _ => Reply::json(config(&self.number.to_string())).into(),
        };
        self.configs.replace_script([answer]);
        self.hostile.mode.store(self.below(HOSTILE_MODES), Ordering::Relaxed);
        let store = self.trouble_redis();
        println!("{:>4}  tracking {shown}, redis {store}{disk}", self.number);
    }

    /// Makes everything well again.
    pub(super) fn mend(&mut self) {
        self.accepts = true;
        self.tracking.replace_script([Reply::json("{}")]);
        self.configs.replace_script([Reply::json(config("9"))]);
        if let Some(redis) = &self.redis {
            if self.is_paused {
                redis.resume();
            }
        }
        self.is_paused = false;
    }

    fn trouble_redis(&mut self) -> &'static str {
        let choice = self.below(4);
        let Some(redis) = &mut self.redis else { return "missing" };
        if self.is_paused {
            redis.resume();
            self.is_paused = false;
        }
        match choice {
            0 => {
                redis.pause();
                self.is_paused = true;
                "paused"
            }
            1 => {
                redis.restart();
                "killed and started again"
            }
            _ => "well",
        }
    }

    fn fault(&mut self) -> Step {
        let slowly = Duration::from_millis(20);
        match self.below(13) {
            0 => Step::Hang,
            1 => Step::DripHeaders(slowly),
            2 => Step::DripBody(slowly),
            3 => Step::CutBody,
            4 => Step::Garbage,
            5 => Step::CloseOnAccept,
            6 => Step::HangInHandshake,
            7 => Step::DripInHandshake(slowly),
            8 => Step::WrongName,
            9 => Reply::new(429).header("retry-after", "0").into(),
            10 => Reply::new(500).body("oops").into(),
            11 => Reply::new(302).header("location", "https://localhost/").into(),
            _ => Reply::new(503).into(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % bound as u64).unwrap_or(0)
    }
}

/// A server that takes connections like Redis and answers like nothing good.
#[derive(Debug)]
pub(super) struct HostileRedis {
    port: u16,
    mode: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl HostileRedis {
    #[expect(clippy::disallowed_methods, reason = "its threads live as long as it does")]
    pub(super) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let mode = Arc::new(AtomicUsize::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let shared = (Arc::clone(&mode), Arc::clone(&is_over));
        let accepting = std::thread::spawn(move || {
            let (mode, is_over) = shared;
            for socket in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let (mode, is_over) = (Arc::clone(&mode), Arc::clone(&is_over));
                // Ends with its client, which is a process that ends before this one.
                std::thread::spawn(move || {
                    let _ = answer(socket, &mode, &is_over);
                });
            }
        });
        Ok(HostileRedis { port, mode, is_over, accepting: Some(accepting) })
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for HostileRedis {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let wake_up = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        drop(wake_up);
    }
}

/// Answers the commands of one connection in the way of the moment.
fn answer(mut socket: TcpStream, mode: &AtomicUsize, is_over: &AtomicBool) -> std::io::Result<()> {
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    let mut command = [0; 4096];
    while socket.read(&mut command)? > 0 && !is_over.load(Ordering::Relaxed) {
        match mode.load(Ordering::Relaxed) {
            // Nothing at all.
            0 => {}
            1 => drip(&mut socket)?,
            // More than any record may have.
            2 => {
                socket.write_all(b"$2000000000\r\n")?;
                for _ in 0..4_096 {
                    socket.write_all(&[b'x'; 16 << 10])?;
                }
            }
            3 => socket.write_all(&b"*1000000000\r\n".repeat(1_000))?,
            4 => socket.write_all(b"-LOADING Redis is loading the dataset in memory\r\n")?,
            5 => return Ok(()),
            _ => socket.write_all(b"not redis\r\n")?,
        }
    }
    Ok(())
}

fn drip(socket: &mut TcpStream) -> std::io::Result<()> {
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    socket.write_all(b"$100000\r\n")?;
    for _ in 0..500 {
        socket.write_all(b"x")?;
        // Waits, and notices when the client goes.
        if matches!(socket.read(&mut [0]), Ok(0)) {
            return Ok(());
        }
    }
    Ok(())
}

/// How many ways there are to answer.
const HOSTILE_MODES: usize = 7;
