//! Files and directories that change under the spool, or are not what they should be.

use super::*;

fn large(number: u32) -> Batch {
    Batch { json: vec![b'x'; 3 << 20], ..batch(number) }
}

#[test]
fn a_directory_that_is_removed_is_made_again_and_what_is_lost_is_found() {
    let directory = TestDirectory::new();
    let mut spool = open(&directory);
    for number in [1, 2, 3] {
        spool.append(&batch(number), true).unwrap();
    }
    assert!(spool.is_in_place() && spool.missing().is_empty());
    fs::remove_dir_all(directory.path()).unwrap();
    assert!(!spool.is_in_place());
    assert_eq!(spool.missing(), [0..1, 1..3, 3..6]);
    assert!(pending(&spool).is_empty() && spool.missing().is_empty());
    spool.append(&batch(4), true).unwrap();
    assert!(spool.is_in_place());
    assert!(Spool::open(directory.path(), ROOM, KEY).unwrap_err().is_in_use(), "locked as before");
    drop(spool);
    assert_eq!(pending(&open(&directory)), [4]);
}

#[test]
fn what_is_appended_after_files_have_gone_is_kept_even_before_the_loss_is_noticed() {
    let directory = TestDirectory::new();
    let mut spool = open(&directory);
    spool.append(&batch(1), true).unwrap();
    fs::remove_dir_all(directory.path()).unwrap();
    spool.append(&batch(2), true).unwrap();
    assert_eq!(spool.missing(), vec![0..1]);
    assert_eq!(spool.load().unwrap(), Some(batch(2)));
    drop(spool);
    assert_eq!(pending(&open(&directory)), [2]);
}

#[test]
fn a_file_that_is_removed_or_cut_costs_its_own_batches_alone() {
    let directory = TestDirectory::new();
    let mut spool = open(&directory);
    for number in 1..=9 {
        spool.append(&large(number), true).unwrap();
    }
    let mut paths = files(&directory, EXTENSION);
    paths.sort();
    assert_eq!(paths.len(), 3);
    fs::remove_file(&paths[1]).unwrap();
    OpenOptions::new().write(true).open(&paths[2]).unwrap().set_len(4 << 20).unwrap();
    let sizes: Vec<u64> = (1..=9).collect();
    let start = |number: usize| sizes[..number - 1].iter().sum::<u64>();
    let expected: Vec<_> =
        [4, 5, 6, 8, 9].into_iter().map(|number| start(number)..start(number + 1)).collect();
    assert_eq!(spool.missing(), expected);
    assert_eq!(pending(&spool), [1, 2, 3, 7]);
    spool.append(&batch(10), true).unwrap();
    drop(spool);
    assert_eq!(pending(&open(&directory)), [1, 2, 3, 7, 10]);
}

#[test]
fn a_directory_in_the_place_of_a_file_is_no_file() {
    let directory = TestDirectory::new();
    let mut spool = open(&directory);
    spool.append(&batch(1), true).unwrap();
    let path = files(&directory, EXTENSION).remove(0);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(spool.load().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(spool.missing(), vec![0..1]);
    spool.append(&batch(2), true).unwrap();
    assert_eq!(spool.load().unwrap(), Some(batch(2)));
}

#[test]
fn a_lock_that_is_removed_is_taken_again_and_what_is_delivered_stays_so() {
    let directory = TestDirectory::new();
    let mut spool = open(&directory);
    for number in [1, 2, 3] {
        spool.append(&batch(number), true).unwrap();
    }
    spool.remove(1).unwrap();
    fs::remove_file(directory.path().join(LOCK)).unwrap();
    assert!(!spool.is_in_place() && spool.missing().is_empty());
    spool.remove(2).unwrap();
    assert!(Spool::open(directory.path(), ROOM, KEY).unwrap_err().is_in_use());
    drop(spool);
    assert_eq!(pending(&open(&directory)), [3]);
}

#[test]
fn a_directory_that_others_have_filled_meanwhile_is_theirs() {
    let directory = TestDirectory::new();
    let mut spool = open(&directory);
    spool.append(&batch(1), true).unwrap();
    fs::remove_dir_all(directory.path()).unwrap();
    let mut other = open(&directory);
    let error = spool.append(&batch(2), true).unwrap_err();
    assert!(error.to_string().contains("another core uses it"), "{error}");
    // Under the name that the lost file had.
    other.append(&batch(3), true).unwrap();
    assert_eq!(spool.path(1), other.path(1));
    drop(other);
    let error = spool.append(&batch(2), true).unwrap_err();
    assert!(error.to_string().contains("other events"), "{error}");
    assert_eq!(spool.missing(), vec![0..1]);
    assert_eq!(pending(&open(&directory)), [3]);
}

#[test]
fn a_directory_that_has_become_a_file_is_an_error_until_it_can_be_made_again() {
    let directory = TestDirectory::new();
    let mut spool = open(&directory);
    spool.append(&batch(1), true).unwrap();
    fs::remove_dir_all(directory.path()).unwrap();
    fs::write(directory.path(), "").unwrap();
    assert!(spool.append(&batch(2), true).is_err());
    fs::remove_file(directory.path()).unwrap();
    spool.append(&batch(3), true).unwrap();
    drop(spool);
    assert_eq!(pending(&open(&directory)), [3]);
}

#[test]
fn a_part_of_a_batch_that_is_delivered_does_not_come_back() {
    let event = |number: u32| format!(r#"{{"number":{number}}}"#);
    let whole = |numbers: &[u32]| {
        let events: Vec<String> = numbers.iter().map(|number| event(*number)).collect();
        let json = format!(
            r#"{{"accountId":"1","projectId":"2","enrichData":true,"source":"s","visitors":[{{"visitorId":"v","events":[{}]}}]}}"#,
            events.join(",")
        );
        let count = u32::try_from(numbers.len()).unwrap();
        Batch { project_id: "2".into(), events: count, visitors: 1, json: json.into_bytes() }
    };
    let directory = TestDirectory::new();
    let mut spool = open(&directory);
    spool.append(&whole(&[1, 2, 3, 4]), true).unwrap();
    spool.append(&whole(&[5]), true).unwrap();
    for delivered in 1..=2 {
        spool.remove(1).unwrap();
        drop(spool);
        spool = open(&directory);
        assert_eq!(pending(&spool), [4 - delivered, 1]);
    }
    assert_eq!(spool.load().unwrap(), Some(whole(&[3, 4])));
    spool.remove(2).unwrap();
    drop(spool);
    assert_eq!(open(&directory).load().unwrap(), Some(whole(&[5])));
}

/// As where a file cannot be deleted: the earlier run has, but there it is again.
#[test]
fn a_file_that_stays_although_it_is_delivered_is_not_delivered_again() {
    let directory = TestDirectory::new();
    let path = filled(&directory, &[1, 2]);
    let bytes = fs::read(&path).unwrap();
    let mut spool = open(&directory);
    spool.remove(1).unwrap();
    fs::remove_file(&path).unwrap();
    // What cannot be deleted, even by the superuser: a directory that is not empty.
    fs::create_dir_all(path.join("x")).unwrap();
    assert!(spool.remove(2).is_err());
    assert!(pending(&spool).is_empty());
    spool.append(&batch(3), true).unwrap();
    drop(spool);
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    assert_eq!(pending(&open(&directory)), [3]);
    assert!(!path.exists(), "it can be deleted now");
}

#[test]
fn files_of_another_spool_that_were_copied_here_are_delivered() {
    let one = TestDirectory::new();
    let two = TestDirectory::new();
    let path = filled(&one, &[1, 2]);
    let mut spool = open(&two);
    for number in 1..=8 {
        spool.append(&large(number), true).unwrap();
    }
    // The cursor points behind the first file now, which cannot be deleted.
    spool.lock.advance(Cursor { segment: 2, offset: 40, skip: 0 }).unwrap();
    drop(spool);
    let name = path.file_name().unwrap();
    fs::copy(&path, two.path().join(name)).unwrap();
    assert_eq!(pending(&open(&two))[..2], [1, 2]);
}

#[test]
fn a_file_of_another_version_or_far_too_long_is_put_aside_whole() {
    let directory = TestDirectory::new();
    let path = filled(&directory, &[1]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[7] = b'9';
    fs::write(&path, &bytes).unwrap();
    let long = directory.path().join("0000000000000009.batches");
    File::create(&long).unwrap().set_len(segment::LONGEST_FILE + 1).unwrap();
    let spool = open(&directory);
    assert!(pending(&spool).is_empty());
    assert_eq!((spool.damaged(), files(&directory, "damaged").len()), (2, 2));
    drop(spool);
    assert_eq!(open(&directory).damaged(), 0, "all is well the next time");
}

#[cfg(unix)]
#[test]
fn a_fifo_a_socket_and_a_directory_in_the_place_of_a_file_are_clear_errors() {
    for name in ["lock", "0000000000000003.batches"] {
        let directory = TestDirectory::new();
        let path = directory.path().join(name);
        let refused = |expected: &str| {
            let error = Spool::open(directory.path(), ROOM, KEY).unwrap_err();
            assert_eq!(error.io_kind(), Some(io::ErrorKind::InvalidInput), "{error}");
            let message = error.to_string();
            assert!(message.contains(name) && message.ends_with(expected), "{message}");
        };
        fs::create_dir(&path).unwrap();
        refused("a directory");
        fs::remove_dir(&path).unwrap();
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        refused("a socket");
        drop(listener);
        fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if made.is_ok_and(|status| status.success()) {
            refused("a FIFO");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_looked_at_is_not_given_up() {
    let directory = TestDirectory::new();
    let path = filled(&directory, &[1, 2]);
    let mut spool = open(&directory);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    // Following it yields neither a file nor the answer that there is none.
    std::os::unix::fs::symlink(&path, &path).unwrap();
    assert!(spool.load().is_err() && spool.missing().is_empty());
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    assert_eq!(spool.load().unwrap(), Some(batch(1)));
}
