//! The spool against the file system and other processes.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use convert_sdk::{Conversion, Core, Error, Repeat, SdkConfig, TrackingConfig};
use convert_tests::directory::Directory;
use convert_tests::sink::{PROJECT, Tracked, body, events_of};
use test_support::{BatchAnswer, RecordingTransport};

const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for anything but a service that is down.
const SHORT: Duration = Duration::from_millis(200);
const ENV_DIRECTORY: &str = "CONVERT_TEST_SPOOL";
const ENV_PART: &str = "CONVERT_TEST_SPOOL_PART";

/// Starts this program again, to play a part in a directory. `prelude` is for the shell.
fn play(part: &str, directory: &Path, prelude: &str) -> Vec<String> {
    let script = format!("{prelude} exec \"$@\"");
    let program = std::env::current_exe().unwrap();
    play_by(Command::new("sh").args(["-c", &script, "sh"]), &program, part, directory)
}

/// Does the same as another user, if there is a name.
#[cfg(target_os = "linux")]
fn play_as(user: &str, part: &str, directory: &Path) -> Vec<String> {
    if user.is_empty() {
        return play(part, directory, "");
    }
    // Other users may not be able to look into the folder that the program is in.
    let program = directory.with_extension("program");
    let original = std::env::current_exe().unwrap();
    if std::fs::hard_link(&original, &program).is_err() {
        std::fs::copy(&original, &program).unwrap();
    }
    let mut command = Command::new("setpriv");
    let said =
        play_by(command.args(["--clear-groups", "--reuid", user]), &program, part, directory);
    std::fs::remove_file(program).unwrap();
    said
}

fn play_by(command: &mut Command, program: &Path, part: &str, directory: &Path) -> Vec<String> {
    let output = command
        .arg(program)
        .args(["the_other_process", "--exact", "--ignored", "--nocapture"])
        .env(ENV_DIRECTORY, directory)
        .env(ENV_PART, part)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    // The test harness writes lines of its own, and begins some that the child ends.
    let said = text.lines().filter_map(|line| line.split_once(SAYS)).map(|(_, words)| words.trim());
    said.map(str::to_owned).collect()
}

const SAYS: &str = "SAYS:";
/// A user that owns nothing.
#[cfg(target_os = "linux")]
const NOBODY: &str = "65534";

/// Plays a part in a directory.
#[test]
#[ignore = "another test starts it as a process of its own"]
fn the_other_process() {
    let directory = std::env::var_os(ENV_DIRECTORY).unwrap();
    let directory = Path::new(&directory);
    match std::env::var(ENV_PART).unwrap().as_str() {
        "fill" => fill(directory),
        "keep" => keep(directory),
        "deliver" => deliver(directory),
        _ => match Core::initialize(settings(directory)) {
            Err(Error::Spool(error)) => println!("{SAYS} in use: {}", error.is_in_use()),
            other => println!("{SAYS} {other:?}"),
        },
    }
}

fn settings(directory: &Path) -> SdkConfig {
    let service = RecordingTransport::default();
    service.script_batches([BatchAnswer::Failure(convert_sdk::TransportErrorKind::Network)]);
    SdkConfig::from_json(PROJECT)
        .unwrap()
        .transport_impl(service)
        .tracking(true)
        .tracking_config(TrackingConfig::builder().spool(directory).build().unwrap())
}

/// Records while the service is down and until the disk is full, and says what is safe.
fn fill(directory: &Path) {
    let core = Core::initialize(settings(directory)).unwrap();
    let mut safe = 0;
    for number in 0..100 {
        let id = format!("{number}-{}", "x".repeat(10_000));
        let conversion = Conversion::new("purchase").transaction_id(id).repeat(Repeat::Every);
        assert!(core.create_context("v").track_conversion(conversion).is_queued());
        let error = core.flush(SHORT).unwrap_err();
        if error.spooled() < error.left() {
            break;
        }
        safe = error.spooled();
    }
    let stats = core.stats();
    let report = core.close(SHORT);
    assert!(stats.spool_failures > 0 && stats.dropped_queue_full == 0, "{stats:?}");
    assert!(report.is_complete() && report.left() > 0 && report.spooled() >= safe, "{report:?}");
    println!("{SAYS} {}", report.spooled());
}

/// Leaves 30 events in a spool.
fn keep(directory: &Path) {
    let core = Core::initialize(settings(directory)).unwrap();
    for number in 0..30 {
        assert!(core.create_context(format!("v{number}")).track_conversion("signup").is_queued());
    }
    println!("{SAYS} {}", core.close(SHORT).spooled());
}

/// Delivers what is in a spool, and says how many events were sent and whether a file stays.
fn deliver(directory: &Path) {
    let service = std::sync::Arc::new(RecordingTransport::default());
    let config = settings(directory).transport_impl(std::sync::Arc::clone(&service));
    let core = Core::initialize(config).unwrap();
    core.flush(PATIENCE).unwrap();
    assert!(core.close(PATIENCE).is_complete());
    let sent = service.batch_requests();
    let sent: usize = sent.iter().map(|one| events_of(&body(one.body())).len()).sum();
    let mut names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let stays = names.any(|path| path.extension().is_some_and(|found| found == "batches"));
    println!("{SAYS} {sent} {stays}");
}

/// Nobody may delete a file from a directory that may not be written.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_deleted_is_delivered_once() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let directory = Directory::new();
    std::fs::create_dir_all(directory.path()).unwrap();
    let may = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(directory.path(), permissions).unwrap();
    };
    may(0o777);
    // To the superuser permissions are nothing, so that somebody else has to do it.
    let is_superuser = std::fs::metadata(directory.path()).unwrap().uid() == 0;
    let user = if is_superuser { NOBODY } else { "" };
    assert_eq!(play_as(user, "keep", directory.path()), ["30"]);
    may(0o555);
    assert_eq!(play_as(user, "deliver", directory.path()), ["30 true"]);
    assert_eq!(play_as(user, "deliver", directory.path()), ["0 true"]);
    may(0o777);
    assert_eq!(play_as(user, "deliver", directory.path()), ["0 false"]);
}

/// The limit is on the size of a file, which to the process is a disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_costs_nothing_that_was_safe() {
    let directory = Directory::new();
    let said = play("fill", directory.path(), "trap '' XFSZ; ulimit -f 100;");
    let safe: usize = said.first().and_then(|words| words.parse().ok()).unwrap();
    assert!(safe > 3, "{said:?}");

    let up = Tracked::start_with(|config| config.tracking_config(directory.settings().unwrap()))
        .unwrap();
    up.core.flush(PATIENCE).unwrap();
    let sent: usize =
        up.service.batch_requests().iter().map(|one| events_of(&body(one.body())).len()).sum();
    assert_eq!(sent, safe);
    assert!(up.core.close(PATIENCE).is_complete());
}

#[cfg(target_os = "linux")]
#[test]
fn a_damaged_spool_on_a_full_disk_is_an_error_that_leaves_nothing_behind() {
    let directory = Directory::new();
    play("fill", directory.path(), "trap '' XFSZ; ulimit -f 100;");
    let names = || {
        let entries = std::fs::read_dir(directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let before = names();
    let file = before.iter().find(|name| name.ends_with(".batches")).unwrap();
    let file = directory.path().join(file);
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.get_mut(15_000).unwrap() ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    // Too little for what is damaged. What is sound takes no more room than before.
    assert_eq!(play("open", directory.path(), "trap '' XFSZ; ulimit -f 4;"), ["in use: false"]);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    assert_eq!(names(), before);
    assert!(play("open", directory.path(), "").iter().all(|words| words.starts_with("Ok(")));
    assert_eq!(names().len(), before.len() + 1, "what is damaged was put aside");
}

#[cfg(unix)]
#[test]
fn a_second_process_gets_a_clear_error_and_the_first_goes_on() {
    let directory = Directory::new();
    let first = Tracked::start_with(|config| config.tracking_config(directory.settings().unwrap()))
        .unwrap();
    assert_eq!(play("open", directory.path(), ""), ["in use: true"]);
    assert!(first.core.create_context("v").track_conversion("signup").is_queued());
    assert_eq!(first.core.close(PATIENCE).delivered(), 1);
    assert!(play("open", directory.path(), "").iter().all(|words| words.starts_with("Ok(")));
}
