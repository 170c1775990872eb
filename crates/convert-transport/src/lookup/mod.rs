//! Looks host names up, on a bounded number of threads.
//!
//! A look-up is done by the operating system and may take minutes where a name server does not
//! answer. It cannot be ended, so the thread of a look-up outlives the call that started it. Such
//! threads are bounded for the whole process:
//!
//! - A call whose name is being looked up already waits for that outcome.
//! - Otherwise it starts a thread if fewer than the maximum run.
//! - At the maximum it waits for a thread to end, unless all of them are overdue: a call has waited
//!   for each until its deadline. Then it fails at once.

mod worker;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::clock::Deadline;
use crate::error::TransportErrorKind;
use crate::failure::Failure;

/// The look-ups in progress.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    /// The process whose threads do them.
    process: u32,
    running: Mutex<Vec<Arc<Lookup>>>,
    /// Signalled when a look-up ends and when a transport is closed.
    changed: Condvar,
    /// Those of a child of `fork()`. It has none of the threads that would end these, nor may it use
    /// a mutex that one of them may have held.
    of_child: OnceLock<Box<Lookups>>,
}

#[derive(Debug)]
struct Lookup {
    host: String,
    port: u16,
    is_overdue: AtomicBool,
    outcome: Mutex<Option<Result<Vec<SocketAddr>, String>>>,
}

/// Starts a look-up; the process's own is [`worker::start`].
type Start = fn(String, u16, Done) -> io::Result<()>;
type Done = Box<dyn FnOnce(io::Result<Vec<SocketAddr>>) + Send>;

impl Lookups {
    /// Returns the look-ups of the process, which all transports share.
    pub(crate) fn of_process() -> &'static Self {
        Self::of(std::process::id())
    }

    fn of(process: u32) -> &'static Self {
        static FIRST: OnceLock<Lookups> = OnceLock::new();
        let new = || Self { process, ..Self::default() };
        let mut lookups = FIRST.get_or_init(new);
        while lookups.process != process {
            lookups = lookups.of_child.get_or_init(|| Box::new(new()));
        }
        lookups
    }

    /// Looks a name up, which may be an IP address. Blocks until the deadline at most.
    pub(crate) fn resolve(
        &'static self,
        host: &str,
        port: u16,
        limits: &Limits<'_>,
    ) -> Result<Vec<SocketAddr>, Failure> {
        self.resolve_with(worker::start, host, port, limits)
    }

    /// Wakes all that wait, so that those of a closed transport notice.
    pub(crate) fn wake(&self) {
        drop(self.running());
        self.changed.notify_all();
    }

    fn resolve_with(
        &'static self,
        start: Start,
        host: &str,
        port: u16,
        limits: &Limits<'_>,
    ) -> Result<Vec<SocketAddr>, Failure> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let doing = || format!("looking up the name {host}");
        let mut mine: Option<Arc<Lookup>> = None;
        let mut running = self.running();
        loop {
            if let Some(outcome) = mine.as_ref().and_then(|lookup| lookup.outcome()) {
                return outcome
                    .map_err(|error| Failure::broken(format!("{} failed: {error}", doing())));
            }
            if limits.closed.load(Ordering::SeqCst) {
                return Err(Failure::broken("the transport was closed"));
            }
            if mine.is_none() {
                mine = self.join_or_start(&mut running, start, host, port, limits.most)?;
            }
            let Some(left) = limits.deadline.left() else {
                if let Some(lookup) = &mine {
                    lookup.is_overdue.store(true, Ordering::SeqCst);
                    self.changed.notify_all();
                }
                return Err(Failure::timeout(&limits.deadline, &doing()));
            };
            running = self
                .changed
                .wait_timeout(running, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard);
        }
    }

    /// Returns a look-up to wait for; `None` when a thread must end first.
    fn join_or_start(
        &'static self,
        running: &mut Vec<Arc<Lookup>>,
        start: Start,
        host: &str,
        port: u16,
        most: usize,
    ) -> Result<Option<Arc<Lookup>>, Failure> {
        let same = |lookup: &&Arc<Lookup>| lookup.host == host && lookup.port == port;
        if let Some(lookup) = running.iter().filter(same).find(|lookup| !lookup.is_overdue()) {
            return Ok(Some(Arc::clone(lookup)));
        }
        if running.len() >= most {
            if running.iter().all(|lookup| lookup.is_overdue()) {
                return Err(Failure::new(
                    TransportErrorKind::Network,
                    format!(
                        "looking up the name {host} failed: {} earlier look-ups have not returned, \
                         which is the limit",
                        running.len(),
                    ),
                ));
            }
            return Ok(None);
        }
        let lookup = Arc::new(Lookup {
            host: host.to_owned(),
            port,
            is_overdue: AtomicBool::new(false),
            outcome: Mutex::new(None),
        });
        let of_thread = Arc::clone(&lookup);
        let done = Box::new(move |outcome| self.end(&of_thread, outcome));
        start(host.to_owned(), port, done).map_err(|error| {
            Failure::broken(format!("looking up the name {host} failed: no thread: {error}"))
        })?;
        running.push(Arc::clone(&lookup));
        Ok(Some(lookup))
    }

    fn end(&self, lookup: &Arc<Lookup>, outcome: io::Result<Vec<SocketAddr>>) {
        let outcome = match outcome {
            Ok(addresses) if addresses.is_empty() => Err("the name has no address".to_owned()),
            Ok(addresses) => Ok(addresses),
            Err(error) => {
                let text = error.to_string();
                Err(text.strip_prefix(PREFIX).unwrap_or(&text).to_owned())
            }
        };
        *lookup.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.running().retain(|other| !Arc::ptr_eq(other, lookup));
        self.changed.notify_all();
    }

    fn running(&self) -> MutexGuard<'_, Vec<Arc<Lookup>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lookup {
    fn is_overdue(&self) -> bool {
        self.is_overdue.load(Ordering::SeqCst)
    }

    fn outcome(&self) -> Option<Result<Vec<SocketAddr>, String>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the standard library puts in front of the system's reason.
const PREFIX: &str = "failed to lookup address information: ";

/// What ends a wait.
#[derive(Debug)]
pub(crate) struct Limits<'transport> {
    pub(crate) deadline: Deadline,
    pub(crate) closed: &'transport AtomicBool,
    /// The most threads of the process that may look names up.
    pub(crate) most: usize,
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a look-up ends on a thread of its own")]
#[expect(clippy::unnecessary_wraps, reason = "a thread may not start, as those here always do")]
mod tests {
    use std::time::Duration;

    use super::*;

    static OPEN: AtomicBool = AtomicBool::new(false);

    fn lookups() -> &'static Lookups {
        Box::leak(Box::default())
    }

    fn resolve(
        lookups: &'static Lookups,
        start: Start,
        host: &str,
        timeout: Duration,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let deadline = Deadline::start(timeout, "connect timeout");
        let limits = Limits { deadline, closed: &OPEN, most: 2 };
        lookups.resolve_with(start, host, 443, &limits)
    }

    /// Keeps what would end the look-up for ever, as a name server that does not answer.
    fn never(_: String, _: u16, done: Done) -> io::Result<()> {
        std::mem::forget(done);
        Ok(())
    }

    fn at_once(_: String, port: u16, done: Done) -> io::Result<()> {
        std::thread::spawn(move || done(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])));
        Ok(())
    }

    const MOMENT: Duration = Duration::from_millis(20);
    const AGES: Duration = Duration::from_secs(600);

    #[test]
    fn look_ups_that_never_return_hold_two_threads_and_later_ones_fail_at_once() {
        let lookups = lookups();
        for _ in 0..2 {
            let failure = resolve(lookups, never, "a.example", MOMENT).expect_err("no answer");
            assert_eq!(failure.kind, TransportErrorKind::Timeout);
            assert!(failure.reason.contains("looking up the name a.example"), "{failure:?}");
        }
        for host in ["a.example", "b.example"] {
            let failure = resolve(lookups, never, host, AGES).expect_err("the limit");
            assert_eq!(failure.kind, TransportErrorKind::Network);
            assert!(failure.reason.contains("2 earlier look-ups"), "{failure:?}");
        }
        assert_eq!(lookups.running().len(), 2);
        let address = resolve(lookups, never, "[::1]", AGES).expect("no look-up is needed");
        assert_eq!(address, ["[::1]:443".parse().expect("an address")]);
    }

    #[test]
    fn look_ups_of_a_parent_do_not_count_in_a_child_of_fork() {
        let parent = Lookups::of(1);
        for host in ["a.example", "b.example"] {
            resolve(parent, never, host, MOMENT).expect_err("no answer");
        }
        let child = Lookups::of(2);
        resolve(child, at_once, "a.example", AGES).expect("an address");
        let grandchild = Lookups::of(3);
        resolve(grandchild, at_once, "b.example", AGES).expect("an address");
        resolve(parent, at_once, "c.example", AGES).expect_err("the limit");
        assert!(std::ptr::eq(Lookups::of(2), child) && !std::ptr::eq(child, grandchild));
    }

    #[test]
    fn calls_for_one_name_share_a_look_up_and_others_wait_for_a_thread() {
        let lookups = lookups();
        std::thread::scope(|scope| {
            for index in 0..64 {
                let host = ["a.example", "b.example", "c.example"][index % 3];
                scope.spawn(move || resolve(lookups, at_once, host, AGES).expect("an address"));
            }
        });
        assert!(lookups.running().is_empty());
    }

    #[test]
    fn closing_the_transport_ends_a_wait() {
        let lookups = lookups();
        let closed = AtomicBool::new(false);
        let limits =
            Limits { deadline: Deadline::start(AGES, "timeout"), closed: &closed, most: 2 };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| lookups.resolve_with(never, "a.example", 443, &limits));
            while lookups.running().is_empty() {
                std::thread::yield_now();
            }
            closed.store(true, Ordering::SeqCst);
            lookups.wake();
            let failure = waiting.join().expect("no panic").expect_err("closed");
            assert_eq!(failure.reason, "the transport was closed");
        });
    }

    #[test]
    fn a_name_without_an_address_fails_with_the_systems_reason() {
        fn none(_: String, _: u16, done: Done) -> io::Result<()> {
            let error = io::Error::other(format!("{PREFIX}Name or service not known"));
            std::thread::spawn(move || done(Err(error)));
            Ok(())
        }
        let failure = resolve(lookups(), none, "a.example", AGES).expect_err("unknown");
        assert!(failure.reason.ends_with("a.example failed: Name or service not known"));
    }
}
