//! The lock on a directory, and how far its batches are delivered.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::disk::private;
use super::error::Cause;
use crate::sync::open_regular;

/// The lock on a directory, held as long as the value lives, with the cursor in it.
///
/// The cursor lies in this file, which is open all the time, rather than beside the batches: so what
/// was accepted can be noted although a file, or the whole directory, may no longer be changed.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    /// The number of the spool, which its files name as well: a cursor does not apply to others.
    pub(super) spool: u64,
    cursor: Cursor,
    /// Which slot is written next: never the one that holds the latest cursor.
    slot: u64,
}

/// How far batches are delivered: everything before it is, and nothing after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cursor {
    pub(super) segment: u64,
    /// Where the first record is that is still to be delivered.
    pub(super) offset: u64,
    /// How many of that record's first events are delivered.
    pub(super) skip: u32,
}

impl Lock {
    /// Takes the lock, which ends with the value, or with the process.
    pub(super) fn take(path: &Path) -> Result<Self, Cause> {
        let mut options = private();
        options.read(true).write(true).create(true).truncate(false);
        let file = open_regular(path, &mut options).map_err(|error| Cause::file(path, &error))?;
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(fs4::TryLockError::WouldBlock) => return Err(Cause::InUse),
            Err(fs4::TryLockError::Error(error)) => return Err(error.into()),
        }
        let slots = [0, 1].map(|slot| read(&file, slot).map(|found| (found, slot)));
        let latest = slots.into_iter().flatten().max_by_key(|(found, _)| found.cursor);
        let (found, slot) = latest
            .unwrap_or_else(|| (Found { spool: fastrand::u64(..), cursor: Cursor::default() }, 1));
        let Found { spool, cursor } = found;
        let mut lock = Lock { file, spool, cursor, slot: 1 - slot };
        if latest.is_none() {
            // Where there is no room for it now there may be later.
            let _ = lock.write();
        }
        Ok(lock)
    }

    /// Takes the lock again, of which the file has gone, and keeps the cursor.
    pub(super) fn take_again(&mut self, path: &Path) -> Result<(), Cause> {
        let mut lock = Lock::take(path)?;
        (lock.spool, lock.cursor) = (self.spool, self.cursor);
        lock.write()?;
        *self = lock;
        Ok(())
    }

    pub(super) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Moves the cursor forward, for good once this has returned.
    pub(super) fn advance(&mut self, cursor: Cursor) -> io::Result<()> {
        self.cursor = cursor;
        self.write()
    }

    /// Returns whether the file at a path is the one that is locked.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        is_same(&self.file, path)
    }

    fn write(&mut self) -> io::Result<()> {
        let Cursor { segment, offset, skip } = self.cursor;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.spool.to_le_bytes());
        bytes.extend_from_slice(&segment.to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&skip.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        self.file.seek(SeekFrom::Start(self.slot * SLOT_SIZE))?;
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        // A slot that is half written in a power cut leaves the other one as it is.
        self.slot = 1 - self.slot;
        Ok(())
    }
}

/// What a slot holds.
#[derive(Clone, Copy)]
struct Found {
    spool: u64,
    cursor: Cursor,
}

/// Reads a slot, if it is sound.
fn read(mut file: &File, slot: u64) -> Option<Found> {
    let mut bytes = [0; SLOT];
    file.seek(SeekFrom::Start(slot * SLOT_SIZE)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    let (body, checksum) = bytes.split_last_chunk()?;
    let mut rest = body.strip_prefix(MAGIC)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let mut numbers = [0; 3];
    for number in &mut numbers {
        let (bytes, behind) = rest.split_first_chunk()?;
        *number = u64::from_le_bytes(*bytes);
        rest = behind;
    }
    let skip = u32::from_le_bytes(*rest.first_chunk()?);
    let [spool, segment, offset] = numbers;
    Some(Found { spool, cursor: Cursor { segment, offset, skip } })
}

/// Returns whether a path names the file that is open, as far as the system can tell.
pub(super) fn is_same(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;

        open.dev() == there.dev() && open.ino() == there.ino()
    }
    #[cfg(not(unix))]
    {
        there.is_file() && open.len() == there.len()
    }
}

const MAGIC: &[u8] = b"CVCURSOR";
/// How long a cursor is on disk.
const SLOT: usize = 40;
/// How far the two slots are apart: no two of them share a sector.
const SLOT_SIZE: u64 = 4_096;
