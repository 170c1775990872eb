//! A cluster of servers, of which each has a part of the keys.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use convert_sdk::{StoreError, StoreErrorKind};
use redis::{Cmd, Value, cmd};

use crate::clock::Deadline;
use crate::connection::{ConnectionSettings, Target};
use crate::endpoint::Endpoint;
use crate::error::{BELONGS_TO_CLUSTER, CommandError, cause_of, unavailable};
use crate::lock::Lock;
use crate::pool::ConnectionPool;
use crate::resolver::Resolver;

/// A cluster, as far as it is known: who has which slots is learned when a server refers to another.
pub(crate) struct Cluster {
    settings: Arc<ConnectionSettings>,
    resolver: Resolver,
    seeds: Vec<Address>,
    map: Lock<Map>,
}

/// The host and port of a server.
pub(crate) type Address = (String, u16);

#[derive(Default)]
struct Map {
    pools: HashMap<Address, ConnectionPool>,
    owners: Owners,
    /// The servers that did not answer when they were asked last, in the order of a count.
    silent: HashMap<Address, u64>,
    count: u64,
}

/// The end of each range of slots, and whose it is, under its start.
type Owners = BTreeMap<u16, (u16, Address)>;

impl Cluster {
    /// Makes the way to a cluster; connects when it is used.
    pub(crate) fn new(
        settings: Arc<ConnectionSettings>,
        resolver: Resolver,
        seeds: Vec<Address>,
    ) -> Self {
        Cluster { settings, resolver, seeds, map: Lock::default() }
    }

    /// Carries out a command about one key, wherever that is now. One that has no answer is sent to
    /// another server only if it `may_repeat`.
    pub(crate) fn run(
        &self,
        key: &str,
        command: &Cmd,
        may_repeat: bool,
        deadline: Deadline,
    ) -> Result<Value, CommandError> {
        let slot = slot_of(key);
        let mut address = self.owner(slot);
        let mut is_asking = false;
        let mut last = CommandError::Failed(unavailable("no server of the cluster answered"));
        let mut tried = Vec::new();
        let whole = deadline;
        for _ in 0..MOST_TRIES {
            let is_guess = address.is_none();
            let Some(next) = address.take().or_else(|| self.another(&tried)) else { break };
            let pool = self.pool(&next);
            // One that is asked for want of anything better leaves others their time.
            let deadline = if is_guess { whole.part(2) } else { whole };
            let asking = cmd("ASKING");
            let both = [&asking, command];
            let commands = if is_asking { &both[..] } else { both.get(1..).unwrap_or_default() };
            is_asking = false;
            let answer = pool.run(commands, deadline);
            if is_guess && !is_silent(&answer) {
                self.map.lock().silent.remove(&next);
            }
            match answer {
                Ok(value) => return Ok(value),
                Err(CommandError::Redirected(redirect)) => {
                    is_asking = redirect.is_asking;
                    if !is_asking {
                        self.learn(&pool, &next, deadline);
                    }
                    address = parse(&redirect.address, &next);
                    last = redirect.without_end();
                }
                Err(error) if is_silent::<(), _>(&Err(&error)) => {
                    // Whoever takes over from this server is known by the others.
                    self.forget(&next);
                    tried.push(next);
                    let is_sent = matches!(error, CommandError::Unanswered(_));
                    last = error;
                    if is_sent && !may_repeat {
                        break;
                    }
                    if whole.remaining().is_none() {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Carries out commands, each about the key beside it, in one exchange with each server that is
    /// known to have some of the keys; the rest one by one, after them.
    pub(crate) fn run_all(
        &self,
        commands: &[(&str, Cmd)],
        deadline: Deadline,
    ) -> Vec<Result<Value, CommandError>> {
        let mut groups: BTreeMap<Address, Vec<usize>> = BTreeMap::new();
        for (place, (key, _)) in commands.iter().enumerate() {
            if let Some(address) = self.owner(slot_of(key)) {
                groups.entry(address).or_default().push(place);
            }
        }
        let mut answers = BTreeMap::new();
        let mut left = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        for (address, places) in groups {
            // A server that hangs leaves the others their time.
            let deadline = deadline.part(left);
            left -= 1;
            let part: Vec<&Cmd> =
                places.iter().filter_map(|place| Some(&commands.get(*place)?.1)).collect();
            let part = self.pool(&address).run_all(&part, deadline);
            if part.iter().any(is_silent) {
                self.forget(&address);
            }
            let is_settled = |answer: &Result<Value, CommandError>| {
                !matches!(answer, Err(CommandError::Redirected(_)))
            };
            answers.extend(places.into_iter().zip(part).filter(|(_, answer)| is_settled(answer)));
        }
        let one_by_one = commands.iter().enumerate().map(|(place, (key, command))| {
            answers.remove(&place).unwrap_or_else(|| self.run(key, command, true, deadline))
        });
        one_by_one.collect()
    }

    /// Calls `visit` with every server that has slots, until it breaks. Fails before the first one
    /// unless all slots have one.
    pub(crate) fn each(
        &self,
        deadline: Deadline,
        visit: &mut dyn FnMut(&ConnectionPool) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        for address in addresses(&self.all_owners(deadline)?) {
            if visit(&self.pool(&address))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Returns whose the slots are, if all have a server, and the servers can be told apart.
    fn all_owners(&self, deadline: Deadline) -> Result<Owners, StoreError> {
        let mut failure = unavailable("no server of the cluster answered");
        let mut tried = Vec::new();
        while let Some(address) = self.another(&tried) {
            let pool = self.pool(&address);
            let part = deadline.part(2);
            let slots = slots(&pool, part);
            let known = slots.as_ref().and_then(|slots| Some((slots, owners_of(slots, &address)?)));
            match known {
                Some((slots, owners)) if count(slots) > addresses(&owners).len() => {
                    failure = unavailable("servers of the cluster have the same address");
                }
                Some((_, owners)) if are_all_owned(&owners) => {
                    self.map.lock().owners = owners.clone();
                    return Ok(owners);
                }
                // Another server may know better.
                Some(_) => failure = unavailable("some slots of the cluster have no server"),
                None if pool.run(&[&cmd("PING")], part).is_ok() => {
                    failure = unavailable("the server reports no slots (CLUSTER SLOTS)");
                }
                None => self.forget(&address),
            }
            tried.push(address);
        }
        Err(failure)
    }

    /// Asks a server who has which slots.
    fn learn(&self, pool: &ConnectionPool, asked: &Address, deadline: Deadline) {
        if let Some(owners) = owners(pool, asked, deadline).filter(|owners| !owners.is_empty()) {
            self.map.lock().owners = owners;
        }
    }

    /// Returns whose slot it is, as far as is known.
    fn owner(&self, slot: u16) -> Option<Address> {
        let map = self.map.lock();
        let (_, (end, address)) = map.owners.range(..=slot).next_back()?;
        (slot <= *end).then(|| address.clone())
    }

    /// Returns a server that has not been tried, of those that did not answer last the one that was
    /// asked longest ago.
    fn another(&self, tried: &[Address]) -> Option<Address> {
        let map = self.map.lock();
        let known = map.pools.keys().chain(&self.seeds).filter(|address| !tried.contains(address));
        known.min_by_key(|address| (map.silent.get(*address), *address)).cloned()
    }

    /// Takes the slots of a server that does not answer for unknown.
    fn forget(&self, address: &Address) {
        let mut map = self.map.lock();
        map.owners.retain(|_, (_, owner)| owner != address);
        map.count += 1;
        let count = map.count;
        map.silent.insert(address.clone(), count);
    }

    fn pool(&self, address: &Address) -> ConnectionPool {
        let mut map = self.map.lock();
        if let Some(pool) = map.pools.get(address) {
            return pool.clone();
        }
        let (host, port) = address;
        let pool = ConnectionPool::new(Target {
            endpoint: Endpoint::Tcp(host.clone(), *port),
            settings: Arc::clone(&self.settings),
            resolver: self.resolver.clone(),
        });
        let mut forgotten = HashMap::new();
        if map.pools.len() >= MOST_SERVERS {
            forgotten = std::mem::take(&mut map.pools);
            map.silent.clear();
        }
        map.pools.insert(address.clone(), pool.clone());
        // Closes sockets.
        drop(map);
        drop(forgotten);
        pool
    }
}

/// Fails if a server has a part of the keys only, as one of a cluster has.
pub(crate) fn expect_all_keys(pool: &ConnectionPool, deadline: Deadline) -> Result<(), StoreError> {
    let ask = || pool.acquire(deadline)?.ask(cmd("CLUSTER").arg("SLOTS"), deadline);
    let answer = match ask() {
        Err(CommandError::Dropped(_)) => ask(),
        answer => answer,
    };
    let slots = match answer {
        Ok((connection, slots)) => {
            connection.release();
            slots
        }
        // It knows nothing of clusters.
        Err(CommandError::Unsupported(_)) => return Ok(()),
        Err(CommandError::Failed(error)) => {
            let cause = cause_of(&error);
            let message =
                format!("CLUSTER SLOTS has to show that the server has all keys: {cause}");
            return Err(StoreError::new(error.kind(), message));
        }
        Err(error) => return Err(error.into()),
    };
    let owners = owners_of(&slots, &Address::default());
    let is_whole = |owners: &Owners| are_all_owned(owners) && addresses(owners).len() == 1;
    if owners.is_some_and(|owners| is_whole(&owners)) && count(&slots) <= 1 {
        return Ok(());
    }
    Err(unavailable(BELONGS_TO_CLUSTER))
}

/// Asks a server who has which slots.
fn owners(pool: &ConnectionPool, asked: &Address, deadline: Deadline) -> Option<Owners> {
    owners_of(&slots(pool, deadline)?, asked)
}

fn slots(pool: &ConnectionPool, deadline: Deadline) -> Option<Value> {
    pool.run(&[cmd("CLUSTER").arg("SLOTS")], deadline).ok()
}

/// Returns how many servers have slots, by their ids, which differ where addresses are not told.
fn count(slots: &Value) -> usize {
    let Value::Array(ranges) = slots else { return 0 };
    let ids = ranges.iter().filter_map(|range| {
        let Value::Array(parts) = range else { return None };
        let Value::Array(master) = parts.get(2)? else { return None };
        match master.get(2)? {
            Value::BulkString(id) => Some(id),
            _ => None,
        }
    });
    ids.collect::<BTreeSet<_>>().len()
}

fn owners_of(slots: &Value, asked: &Address) -> Option<Owners> {
    let Value::Array(ranges) = slots else { return None };
    Some(ranges.iter().filter_map(|range| range_of(range, asked)).collect())
}

fn are_all_owned(owners: &Owners) -> bool {
    let first_free = owners.iter().try_fold(0, |next, (start, (end, _))| {
        (u32::from(*start) <= next).then(|| next.max(u32::from(*end) + 1))
    });
    first_free == Some(u32::from(SLOTS))
}

/// Returns the servers that have slots, each once.
fn addresses(owners: &Owners) -> BTreeSet<Address> {
    owners.values().map(|(_, address)| address.clone()).collect()
}

/// Reads `host:port`.
fn parse(text: &str, asked: &Address) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    Some((host_of(host, asked), port.parse().ok()?))
}

/// Reads one range of `CLUSTER SLOTS`: first and last slot, then the servers, the master first.
fn range_of(range: &Value, asked: &Address) -> Option<(u16, (u16, Address))> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(start), Value::Int(end), Value::Array(master), ..] = parts.as_slice() else {
        return None;
    };
    let [host, Value::Int(port), ..] = master.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) => host_of(std::str::from_utf8(host).ok()?, asked),
        _ => asked.0.clone(),
    };
    let number = |value: i64| u16::try_from(value).ok();
    Some((number(*start)?, (number(*end)?, (host, number(*port)?))))
}

/// Returns a host as told by a server; one that does not know its own name, or another one's, leaves
/// it out or puts a `?` in its place, which stands for the host that was asked.
fn host_of(told: &str, asked: &Address) -> String {
    if matches!(told, "" | "?") { asked.0.clone() } else { told.to_owned() }
}

/// Returns whether a server does not answer, rather than answers something else.
fn is_silent<T, E: Borrow<CommandError>>(answer: &Result<T, E>) -> bool {
    match answer.as_ref().map_err(Borrow::borrow) {
        Err(
            CommandError::Unanswered(error)
            | CommandError::Unsupported(error)
            | CommandError::Failed(error),
        ) => {
            use StoreErrorKind::{Timeout, Unanswered, Unavailable};
            matches!(error.kind(), Unavailable | Timeout | Unanswered)
        }
        _ => false,
    }
}

/// Returns the slot of a key: by what is in its first braces, if there is something.
fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let hashed = tag.map(|(tag, _)| tag).filter(|tag| !tag.is_empty()).unwrap_or(key);
    crc16(hashed.as_bytes()) % SLOTS
}

/// CRC-16/XMODEM, as clusters use it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// How many slots a cluster has.
const SLOTS: u16 = 16_384;
/// How often a command is sent before its failure is reported.
const MOST_TRIES: usize = 6;
/// More servers than a cluster has.
const MOST_SERVERS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        for (key, same) in [("{user1000}.following", "user1000"), ("foo{{bar}}zap", "{bar")] {
            assert_eq!(slot_of(key), slot_of(same));
        }
        assert_eq!(slot_of("foo{}{bar}"), crc16(b"foo{}{bar}") % 16_384);
        assert_eq!(slot_of("foo"), 12_182);
    }

    #[test]
    fn a_gap_between_slots_is_seen() {
        let owners = |ranges: &[(u16, u16)]| -> Owners {
            ranges.iter().map(|(start, end)| (*start, (*end, Address::default()))).collect()
        };
        assert!(are_all_owned(&owners(&[(0, 5), (6, 16_383)])));
        for gap in [&[(0, 16_382)][..], &[(1, 16_383)], &[(0, 5), (7, 16_383)], &[]] {
            assert!(!are_all_owned(&owners(gap)), "{gap:?}");
        }
    }

    #[test]
    fn addresses_may_leave_the_host_out() {
        let asked = ("10.0.0.1".to_owned(), 7_000);
        let expected = ("10.0.0.1".to_owned(), 7_001);
        for told in [":7001", "?:7001"] {
            assert_eq!(parse(told, &asked), Some(expected.clone()));
        }
        let text = |text: &str| Value::BulkString(text.into());
        for told in [Value::Nil, text(""), text("?")] {
            let range = vec![told, Value::Int(7_001), text("id")];
            let range = vec![Value::Int(0), Value::Int(5), Value::Array(range)];
            assert_eq!(range_of(&Value::Array(range), &asked), Some((0, (5, expected.clone()))));
        }
        assert_eq!(parse("::1:7001", &asked), Some(("::1".to_owned(), 7_001)));
        assert_eq!(parse("nowhere", &asked), None);
    }

    #[test]
    fn servers_that_tell_the_same_address_are_still_several() {
        let text = |text: &str| Value::BulkString(text.into());
        let range = |start, end, id| {
            let master = Value::Array(vec![text("?"), Value::Int(6_379), text(id)]);
            Value::Array(vec![Value::Int(start), Value::Int(end), master])
        };
        let asked = ("10.0.0.1".to_owned(), 6_379);
        let both = Value::Array(vec![range(0, 5, "a"), range(6, 16_383, "b")]);
        assert_eq!((addresses(&owners_of(&both, &asked).unwrap()).len(), count(&both)), (1, 2));
        let one = Value::Array(vec![range(0, 5, "a"), range(6, 16_383, "a")]);
        assert_eq!(count(&one), 1);
    }
}
