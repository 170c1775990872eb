//! Opening files whose path comes from the application's settings.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use crate::sync::assert_no_lock_held;

/// Opens a file for reading if it is a regular one, or a symbolic link to one.
///
/// # Errors
///
/// Returns the error of the system, or one that names what is there instead: opening a FIFO blocks until
/// somebody writes to it, a device never ends, and a directory cannot be read.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    assert_no_lock_held("opening a file");
    ensure_regular(fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    // The path may name something else by now.
    ensure_regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
///
/// Returns the errors of [`open_regular`], and one that names the limit if the file is larger.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let mut bytes = Vec::new();
    // One byte more shows that there is more, whatever length the file reports.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(unusable(format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}

fn ensure_regular(kind: fs::FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let found = if kind.is_dir() { "a directory" } else { special(kind) };
    Err(unusable(format!("it is {found}, not a regular file")))
}

#[cfg(unix)]
fn special(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;

    if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> &'static str {
    "a device"
}

fn unusable(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    /// A directory that goes with the test.
    struct Directory(PathBuf);

    impl Directory {
        fn make(name: &str) -> Self {
            let name = format!("convert-file-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Directory(path)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn whatever_is_not_a_regular_file_is_refused_by_its_kind_and_does_not_block() {
        let directory = Directory::make("kinds");
        let fifo = directory.path("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let socket = directory.path("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let link = directory.path("link-to-fifo");
        symlink(&fifo, &link).unwrap();
        for (path, expected) in [
            (fifo, "it is a FIFO, not a regular file"),
            (link, "it is a FIFO, not a regular file"),
            (socket, "it is a socket, not a regular file"),
            (directory.0.clone(), "it is a directory, not a regular file"),
            (PathBuf::from("/dev/zero"), "it is a device, not a regular file"),
        ] {
            assert_eq!(read_regular(&path, 10).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_file_is_read_up_to_the_limit_and_refused_beyond() {
        let directory = Directory::make("limit");
        let file = directory.path("file");
        fs::write(&file, "0123456789").unwrap();
        let link = directory.path("link");
        symlink(&file, &link).unwrap();
        assert_eq!(read_regular(&link, 10).unwrap(), b"0123456789");
        let error = read_regular(&file, 9).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 9 bytes");
    }
}
