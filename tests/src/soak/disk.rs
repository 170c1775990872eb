//! A disk that is full soon.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system of its own, where this user may mount one; else a limit on the size of files,
/// which to a process is a disk that is full.
#[derive(Debug)]
pub(super) struct SmallDisk {
    folder: PathBuf,
    is_mounted: bool,
}

impl SmallDisk {
    pub(super) fn make(folder: &Path) -> Self {
        let made = std::fs::create_dir_all(folder).is_ok();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder)
            .output();
        let is_mounted = made && mount.is_ok_and(|output| output.status.success());
        if !is_mounted {
            println!(
                "SKIPPED: a full file system, which this user cannot mount; a limit on files it is"
            );
        }
        SmallDisk { folder: folder.to_owned(), is_mounted }
    }

    /// Returns where the spool is.
    pub(super) fn spool(&self) -> PathBuf {
        self.folder.join("spool")
    }

    /// Returns what the shell does before it starts a guest.
    pub(super) fn prelude(&self) -> &'static str {
        if self.is_mounted { "" } else { "trap '' XFSZ; ulimit -f 120;" }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = Command::new("umount").arg(&self.folder).output();
        }
    }
}
