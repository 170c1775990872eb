//! One server, and the connections to it.
//!
//! A caller takes an idle connection, or waits for the first that comes free or is made. Connections
//! are made on threads of their own, at most [`MOST_CONNECTING`] at once, so that one that hangs
//! holds up no caller whom another connection could serve. The lock is held for moves between the
//! lists below, never across I/O:
//!
//! - a caller without a connection stands in `waiting`, in the order of arrival, and leaves when its
//!   `outcome` is there or its deadline has come;
//! - a connection is `idle`, or in use by one caller; both count as `open`;
//! - a thread that connects counts as `connecting`. `open + connecting` is at most the number of
//!   connections set.
//!
//! There are no idle connections while a caller waits without an outcome.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar};
use std::time::{Duration, Instant};

use convert_sdk::{StoreError, StoreErrorKind};
use redis::{Cmd, Value};

use crate::clock::{self, Deadline};
use crate::connection::{Connection, Target};
use crate::endpoint::Endpoint;
use crate::error::{CommandError, cause_of, is_demotion, unavailable};
use crate::lock::{Lock, Locked};
use crate::reply::ReplyError;
use crate::worker;

/// One server. Any number of threads may use it at once; each has a connection to itself. Clones
/// share connections.
#[derive(Clone)]
pub(crate) struct ConnectionPool {
    shared: Arc<Shared>,
}

/// A connection that nobody else uses meanwhile. Unless it is released it is closed.
pub(crate) struct PooledConnection {
    pool: ConnectionPool,
    connection: Option<Connection>,
    /// Whether the server may have closed it while it was idle.
    was_kept: bool,
    /// Whether the server takes no writes, so that another one may have its address by now.
    is_demoted: bool,
}

struct Shared {
    target: Target,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<Idle>,
    open: usize,
    connecting: usize,
    waiting: VecDeque<Waiter>,
    /// Numbers the callers that wait.
    count: u64,
    /// Why the last attempt to connect failed, if it did.
    failure: Option<StoreError>,
}

struct Idle {
    connection: Connection,
    /// When it last proved that the server answers.
    answered: Instant,
}

struct Waiter {
    number: u64,
    wake_up: Arc<Condvar>,
    outcome: Option<Result<Handed, StoreError>>,
}

/// A connection on its way to a caller.
struct Handed {
    connection: Connection,
    was_kept: bool,
}

impl ConnectionPool {
    /// Makes the pool; connects when it is used.
    pub(crate) fn new(target: Target) -> Self {
        ConnectionPool { shared: Arc::new(Shared { target, state: Lock::default() }) }
    }

    /// Carries commands out on one connection, one after another, and returns the answer to the last.
    pub(crate) fn run(&self, commands: &[&Cmd], deadline: Deadline) -> Result<Value, CommandError> {
        let mut connection = self.acquire(deadline)?;
        let mut last = Value::Nil;
        for command in commands {
            let (held, answer) = connection.ask(command, deadline)?;
            connection = held;
            last = answer;
        }
        connection.release();
        Ok(last)
    }

    /// Carries commands out in one exchange, and returns the answer to each.
    pub(crate) fn run_all(
        &self,
        commands: &[&Cmd],
        deadline: Deadline,
    ) -> Vec<Result<Value, CommandError>> {
        let mut answers = Vec::with_capacity(commands.len());
        let sent = self.acquire(deadline).and_then(|mut connection| {
            connection.ask_all(commands, deadline, &mut answers)?;
            connection.release();
            Ok(())
        });
        if let Err(error) = sent {
            answers.resize_with(commands.len(), || Err(error.clone()));
        }
        answers
    }

    /// Takes a connection out, for commands which mean something only to the server at its other end.
    pub(crate) fn acquire(&self, deadline: Deadline) -> Result<PooledConnection, CommandError> {
        loop {
            let mut connection =
                self.wait_for_connection(deadline).map_err(CommandError::Failed)?;
            if deadline.remaining().is_none() {
                connection.release();
                let late = self.late(&self.shared.state.lock());
                return Err(CommandError::Failed(late));
            }
            if connection.is_usable() {
                return Ok(connection);
            }
            // Dropping it closes it. Each turn costs a connection that was kept, and ends with a new
            // one or by the deadline.
        }
    }

    fn endpoint(&self) -> &Endpoint {
        &self.shared.target.endpoint
    }

    fn wait_for_connection(&self, deadline: Deadline) -> Result<PooledConnection, StoreError> {
        let mut state = self.shared.state.lock();
        if let Some(idle) = state.idle.pop() {
            return Ok(self.pooled(Handed { connection: idle.connection, was_kept: true }));
        }
        state.count += 1;
        let number = state.count;
        let wake_up = Arc::new(Condvar::new());
        state.waiting.push_back(Waiter { number, wake_up: Arc::clone(&wake_up), outcome: None });
        self.connect_for_waiting(state);
        let mut state = self.shared.state.lock();
        loop {
            let left = deadline.remaining();
            if let Some(outcome) = state.take_outcome(number, left.is_none()) {
                return outcome.map(|handed| self.pooled(handed));
            }
            let Some(left) = left else { return Err(self.late(&state)) };
            state = state.wait(&wake_up, left);
        }
    }

    fn pooled(&self, handed: Handed) -> PooledConnection {
        let Handed { connection, was_kept } = handed;
        let pool = self.clone();
        PooledConnection { pool, connection: Some(connection), was_kept, is_demoted: false }
    }

    fn late(&self, state: &State) -> StoreError {
        let endpoint = self.endpoint();
        let message = match &state.failure {
            Some(failure) => format!(
                "no connection to {endpoint} came free; the last attempt to make one failed: {}",
                cause_of(failure)
            ),
            None if state.connecting > 0 => format!("could not connect to {endpoint} in time"),
            None => format!("all {} connections to {endpoint} were busy", state.open),
        };
        StoreError::new(StoreErrorKind::Timeout, message)
    }

    /// Starts a thread that connects, if callers wait for more connections than are being made.
    fn connect_for_waiting(&self, mut state: Locked<'_, State>) {
        if !state.begin_connecting(self.shared.target.settings.connections) {
            return;
        }
        drop(state);
        let pool = self.clone();
        let started = worker::start("convert-redis-connect", move || pool.connect_until_served());
        if let Err(error) = started {
            let message = format!("failed to spawn a thread that connects: {error}");
            self.connected(Err(unavailable(message)));
        }
    }

    /// Makes connections as long as callers wait for one.
    fn connect_until_served(&self) {
        let target = &self.shared.target;
        // Longer than a short call may last: a connection that comes late serves the next one.
        let limit = target.settings.timeout.max(SHORTEST_LIMIT);
        loop {
            let connect = || Connection::open(target, Deadline::after(limit));
            let connected = catch_unwind(AssertUnwindSafe(connect))
                .unwrap_or_else(|_| Err(unavailable("connecting panicked")));
            if !self.connected(connected) {
                return;
            }
        }
    }

    /// Takes in the outcome of an attempt to connect. Returns whether another one is to follow.
    fn connected(&self, connected: Result<Connection, StoreError>) -> bool {
        let mut state = self.shared.state.lock();
        state.connecting -= 1;
        match connected {
            Ok(connection) => {
                state.open += 1;
                state.failure = None;
                state.hand_over(Handed { connection, was_kept: false });
            }
            Err(error) => {
                state.failure = Some(error.clone());
                // While others work, those who wait are served by them.
                if state.open > 0 {
                    return false;
                }
                state.fail_one(error);
            }
        }
        state.begin_connecting(self.shared.target.settings.connections)
    }

    /// Counts a connection out that is closed. `silent_since` closes those as well that have shown no
    /// sign of life since then.
    fn close(&self, connection: Connection, silent_since: Option<Instant>) {
        let mut state = self.shared.state.lock();
        let mut closed = Vec::new();
        if let Some(since) = silent_since {
            let idle = std::mem::take(&mut state.idle);
            (state.idle, closed) = idle.into_iter().partition(|idle| idle.answered > since);
        }
        state.open -= 1 + closed.len();
        self.connect_for_waiting(state);
        // Sockets are closed without the lock.
        drop((connection, closed));
    }
}

impl State {
    /// Hands a connection to the caller that has waited longest, or keeps it.
    fn hand_over(&mut self, handed: Handed) {
        match self.waiting.iter_mut().find(|waiter| waiter.outcome.is_none()) {
            Some(waiter) => {
                waiter.outcome = Some(Ok(handed));
                waiter.wake_up.notify_one();
            }
            None => {
                self.idle.push(Idle { connection: handed.connection, answered: clock::now() });
            }
        }
    }

    /// Reports a failure to the caller that has waited longest.
    fn fail_one(&mut self, error: StoreError) {
        if let Some(waiter) = self.waiting.iter_mut().find(|waiter| waiter.outcome.is_none()) {
            waiter.outcome = Some(Err(error));
            waiter.wake_up.notify_one();
        }
    }

    /// Returns the outcome for a caller, who leaves with it, or without because it `is_late`.
    fn take_outcome(&mut self, number: u64, is_late: bool) -> Option<Result<Handed, StoreError>> {
        let at = self.waiting.iter().position(|waiter| waiter.number == number)?;
        if !is_late && self.waiting.get(at)?.outcome.is_none() {
            return None;
        }
        self.waiting.remove(at)?.outcome
    }

    /// Counts one more thread that connects in, if there is need and room for it.
    fn begin_connecting(&mut self, most: usize) -> bool {
        let unserved = self.waiting.iter().filter(|waiter| waiter.outcome.is_none()).count();
        let is_needed = unserved > self.connecting
            && self.connecting < MOST_CONNECTING
            && self.open + self.connecting < most;
        self.connecting += usize::from(is_needed);
        is_needed
    }
}

impl PooledConnection {
    /// Carries a command out, and returns the connection along with the answer; one that has answered
    /// with an error goes back to the pool.
    pub(crate) fn ask(
        mut self,
        command: &Cmd,
        deadline: Deadline,
    ) -> Result<(Self, Value), CommandError> {
        let mut answers = Vec::with_capacity(1);
        self.ask_all(&[command], deadline, &mut answers)?;
        match answers.pop() {
            Some(Ok(value)) => Ok((self, value)),
            Some(Err(error)) => {
                self.release();
                Err(error)
            }
            None => Err(CommandError::Failed(unavailable("no command was sent"))),
        }
    }

    /// Returns whether the next reply will belong to the next command. What the server sent after the
    /// connection was released is seen here, before it is used again.
    fn is_usable(&mut self) -> bool {
        !self.was_kept || self.connection.as_mut().is_some_and(Connection::is_reusable)
    }

    /// Gives the connection back.
    pub(crate) fn release(mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.is_demoted {
            let target = &self.pool.shared.target;
            if let Endpoint::Tcp(host, _) = &target.endpoint {
                target.resolver.forget(host);
            }
            self.pool.close(connection, Some(clock::now()));
        } else if connection.is_in_step() {
            let handed = Handed { connection, was_kept: true };
            self.pool.shared.state.lock().hand_over(handed);
        } else {
            self.pool.close(connection, None);
        }
    }

    /// Sends all commands before it receives the first answer. Where that fails the connection is
    /// closed.
    fn ask_all(
        &mut self,
        commands: &[&Cmd],
        deadline: Deadline,
        answers: &mut Vec<Result<Value, CommandError>>,
    ) -> Result<(), CommandError> {
        let began = clock::now();
        self.exchange(commands, deadline, answers).map_err(|error| {
            self.abandon(&error, began);
            CommandError::of_broken(&error, self.pool.endpoint(), self.was_kept)
        })
    }

    fn exchange(
        &mut self,
        commands: &[&Cmd],
        deadline: Deadline,
        answers: &mut Vec<Result<Value, CommandError>>,
    ) -> Result<(), ReplyError> {
        let lost = || ReplyError::Io(io::ErrorKind::NotConnected.into());
        let connection = self.connection.as_mut().ok_or_else(lost)?;
        let mut packed = Vec::new();
        for command in commands {
            command.write_packed_command(&mut packed);
        }
        connection.send(&packed, deadline)?;
        for _ in commands {
            let answer = connection.receive(deadline)?.extract_error();
            self.is_demoted |= matches!(&answer, Err(error) if is_demotion(error));
            let endpoint = self.pool.endpoint();
            answers.push(answer.map_err(|error| CommandError::of_reply(&error, endpoint)));
        }
        Ok(())
    }

    /// Closes the connection after a failed exchange, and the idle ones that have been silent since it
    /// began: whatever has closed this one has closed them, or they lead to where nobody answers. A
    /// call that had little time left shows nothing of the kind.
    fn abandon(&mut self, error: &ReplyError, began: Instant) {
        let Some(connection) = self.connection.take() else { return };
        let waited = clock::now().saturating_duration_since(began);
        let enough = self.pool.shared.target.settings.timeout / 2;
        let is_telling = match error {
            ReplyError::Io(error) if error.kind() == io::ErrorKind::TimedOut => waited >= enough,
            ReplyError::Io(_) => true,
            _ => false,
        };
        self.pool.close(connection, is_telling.then_some(began));
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.close(connection, None);
        }
    }
}

/// How many threads connect to one server at once.
pub(crate) const MOST_CONNECTING: usize = 4;
/// What connecting may take at least.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);
