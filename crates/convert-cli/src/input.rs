//! Reading files and standard input whole, within a limit.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::output::complain;

/// Reads a file of at most `limit` bytes.
///
/// It may be a pipe, as the shell's `<(…)` is. A message says so when nothing comes from it for a
/// second.
///
/// # Errors
///
/// Fails with words for people, which name the file.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let failed = |error: io::Error| format!("{shown} cannot be read: {error}");
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(format!("{shown} cannot be read: it is a directory"));
    }
    // To open a pipe waits for its other end.
    let waiting = (!metadata.is_file())
        .then(|| WaitNotice::after(NOTICE_DELAY, format!("waiting for {shown} to be written")));
    let mut file = File::open(path).map_err(failed)?;
    read_within(&mut file, limit, waiting).map_err(failed)
}

/// Reads standard input, of at most `limit` bytes, which is to hold `what`.
///
/// # Errors
///
/// Fails with words for people.
pub(crate) fn read_stdin(what: &str, limit: u64) -> Result<Vec<u8>, String> {
    announce_stdin(what);
    read_within(&mut io::stdin().lock(), limit, None)
        .map_err(|error| format!("standard input cannot be read: {error}"))
}

/// Reports on a terminal that standard input is read.
pub(crate) fn announce_stdin(what: &str) {
    if io::stdin().is_terminal() {
        complain(&format!("reading {what} from standard input"));
    }
}

fn read_within(
    input: &mut impl Read,
    limit: u64,
    waiting: Option<WaitNotice>,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(1).read_to_end(&mut bytes)?;
    drop(waiting);
    input.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("it is longer than {} MiB", limit >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Prints a message after some time, unless it is dropped before.
struct WaitNotice {
    _ended: Sender<()>,
}

impl WaitNotice {
    fn after(delay: Duration, message: String) -> Self {
        let (sender, ended) = channel::<()>();
        thread::spawn(move || {
            if ended.recv_timeout(delay) == Err(RecvTimeoutError::Timeout) {
                complain(&message);
            }
        });
        WaitNotice { _ended: sender }
    }
}

const NOTICE_DELAY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_without_end_is_read_up_to_the_limit() {
        let error = read_within(&mut io::repeat(b' '), 2 << 20, None).unwrap_err();
        assert_eq!(error.to_string(), "it is longer than 2 MiB");
        let mut exact = io::repeat(b' ').take(2 << 20);
        assert_eq!(read_within(&mut exact, 2 << 20, None).unwrap().len(), 2 << 20);
    }

    #[test]
    fn a_directory_is_named() {
        let folder = std::env::temp_dir();
        let error = read_file(&folder, 1).unwrap_err();
        assert_eq!(error, format!("{} cannot be read: it is a directory", folder.display()));
    }
}
