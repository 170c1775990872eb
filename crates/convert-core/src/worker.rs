//! The one place that starts threads.
#![expect(clippy::disallowed_methods, reason = "what others must not do is done here")]

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, ThreadId};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};

use crate::clock::{Alarm, Deadline};
use crate::sync::{Mutex, assert_no_lock_held};

/// A thread that waits for a time to come or for a command.
pub(crate) struct Worker {
    commands: Sender<Command>,
    flags: Arc<Flags>,
    done: Receiver<Infallible>,
    thread: Thread,
}

/// A thread of the SDK's own.
pub(crate) struct Thread {
    handle: Mutex<Option<JoinHandle<()>>>,
    id: ThreadId,
}

/// The worker's own end.
pub(crate) struct Inbox {
    commands: Receiver<Command>,
    flags: Arc<Flags>,
    // Nothing is ever sent: the other end learns from its disappearance that the thread has ended.
    _done: Sender<Infallible>,
}

/// Why a worker woke up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The time has come.
    Due,
    /// Somebody asked for it.
    Asked,
    /// The core is closing.
    Stopped,
}

#[derive(Debug, Default)]
struct Flags {
    is_asked: AtomicBool,
    is_stopped: AtomicBool,
}

enum Command {
    Refresh,
    Stop,
}

impl Worker {
    /// Starts a thread.
    pub(crate) fn spawn(
        name: &str,
        body: impl FnOnce(&Inbox) + Send + 'static,
    ) -> io::Result<Self> {
        let (commands, inbox_commands) = bounded(CAPACITY);
        let (done_sender, done) = bounded(0);
        let flags = Arc::new(Flags::default());
        let inbox =
            Inbox { commands: inbox_commands, flags: Arc::clone(&flags), _done: done_sender };
        let thread = Thread::spawn(name, move || body(&inbox))?;
        Ok(Worker { commands, flags, done, thread })
    }

    /// Asks for a refresh, unless one is waiting to be begun already. Never blocks.
    pub(crate) fn ask(&self) {
        if !self.flags.is_asked.swap(true, Ordering::AcqRel) {
            // There is room for one of each command. Where it fails the thread has ended.
            let _ = self.commands.try_send(Command::Refresh);
        }
    }

    /// Tells the thread to end. Never blocks.
    pub(crate) fn stop(&self) {
        if !self.flags.is_stopped.swap(true, Ordering::AcqRel) {
            let _ = self.commands.try_send(Command::Stop);
        }
    }

    /// Returns whether the calling thread is this one.
    pub(crate) fn is_current(&self) -> bool {
        self.thread.is_current()
    }

    /// Waits for the thread to end, and returns whether it has. The worker does not wait for
    /// itself.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        if self.is_current() {
            return false;
        }
        assert_no_lock_held("waiting for a worker to end");
        match self.done.recv_timeout(deadline.remaining()) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => {}
        }
        self.thread.join();
        true
    }
}

impl Thread {
    /// Starts a thread.
    pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        #[cfg(test)]
        refused_thread()?;
        let handle = thread::Builder::new().name(name.to_owned()).spawn(body)?;
        let id = handle.thread().id();
        Ok(Thread { handle: Mutex::new(Some(handle)), id })
    }

    /// Waits for the thread to end, however long that takes. Does nothing on the thread itself.
    pub(crate) fn join(&self) {
        if self.is_current() {
            return;
        }
        let handle = self.handle.lock().take();
        assert_no_lock_held("joining a thread");
        // A panic has been reported by the thread itself.
        let _ = handle.map(JoinHandle::join);
    }

    fn is_current(&self) -> bool {
        thread::current().id() == self.id
    }
}

impl Inbox {
    /// Blocks until the alarm goes off or a command comes; a stop comes before anything else.
    pub(crate) fn wait(&self, alarm: &Alarm) -> Wake {
        let wake = select! {
            recv(self.commands) -> command => self.understand(&command.unwrap_or(Command::Stop)),
            recv(alarm.bell()) -> _ => Wake::Due,
        };
        if self.is_stopping() { Wake::Stopped } else { wake }
    }

    /// Returns whether the core is closing, so that whatever is under way has become pointless.
    pub(crate) fn is_stopping(&self) -> bool {
        self.flags.is_stopped.load(Ordering::Acquire)
    }

    fn understand(&self, command: &Command) -> Wake {
        match command {
            Command::Refresh => {
                // From here on the next request is about a refresh that is yet to come.
                self.flags.is_asked.store(false, Ordering::Release);
                Wake::Asked
            }
            Command::Stop => Wake::Stopped,
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("thread", &self.thread.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
thread_local! {
    static REFUSED_THREADS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Has the next attempts of the calling thread to start a thread fail.
#[cfg(test)]
pub(crate) fn refuse_threads(count: u32) {
    REFUSED_THREADS.set(count);
}

#[cfg(test)]
fn refused_thread() -> io::Result<()> {
    let left = REFUSED_THREADS.get();
    REFUSED_THREADS.set(left.saturating_sub(1));
    if left > 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

/// One command of each kind.
const CAPACITY: usize = 2;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::clock::{ManualClock, Timer};

    #[test]
    fn requests_coalesce_and_a_stop_always_has_room() {
        let ((release, released), (tell, told)) = (channel(), channel());
        let worker = Worker::spawn("test", move |inbox| {
            released.recv().unwrap();
            let alarm = Timer::Manual(ManualClock::new()).alarm(Duration::from_secs(1));
            tell.send(inbox.wait(&alarm)).unwrap();
        })
        .unwrap();
        for _ in 0..100 {
            worker.ask();
        }
        assert_eq!(worker.commands.len(), 1);
        worker.stop();
        worker.stop();
        assert_eq!(worker.commands.len(), 2);
        assert!(!worker.join(Deadline::after(Duration::ZERO)));
        release.send(()).unwrap();
        // The stop comes first, although the request was there before.
        assert_eq!(told.recv().unwrap(), Wake::Stopped);
        assert!(worker.join(Deadline::after(Duration::from_secs(30))));
        assert!(worker.join(Deadline::after(Duration::ZERO)));
    }

    #[test]
    fn a_request_is_heard_once_and_can_be_made_again() {
        let ((go_on, goes_on), (tell, told)) = (channel(), channel());
        let worker = Worker::spawn("test", move |inbox| {
            let alarm = Timer::Manual(ManualClock::new()).alarm(Duration::from_secs(1));
            while goes_on.recv().is_ok() {
                tell.send(inbox.wait(&alarm)).unwrap();
            }
        })
        .unwrap();
        for _ in 0..3 {
            worker.ask();
            go_on.send(()).unwrap();
            assert_eq!(told.recv().unwrap(), Wake::Asked);
        }
        drop(go_on);
        assert!(worker.join(Deadline::after(Duration::from_secs(30))));
    }
}
