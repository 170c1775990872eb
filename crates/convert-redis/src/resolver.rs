//! Looking up host names. The system offers no way to give a look-up up, so that it is left to a
//! thread, and the number of these threads is bounded.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Condvar};
use std::time::{Duration, Instant};

use convert_sdk::{StoreError, StoreErrorKind};

use crate::clock::{self, Deadline};
use crate::error::unavailable;
use crate::lock::{Lock, Locked, assert_no_lock_held};
use crate::worker;

/// Looks up names, each once at a time, on at most [`MOST_LOOK_UPS`] threads.
#[derive(Clone)]
pub(crate) struct Resolver {
    shared: Arc<Shared>,
}

type LookUpHost = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

struct Shared {
    look_up: Box<LookUpHost>,
    state: Lock<State>,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    running: Vec<LookUp>,
    answers: BTreeMap<String, Answer>,
    /// Numbers look-ups and answers.
    count: u64,
}

/// A look-up that has not returned.
struct LookUp {
    number: u64,
    host: String,
    /// Whether a caller has given up waiting for it.
    is_overdue: bool,
}

/// What a look-up returned.
struct Answer {
    number: u64,
    at: Instant,
    addresses: Result<Arc<[IpAddr]>, StoreError>,
}

impl Resolver {
    /// Looks names up as the system does.
    pub(crate) fn system() -> Self {
        Resolver::new(|host| Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }

    pub(crate) fn new(
        look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        let look_up = Box::new(look_up);
        let shared = Shared { look_up, state: Lock::default(), answered: Condvar::new() };
        Resolver { shared: Arc::new(shared) }
    }

    /// Returns the addresses of a host: from the look-up that is under way, from a new one, or from
    /// one that returned within the last seconds. Fails at once where every thread is held by a
    /// look-up that somebody has already given up waiting for.
    pub(crate) fn resolve(
        &self,
        host: &str,
        deadline: Deadline,
    ) -> Result<Arc<[IpAddr]>, StoreError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Arc::from([address]));
        }
        assert_no_lock_held();
        let mut state = self.shared.state.lock();
        let since = state.count;
        loop {
            if let Some(addresses) = state.answer(host, since) {
                return addresses;
            }
            if !state.running.iter().any(|one| one.host == host && !one.is_overdue) {
                if state.running.len() < MOST_LOOK_UPS {
                    state = self.start(state, host)?;
                    continue;
                }
                if state.running.iter().all(|one| one.is_overdue) {
                    let cause = "earlier look-ups of names have not returned yet";
                    return Err(unavailable(cannot_look_up(host, &cause)));
                }
            }
            let Some(left) = deadline.remaining() else {
                let held = state.running.iter_mut().filter(|one| one.host == host);
                held.for_each(|one| one.is_overdue = true);
                let cause = "the system's resolver did not answer in time";
                return Err(StoreError::new(StoreErrorKind::Timeout, cannot_look_up(host, &cause)));
            };
            state = state.wait(&self.shared.answered, left);
        }
    }

    /// Forgets what was found for a host: it did not lead to a server that serves.
    pub(crate) fn forget(&self, host: &str) {
        self.shared.state.lock().answers.remove(host);
    }

    fn start<'s>(
        &'s self,
        mut state: Locked<'s, State>,
        host: &str,
    ) -> Result<Locked<'s, State>, StoreError> {
        state.count += 1;
        let number = state.count;
        state.running.push(LookUp { number, host: host.to_owned(), is_overdue: false });
        drop(state);
        let (shared, name) = (Arc::clone(&self.shared), host.to_owned());
        let started = worker::start("convert-redis-resolve", move || shared.run(number, name));
        let mut state = self.shared.state.lock();
        if let Err(error) = started {
            state.running.retain(|one| one.number != number);
            return Err(unavailable(cannot_look_up(host, &error)));
        }
        Ok(state)
    }
}

impl Shared {
    fn run(&self, number: u64, host: String) {
        let found = (self.look_up)(&host).and_then(|found| match found {
            found if found.is_empty() => Err(io::ErrorKind::NotFound.into()),
            found => Ok(Arc::from(found)),
        });
        let addresses = found.map_err(|error| unavailable(cannot_look_up(&host, &error)));
        let mut state = self.state.lock();
        state.running.retain(|one| one.number != number);
        if state.answers.len() >= MOST_ANSWERS {
            state.answers.clear();
        }
        state.count += 1;
        let answer = Answer { number: state.count, at: clock::now(), addresses };
        state.answers.insert(host, answer);
        drop(state);
        self.answered.notify_all();
    }
}

impl State {
    /// Returns an answer that came after `since`, or addresses that are still fresh.
    fn answer(&self, host: &str, since: u64) -> Option<Result<Arc<[IpAddr]>, StoreError>> {
        let answer = self.answers.get(host)?;
        let age = clock::now().saturating_duration_since(answer.at);
        let is_fresh = answer.addresses.is_ok() && age < FRESH;
        (answer.number > since || is_fresh).then(|| answer.addresses.clone())
    }
}

fn cannot_look_up(host: &str, cause: &dyn fmt::Display) -> String {
    format!("cannot look up the host {}: {cause}", host.escape_debug())
}

/// How many look-ups run at once.
pub(crate) const MOST_LOOK_UPS: usize = 2;
/// How many hosts' addresses are remembered.
const MOST_ANSWERS: usize = 1_000;
/// How long addresses are remembered: a look-up that returned too late for the call that wanted it
/// serves the next one.
const FRESH: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(20);
    const FOUND: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A resolver whose look-ups return when the test lets them, and how many there were.
    fn held() -> (Resolver, Sender<()>, Arc<AtomicUsize>) {
        let (release, gate): (_, Receiver<()>) = mpsc::channel();
        let gate = Mutex::new(gate);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let look_up = move |_: &str| {
            counted.fetch_add(1, Ordering::SeqCst);
            // The end of the test releases all.
            let _ = gate.lock().unwrap().recv();
            Ok(vec![FOUND])
        };
        (Resolver::new(look_up), release, count)
    }

    #[test]
    fn look_ups_that_never_return_hold_two_threads_and_later_calls_fail_at_once() {
        let (resolver, release, count) = held();
        for _ in 0..MOST_LOOK_UPS {
            let error = resolver.resolve("redis.internal", Deadline::after(SHORT)).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Timeout);
        }
        for host in ["redis.internal", "other.internal"] {
            // Would wait for half a minute.
            let error = resolver.resolve(host, Deadline::after(LONG)).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(error.to_string().ends_with("have not returned yet"), "{error}");
        }
        assert!(count.load(Ordering::SeqCst) <= MOST_LOOK_UPS);
        assert_eq!(resolver.shared.state.lock().running.len(), MOST_LOOK_UPS);
        // One that returns after all serves those that come now.
        release.send(()).unwrap();
        let is_free = || resolver.shared.state.lock().running.len() < MOST_LOOK_UPS;
        assert!(test_support::wait_until(LONG, is_free));
        let found = resolver.resolve("redis.internal", Deadline::after(LONG)).unwrap();
        assert_eq!(*found, [FOUND]);
    }

    #[test]
    fn callers_share_the_look_up_that_is_under_way() {
        let (resolver, release, count) = held();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let found = resolver.resolve("redis.internal", Deadline::after(LONG));
                    assert_eq!(*found.unwrap(), [FOUND]);
                });
            }
            release.send(()).unwrap();
        });
        assert_eq!(count.load(Ordering::SeqCst), 1);
        // What did not lead to a server is looked up again.
        resolver.forget("redis.internal");
        release.send(()).unwrap();
        assert!(resolver.resolve("redis.internal", Deadline::after(LONG)).is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn the_cause_of_a_failure_is_reported_and_not_remembered() {
        let count = AtomicUsize::new(0);
        let resolver = Resolver::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Err(io::Error::other("name not known")),
            1 => Ok(Vec::new()),
            _ => Ok(vec![FOUND]),
        });
        let resolve = || resolver.resolve("redis.internal", Deadline::after(LONG));
        let expected =
            "the store is unavailable: cannot look up the host redis.internal: name not known";
        assert_eq!(resolve().unwrap_err().to_string(), expected);
        assert!(resolve().unwrap_err().to_string().contains("not found"));
        assert_eq!(*resolve().unwrap(), [FOUND]);
    }

    #[test]
    fn an_address_needs_no_look_up() {
        let resolver = Resolver::new(|host| unreachable!("{host}"));
        for address in ["127.0.0.1", "::1"] {
            assert_eq!(resolver.resolve(address, Deadline::after(LONG)).unwrap().len(), 1);
        }
    }
}
