//! What an earlier run left in a directory.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;

use super::disk::{Segment, Spool, private, sync_directory};
use super::error::Cause;
use super::segment::{self, FILLER, HEADER, Header, LONGEST_FILE};
use crate::log;
use crate::sync::{open_regular, read_regular};

/// How far a file was delivered by earlier runs.
enum Delivered {
    All,
    Until { offset: usize, skip: u32 },
}

impl Spool {
    /// Takes over what a file of an earlier run holds.
    pub(super) fn recover(&mut self, number: u64) -> Result<(), Cause> {
        let path = self.path(number);
        let bytes = match read_regular(&path, LONGEST_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return self.put_aside(&path, None);
            }
            Err(error) => return Err(Cause::file(&path, &error)),
        };
        let size = bytes.len() as u64;
        self.size += size;
        let Some(header) = Header::of(&bytes) else {
            let own = Header { owner: self.owner, spool: self.lock.spool }.to_bytes();
            if bytes.len() < HEADER && own.starts_with(&bytes) {
                // The process ended before the header was written.
                self.discard(number, size);
                return Ok(());
            }
            self.size -= size;
            return self.put_aside(&path, None);
        };
        let (from, skip) = match self.delivered(header, number) {
            Delivered::All => {
                self.discard(number, size);
                return Ok(());
            }
            Delivered::Until { offset, skip } => (offset, skip),
        };
        let mut scan = segment::scan(number, &bytes, from);
        if let Some(first) = scan.pending.first_mut().filter(|first| first.offset == from as u64) {
            first.skip = skip.min(first.events.saturating_sub(1));
            first.events -= first.skip;
        }
        if header.owner != self.owner && !(scan.pending.is_empty() && scan.damaged.is_empty()) {
            return Err(Cause::OtherKey);
        }
        if scan.is_torn {
            log::info!(
                target: "convert_sdk::tracking",
                "the spool file {} ends within a batch, which is ignored", path.display()
            );
        }
        if !scan.damaged.is_empty() {
            let parts = scan.damaged.iter().filter_map(|range| bytes.get(range.clone()));
            self.put_aside(&path, Some(&parts.collect::<Vec<_>>().concat()))?;
            // Where the file cannot be changed this is found, and put aside, once more the next time.
            let _ = fill(&path, &scan.damaged);
        }
        if scan.pending.is_empty() {
            self.discard(number, size);
            return Ok(());
        }
        self.segments.insert(number, Segment { pending: scan.pending.len(), size });
        self.pending.extend(scan.pending);
        Ok(())
    }

    /// Returns how far a file is delivered according to the cursor.
    fn delivered(&self, header: Header, number: u64) -> Delivered {
        let cursor = self.lock.cursor();
        let start = Delivered::Until { offset: HEADER, skip: 0 };
        if header.spool != self.lock.spool || number > cursor.segment {
            return start;
        }
        if number < cursor.segment {
            return Delivered::All;
        }
        let offset = usize::try_from(cursor.offset).unwrap_or(usize::MAX).max(HEADER);
        Delivered::Until { offset, skip: cursor.skip }
    }

    /// Deletes a file in which nothing is to be delivered. One that stays only takes room.
    fn discard(&mut self, number: u64, size: u64) {
        if let Err(error) = self.delete(number, size) {
            log::warn!(
                target: "convert_sdk::tracking",
                "the spool file {} is delivered but cannot be deleted: {error}",
                self.path(number).display()
            );
        }
    }

    /// Keeps what cannot be read, a whole file or parts of one, under a name that is free.
    fn put_aside(&mut self, path: &Path, parts: Option<&[u8]>) -> Result<(), Cause> {
        let names = (1_u32..).map(|count| path.with_extension(format!("{count}.damaged")));
        let aside = std::iter::once(path.with_extension("damaged")).chain(names);
        let aside = aside.into_iter().find(|name| !name.exists()).unwrap_or_default();
        match parts {
            Some(parts) => write_new(&aside, parts).map_err(|error| Cause::file(&aside, &error))?,
            None => fs::rename(path, &aside).map_err(|error| Cause::file(path, &error))?,
        }
        self.damaged += 1;
        log::error!(
            target: "convert_sdk::tracking",
            "the spool file {} is damaged, or another version wrote it; what cannot be read was put \
             aside as {}, and its events are lost",
            path.display(),
            aside.display()
        );
        sync_directory(&self.directory);
        Ok(())
    }
}

/// Writes filler where a file is damaged, so that it is not found damaged again. The length stays:
/// a full disk is no obstacle, and the cursor goes on pointing at the same record.
fn fill(path: &Path, ranges: &[Range<usize>]) -> io::Result<()> {
    let mut file = open_regular(path, OpenOptions::new().write(true))?;
    for range in ranges {
        file.seek(SeekFrom::Start(range.start as u64))?;
        file.write_all(&vec![FILLER; range.len()])?;
    }
    file.sync_data()
}

/// Writes a file, or none at all: where the disk is full, half of it would only take room.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private().write(true).create_new(true).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_data());
    written.inspect_err(|_| drop(fs::remove_file(path)))
}
