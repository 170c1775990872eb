//! Where commands go: to one server, or to the one of a cluster that has the key.

use std::ops::ControlFlow;

use convert_sdk::StoreError;
use redis::{Client, Cmd, Value};

use crate::clock::Deadline;
use crate::cluster::{self, Cluster};
use crate::error::Trouble;
use crate::node::Node;

/// A server, or a cluster of them.
pub(crate) enum Server {
    /// One server.
    Single(Box<Node>),
    /// A cluster.
    Cluster(Box<Cluster>),
}

impl Server {
    pub(crate) fn single(client: Client, most_idle: usize) -> Self {
        Server::Single(Box::new(Node::new(client, most_idle)))
    }

    /// Carries out a command about one key. Whether it `may_repeat` matters where several servers could
    /// carry it out.
    pub(crate) fn run(
        &self,
        key: &str,
        command: &Cmd,
        may_repeat: bool,
        deadline: Deadline,
    ) -> Result<Value, Trouble> {
        match self {
            Server::Single(node) => node.run(&[command], deadline),
            Server::Cluster(cluster) => cluster.run(key, command, may_repeat, deadline),
        }
    }

    /// Carries out commands, each about the key beside it, in one exchange with each server.
    pub(crate) fn run_all(
        &self,
        commands: &[(&str, Cmd)],
        deadline: Deadline,
    ) -> Vec<Result<Value, Trouble>> {
        match self {
            Server::Single(node) => {
                let commands: Vec<&Cmd> = commands.iter().map(|(_, command)| command).collect();
                node.run_all(&commands, deadline)
            }
            Server::Cluster(cluster) => cluster.run_all(commands, deadline),
        }
    }

    /// Calls `visit` with every server that has keys of its own, until it breaks. Fails before the first one unless
    /// they have all keys together, and in the end if they did not have them all the time.
    pub(crate) fn each(
        &self,
        deadline: &dyn Fn() -> Deadline,
        visit: &mut dyn FnMut(&Node) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Server::Single(node) => {
                let is_of_cluster = cluster::expect_all_keys(node, deadline())?;
                if visit(node)?.is_break() || !is_of_cluster {
                    return Ok(());
                }
                cluster::expect_no_move(node, deadline())?;
                cluster::expect_all_keys(node, deadline()).map(|_| ())
            }
            Server::Cluster(cluster) => cluster.each(deadline, visit),
        }
    }
}
