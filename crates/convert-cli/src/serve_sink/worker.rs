//! The threads of the sink: one that accepts connections, and one for each of them.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::http::{Reader, Request, Unreadable, answer};
use super::shape::{Batch, check};

/// A server on the loopback interface. Its threads end with the process.
pub(super) struct Sink {
    address: SocketAddr,
    sender: Sender<Arrival>,
    arrivals: Receiver<Arrival>,
    answering: Answering,
}

/// What the sink has to tell.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A batch was accepted.
    Batch(Batch),
    /// A body was refused.
    Refused(Refusal),
    /// It is time to end.
    End,
}

/// Held by those who answer a request until they have told of it.
type Answering = Arc<RwLock<()>>;

/// Why a request was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
}

impl Sink {
    /// Listens on a port.
    pub(super) fn start(port: u16, tls: Arc<ServerConfig>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let (sender, arrivals) = channel();
        let answering = Answering::default();
        let (for_thread, for_answers) = (sender.clone(), answering.clone());
        thread::spawn(move || {
            for socket in listener.incoming().filter_map(Result::ok) {
                let (tls, sender) = (Arc::clone(&tls), for_thread.clone());
                let answering = for_answers.clone();
                // A connection that breaks off has told its client already.
                thread::spawn(move || drop(serve(socket, tls, &sender, &answering)));
            }
        });
        Ok(Sink { address, sender, arrivals, answering })
    }

    /// Returns where the sink listens.
    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Waits for the next thing to tell.
    pub(super) fn next(&self, patience: Duration) -> Option<Arrival> {
        self.arrivals.recv_timeout(patience).ok()
    }

    /// Ends when the user interrupts the program.
    pub(super) fn end_on_interrupt(&self) -> Result<(), ctrlc::Error> {
        let sender = self.sender.clone();
        ctrlc::set_handler(move || drop(sender.send(Arrival::End)))
    }

    /// Ends when standard input does, once what has been answered until then is told.
    pub(super) fn end_with_input(&self) {
        let (sender, answering) = (self.sender.clone(), self.answering.clone());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while io::stdin().lock().read(&mut buffer).is_ok_and(|count| count > 0) {}
            let nobody = answering.write().unwrap_or_else(PoisonError::into_inner);
            let _ = sender.send(Arrival::End);
            drop(nobody);
        });
    }
}

/// Answers the requests of one connection, and tells of them.
fn serve(
    socket: TcpStream,
    tls: Arc<ServerConfig>,
    sender: &Sender<Arrival>,
    answering: &Answering,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(IDLE))?;
    socket.set_write_timeout(Some(IDLE))?;
    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, socket);
    let mut reader = Reader::default();
    while let Some(request) = reader.next(&mut stream)? {
        let (outcome, closes) = match request {
            Ok(request) => (judge(&request), request.closes),
            Err(Unreadable(status, message)) => (Err(refusal(status, message)), true),
        };
        let (status, body) = match &outcome {
            Ok(_) => (200, json!({"code": "OK"})),
            Err(refusal) if refusal.status == 200 => (200, json!({"code": "BOT"})),
            Err(refusal) => (refusal.status, json!({"error": refusal.message})),
        };
        let told = answering.read().unwrap_or_else(PoisonError::into_inner);
        answer(&mut stream, status, &body.to_string(), closes)?;
        // Told after it was answered: whoever waits for this may end the program at once.
        let arrival = outcome.map_or_else(Arrival::Refused, Arrival::Batch);
        let is_heard = sender.send(arrival).is_ok();
        drop(told);
        if !is_heard || closes {
            stream.conn.send_close_notify();
            let _ = stream.conn.complete_io(&mut stream.sock);
            return Ok(());
        }
    }
    Ok(())
}

/// Decides what the service would make of a request.
fn judge(request: &Request) -> Result<Batch, Refusal> {
    let is_track = request.path.split_once("/track/").is_some_and(|(_, key)| !key.is_empty());
    if !is_track {
        return Err(refusal(404, "the path is not `…/track/` and an SDK key"));
    }
    if request.method != "POST" {
        return Err(refusal(405, "events are sent with POST"));
    }
    if request.content_type.split(';').next() != Some("application/json") {
        return Err(refusal(400, "the header `Content-Type` is not `application/json`"));
    }
    let batch = check(&request.body).map_err(|fault| refusal(400, &fault.to_string()))?;
    if request.user_agent == AGENT {
        return Ok(batch);
    }
    Err(refusal(200, "the header `User-Agent` is not that of an SDK: taken for a bot"))
}

fn refusal(status: u16, message: &str) -> Refusal {
    Refusal { status, message: message.to_owned() }
}

/// The only agent that the service does not take for a bot.
const AGENT: &str = "ConvertAgent/1.0";
/// How long a connection may stand still.
const IDLE: Duration = Duration::from_secs(120);
