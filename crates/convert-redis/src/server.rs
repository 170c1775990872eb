//! Where commands go: to one server, or to the one of a cluster that has the key.

use std::ops::ControlFlow;
use std::sync::Arc;

use convert_sdk::StoreError;
use redis::{Cmd, Value};

use crate::clock::Deadline;
use crate::cluster::{self, Address, Cluster};
use crate::connection::{ConnectionSettings, Target};
use crate::endpoint::Endpoint;
use crate::error::CommandError;
use crate::pool::ConnectionPool;
use crate::resolver::Resolver;

/// What a store was built for.
pub(crate) enum Location {
    /// One server.
    Single(Endpoint),
    /// A cluster, of which some servers are known.
    Cluster(Vec<Address>),
}

/// A server, or a cluster of them.
pub(crate) enum Server {
    /// One server.
    Single(ConnectionPool),
    /// A cluster.
    Cluster(Box<Cluster>),
}

impl Server {
    /// Connects to nothing yet.
    pub(crate) fn new(location: &Location, settings: &Arc<ConnectionSettings>) -> Self {
        let settings = Arc::clone(settings);
        let resolver = Resolver::system();
        match location {
            Location::Single(endpoint) => {
                let endpoint = endpoint.clone();
                Server::Single(ConnectionPool::new(Target { endpoint, settings, resolver }))
            }
            Location::Cluster(seeds) => {
                Server::Cluster(Box::new(Cluster::new(settings, resolver, seeds.clone())))
            }
        }
    }

    /// Carries out a command about one key. Whether it `may_repeat` matters where several servers could
    /// carry it out.
    pub(crate) fn run(
        &self,
        key: &str,
        command: &Cmd,
        may_repeat: bool,
        deadline: Deadline,
    ) -> Result<Value, CommandError> {
        match self {
            Server::Single(pool) => pool.run(&[command], deadline),
            Server::Cluster(cluster) => cluster.run(key, command, may_repeat, deadline),
        }
    }

    /// Carries out commands, each about the key beside it, in one exchange with each server.
    pub(crate) fn run_all(
        &self,
        commands: &[(&str, Cmd)],
        deadline: Deadline,
    ) -> Vec<Result<Value, CommandError>> {
        match self {
            Server::Single(pool) => {
                let commands: Vec<&Cmd> = commands.iter().map(|(_, command)| command).collect();
                pool.run_all(&commands, deadline)
            }
            Server::Cluster(cluster) => cluster.run_all(commands, deadline),
        }
    }

    /// Calls `visit` with every server that has keys of its own, until it breaks. Fails before the
    /// first one unless they have all keys together.
    pub(crate) fn each(
        &self,
        deadline: &dyn Fn() -> Deadline,
        visit: &mut dyn FnMut(&ConnectionPool) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Server::Single(pool) => {
                cluster::expect_all_keys(pool, deadline())?;
                visit(pool).map(drop)
            }
            Server::Cluster(cluster) => cluster.each(deadline(), visit),
        }
    }
}
