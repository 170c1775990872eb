//! Delivering events to subscribers.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

use super::sync::{
    AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, thread_local as local,
};
use crate::clock::Deadline;
use crate::event::LifecycleEvent;
use crate::log;
use crate::sync::{LogThrottle, assert_no_lock_held, panic_guard};

/// What is called with every event.
pub(crate) type Listener = Arc<dyn Fn(&LifecycleEvent) + Send + Sync>;

/// The subscribers of one core.
///
/// No lock is held while a subscriber runs, so it may do anything: subscribe, unsubscribe, decide,
/// close. A child of `fork()` in which the lock stays taken delivers nothing. What it causes itself it is not told of, or two events could chase each other for ever.
#[derive(Default)]
pub(crate) struct EventBus {
    listeners: AtomicUsize,
    state: Mutex<State>,
    is_closed: AtomicBool,
    quiet: Condvar,
    panics: LogThrottle,
}

#[derive(Default)]
struct State {
    // Replaced whole, so that a delivery goes through the list as it was when it began.
    entries: Arc<Vec<Arc<Entry>>>,
    ready: Option<Arc<LifecycleEvent>>,
    is_closed: bool,
    deliveries: usize,
}

struct Entry {
    id: u64,
    is_active: AtomicBool,
    listener: Listener,
}

/// Keeps a subscription alive: dropping it ends the subscription.
///
/// A call of the handler that another thread has already begun may still be running afterwards;
/// none begins.
///
/// ```
/// use convert_core::{Core, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// let subscription = core.subscribe(|event| println!("{}", event.name()));
/// drop(subscription);
/// core.subscribe(|event| println!("until the core closes: {}", event.name())).detach();
/// # Ok::<(), convert_core::Error>(())
/// ```
#[must_use = "dropping a subscription ends it; `detach` keeps it"]
pub struct Subscription {
    bus: Weak<EventBus>,
    id: u64,
}

impl EventBus {
    /// Returns whether anybody would be told of an event. One relaxed load: a decision asks this.
    pub(crate) fn is_watched(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    /// Adds a subscriber until the bus is closed or the subscription dropped, and tells it, alone,
    /// that the core is ready if the others have been told already.
    pub(crate) fn subscribe(self: &Arc<Self>, listener: Listener) -> Subscription {
        let id = NEXT_ID.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let entry = Arc::new(Entry { id, is_active: AtomicBool::new(true), listener });
        if let Some(ready) = self.add(&entry) {
            self.call(&entry, &ready);
            self.finish();
        }
        Subscription { bus: Arc::downgrade(self), id }
    }

    /// Tells every subscriber that the core is ready, and every later one when it comes.
    pub(crate) fn announce(&self, ready: LifecycleEvent) {
        let ready = Arc::new(ready);
        let entries = self.begin(|state| state.ready = Some(Arc::clone(&ready)));
        self.deliver(entries, &ready);
    }

    /// Tells every subscriber of an event; on the calling thread, one after the other.
    pub(crate) fn emit(&self, event: &LifecycleEvent) {
        if self.is_watched() {
            self.deliver(self.begin(|_| {}), event);
        }
    }

    /// Ends all subscriptions, and returns whether they had been ended before.
    pub(crate) fn shut(&self) -> bool {
        let (was_closed, entries) = {
            let mut state = self.lock();
            state.ready = None;
            self.listeners.store(0, Ordering::Relaxed);
            self.is_closed.store(true, Ordering::Release);
            (std::mem::replace(&mut state.is_closed, true), std::mem::take(&mut state.entries))
        };
        for entry in entries.iter() {
            entry.is_active.store(false, Ordering::Release);
        }
        was_closed
    }

    /// Waits until no subscriber runs, and returns whether that is so.
    ///
    /// A subscriber that asks is not waited for, nor is any other then: two of them that ask could
    /// wait for each other.
    pub(crate) fn wait_until_quiet(&self, deadline: Deadline) -> bool {
        if self.is_inside() {
            return false;
        }
        let mut state = self.lock();
        while state.deliveries > 0 {
            let left = deadline.remaining();
            if left.is_zero() {
                return false;
            }
            state = self.quiet.wait_timeout(state, left);
        }
        true
    }

    /// Returns whether the bus has been shut.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Returns how many times a subscriber has panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.count()
    }

    /// Adds an entry and returns the event to replay to it.
    fn add(&self, entry: &Arc<Entry>) -> Option<Arc<LifecycleEvent>> {
        let (replaced, ready) = {
            let mut state = self.state.try_enter()?;
            if state.is_closed {
                return None;
            }
            let mut entries = Vec::clone(&state.entries);
            entries.push(Arc::clone(entry));
            self.listeners.store(entries.len(), Ordering::Relaxed);
            let ready = state.ready.clone();
            state.deliveries += usize::from(ready.is_some());
            (std::mem::replace(&mut state.entries, Arc::new(entries)), ready)
        };
        drop(replaced);
        ready
    }

    fn remove(&self, id: u64) {
        let removed = {
            let Some(mut state) = self.state.try_enter() else { return };
            let mut entries = Vec::clone(&state.entries);
            let Some(index) = entries.iter().position(|entry| entry.id == id) else {
                return;
            };
            let entry = entries.remove(index);
            entry.is_active.store(false, Ordering::Release);
            self.listeners.store(entries.len(), Ordering::Relaxed);
            (entry, std::mem::replace(&mut state.entries, Arc::new(entries)))
        };
        // What the subscriber owns is dropped here, with no lock held, since it may be a
        // subscription itself.
        drop(removed);
    }

    /// Registers a delivery and returns whom it is for; `None` once the bus is closed.
    fn begin(&self, change: impl FnOnce(&mut State)) -> Option<Arc<Vec<Arc<Entry>>>> {
        let mut state = self.state.try_enter()?;
        if state.is_closed {
            return None;
        }
        change(&mut state);
        state.deliveries += 1;
        Some(Arc::clone(&state.entries))
    }

    fn deliver(&self, entries: Option<Arc<Vec<Arc<Entry>>>>, event: &LifecycleEvent) {
        let Some(entries) = entries else { return };
        for entry in entries.iter() {
            self.call(entry, event);
        }
        drop(entries);
        self.finish();
    }

    fn finish(&self) {
        // The lock could be entered before, so that no thread of a parent process holds it.
        self.lock().deliveries -= 1;
        self.quiet.notify_all();
    }

    fn call(&self, entry: &Entry, event: &LifecycleEvent) {
        let running = (std::ptr::from_ref(self).addr(), entry.id);
        let is_running = |running: &(usize, u64)| {
            RUNNING.try_with(|stack| stack.borrow().contains(running)).unwrap_or(true)
        };
        if !entry.is_active.load(Ordering::Acquire) || is_running(&running) {
            return;
        }
        assert_no_lock_held("calling an event handler");
        let _ = RUNNING.try_with(|stack| stack.borrow_mut().push(running));
        let outcome = panic_guard(|| (entry.listener)(event));
        let _ = RUNNING.try_with(|stack| stack.borrow_mut().pop());
        if outcome.is_err() {
            self.report_panic(event);
        }
    }

    fn report_panic(&self, event: &LifecycleEvent) {
        if let Some(count) = self.panics.record() {
            let name = event.name();
            log::error!(
                target: "convert_sdk::events",
                "a handler of the event {name} panicked; handlers have panicked {count} times so far"
            );
        }
    }

    /// Returns whether the calling thread runs a subscriber of this bus.
    fn is_inside(&self) -> bool {
        let this = std::ptr::from_ref(self).addr();
        RUNNING
            .try_with(|stack| stack.borrow().iter().any(|(bus, _)| *bus == this))
            .unwrap_or(false)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Subscription {
    /// Keeps the subscription until the core closes.
    pub fn detach(mut self) {
        self.bus = Weak::new();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.upgrade() {
            bus.remove(self.id);
        }
    }
}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBus").field("panics", &self.panics()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}

local! {
    /// The subscribers that run on this thread: the bus's address, and the subscription.
    static RUNNING: RefCell<Vec<(usize, u64)>> = RefCell::default();
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);
