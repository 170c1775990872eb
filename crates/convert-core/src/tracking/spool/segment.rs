//! The bytes of a spool file.
//!
//! A file starts with a header: the format's name, the fingerprint of the SDK key and its checksum,
//! so that damage is not taken for another key. Then come records: a state byte, the payload's length and checksum (both little-endian), and the payload.
//! The state byte is the only one that is ever changed; it is not part of the checksum, and takes
//! no room, so that a full disk cannot keep a delivered batch from being marked as such.

use std::ops::Range;

use crate::tracking::batch::Batch;

/// The fingerprint of an SDK key: the key itself stays out of the file.
pub(super) type Owner = [u8; 16];

/// A record that is still to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    /// Where the state byte is.
    pub(super) offset: u64,
    /// How long the record is, header included.
    pub(super) length: u64,
    pub(super) events: u32,
}

/// What a file turned out to hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) owner: Owner,
    pub(super) pending: Vec<Place>,
    /// What is damaged between sound records.
    pub(super) holes: Vec<Range<usize>>,
    /// Where the last sound record ends.
    pub(super) sound: usize,
    pub(super) tail: Tail,
}

/// What comes after the sound part of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing.
    None,
    /// The beginning of a record: the process ended while it wrote it.
    Torn,
    /// Something that was never written like this.
    Damaged,
}

/// Makes the beginning of a file.
pub(super) fn header(owner: &Owner) -> Vec<u8> {
    [MAGIC, owner, &crc32fast::hash(owner).to_le_bytes()].concat()
}

/// Makes a record.
pub(super) fn record(batch: &Batch) -> Option<Vec<u8>> {
    let project = batch.project_id.as_bytes();
    let length = PAYLOAD_HEAD.checked_add(project.len())?.checked_add(batch.json.len())?;
    if length > LONGEST {
        return None;
    }
    let mut payload = Vec::with_capacity(length);
    payload.extend_from_slice(&batch.events.to_le_bytes());
    payload.extend_from_slice(&batch.visitors.to_le_bytes());
    payload.extend_from_slice(&u32::try_from(project.len()).ok()?.to_le_bytes());
    payload.extend_from_slice(project);
    payload.extend_from_slice(&batch.json);
    let mut out = Vec::with_capacity(HEAD + payload.len());
    out.push(PENDING);
    out.extend_from_slice(&u32::try_from(payload.len()).ok()?.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    out.extend_from_slice(&payload);
    Some(out)
}

/// Reads a record back, if it is sound.
pub(super) fn batch(record: &[u8]) -> Option<Batch> {
    let payload = split(record)?.ok()?;
    let (events, rest) = number(payload)?;
    let (visitors, rest) = number(rest)?;
    let (length, rest) = number(rest)?;
    let (project, json) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let project_id = std::str::from_utf8(project).ok()?.into();
    Some(Batch { project_id, events, visitors, json: json.to_vec() })
}

/// Looks through a file; `None` if it is no file of this format. What is damaged is left out, and
/// costs none of the records that come after it.
pub(super) fn scan(segment: u64, bytes: &[u8]) -> Option<Scan> {
    let after_magic = bytes.strip_prefix(MAGIC)?;
    let owner: Owner = *after_magic.first_chunk()?;
    if !bytes.starts_with(&header(&owner)) {
        return None;
    }
    let sound = header(&owner).len();
    let mut scan = Scan { owner, pending: Vec::new(), holes: Vec::new(), sound, tail: Tail::None };
    let mut at = sound;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Some(scan);
        }
        let Some(Ok(payload)) = split(rest) else {
            let is_torn = split(rest).is_none();
            let Some(skipped) = next_record(rest) else {
                scan.tail = if is_torn { Tail::Torn } else { Tail::Damaged };
                return Some(scan);
            };
            scan.holes.push(at..at + skipped);
            at += skipped;
            continue;
        };
        let length = HEAD + payload.len();
        if rest.first() == Some(&PENDING) {
            scan.pending.push(Place {
                segment,
                offset: at as u64,
                length: length as u64,
                events: number(payload).map_or(0, |(events, _)| events),
            });
        }
        at += length;
        scan.sound = at;
    }
}

/// Finds a sound record after something that is none.
fn next_record(bytes: &[u8]) -> Option<usize> {
    let is_sound = |start: &usize| {
        let record = bytes.get(*start..).unwrap_or_default();
        // Nothing is checked that cannot be a record: a length read out of text is far too large.
        matches!(split(record), Some(Ok(payload)) if payload.len() >= PAYLOAD_HEAD)
    };
    (1..bytes.len()).find(is_sound)
}

/// Finds the payload of the first record: `None` if it is not all there.
fn split(bytes: &[u8]) -> Option<Result<&[u8], Unsound>> {
    let (state, rest) = bytes.split_first()?;
    if *state != PENDING && *state != DELIVERED {
        return Some(Err(Unsound));
    }
    let (length, rest) = number(rest)?;
    let length = usize::try_from(length).ok()?;
    if length > LONGEST {
        return Some(Err(Unsound));
    }
    let (checksum, rest) = number(rest)?;
    let payload = rest.get(..length)?;
    Some(if crc32fast::hash(payload) == checksum { Ok(payload) } else { Err(Unsound) })
}

struct Unsound;

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// The state of a record that is to be delivered.
const PENDING: u8 = b'P';
/// The state of a record that was delivered.
pub(super) const DELIVERED: u8 = b'D';
/// What every file starts with.
const MAGIC: &[u8] = b"CVSPOOL1";
/// How much precedes a payload.
const HEAD: usize = 9;
/// How much of a payload precedes the project's id.
const PAYLOAD_HEAD: usize = 12;
/// How long a payload may be, which is far more than a body is.
const LONGEST: usize = 8 << 20;
