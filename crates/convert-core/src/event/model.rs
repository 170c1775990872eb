//! The event bus under a model checker: every interleaving of small programs.
//!
//! The bus is compiled a second time, from the same file, on the checker's primitives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use loom::thread;

use crate::clock::Deadline;
use crate::event::{LifecycleEvent, Listener, RefreshSkippedEvent, SkipReason};

#[expect(clippy::duplicate_mod, reason = "the same source on other primitives is the point")]
#[expect(unreachable_pub, dead_code, reason = "this copy is for the model alone")]
#[path = "bus.rs"]
mod bus;

mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(super) use loom::thread_local;

    pub(super) use crate::sync::loom::{Condvar, Mutex, MutexGuard};
}

use self::bus::EventBus;

fn event() -> LifecycleEvent {
    LifecycleEvent::RefreshSkipped(RefreshSkippedEvent { reason: SkipReason::DirectData })
}

/// Returns a subscriber that counts, and its count.
fn counting() -> (Listener, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let listener = move |_: &LifecycleEvent| {
        counted.fetch_add(1, SeqCst);
    };
    (Arc::new(listener), count)
}

/// Closes the bus the way a core does, and returns whether it is quiet.
fn close(bus: &EventBus) -> bool {
    bus.shut();
    bus.wait_until_quiet(Deadline::after(Duration::from_secs(3_600)))
}

#[test]
fn whoever_subscribes_is_told_of_readiness_once() {
    loom::model(|| {
        let bus = Arc::new(EventBus::default());
        let announcer = {
            let bus = Arc::clone(&bus);
            thread::spawn(move || bus.announce(event()))
        };
        let (listener, count) = counting();
        let subscription = bus.subscribe(listener);
        announcer.join().unwrap();
        assert_eq!(count.load(SeqCst), 1);
        drop(subscription);
    });
}

#[test]
fn nobody_is_told_anything_once_close_has_returned() {
    loom::model(|| {
        let bus = Arc::new(EventBus::default());
        let (listener, count) = counting();
        bus.subscribe(listener).detach();
        let emitter = {
            let bus = Arc::clone(&bus);
            thread::spawn(move || bus.emit(&event()))
        };
        assert!(close(&bus));
        let told = count.load(SeqCst);
        emitter.join().unwrap();
        bus.emit(&event());
        assert_eq!(count.load(SeqCst), told);
    });
}

#[test]
fn a_late_subscriber_is_told_before_close_returns_or_never() {
    loom::model(|| {
        let bus = Arc::new(EventBus::default());
        bus.announce(event());
        let (listener, count) = counting();
        let subscriber = {
            let bus = Arc::clone(&bus);
            thread::spawn(move || bus.subscribe(listener).detach())
        };
        assert!(close(&bus));
        let told = count.load(SeqCst);
        subscriber.join().unwrap();
        assert_eq!(count.load(SeqCst), told);
    });
}

#[test]
fn two_that_close_while_one_is_told_all_come_to_an_end() {
    loom::model(|| {
        let bus = Arc::new(EventBus::default());
        let inner = Arc::downgrade(&bus);
        let closes = move |_: &LifecycleEvent| {
            if let Some(bus) = inner.upgrade() {
                close(&bus);
            }
        };
        bus.subscribe(Arc::new(closes)).detach();
        let emitter = {
            let bus = Arc::clone(&bus);
            thread::spawn(move || bus.emit(&event()))
        };
        assert!(close(&bus));
        emitter.join().unwrap();
        assert!(!bus.is_watched());
    });
}

#[test]
fn a_dropped_subscription_begins_no_call_and_leaves_the_others() {
    loom::model(|| {
        let bus = Arc::new(EventBus::default());
        let ((listener, dropped), (other, kept)) = (counting(), counting());
        let subscription = bus.subscribe(listener);
        bus.subscribe(other).detach();
        let emitter = {
            let bus = Arc::clone(&bus);
            thread::spawn(move || bus.emit(&event()))
        };
        drop(subscription);
        let listed = bus.is_watched();
        emitter.join().unwrap();
        let told = dropped.load(SeqCst);
        bus.emit(&event());
        assert!(listed);
        assert_eq!((dropped.load(SeqCst), kept.load(SeqCst)), (told, 2));
    });
}
