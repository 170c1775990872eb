//! A directory of batches that are still to be delivered.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use convert_decision::visitor_fingerprint;

use crate::tracking::batch::Batch;
use crate::tracking::spool::error::{Cause, SpoolError};
use crate::tracking::spool::segment::{self, DELIVERED, Owner, Place, Tail};

/// Batches on disk, first in, first out.
///
/// One core at a time uses a directory: a lock on a file in it says so. Batches are appended to
/// files of limited size, and synced before [`Spool::append`] returns if they are to last; a delivered one is marked in
/// its place and synced, and a file goes when all of it is delivered. What a crash left half
/// written is cut off; what is damaged otherwise is put aside under another name.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    owner: Owner,
    capacity: u64,
    size: u64,
    pending: VecDeque<Place>,
    segments: BTreeMap<u64, Segment>,
    /// The file that is written to.
    current: Option<(u64, File)>,
    next: u64,
    /// Held as long as the spool lives.
    _lock: File,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, Default)]
struct Segment {
    pending: usize,
    size: u64,
}

impl Spool {
    /// Opens a directory, making it if need be, and finds what an earlier run left.
    pub(crate) fn open(directory: &Path, capacity: u64, key: &str) -> Result<Self, SpoolError> {
        Spool::try_open(directory, capacity, key).map_err(|cause| SpoolError::new(directory, cause))
    }

    fn try_open(directory: &Path, capacity: u64, key: &str) -> Result<Self, Cause> {
        fs::create_dir_all(directory)?;
        let lock = lock(&directory.join(LOCK))?;
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
            current: None,
            next: 0,
            _lock: lock,
        };
        for number in segment_numbers(directory)? {
            spool.next = number + 1;
            spool.recover(number)?;
        }
        Ok(spool)
    }

    /// Returns how many events each batch has, the oldest first.
    pub(crate) fn pending(&self) -> impl Iterator<Item = u32> {
        self.pending.iter().map(|place| place.events)
    }

    /// Adds a batch. If it `lasts` it survives a power cut once this has returned; otherwise a
    /// crash of the process, and a power cut only after [`Spool::sync`].
    pub(crate) fn append(&mut self, batch: &Batch, lasts: bool) -> io::Result<()> {
        let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
        let record = segment::record(batch).ok_or_else(too_large)?;
        let length = record.len() as u64;
        if self.size + length > self.capacity {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the spool is full"));
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
        self.pending.push_back(Place { segment: number, offset, length, events: batch.events });
        Ok(())
    }

    /// Makes what was added so far survive a power cut.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        // What is in other files was synced when the next one was begun.
        self.current.as_ref().map_or(Ok(()), |(_, file)| file.sync_data())
    }

    /// Reads the oldest batch.
    pub(crate) fn load(&self) -> io::Result<Option<Batch>> {
        let Some(place) = self.pending.front() else {
            return Ok(None);
        };
        let mut file = File::open(self.path(place.segment))?;
        file.seek(SeekFrom::Start(place.offset))?;
        let mut record = Vec::new();
        file.take(place.length).read_to_end(&mut record)?;
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        segment::batch(&record).ok_or_else(damaged).map(Some)
    }

    /// Removes the oldest batch, for good once this has returned.
    pub(crate) fn remove(&mut self) -> io::Result<()> {
        let Some(place) = self.pending.pop_front() else {
            return Ok(());
        };
        let path = self.path(place.segment);
        let left = match self.segments.get_mut(&place.segment) {
            Some(segment) => {
                segment.pending = segment.pending.saturating_sub(1);
                segment.pending
            }
            None => 0,
        };
        if left > 0 {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.seek(SeekFrom::Start(place.offset))?;
            file.write_all(&[DELIVERED])?;
            return file.sync_data();
        }
        if self.current.as_ref().is_some_and(|(number, _)| *number == place.segment) {
            self.current = None;
        }
        let size = self.segments.remove(&place.segment).map_or(0, |segment| segment.size);
        self.size = self.size.saturating_sub(size);
        fs::remove_file(path)?;
        sync_directory(&self.directory);
        Ok(())
    }

    /// Takes over what a file of an earlier run holds.
    fn recover(&mut self, number: u64) -> Result<(), Cause> {
        let path = self.path(number);
        let bytes = fs::read(&path)?;
        let Some(scan) = segment::scan(number, &bytes) else {
            if segment::header(&self.owner).starts_with(&bytes) {
                // The process ended before the header was written.
                return Ok(fs::remove_file(&path)?);
            }
            return self.put_aside(&path, None);
        };
        if scan.pending.is_empty() && scan.tail != Tail::Damaged {
            return Ok(fs::remove_file(&path)?);
        }
        if scan.owner != self.owner {
            return Err(Cause::OtherKey);
        }
        if scan.tail == Tail::Torn {
            log::info!(
                target: "convert_sdk::tracking",
                "the spool file {} ended within a batch, which was cut off", path.display()
            );
        }
        let tail = (scan.tail == Tail::Damaged).then_some(scan.sound..bytes.len());
        let damaged: Vec<&[u8]> =
            scan.holes.iter().cloned().chain(tail).filter_map(|range| bytes.get(range)).collect();
        let (mut size, mut pending) = (scan.sound as u64, scan.pending);
        // Both are written before anything is replaced: on a full disk nothing has changed then.
        let draft = path.with_extension(DRAFT);
        if !scan.holes.is_empty() {
            size = self.write_draft(&draft, &bytes, &mut pending)?;
        }
        if !damaged.is_empty() {
            let kept = self.put_aside(&path, Some(&damaged.concat()));
            kept.inspect_err(|_| drop(fs::remove_file(&draft)))?;
        }
        if pending.is_empty() {
            let _ = fs::remove_file(&draft);
            return Ok(fs::remove_file(&path)?);
        }
        if !scan.holes.is_empty() {
            fs::rename(&draft, &path)?;
            sync_directory(&self.directory);
        } else if scan.tail != Tail::None {
            cut(&path, scan.sound)?;
        }
        self.size += size;
        self.segments.insert(number, Segment { pending: pending.len(), size });
        self.pending.extend(pending);
        Ok(())
    }

    /// Writes a file that has nothing but these batches, to take the place of one that has more, and
    /// returns its size.
    fn write_draft(&self, draft: &Path, bytes: &[u8], pending: &mut [Place]) -> io::Result<u64> {
        let mut sound = segment::header(&self.owner);
        for place in pending {
            let record = usize::try_from(place.offset).ok().and_then(|at| bytes.get(at..));
            let record = record.unwrap_or_default().iter().copied();
            place.offset = sound.len() as u64;
            sound.extend(record.take(usize::try_from(place.length).unwrap_or(usize::MAX)));
        }
        // An earlier run may have ended just before it took the file's place.
        let _ = fs::remove_file(draft);
        write_new(draft, &sound)?;
        Ok(sound.len() as u64)
    }

    /// Keeps what cannot be read, a whole file or parts of one, under a name that is free.
    fn put_aside(&self, path: &Path, parts: Option<&[u8]>) -> Result<(), Cause> {
        let names = (1_u32..).map(|count| path.with_extension(format!("{count}.damaged")));
        let aside = std::iter::once(path.with_extension("damaged")).chain(names);
        let aside = aside.into_iter().find(|name| !name.exists()).unwrap_or_default();
        match parts {
            Some(parts) => write_new(&aside, parts)?,
            None => fs::rename(path, &aside)?,
        }
        log::warn!(
            target: "convert_sdk::tracking",
            "the spool file {} is damaged; what cannot be read was put aside as {}",
            path.display(),
            aside.display()
        );
        sync_directory(&self.directory);
        Ok(())
    }

    /// Begins a file.
    fn begin(&mut self) -> io::Result<(u64, File)> {
        let number = self.next;
        let path = self.path(number);
        let mut file = private().write(true).create_new(true).open(&path)?;
        self.next += 1;
        let header = segment::header(&self.owner);
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

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{}.{EXTENSION}", name_of(number)))
    }
}

/// Takes the lock that says a directory is in use; it ends with the file, or with the process.
fn lock(path: &Path) -> Result<File, Cause> {
    let file = private().write(true).create(true).truncate(false).open(path)?;
    match fs4::FileExt::try_lock(&file) {
        Ok(()) => Ok(file),
        Err(fs4::TryLockError::WouldBlock) => Err(Cause::InUse),
        Err(fs4::TryLockError::Error(error)) => Err(error.into()),
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

fn name_of(number: u64) -> String {
    format!("{number:016x}")
}

/// Options for files that only their owner may read: they name visitors.
fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "other systems have no mode"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes a file, or none at all: where the disk is full, half of it would only take room.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private().write(true).create_new(true).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_data());
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

fn cut(path: &Path, length: usize) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length as u64)?;
    file.sync_data()
}

/// Makes the names in a directory last. Some systems cannot, and need not.
fn sync_directory(directory: &Path) {
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
}

const LOCK: &str = "lock";
const EXTENSION: &str = "batches";
const DRAFT: &str = "draft";
/// More files than are ever begun.
const MOST_FILES: u64 = 1 << 63;
/// How long a file grows before another one is begun.
const SEGMENT_SIZE: u64 = 8 << 20;

#[cfg(test)]
mod tests;
