//! One server, and the connections kept to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convert_sdk::StoreErrorKind;
use redis::{Client, Cmd, Connection, ConnectionLike as _, RedisError, RedisResult, Value};

use crate::clock::Deadline;
use crate::error::{Trouble, is_broken, is_demotion, timed_out, unanswered};
use crate::worker;

/// One server. Any number of threads may use it at once; each has a connection to itself.
pub(crate) struct Node {
    client: Client,
    idle: Arc<Idle>,
}

/// A connection to a server that nobody else uses meanwhile.
pub(crate) struct Held<'n> {
    node: &'n Node,
    line: Line,
    was_kept: bool,
}

/// The connections that nobody uses right now.
struct Idle {
    lines: Mutex<Vec<Line>>,
    most: usize,
}

/// A connection, and how long it waits for an answer.
struct Line {
    connection: Connection,
    patience: Duration,
    /// Whether the server takes no writes, so that another one may have its address by now.
    is_demoted: bool,
}

impl Node {
    /// Makes the way to a server; connects when it is used.
    pub(crate) fn new(client: Client, most_idle: usize) -> Self {
        Node { client, idle: Arc::new(Idle { lines: Mutex::default(), most: most_idle }) }
    }

    /// Carries commands out on one connection, one after another, and returns the answer to the last.
    pub(crate) fn run(&self, commands: &[&Cmd], deadline: Deadline) -> Result<Value, Trouble> {
        let (mut line, was_kept) = self.line(deadline)?;
        let mut answer = Ok(Value::Nil);
        for command in commands {
            let patience = deadline.remaining().ok_or_else(late)?;
            answer = line.ask(command, patience);
            if answer.is_err() {
                break;
            }
        }
        match answer {
            Ok(value) => {
                self.idle.keep(line);
                Ok(value)
            }
            Err(error) => Err(self.put_back(line, error, was_kept)),
        }
    }

    /// Takes a connection out for several commands, which mean something only to the server at its
    /// other end.
    pub(crate) fn hold(&self, deadline: Deadline) -> Result<Held<'_>, Trouble> {
        let (line, was_kept) = self.line(deadline)?;
        Ok(Held { node: self, line, was_kept })
    }

    /// Carries commands out in one exchange, and returns the answer to each.
    pub(crate) fn run_all(
        &self,
        commands: &[&Cmd],
        deadline: Deadline,
    ) -> Vec<Result<Value, Trouble>> {
        let mut answers = Vec::with_capacity(commands.len());
        let lost = match self.line(deadline) {
            Ok((mut line, was_kept)) => match line.ask_all(commands, deadline, &mut answers) {
                Ok(()) => {
                    self.idle.keep(line);
                    return answers;
                }
                Err(error) => error.map_or_else(late, |error| self.lose(error, was_kept)),
            },
            Err(trouble) => trouble,
        };
        answers.resize_with(commands.len(), || Err(lost.of_followers()));
        answers
    }

    /// Returns a connection, and whether it has been used before.
    fn line(&self, deadline: Deadline) -> Result<(Line, bool), Trouble> {
        match self.idle.lines().pop() {
            Some(line) => Ok((line, true)),
            None => Ok((self.connect(deadline)?, false)),
        }
    }

    /// Keeps a connection, unless the error that came in place of an answer has broken it, and sorts
    /// the error.
    fn put_back(&self, line: Line, error: RedisError, was_kept: bool) -> Trouble {
        if is_broken(&error) {
            return self.lose(error, was_kept);
        }
        self.idle.keep(line);
        Trouble::of(error, was_kept)
    }

    /// Sorts the error that has broken a connection on which a command was sent.
    fn lose(&self, error: RedisError, was_kept: bool) -> Trouble {
        // The others were closed by whatever has closed this one, or lead to where nobody answers.
        self.idle.lines().clear();
        match Trouble::of(error, was_kept) {
            Trouble::Failed(error) if error.kind() == StoreErrorKind::Timeout => {
                Trouble::Unanswered(error)
            }
            Trouble::Failed(_) => Trouble::Unanswered(unanswered()),
            trouble => trouble,
        }
    }

    fn connect(&self, deadline: Deadline) -> Result<Line, Trouble> {
        let patience = deadline.remaining().ok_or_else(late)?;
        let idle = Arc::downgrade(&self.idle);
        let keep = move |connection| {
            if let Some(idle) = idle.upgrade() {
                idle.keep(Line::new(connection));
            }
        };
        worker::connect(self.client.clone(), patience, patience, keep).map(Line::new)
    }
}

impl Held<'_> {
    /// Carries a command out, and returns the connection along with the answer; one that has answered
    /// with an error is not held any more.
    pub(crate) fn ask(
        mut self,
        command: &Cmd,
        deadline: Deadline,
    ) -> Result<(Self, Value), Trouble> {
        let patience = deadline.remaining().ok_or_else(late)?;
        match self.line.ask(command, patience) {
            Ok(value) => Ok((self, value)),
            Err(error) => Err(self.node.put_back(self.line, error, self.was_kept)),
        }
    }

    /// Gives the connection back.
    pub(crate) fn release(self) {
        self.node.idle.keep(self.line);
    }
}

impl Idle {
    fn keep(&self, line: Line) {
        let mut lines = self.lines();
        if line.is_demoted {
            lines.clear();
        } else if lines.len() < self.most {
            lines.push(line);
        }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn new(connection: Connection) -> Self {
        Line { connection, patience: Duration::MAX, is_demoted: false }
    }

    fn ask(&mut self, command: &Cmd, patience: Duration) -> RedisResult<Value> {
        self.wait_for(patience)?;
        // Answers that are errors come as values.
        let answer = self.connection.req_command(command)?.extract_error();
        self.is_demoted |= matches!(&answer, Err(error) if is_demotion(error));
        answer
    }

    /// Sends all commands before it reads the first answer. Fails where the connection is of no use
    /// any more, without an error where it is only late.
    fn ask_all(
        &mut self,
        commands: &[&Cmd],
        deadline: Deadline,
        answers: &mut Vec<Result<Value, Trouble>>,
    ) -> Result<(), Option<RedisError>> {
        let mut packed = Vec::new();
        for command in commands {
            command.write_packed_command(&mut packed);
        }
        self.wait_for(deadline.remaining().ok_or(None)?)?;
        self.connection.send_packed_command(&packed)?;
        for _ in commands {
            self.wait_for(deadline.remaining().ok_or(None)?)?;
            let answer = self.connection.recv_response()?.extract_error();
            self.is_demoted |= matches!(&answer, Err(error) if is_demotion(error));
            answers.push(answer.map_err(|error| Trouble::of(error, false)));
        }
        Ok(())
    }

    fn wait_for(&mut self, patience: Duration) -> RedisResult<()> {
        // Telling the system costs as much as a part of the exchange, and is not worth it for a
        // difference that nobody notices.
        if self.patience.abs_diff(patience) > SLACK {
            self.connection.set_read_timeout(Some(patience))?;
            self.connection.set_write_timeout(Some(patience))?;
            self.patience = patience;
        }
        Ok(())
    }
}

fn late() -> Trouble {
    Trouble::Failed(timed_out())
}

/// How much longer than it should a call may take.
const SLACK: Duration = Duration::from_millis(2);
