//! No thread is left behind, and none is there before it is needed.
//!
//! A program of its own with one test, since it counts the threads of the whole process.

use std::time::Duration;

use convert_sdk::{Core, LifecycleEvent, MemoryStore, ProjectConfig, RefreshConfig, SdkConfig};
use convert_tests::live::{KEY, config, sdk_threads};
use test_support::{LoopbackServer, Reply, Step};

/// Waits until the system's list is up to date: a thread names itself when it begins, and is taken
/// off the list a moment after it has ended.
fn settles_at(expected: usize) -> bool {
    (0..1_000_000).any(|_| {
        std::thread::yield_now();
        sdk_threads() == Some(expected)
    })
}

#[test]
fn threads_exist_while_they_are_needed_and_no_longer() {
    assert_eq!(sdk_threads(), Some(0));
    let remote = |server: &LoopbackServer| {
        let transport = server.transport_config().timeout(Duration::from_millis(500));
        SdkConfig::from_sdk_key(KEY).unwrap().transport(transport)
    };
    let refresh = RefreshConfig::default();

    // Direct data, with and without refresh, starts nothing.
    let all = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = all();
    let direct = SdkConfig::from_json(&config("1")).unwrap();
    let idle = [direct.clone(), direct.refresh(refresh)].map(|one| Core::initialize(one).unwrap());
    assert_eq!(all(), before);
    drop(idle);

    // An external store is written by one thread, which begins with the first change.
    let stored = SdkConfig::from_json(&config("1")).unwrap().data_store(MemoryStore::default());
    let core = Core::initialize(stored).unwrap();
    let visitor = core.create_context("visitor-1");
    assert_eq!(all(), before);
    visitor.run_experience("hero").unwrap();
    assert_eq!(all(), before + 1);
    assert!(core.close(Duration::from_secs(30)).is_complete());
    assert!(settles_at(0), "{:?}", sdk_threads());

    // Nor does a key without refresh, once the config is there.
    let server = LoopbackServer::start([Reply::json(config("1"))]);
    let once = Core::initialize(remote(&server)).unwrap();
    assert_eq!(sdk_threads(), Some(0));
    drop(once);

    // Refresh is one thread per core; closing ends it, and so does dropping.
    for _ in 0..20 {
        let core = Core::initialize(remote(&server).refresh(refresh)).unwrap();
        let other = Core::initialize(remote(&server).refresh(refresh)).unwrap();
        assert!(settles_at(2), "{:?}", sdk_threads());
        assert!(core.close(Duration::from_secs(30)).is_complete());
        drop(other);
        assert!(settles_at(0), "{:?}", sdk_threads());
    }

    // A thread that fetches what a bootstrap config stands in for ends when it is there.
    let bootstrap = ProjectConfig::from_json(&config("0")).unwrap();
    let (told, updates) = std::sync::mpsc::channel();
    let tell = move |event: &LifecycleEvent| told.send(event.name()).unwrap();
    let core = Core::initialize(remote(&server).bootstrap(bootstrap).on_event(tell)).unwrap();
    assert_eq!(updates.iter().take(2).collect::<Vec<_>>(), ["ready", "config.updated"]);
    assert!(settles_at(0), "{:?}", sdk_threads());
    assert_eq!(core.health().version(), Some("1"));
    drop(core);

    // A failed initialise leaves nothing.
    for fault in [Step::Hang, Step::CloseOnAccept, Reply::new(500).into(), Step::WrongName] {
        let server = LoopbackServer::start([fault]);
        assert!(Core::initialize(remote(&server).refresh(refresh)).is_err());
        assert!(settles_at(0), "{:?}", sdk_threads());
    }
}
