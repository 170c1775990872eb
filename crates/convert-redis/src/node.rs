//! One server, and the connections kept to it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::{Client, Cmd, Connection, ConnectionLike as _, RedisResult, Value};

use crate::clock::Deadline;
use crate::error::{Trouble, is_broken, timed_out};

/// One server. Any number of threads may use it at once; each has a connection to itself.
pub(crate) struct Node {
    client: Client,
    idle: Mutex<Vec<Line>>,
    most_idle: usize,
}

/// A connection, and how long it waits for an answer.
struct Line {
    connection: Connection,
    patience: Duration,
}

impl Node {
    /// Makes the way to a server; connects when it is used.
    pub(crate) fn new(client: Client, most_idle: usize) -> Self {
        Node { client, idle: Mutex::new(Vec::new()), most_idle }
    }

    /// Carries commands out on one connection, and returns the answer to the last.
    pub(crate) fn run(&self, commands: &[&Cmd], deadline: Deadline) -> Result<Value, Trouble> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let was_kept = kept.is_some();
        let mut line = match kept {
            Some(line) => line,
            None => self.connect(deadline)?,
        };
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
                self.keep(line);
                Ok(value)
            }
            Err(error) => {
                if !is_broken(&error) {
                    self.keep(line);
                }
                let trouble = Trouble::of(error, was_kept);
                if matches!(trouble, Trouble::Dropped) {
                    // The others were closed by whatever has closed this one.
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                }
                Err(trouble)
            }
        }
    }

    fn connect(&self, deadline: Deadline) -> Result<Line, Trouble> {
        let patience = deadline.remaining().ok_or_else(late)?;
        let connected = self.client.get_connection_with_timeout(patience);
        let connection = connected.map_err(|error| Trouble::of(error, false))?;
        Ok(Line { connection, patience: Duration::MAX })
    }

    fn keep(&self, line: Line) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most_idle {
            idle.push(line);
        }
    }
}

impl Line {
    fn ask(&mut self, command: &Cmd, patience: Duration) -> RedisResult<Value> {
        // Telling the system costs as much as a part of the exchange, and is not worth it for a
        // difference that nobody notices.
        if self.patience.abs_diff(patience) > SLACK {
            self.connection.set_read_timeout(Some(patience))?;
            self.connection.set_write_timeout(Some(patience))?;
            self.patience = patience;
        }
        // Answers that are errors come as values.
        self.connection.req_command(command)?.extract_error()
    }
}

fn late() -> Trouble {
    Trouble::Failed(timed_out())
}

/// How much longer than it should a call may take.
const SLACK: Duration = Duration::from_millis(2);
