//! One server, and the connections kept to it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::{Client, Cmd, Connection, ConnectionLike as _, RedisResult, Value};

use crate::clock::Deadline;
use crate::error::{Trouble, is_broken, timed_out};

/// One server. Any number of threads may use it at once; each has a connection to itself.
pub(crate) struct Node {
    client: Client,
    idle: Mutex<Vec<Connection>>,
    most_idle: usize,
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
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.connect(deadline)?,
        };
        let mut answer = Ok(Value::Nil);
        for command in commands {
            let patience = deadline.remaining().ok_or_else(late)?;
            answer = ask(&mut connection, command, patience);
            if answer.is_err() {
                break;
            }
        }
        match answer {
            Ok(value) => {
                self.keep(connection);
                Ok(value)
            }
            Err(error) => {
                if !is_broken(&error) {
                    self.keep(connection);
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

    fn connect(&self, deadline: Deadline) -> Result<Connection, Trouble> {
        let patience = deadline.remaining().ok_or_else(late)?;
        let connected = self.client.get_connection_with_timeout(patience);
        connected.map_err(|error| Trouble::of(error, false))
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most_idle {
            idle.push(connection);
        }
    }
}

fn ask(connection: &mut Connection, command: &Cmd, patience: Duration) -> RedisResult<Value> {
    connection.set_read_timeout(Some(patience))?;
    connection.set_write_timeout(Some(patience))?;
    // Answers that are errors come as values.
    connection.req_command(command)?.extract_error()
}

fn late() -> Trouble {
    Trouble::Failed(timed_out())
}
