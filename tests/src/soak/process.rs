//! A guest as its parent sees it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::guest::{ENV, REPORT, Settings};

/// A running guest.
#[derive(Debug)]
pub(super) struct Guest {
    child: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Guest {
    /// Starts a guest through a shell that runs the prelude first.
    pub(super) fn start(
        guest: &Command,
        settings: &Settings,
        prelude: &str,
    ) -> Result<Self, String> {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{prelude} exec \"$@\""), "sh"])
            .arg(guest.get_program())
            .args(guest.get_args())
            .env(ENV, settings.to_json())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let output = child.stdout.take().ok_or("no output")?;
        let (sender, lines) = channel();
        #[expect(clippy::disallowed_methods, reason = "its reader lives as long as the guest")]
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Ok(Guest { child, lines, reader: Some(reader) })
    }

    /// Returns the process's number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits a while, and fails if the guest ends meanwhile.
    pub(super) fn wait(&mut self, time: Duration) -> Result<(), String> {
        match self.lines.recv_timeout(time) {
            Err(RecvTimeoutError::Disconnected) => {
                Err(format!("a guest has ended by itself: {:?}", self.child.wait()))
            }
            _ => Ok(()),
        }
    }

    /// Ends the guest and returns its report.
    pub(super) fn close(mut self) -> Result<Value, String> {
        drop(self.child.stdin.take());
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let lines: Vec<String> = self.lines.try_iter().collect();
        // The test harness may have begun the line.
        let report = lines.iter().find_map(|line| line.split_once(REPORT));
        let (_, report) =
            report.ok_or_else(|| format!("a guest ended with {status}: {lines:?}"))?;
        serde_json::from_str(report).map_err(|error| error.to_string())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
