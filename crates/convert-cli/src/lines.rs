//! Reading lines by the chunk, without ever holding more than a chunk.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;

use rayon::prelude::*;

/// Reads lines in chunks.
///
/// A chunk ends where the input pauses, so that a client that waits for an answer before it
/// asks again gets it.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: BufReader<R>,
    chunk: Chunk,
    read: u64,
}

/// Lines that were read together.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// One line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'b> {
    number: u64,
    bytes: Option<&'b [u8]>,
}

/// Where a line is in its chunk; nowhere if it was too long to keep.
#[derive(Debug)]
struct Span {
    number: u64,
    place: Option<Range<usize>>,
}

impl<R: Read> Lines<R> {
    /// Reads from `input`.
    pub(crate) fn new(input: R) -> Self {
        let input = BufReader::with_capacity(INPUT_BUFFER, input);
        Lines { input, chunk: Chunk::default(), read: 0 }
    }

    /// Returns how many lines have been read, empty ones included.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// Reads the next chunk, of at least one line; `None` at the end of the input.
    ///
    /// # Errors
    ///
    /// Fails if the input cannot be read.
    pub(crate) fn next_chunk(&mut self) -> io::Result<Option<&Chunk>> {
        self.chunk.bytes.clear();
        self.chunk.spans.clear();
        while self.chunk.spans.len() < CHUNK_LINES && self.chunk.bytes.len() < CHUNK_BYTES {
            let waits = !self.input.buffer().contains(&b'\n');
            if (waits && !self.chunk.spans.is_empty()) || !self.read_line()? {
                break;
            }
        }
        Ok(Some(&self.chunk).filter(|chunk| !chunk.spans.is_empty()))
    }

    /// Reads one line and returns whether there was one.
    fn read_line(&mut self) -> io::Result<bool> {
        let start = self.chunk.bytes.len();
        let mut length = 0;
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                available => available?,
            };
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            let consumed = part.len() + usize::from(end.is_some());
            let ended = consumed == 0 || end.is_some();
            length += part.len();
            if length <= LONGEST_LINE {
                self.chunk.bytes.extend_from_slice(part);
            }
            self.input.consume(consumed);
            if ended {
                if length == 0 && end.is_none() {
                    return Ok(false);
                }
                break;
            }
        }
        self.read += 1;
        let place = if length > LONGEST_LINE {
            self.chunk.bytes.truncate(start);
            None
        } else {
            Some(start..self.chunk.bytes.len())
        };
        self.chunk.spans.push(Span { number: self.read, place });
        Ok(true)
    }
}

impl Chunk {
    /// Hands the lines, in groups, to all cores, and what comes of the groups to `take`, in order.
    ///
    /// `answer` may leave lines unread once its answer is long. It is called again with these when
    /// the answer has been taken, so that memory holds a few long answers for each core.
    ///
    /// # Errors
    ///
    /// Fails with the first error of `take`.
    pub(crate) fn in_parallel<T: Send, E>(
        &self,
        answer: impl Fn(&mut dyn Iterator<Item = Line<'_>>) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let answer_some = |spans: &[Span]| {
            let mut lines = spans.iter().map(|span| self.line(span));
            let answer = answer(&mut lines);
            (answer, lines.len())
        };
        // A few groups for each core even out their lengths.
        let groups = 4 * rayon::current_num_threads();
        let group = (self.spans.len() / groups).clamp(1, LARGEST_GROUP);
        for spans in self.spans.chunks(group * groups) {
            let answered: Vec<_> =
                spans.par_chunks(group).map(|spans| (spans, answer_some(spans))).collect();
            for (mut spans, (mut answer, mut left)) in answered {
                take(answer)?;
                while left > 0 {
                    spans = spans.get(spans.len() - left..).unwrap_or_default();
                    (answer, left) = answer_some(spans);
                    take(answer)?;
                }
            }
        }
        Ok(())
    }

    fn line(&self, span: &Span) -> Line<'_> {
        let bytes = span.place.clone().and_then(|place| self.bytes.get(place));
        Line { number: span.number, bytes }
    }
}

impl<'b> Line<'b> {
    /// Returns the line's number, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the text without the line's end, nor the byte order mark that may open a file.
    ///
    /// # Errors
    ///
    /// Fails with words for people if the line is too long or no UTF-8.
    pub(crate) fn text(&self) -> Result<&'b str, String> {
        let bytes = self.bytes.ok_or_else(|| {
            format!("the line is longer than {} MiB", LONGEST_LINE / (1024 * 1024))
        })?;
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let bytes = match self.number {
            1 => bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes),
            _ => bytes,
        };
        std::str::from_utf8(bytes)
            .map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to() + 1))
    }
}

const INPUT_BUFFER: usize = 1024 * 1024;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
const CHUNK_LINES: usize = 16 * 1024;
/// The most lines that one core answers before it looks for more.
const LARGEST_GROUP: usize = 64;
/// The longest line that is answered, in bytes.
const LONGEST_LINE: usize = 16 * 1024 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: impl Read) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::new(input);
        let mut found = Vec::new();
        while let Some(chunk) = lines.next_chunk().unwrap() {
            let answer = |lines: &mut dyn Iterator<Item = Line<'_>>| {
                let line = lines.next().unwrap();
                (line.number(), line.text().map(str::to_owned))
            };
            let taken: Result<(), ()> = chunk.in_parallel(answer, |line| {
                found.push(line);
                Ok(())
            });
            taken.unwrap();
        }
        found
    }

    fn texts(input: &[u8]) -> Vec<String> {
        all(input).into_iter().map(|(_, text)| text.unwrap()).collect()
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(texts(b"a\nb"), ["a", "b"]);
        assert_eq!(texts(b"a\n\nb\n"), ["a", "", "b"]);
        assert_eq!(texts(b"\xef\xbb\xbfa\r\nb\r\n"), ["a", "b"]);
        assert!(texts(b"").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_alone() {
        let long = vec![b'x'; LONGEST_LINE + 1];
        let found = all([b"a\n", long.as_slice(), b"\nb"].concat().as_slice());
        assert_eq!(found[0], (1, Ok("a".to_owned())));
        assert_eq!(found[1], (2, Err("the line is longer than 16 MiB".to_owned())));
        assert_eq!(found[2], (3, Ok("b".to_owned())));
    }

    #[test]
    fn a_line_at_the_limit_is_kept() {
        let limit = vec![b'x'; LONGEST_LINE];
        assert_eq!(texts(&limit)[0].len(), LONGEST_LINE);
    }

    #[test]
    fn many_lines_keep_their_order() {
        let numbers: Vec<String> = (1..=40_000).map(|number| number.to_string()).collect();
        let input = numbers.join("\n");
        for (number, text) in all(input.as_bytes()) {
            assert_eq!(text.unwrap(), number.to_string());
        }
    }

    #[test]
    fn lines_that_an_answer_leaves_are_answered_before_more_is_held() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        let input = "x\n".repeat(CHUNK_LINES);
        let mut lines = Lines::new(input.as_bytes());
        let held = AtomicUsize::new(0);
        let mut most = 0;
        let chunk = lines.next_chunk().unwrap().unwrap();
        let answer = |lines: &mut dyn Iterator<Item = Line<'_>>| {
            held.fetch_add(1, Ordering::SeqCst);
            lines.next().unwrap().number()
        };
        let mut expected = 1..;
        let taken: Result<(), ()> = chunk.in_parallel(answer, |number| {
            most = most.max(held.fetch_sub(1, Ordering::SeqCst));
            assert_eq!(Some(number), expected.next());
            Ok(())
        });
        assert_eq!((taken, expected.next()), (Ok(()), Some(CHUNK_LINES as u64 + 1)));
        assert!(most <= 4 * rayon::current_num_threads(), "{most}");
    }

    #[test]
    fn a_chunk_ends_where_the_input_pauses() {
        let mut lines = Lines::new((&b"a\nb\nc"[..]).chain(&b"\nd\n"[..]));
        let sizes = std::iter::from_fn(|| lines.next_chunk().unwrap().map(|one| one.spans.len()));
        assert_eq!(sizes.collect::<Vec<_>>(), [2, 2]);
    }
}
