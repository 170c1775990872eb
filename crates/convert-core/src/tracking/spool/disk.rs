//! A directory of batches that are still to be delivered.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use convert_decision::visitor_fingerprint;

use super::error::{Cause, SpoolError};
use super::lock::{Cursor, Lock, is_same};
use super::segment::{self, Header, Owner, Place, SEGMENT_SIZE};
use crate::sync::{assert_no_lock_held, open_regular};
use crate::tracking::batch::Batch;
use crate::tracking::split::without;

/// Batches on disk, first in, first out.
///
/// One core at a time uses a directory: a lock on a file in it ensures this. Batches are appended to
/// files of limited size, and synced before [`Spool::append`] returns if they are to last. A file goes
/// when all of it is delivered; until then, and where it cannot be deleted, the cursor in the lock's
/// file shows how far it is. What a crash left half written is ignored; what is damaged otherwise is
/// put aside under another name.
///
/// Files, and the directory, may disappear at any time. [`Spool::missing`] finds out what is lost,
/// and the next batch that is appended makes the directory again.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(super) directory: PathBuf,
    pub(super) owner: Owner,
    capacity: u64,
    pub(super) size: u64,
    pub(super) pending: VecDeque<Place>,
    pub(super) segments: BTreeMap<u64, Segment>,
    /// Files that are delivered and could not be deleted, with their sizes.
    pub(super) leftovers: BTreeMap<u64, u64>,
    /// The file that is written to.
    current: Option<(u64, File)>,
    next: u64,
    pub(super) lock: Lock,
    /// How many files were found damaged.
    pub(super) damaged: u64,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Segment {
    pub(super) pending: usize,
    pub(super) size: u64,
}

impl Spool {
    /// Opens a directory, making it if need be, and finds what an earlier run left.
    pub(crate) fn open(directory: &Path, capacity: u64, key: &str) -> Result<Self, SpoolError> {
        Spool::try_open(directory, capacity, key).map_err(|cause| SpoolError::new(directory, cause))
    }

    fn try_open(directory: &Path, capacity: u64, key: &str) -> Result<Self, Cause> {
        assert_no_lock_held("opening a spool");
        fs::create_dir_all(directory)?;
        let lock = Lock::take(&directory.join(LOCK))?;
        let mut owner = Owner::default();
        for (to, from) in owner.iter_mut().zip(visitor_fingerprint(key).bytes()) {
            *to = from;
        }
        let mut spool = Spool {
            directory: directory.to_owned(),
            owner,
            capacity,
            size: 0,
            pending: VecDeque::new(),
            segments: BTreeMap::new(),
            leftovers: BTreeMap::new(),
            current: None,
            // The cursor must not apply to a file that is yet to be made.
            next: lock.cursor().segment + 1,
            lock,
            damaged: 0,
        };
        for number in segment_numbers(directory)? {
            spool.next = spool.next.max(number + 1);
            spool.recover(number)?;
        }
        Ok(spool)
    }

    /// Returns how many events each batch has, the oldest first.
    pub(crate) fn pending(&self) -> impl Iterator<Item = u32> {
        self.pending.iter().map(|place| place.events)
    }

    /// Returns how many files were damaged when the spool was opened.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Adds a batch. If it `lasts` it survives a power cut once this has returned; otherwise a
    /// crash of the process, and a power cut only after [`Spool::sync`].
    pub(crate) fn append(&mut self, batch: &Batch, lasts: bool) -> io::Result<()> {
        assert_no_lock_held("writing to a spool");
        let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
        let record = segment::record(batch).ok_or_else(too_large)?;
        let length = record.len() as u64;
        if self.size + length > self.capacity {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the spool is full"));
        }
        self.ensure_lock()?;
        if !self.is_current_in_place() {
            self.current = None;
        }
        let (number, mut file) = match self.current.take() {
            Some(current) => current,
            None => self.begin()?,
        };
        let known = self.segments.entry(number).or_default();
        let offset = known.size;
        let is_full = offset + length >= SEGMENT_SIZE;
        let syncs = lasts || is_full;
        if let Err(error) =
            file.write_all(&record).and_then(|()| if syncs { file.sync_data() } else { Ok(()) })
        {
            // The file is not written to any more, unless it can be made whole again.
            let restored = file.set_len(offset).and_then(|()| file.seek(SeekFrom::Start(offset)));
            if restored.is_ok() {
                self.current = Some((number, file));
            }
            return Err(error);
        }
        known.size += length;
        known.pending += 1;
        self.size += length;
        if !is_full {
            self.current = Some((number, file));
        }
        let events = batch.events;
        self.pending.push_back(Place { segment: number, offset, length, skip: 0, events });
        Ok(())
    }

    /// Makes what was added so far survive a power cut.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        assert_no_lock_held("syncing a spool");
        // What is in other files was synced when the next one was begun.
        self.current.as_ref().map_or(Ok(()), |(_, file)| file.sync_data())
    }

    /// Reads what is left of the oldest batch.
    pub(crate) fn load(&self) -> io::Result<Option<Batch>> {
        assert_no_lock_held("reading from a spool");
        let Some(place) = self.pending.front() else {
            return Ok(None);
        };
        let mut file = open_regular(&self.path(place.segment), OpenOptions::new().read(true))?;
        file.seek(SeekFrom::Start(place.offset))?;
        let mut record = Vec::new();
        file.take(place.length).read_to_end(&mut record)?;
        let batch = segment::batch(&record).and_then(|batch| without(batch, place.skip));
        batch.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is damaged"))
    }

    /// Removes so many events of the oldest batch, for good once this has returned.
    pub(crate) fn remove(&mut self, events: u32) -> io::Result<()> {
        assert_no_lock_held("changing a spool");
        let Some(place) = self.pending.front_mut() else {
            return Ok(());
        };
        let segment = place.segment;
        if place.events > events {
            place.events -= events;
            place.skip += events;
            let cursor = Cursor { segment, offset: place.offset, skip: place.skip };
            return self.advance(cursor);
        }
        let cursor = Cursor { segment, offset: place.offset + place.length, skip: 0 };
        self.pending.pop_front();
        let left = match self.segments.get_mut(&segment) {
            Some(known) => {
                known.pending = known.pending.saturating_sub(1);
                known.pending
            }
            None => 0,
        };
        if left > 0 {
            return self.advance(cursor);
        }
        if self.current.as_ref().is_some_and(|(number, _)| *number == segment) {
            self.current = None;
        }
        let size = self.segments.remove(&segment).map_or(0, |known| known.size);
        self.delete(segment, size).or_else(|error| {
            // A file that stays must not be delivered again. It is tried again with the next one.
            self.advance(cursor)?;
            Err(error)
        })
    }

    /// Finds out which batches are gone: their files were deleted, cut, or are no files any more.
    /// Returns where they lay, as ranges of events counted from the oldest, in order.
    pub(crate) fn missing(&mut self) -> Vec<Range<u64>> {
        assert_no_lock_held("looking for the files of a spool");
        // Where the lock has gone as well the files may be those of another core.
        let is_locked = self.lock.is_at(&self.directory.join(LOCK));
        let length =
            |number| if is_locked || self.is_own(number) { self.length_of(number) } else { 0 };
        let mut lengths: BTreeMap<u64, u64> =
            self.segments.keys().map(|number| (*number, length(*number))).collect();
        if !self.is_current_in_place() {
            if let Some((number, _)) = self.current.take() {
                let known = self.segments.get(&number).map_or(0, |known| known.size);
                lengths.entry(number).and_modify(|length| *length = (*length).min(known));
            }
        }
        let mut lost = Vec::new();
        let mut at = 0;
        let segments = &mut self.segments;
        self.pending.retain(|place| {
            let range = at..at + u64::from(place.events);
            at = range.end;
            let length = lengths.get(&place.segment).copied().unwrap_or(0);
            let is_there = place.offset + place.length <= length;
            if !is_there {
                lost.push(range);
                if let Some(known) = segments.get_mut(&place.segment) {
                    known.pending = known.pending.saturating_sub(1);
                }
            }
            is_there
        });
        let size = &mut self.size;
        let current = self.current.as_ref().map(|(number, _)| *number);
        segments.retain(|number, known| {
            let stays = known.pending > 0 || current == Some(*number);
            if !stays {
                *size = size.saturating_sub(known.size);
            }
            stays
        });
        lost
    }

    /// Returns whether nothing seems to have happened to the directory. Cheaper than
    /// [`Spool::missing`], which finds out what it was.
    pub(crate) fn is_in_place(&self) -> bool {
        self.lock.is_at(&self.directory.join(LOCK)) && self.is_current_in_place()
    }

    /// Returns where the files are.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn is_current_in_place(&self) -> bool {
        self.current.as_ref().is_none_or(|(number, file)| {
            let size = self.segments.get(number).map_or(0, |known| known.size);
            is_same(file, &self.path(*number)) && file.metadata().is_ok_and(|one| one.len() == size)
        })
    }

    /// Returns how long a file is, zero if it is gone. A file system that does not answer for a moment
    /// has lost nothing.
    fn length_of(&self, number: u64) -> u64 {
        match fs::metadata(self.path(number)) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => 0,
            Err(error) if is_gone(&error) => 0,
            Err(_) => u64::MAX,
        }
    }

    /// Returns whether this spool has written a file.
    fn is_own(&self, number: u64) -> bool {
        let file = open_regular(&self.path(number), OpenOptions::new().read(true));
        let mut bytes = Vec::new();
        match file.and_then(|file| file.take(segment::HEADER as u64).read_to_end(&mut bytes)) {
            Ok(_) => Header::of(&bytes).is_some_and(|header| header.spool == self.lock.spool),
            Err(error) => !is_gone(&error) && error.kind() != io::ErrorKind::InvalidInput,
        }
    }

    fn advance(&mut self, cursor: Cursor) -> io::Result<()> {
        self.ensure_lock()?;
        self.lock.advance(cursor)
    }

    /// Makes the directory and the lock again if they have gone. What other cores have put there
    /// meanwhile is theirs.
    fn ensure_lock(&mut self) -> io::Result<()> {
        let path = self.directory.join(LOCK);
        if self.lock.is_at(&path) {
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        if !segment_numbers(&self.directory)?.into_iter().all(|number| self.is_own(number)) {
            let message = "the directory was replaced by one that holds other events";
            return Err(io::Error::other(message));
        }
        self.lock.take_again(&path).map_err(|cause| io::Error::other(cause.to_string()))?;
        sync_directory(&self.directory);
        Ok(())
    }

    /// Deletes a file that is delivered, and those that could not be deleted before.
    pub(super) fn delete(&mut self, number: u64, size: u64) -> io::Result<()> {
        self.leftovers.insert(number, size);
        let mut outcome = Ok(());
        let all: Vec<(u64, u64)> = self.leftovers.iter().map(|(one, size)| (*one, *size)).collect();
        for (number, size) in all {
            match fs::remove_file(self.path(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => outcome = Err(error),
                _ => {
                    self.leftovers.remove(&number);
                    self.size = self.size.saturating_sub(size);
                }
            }
        }
        sync_directory(&self.directory);
        // Whether older ones could be deleted is no news.
        outcome
            .or_else(|error| if self.leftovers.contains_key(&number) { Err(error) } else { Ok(()) })
    }

    /// Begins a file.
    fn begin(&mut self) -> io::Result<(u64, File)> {
        let number = self.next;
        let path = self.path(number);
        // No other core writes here, but a file may have been copied here.
        self.next += 1;
        let mut file = private().write(true).create_new(true).open(&path)?;
        let header = Header { owner: self.owner, spool: self.lock.spool }.to_bytes();
        if let Err(error) = file.write_all(&header) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        sync_directory(&self.directory);
        let size = header.len() as u64;
        self.segments.insert(number, Segment { pending: 0, size });
        self.size += size;
        Ok((number, file))
    }

    pub(super) fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{}.{EXTENSION}", name_of(number)))
    }
}

/// Returns the numbers of the files in a directory, in order.
fn segment_numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            numbers.extend(stem.and_then(number_of));
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads a file's name back; what is not written as the spool writes it is not the spool's.
fn number_of(stem: &str) -> Option<u64> {
    let number = u64::from_str_radix(stem, 16).ok()?;
    (number < MOST_FILES && name_of(number) == stem).then_some(number)
}

/// Returns whether there is nothing at a path.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn name_of(number: u64) -> String {
    format!("{number:016x}")
}

/// Options for files that only their owner may read: they name visitors.
pub(super) fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "other systems have no mode"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the names in a directory last. Some systems cannot, and need not.
pub(super) fn sync_directory(directory: &Path) {
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
}

const LOCK: &str = "lock";
const EXTENSION: &str = "batches";
/// More files than are ever begun.
const MOST_FILES: u64 = 1 << 63;

#[cfg(test)]
mod tests;
