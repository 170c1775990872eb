//! The bytes of a spool file.
//!
//! A file starts with a header: the format's name, the fingerprint of the SDK key, the number of the
//! spool, and a checksum of both, so that damage is not taken for another key. Then come records: a
//! start byte, the payload's length and checksum (both little-endian), and the payload. Between
//! records there may be filler, which stands where something was damaged. Nothing but filler is ever
//! written over: how far a file has been delivered is kept elsewhere.

use std::ops::Range;

use crate::tracking::batch::Batch;

/// The fingerprint of an SDK key: the key itself stays out of the file.
pub(super) type Owner = [u8; 16];

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) owner: Owner,
    /// The spool that wrote it, a random number.
    pub(super) spool: u64,
}

/// A record that is still to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    /// Where it starts.
    pub(super) offset: u64,
    /// How long the record is, header included.
    pub(super) length: u64,
    /// How many of its first events are delivered already.
    pub(super) skip: u32,
    /// How many events are still to be delivered.
    pub(super) events: u32,
}

/// What a file turned out to hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) pending: Vec<Place>,
    /// What is damaged.
    pub(super) damaged: Vec<Range<usize>>,
    /// Whether the file ends within a record: the process ended while it wrote it.
    pub(super) is_torn: bool,
}

impl Header {
    /// Makes the beginning of a file.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let body = [&self.owner[..], &self.spool.to_le_bytes()].concat();
        [MAGIC, &body, &crc32fast::hash(&body).to_le_bytes()].concat()
    }

    /// Reads the beginning of a file; `None` if it is no file of this format.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let body = bytes.strip_prefix(MAGIC)?;
        let (owner, rest) = body.split_first_chunk()?;
        let (spool, _) = rest.split_first_chunk()?;
        let header = Header { owner: *owner, spool: u64::from_le_bytes(*spool) };
        bytes.starts_with(&header.to_bytes()).then_some(header)
    }
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
    out.push(START);
    out.extend_from_slice(&u32::try_from(payload.len()).ok()?.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    out.extend_from_slice(&payload);
    Some(out)
}

/// Reads a record back, if it is sound.
pub(super) fn batch(record: &[u8]) -> Option<Batch> {
    let Split::Whole(payload) = split(record) else { return None };
    if crc32fast::hash(payload.bytes) != payload.checksum {
        return None;
    }
    let (events, rest) = number(payload.bytes)?;
    let (visitors, rest) = number(rest)?;
    let (length, rest) = number(rest)?;
    let (project, json) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let project_id = std::str::from_utf8(project).ok()?.into();
    Some(Batch { project_id, events, visitors, json: json.to_vec() })
}

/// Looks through a file from some place on. What is damaged is left out, and costs none of the
/// records that come after it.
///
/// Takes time linear in the length of the file, whatever it holds: where something is damaged the
/// next record is looked for at each byte, and anything may look like the start of a long one there.
/// So the checksums that may be computed in all are limited; what is left when the limit is reached
/// counts as damaged.
pub(super) fn scan(segment: u64, bytes: &[u8], from: usize) -> Scan {
    let mut budget = bytes.len().saturating_mul(CHECKSUMS_PER_BYTE);
    scan_within(&mut budget, segment, bytes, from)
}

/// Does that while the budget lasts, which is the number of bytes that may be summed.
fn scan_within(budget: &mut usize, segment: u64, bytes: &[u8], from: usize) -> Scan {
    let mut scan = Scan::default();
    let mut at = from;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let filler = rest.iter().take_while(|byte| **byte == FILLER).count();
        at += filler;
        let rest = rest.get(filler..).unwrap_or_default();
        if rest.is_empty() {
            return scan;
        }
        let Some(events) = sound(rest, budget) else {
            let Some(skipped) = next_record(rest, budget) else {
                let is_cut = matches!(split(rest), Split::Cut);
                scan.is_torn = is_cut;
                scan.damaged.extend((!is_cut).then_some(at..bytes.len()));
                return scan;
            };
            scan.damaged.push(at..at + skipped);
            at += skipped;
            continue;
        };
        let Split::Whole(payload) = split(rest) else { return scan };
        let length = HEAD + payload.bytes.len();
        let offset = at as u64;
        let length = length as u64;
        scan.pending.push(Place { segment, offset, length, skip: 0, events });
        at += HEAD + payload.bytes.len();
    }
}

/// Finds a sound record after something that is none.
fn next_record(bytes: &[u8], budget: &mut usize) -> Option<usize> {
    (1..bytes.len()).find(|start| sound(bytes.get(*start..).unwrap_or_default(), budget).is_some())
}

/// Returns how many events the first record has, if it is sound and its checksum may be computed.
fn sound(bytes: &[u8], budget: &mut usize) -> Option<u32> {
    let Split::Whole(payload) = split(bytes) else { return None };
    *budget = budget.checked_sub(payload.bytes.len())?;
    let (events, _) = number(payload.bytes)?;
    let is_sound = events > 0 && crc32fast::hash(payload.bytes) == payload.checksum;
    is_sound.then_some(events)
}

/// The first record of some bytes.
enum Split<'b> {
    /// There can be none here.
    None,
    /// It is not all there.
    Cut,
    /// It is all there; whether it is sound the checksum shows.
    Whole(Payload<'b>),
}

struct Payload<'b> {
    bytes: &'b [u8],
    checksum: u32,
}

fn split(bytes: &[u8]) -> Split<'_> {
    let Some((start, rest)) = bytes.split_first() else { return Split::Cut };
    if *start != START {
        return Split::None;
    }
    let Some((length, rest)) = number(rest) else { return Split::Cut };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    // A length read out of text is far too large.
    if !(PAYLOAD_HEAD..=LONGEST).contains(&length) {
        return Split::None;
    }
    let Some((checksum, rest)) = number(rest) else { return Split::Cut };
    rest.get(..length).map_or(Split::Cut, |bytes| Split::Whole(Payload { bytes, checksum }))
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// What a record starts with.
const START: u8 = b'P';
/// What stands where something was damaged. No record starts with it.
pub(super) const FILLER: u8 = b'-';
/// What every file starts with.
const MAGIC: &[u8] = b"CVSPOOL2";
/// How long the header of a file is.
pub(super) const HEADER: usize = 36;
/// How much precedes a payload.
const HEAD: usize = 9;
/// How much of a payload precedes the project's id.
const PAYLOAD_HEAD: usize = 12;
/// How long a payload may be, which is far more than a body is.
const LONGEST: usize = 8 << 20;
/// How many bytes may be summed for each byte of a file. A sound file takes one, and two where a
/// damaged part precedes a record.
const CHECKSUMS_PER_BYTE: usize = 4;
/// How long a file grows before another one is begun.
pub(super) const SEGMENT_SIZE: u64 = 8 << 20;
/// How long a file can be at most, since the last record may begin just before that length.
pub(super) const LONGEST_FILE: u64 = SEGMENT_SIZE + (HEAD + LONGEST) as u64;

#[cfg(test)]
mod tests {
    use super::*;

    fn some_batch() -> Batch {
        Batch { project_id: "2".into(), events: 3, visitors: 1, json: b"{}".to_vec() }
    }

    /// Bytes of which every one but the few in between may start a record of half the file.
    fn hostile(length: usize) -> Vec<u8> {
        let size = u32::try_from(length / 2).unwrap().to_le_bytes();
        let start = [START, size[0], size[1], size[2], size[3]];
        start.iter().copied().cycle().take(length).collect()
    }

    #[test]
    fn hostile_bytes_take_time_that_grows_with_their_length_alone() {
        let record = record(&some_batch()).unwrap();
        let bytes = [record.clone(), hostile(1 << 20)].concat();
        let mut budget = bytes.len() * CHECKSUMS_PER_BYTE;
        let scan = scan_within(&mut budget, 0, &bytes, 0);
        assert_eq!(scan.pending.len(), 1, "what comes before is sound");
        assert_eq!(scan.damaged.len(), 1);
        assert_eq!(scan.damaged[0], record.len()..bytes.len());
        // It was used up: without it a hundred thousand records of half a mebibyte would be summed.
        assert!(budget < bytes.len(), "{budget}");
    }

    #[test]
    fn a_sound_file_takes_one_checksum_for_each_byte_and_one_with_damage_two() {
        let record = record(&some_batch()).unwrap();
        let sound = record.repeat(1_000);
        let mut budget = sound.len();
        assert_eq!(scan_within(&mut budget, 0, &sound, 0).pending.len(), 1_000);
        let mut damaged = sound.clone();
        damaged[20] ^= 1;
        let mut budget = 2 * sound.len();
        assert_eq!(scan_within(&mut budget, 0, &damaged, 0).pending.len(), 999);
    }

    #[test]
    fn a_record_without_events_is_damaged() {
        let empty = record(&Batch { events: 0, ..some_batch() }).unwrap();
        let scan = scan(0, &empty, 0);
        assert!(scan.pending.is_empty() && scan.damaged.len() == 1, "{scan:?}");
    }
}
