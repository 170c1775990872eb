//! The spool on a real file system.

use proptest::prelude::*;

use super::*;
use crate::tracking::test_directory::TestDirectory;

mod changes;

const KEY: &str = "1001/2002";
const ROOM: u64 = 64 << 20;

fn batch(number: u32) -> Batch {
    let json = format!("{{\"number\":{number}}}").into_bytes();
    Batch { project_id: "2002".into(), events: number, visitors: 1, json }
}

fn open(directory: &TestDirectory) -> Spool {
    Spool::open(directory.path(), ROOM, KEY).unwrap()
}

fn pending(spool: &Spool) -> Vec<u32> {
    spool.pending().collect()
}

/// Fills a directory and returns the path of its only file.
fn filled(directory: &TestDirectory, numbers: &[u32]) -> PathBuf {
    let mut spool = open(directory);
    for number in numbers {
        spool.append(&batch(*number), true).unwrap();
    }
    files(directory, EXTENSION).remove(0)
}

fn files(directory: &TestDirectory, extension: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[test]
fn batches_come_back_in_order_after_a_restart_and_go_for_good() {
    let directory = TestDirectory::new();
    filled(&directory, &[1, 2, 3]);
    let mut spool = open(&directory);
    assert_eq!(pending(&spool), [1, 2, 3]);
    assert_eq!(spool.load().unwrap(), Some(batch(1)));
    spool.remove(u32::MAX).unwrap();
    drop(spool);
    let mut spool = open(&directory);
    assert_eq!(pending(&spool), [2, 3]);
    spool.append(&batch(4), true).unwrap();
    for number in 2..=4 {
        assert_eq!(spool.load().unwrap(), Some(batch(number)));
        spool.remove(u32::MAX).unwrap();
    }
    assert_eq!(spool.load().unwrap(), None);
    drop(spool);
    assert!(pending(&open(&directory)).is_empty());
    assert_eq!(files(&directory, EXTENSION), Vec::<PathBuf>::new());
}

#[test]
fn a_second_core_is_refused_until_the_first_is_gone() {
    let directory = TestDirectory::new();
    let first = open(&directory);
    let error = Spool::open(directory.path(), ROOM, KEY).unwrap_err();
    assert!(error.is_in_use(), "{error}");
    assert!(error.to_string().ends_with("another core uses it"), "{error}");
    drop(first);
    open(&directory);
}

#[test]
fn events_of_another_key_are_refused_and_left_alone() {
    let directory = TestDirectory::new();
    filled(&directory, &[1]);
    let error = Spool::open(directory.path(), ROOM, "1001/3003").unwrap_err();
    assert!(error.is_other_key(), "{error}");
    let mut spool = open(&directory);
    assert_eq!(pending(&spool), [1]);
    spool.remove(u32::MAX).unwrap();
    drop(spool);
    assert!(Spool::open(directory.path(), ROOM, "1001/3003").is_ok(), "nothing is left of it");
}

#[test]
fn the_key_is_not_in_the_file_and_others_cannot_read_it() {
    let directory = TestDirectory::new();
    let path = filled(&directory, &[1]);
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}

#[test]
fn a_file_cut_anywhere_keeps_every_whole_batch() {
    let directory = TestDirectory::new();
    let path = filled(&directory, &[1, 2, 3]);
    let whole = fs::read(&path).unwrap();
    let start = segment::HEADER;
    let record = (whole.len() - start) / 3;
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let spool = open(&directory);
        let expected = length.saturating_sub(start) / record;
        assert_eq!(pending(&spool).len(), expected, "cut at {length}");
    }
    assert_eq!(files(&directory, "damaged"), Vec::<PathBuf>::new());
}

#[test]
fn a_damaged_batch_is_put_aside_and_costs_no_other() {
    let directory = TestDirectory::new();
    let path = filled(&directory, &[1, 2, 3]);
    let mut bytes = fs::read(&path).unwrap();
    let start = segment::HEADER;
    let record = (bytes.len() - start) / 3;
    let damaged = start + record;
    bytes[damaged + 15] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut spool = open(&directory);
    assert_eq!(pending(&spool), [1, 3]);
    let aside = files(&directory, "damaged");
    assert_eq!(fs::read(&aside[0]).unwrap(), &bytes[damaged..][..record], "nothing is thrown away");
    #[cfg(unix)]
    {
        let permissions = fs::metadata(&aside[0]).unwrap().permissions();
        let mode = std::os::unix::fs::PermissionsExt::mode(&permissions);
        assert_eq!(mode & 0o077, 0, "it names visitors: {mode:o}");
    }
    for number in [1, 3] {
        assert_eq!(spool.load().unwrap(), Some(batch(number)));
        spool.remove(u32::MAX).unwrap();
        drop(spool);
        spool = open(&directory);
    }
    assert!(pending(&spool).is_empty());
    assert_eq!(files(&directory, "damaged"), aside, "all is well the next time");
}

#[test]
fn a_bit_that_flips_costs_one_batch_at_most() {
    let directory = TestDirectory::new();
    let path = filled(&directory, &[1, 2, 3]);
    let whole = fs::read(&path).unwrap();
    let start = segment::HEADER;
    let record = (whole.len() - start) / 3;
    for bit in start * 8..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        let hit = 1 + (bit / 8 - start) / record;
        let expected: Vec<u32> = [1, 2, 3].into_iter().filter(|one| *one as usize != hit).collect();
        assert_eq!(pending(&open(&directory)), expected, "bit {bit}");
        for aside in files(&directory, "damaged") {
            fs::remove_file(aside).unwrap();
        }
    }
}

#[test]
fn a_bit_that_flips_in_the_header_is_not_taken_for_another_key() {
    let directory = TestDirectory::new();
    let path = filled(&directory, &[1, 2]);
    let whole = fs::read(&path).unwrap();
    for bit in 0..segment::HEADER * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        assert!(pending(&open(&directory)).is_empty(), "bit {bit}");
        let aside = files(&directory, "damaged");
        assert_eq!(aside.len(), 1, "bit {bit}");
        assert_eq!(fs::read(&aside[0]).unwrap(), bytes, "nothing is thrown away");
        fs::remove_file(&aside[0]).unwrap();
    }
}

#[test]
fn what_was_put_aside_is_not_overwritten() {
    let directory = TestDirectory::new();
    let path = directory.path().join("0000000000000007.batches");
    for content in ["one", "two", "three"] {
        fs::write(&path, content).unwrap();
        open(&directory);
    }
    assert_eq!(files(&directory, "damaged").len(), 3);
}

#[test]
fn a_file_of_something_else_is_put_aside_whole() {
    let directory = TestDirectory::new();
    let path = directory.path().join("0000000000000007.batches");
    fs::write(&path, "no spool at all").unwrap();
    let mut spool = open(&directory);
    assert!(pending(&spool).is_empty());
    spool.append(&batch(1), true).unwrap();
    let aside = files(&directory, "damaged");
    assert_eq!(fs::read(&aside[0]).unwrap(), b"no spool at all");
}

#[test]
fn a_full_spool_refuses_and_keeps_what_it_has() {
    let directory = TestDirectory::new();
    let mut spool = Spool::open(directory.path(), 150, KEY).unwrap();
    let stored = (1..100).take_while(|number| spool.append(&batch(*number), true).is_ok()).count();
    assert!((1..5).contains(&stored), "{stored}");
    let error = spool.append(&batch(1), true).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    for _ in 0..stored {
        spool.remove(u32::MAX).unwrap();
    }
    spool.append(&batch(1), true).unwrap();
}

#[test]
fn a_path_that_is_no_directory_is_a_clear_error() {
    let directory = TestDirectory::new();
    let path = directory.path().join("file");
    fs::write(&path, "").unwrap();
    let error = Spool::open(&path, ROOM, KEY).unwrap_err();
    assert!(error.io_kind().is_some() && error.directory() == path, "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nobody_may_write_is_a_clear_error() {
    let path = Path::new("/proc/convert-spool");
    let error = Spool::open(path, ROOM, KEY).unwrap_err();
    assert!(error.io_kind().is_some() && error.directory() == path, "{error}");
}

#[test]
fn files_of_limited_size_go_when_all_of_them_is_delivered() {
    let directory = TestDirectory::new();
    let mut spool = open(&directory);
    let large = |number| Batch { json: vec![b'x'; 3 << 20], ..batch(number) };
    for number in 0..9 {
        spool.append(&large(number), true).unwrap();
    }
    assert_eq!(files(&directory, EXTENSION).len(), 3);
    for _ in 0..4 {
        spool.remove(u32::MAX).unwrap();
    }
    assert_eq!(files(&directory, EXTENSION).len(), 2);
    drop(spool);
    assert_eq!(pending(&open(&directory)), [4, 5, 6, 7, 8]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is appended, removed and reopened, a plain list has the same content.
    #[test]
    fn it_agrees_with_a_list(acts in proptest::collection::vec(0u8..5, 0..40)) {
        let directory = TestDirectory::new();
        let (mut spool, mut list, mut next) = (Some(open(&directory)), VecDeque::new(), 1);
        for act in acts {
            let open_spool = spool.as_mut().unwrap();
            match act {
                0 => {
                    spool = None;
                    spool.get_or_insert_with(|| open(&directory));
                }
                1 | 2 => {
                    open_spool.remove(u32::MAX).unwrap();
                    list.pop_front();
                }
                _ => {
                    open_spool.append(&batch(next), true).unwrap();
                    list.push_back(next);
                    next += 1;
                }
            }
            let spool = spool.as_ref().unwrap();
            prop_assert_eq!(pending(spool), list.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(spool.load().unwrap(), list.front().map(|number| batch(*number)));
        }
    }

    /// No content of a file makes opening fail or panic.
    #[test]
    fn any_file_can_be_opened(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
        let directory = TestDirectory::new();
        let path = filled(&directory, &[1]);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(tail);
        fs::write(&path, &bytes).unwrap();
        prop_assert_eq!(pending(&open(&directory))[0], 1);
    }
}

#[test]
fn files_that_only_look_like_its_own_are_left_alone() {
    let directory = TestDirectory::new();
    filled(&directory, &[1, 2]);
    let strange = ["bad", "1", "+000000000000000", "ABCDEF0123456789", "old.0000000000000000"];
    for name in strange {
        fs::write(directory.path().join(name).with_extension(EXTENSION), "mine").unwrap();
    }
    let mut spool = open(&directory);
    assert_eq!(pending(&spool), [1, 2]);
    spool.append(&batch(3), true).unwrap();
    drop(spool);
    assert_eq!(pending(&open(&directory)), [1, 2, 3]);
    assert_eq!(files(&directory, "damaged"), Vec::<PathBuf>::new());
}

#[test]
fn a_file_with_the_last_number_of_all_leaves_room_for_others() {
    let directory = TestDirectory::new();
    let last = directory.path().join("ffffffffffffffff").with_extension(EXTENSION);
    fs::write(&last, "garbage").unwrap();
    let mut spool = open(&directory);
    spool.append(&batch(1), true).unwrap();
    drop(spool);
    assert_eq!(pending(&open(&directory)), [1]);
}
