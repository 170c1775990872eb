//! Opening files that must be regular ones.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// Opens a file, which must be a regular one or a symbolic link to one.
///
/// Whoever opens a FIFO waits for its other end, and a device may never end. So the type is checked
/// before, and again on what was opened; in between the opening itself does not wait either.
///
/// # Errors
///
/// Returns [`io::ErrorKind::InvalidInput`] with the type in words for anything but a regular file.
pub(crate) fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    super::assert_no_lock_held("opening a file");
    match fs::metadata(path) {
        Ok(metadata) => check_type(metadata.file_type())?,
        // There may be none yet, or one that the options do not allow to open.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, NONBLOCK);
    let file = options.open(path)?;
    check_type(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of limited length.
///
/// # Errors
///
/// Returns [`io::ErrorKind::FileTooLarge`] for one that is longer than `limit` bytes, and what
/// [`open_regular`] returns.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path, OpenOptions::new().read(true))?;
    let too_large = || {
        let message = format!("the file is longer than {limit} bytes");
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    let length = file.metadata()?.len();
    if length > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // It may have grown meanwhile.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

fn check_type(file_type: FileType) -> io::Result<()> {
    if file_type.is_file() {
        return Ok(());
    }
    let message = format!("not a regular file but {}", type_name(file_type));
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

fn type_name(file_type: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;

        if file_type.is_fifo() {
            return "a FIFO";
        }
        if file_type.is_socket() {
            return "a socket";
        }
        if file_type.is_char_device() || file_type.is_block_device() {
            return "a device";
        }
    }
    if file_type.is_dir() { "a directory" } else { "something else" }
}

/// `O_NONBLOCK`, without which opening a FIFO waits; zero where its value is not known here, and the
/// check before the opening has to do.
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))
))]
const NONBLOCK: i32 = 0o4000;
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
))]
const NONBLOCK: i32 = 0x4;
#[cfg(all(
    unix,
    not(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )),
    not(all(
        any(target_os = "linux", target_os = "android"),
        not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))
    ))
))]
const NONBLOCK: i32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("convert-file-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_regular_file_is_read_within_its_limit() {
        let folder = folder("regular");
        let path = folder.join("file");
        assert_eq!(read_regular(&path, 5).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_regular(&path, 5).unwrap(), b"12345");
        assert_eq!(read_regular(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_fifo_a_socket_a_device_and_a_directory_are_refused_at_once() {
        let folder = folder("special");
        let fifo = folder.join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        let socket = folder.join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = folder.join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        let mut cases = vec![(socket, "a socket"), (link, "a device")];
        cases.push((folder.clone(), "a directory"));
        if made.is_ok_and(|status| status.success()) {
            cases.push((fifo, "a FIFO"));
        }
        for (path, expected) in cases {
            let error = read_regular(&path, 100).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
            assert_eq!(error.to_string(), format!("not a regular file but {expected}"));
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_regular_file_is_followed() {
        let folder = folder("link");
        fs::write(folder.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", folder.join("link")).unwrap();
        assert_eq!(read_regular(&folder.join("link"), 1).unwrap(), b"x");
        fs::remove_dir_all(folder).unwrap();
    }
}
