//! What the published page on initialisation says and no other suite holds, and that
//! `docs/initialization.md` keeps its word.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use convert_sdk::{
    ConfigLoadError, Core, HttpsTransport, InvalidConfigError, LifecycleEvent, ProjectConfig,
    RefreshConfig, SdkConfig, TransportConfig, TransportError, attributes,
};
use convert_tests::live::{Events, KEY, Refreshed, config, hero};
use test_support::{ConfigAnswer, RecordingTransport};

fn direct() -> SdkConfig {
    SdkConfig::from_json(&config("1")).unwrap()
}

#[test]
fn both_forms_give_a_core_that_is_ready() {
    let data: ProjectConfig = serde_json::from_str(&config("1")).unwrap();
    let service = RecordingTransport::default();
    service.script_configs([ConfigAnswer::body(config("1"))]);
    let remote = SdkConfig::from_sdk_key(KEY).unwrap().transport_impl(service);
    for settings in [SdkConfig::from_data(data), direct(), remote] {
        let events = Events::default();
        let core = Core::initialize(settings.on_event(events.handler())).unwrap();
        assert!(core.is_ready());
        assert_eq!(events.names(), ["ready"]);
        assert_eq!(hero(&core).as_deref(), Some("1"));
    }
}

#[test]
fn direct_data_touches_no_transport() {
    let service = Arc::new(RecordingTransport::default());
    let settings = direct().transport_impl(Arc::clone(&service)).refresh(RefreshConfig::default());
    let core = Core::initialize(settings).unwrap();
    core.refresh_now();
    assert_eq!(hero(&core).as_deref(), Some("1"));
    assert!(core.close(Duration::from_secs(30)).is_complete());
    assert!(service.config_requests().is_empty() && !service.is_closed());
}

#[test]
fn every_name_of_the_page_is_exported() {
    fn name<T>() -> &'static str {
        std::any::type_name::<T>().rsplit("::").next().unwrap()
    }
    let names = [
        name::<Core>(),
        name::<SdkConfig>(),
        name::<TransportConfig>(),
        name::<RefreshConfig>(),
        name::<LifecycleEvent>(),
        name::<InvalidConfigError>(),
        name::<ConfigLoadError>(),
        name::<TransportError>(),
    ];
    let page = "Core, SdkConfig, TransportConfig, RefreshConfig, LifecycleEvent, \
                InvalidConfigError, ConfigLoadError, TransportError";
    assert_eq!(names.join(", "), page);
}

#[test]
fn the_default_address_is_the_service_s() {
    let transport = HttpsTransport::new(&TransportConfig::default()).unwrap();
    let shown = format!("{transport:?}");
    assert!(shown.contains("https://cdn-4.convertexperiments.com"), "{shown}");
}

#[test]
fn a_panic_closes_the_core_on_its_way() {
    let token = Arc::new(());
    let held = Arc::clone(&token);
    let answers = [config("1"), config("2")].map(ConfigAnswer::body);
    let live = Refreshed::start_with(answers, |sdk| {
        sdk.refresh(RefreshConfig::default()).on_event(move |_| drop(Arc::clone(&held)))
    });
    let Refreshed { core, service, clock, .. } = live.unwrap();
    assert_eq!(Arc::strong_count(&token), 2);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let core = core;
        assert!(!core.is_ready(), "on purpose");
    }));
    assert!(outcome.is_err());
    // Handlers, worker and all have gone with it.
    assert_eq!(Arc::strong_count(&token), 1);
    clock.advance(Duration::from_secs(1_000_000));
    assert_eq!(service.config_requests().len(), 1);
}

#[test]
fn attributes_given_are_the_context_s_own() {
    let core = Core::initialize(direct()).unwrap();
    let mut country = String::from("DE");
    let given = attributes! { "country" => country.clone() };
    let visitor = core.create_context("visitor-1").with_attributes(given.clone());
    country.push('U');
    let mut changed = given;
    changed.merge(attributes! { "country" => country });
    assert_eq!(*visitor.attributes(), attributes! { "country" => "DE" });
}

#[test]
fn contexts_belong_to_their_caller() {
    let core = Core::initialize(direct()).unwrap();
    let one = core.create_context("visitor-1").with_attributes(attributes! { "plan" => "pro" });
    let other = core.create_context("visitor-1");
    assert_eq!(one.attributes().iter().count(), 1);
    assert_eq!(other.attributes().iter().count(), 0);
    drop(one);
    assert_eq!(core.create_context("visitor-1").attributes().iter().count(), 0);
}

#[test]
fn one_core_serves_many_threads() {
    let core = Core::initialize(direct()).unwrap();
    let shared = core.create_context("shared");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (core, shared) = (core.clone(), &shared);
            scope.spawn(move || {
                let own = core.create_context(format!("visitor-{thread}"));
                for visitor in [&own, shared] {
                    let hero = visitor.run_experience("hero").map(|hero| hero.variation_key());
                    assert_eq!(hero, Some("1"));
                }
            });
        }
    });
    assert_eq!(core.stats().decisions, 16);
}

#[test]
fn what_is_normal_is_no_error() {
    let core = Core::initialize(direct()).unwrap();
    let visitor = core.create_context("visitor-1");
    assert!(visitor.run_experience("no-such-experience").is_none());
    assert!(visitor.run_feature("no-such-feature").is_none());
    assert!(visitor.run_feature_all("no-such-feature").is_empty());
    assert!(core.create_context("").run_experience("hero").is_none());
    assert!(core.create_context("").run_experiences().is_empty());
}

#[test]
fn two_cores_share_nothing() {
    let answers = || [config("1"), config("2")].map(ConfigAnswer::body);
    let (one, other) = (Refreshed::start(answers()).unwrap(), Refreshed::start(answers()).unwrap());
    one.refresh();
    assert_eq!(hero(&one.core).as_deref(), Some("2"));
    assert_eq!(hero(&other.core).as_deref(), Some("1"));
    one.core.close(Duration::from_secs(30));
    other.refresh();
    assert_eq!(hero(&other.core).as_deref(), Some("2"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the rows of the page's tables: the quotation, and the tests.
fn rows() -> Vec<(String, Vec<String>)> {
    let page = fs::read_to_string(root().join("docs/initialization.md")).unwrap();
    let tables = page.lines().filter(|line| line.starts_with("| "));
    let rows = tables.filter(|line| !line.starts_with("| the page says"));
    rows.map(|line| {
        // A bar inside a cell is escaped.
        let line = line.replace("\\|", "\u{0}");
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let quotation = cells.next().unwrap().replace('\u{0}', "|");
        let tests = cells.nth(1).unwrap().split('`').filter(|test| test.contains("::"));
        (quotation, tests.map(str::to_owned).collect())
    })
    .collect()
}

/// Returns the text of all Rust files below a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    text
}

#[test]
fn the_page_names_tests_that_exist() {
    let rows = rows();
    assert!(rows.len() > 60, "{}", rows.len());
    for test in rows.iter().flat_map(|(_, tests)| tests) {
        let (suite, name) = test.split_once("::").unwrap();
        let text = match suite {
            "core" | "transport" => sources(&root().join(format!("crates/convert-{suite}"))),
            suite => fs::read_to_string(root().join(format!("tests/tests/{suite}.rs"))).unwrap(),
        };
        assert!(text.contains(&format!("fn {name}(")), "there is no test {test}");
    }
}

#[test]
fn the_page_quotes_all_of_the_reference_data() {
    let beside = root().join("../shared/reference/initialization.txt");
    let data = std::env::var_os("CONVERT_SHARED_DATA").map(PathBuf::from);
    let named = data.map(|data| data.join("../reference/initialization.txt"));
    let path = named.unwrap_or(beside);
    let reference = fs::read_to_string(&path);
    let reference = reference.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let quotations: Vec<String> = rows().iter().map(|(quotation, _)| words(quotation)).collect();
    let page = words(&reference);
    for quotation in &quotations {
        assert!(page.contains(quotation), "the page does not say: {quotation}");
    }
    for line in reference.lines().map(words).filter(|line| is_prose(line)) {
        let quoted = |rest: String, quotation: &String| rest.replace(quotation, "");
        let rest = quotations.iter().fold(line.clone(), quoted);
        assert!(!rest.contains(char::is_alphabetic), "of `{line}` nobody quotes `{rest}`");
    }
}

/// Whether a line of the page states something: not code, not a heading, not a link.
fn is_prose(line: &str) -> bool {
    let begins = line.trim_start_matches("• ").starts_with(char::is_uppercase)
        || line.starts_with("• data")
        || line.starts_with("• sdk_key");
    begins && line.ends_with(['.', ':']) && !line.starts_with("See ")
}
