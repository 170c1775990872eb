//! What the locks promise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;

#[test]
fn a_poisoned_mutex_is_entered_by_both_ways() {
    let mutex = Mutex::new(1);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut value = mutex.lock();
        *value = 2;
        panic!("on purpose");
    }));
    assert!(outcome.is_err());
    assert_eq!(*mutex.lock(), 2);
    assert_eq!(mutex.try_enter().as_deref(), Some(&2));
}

#[test]
fn a_child_of_fork_enters_a_free_mutex_and_gives_up_on_one_that_stays_taken() {
    let mutex = Mutex::made_in(ProcessId::other(), 1);
    assert_eq!(mutex.try_enter().as_deref(), Some(&1));
    let guard = mutex.lock();
    std::thread::scope(|scope| {
        let tried = scope.spawn(|| mutex.try_enter().is_none());
        assert!(tried.join().unwrap(), "the holder has not let go");
    });
    drop(guard);
    assert!(mutex.try_enter().is_some());
}

#[test]
fn a_thread_of_the_same_process_waits_for_a_mutex_that_is_taken() {
    let mutex = Mutex::new(1);
    let (sender, receiver) = channel();
    let mut guard = mutex.lock();
    std::thread::scope(|scope| {
        let entered = scope.spawn(|| {
            sender.send(()).unwrap();
            mutex.try_enter().map(|value| *value)
        });
        receiver.recv().unwrap();
        for _ in 0..100 {
            std::thread::yield_now();
        }
        *guard = 2;
        drop(guard);
        assert_eq!(entered.join().unwrap(), Some(2));
    });
}

#[test]
#[cfg(debug_assertions)]
fn a_seam_that_is_reached_with_a_lock_held_is_found() {
    let (one, two) = (Mutex::new(1), Mutex::new(2));
    let is_refused = || catch_unwind(|| assert_no_lock_held("a call of the store")).is_err();
    assert!(!is_refused());
    let (first, second) = (one.lock(), two.try_enter());
    assert!(is_refused());
    drop(first);
    assert!(is_refused());
    // What other threads hold is no matter.
    std::thread::scope(|scope| {
        scope.spawn(|| assert_no_lock_held("another thread")).join().unwrap();
    });
    let second = second.map(|guard| Condvar::new().wait_timeout(guard, Duration::ZERO));
    assert!(is_refused());
    drop(second);
    assert!(!is_refused());
}
