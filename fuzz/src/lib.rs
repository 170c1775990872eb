//! What the fuzz targets do with their input, and what must hold of the outcome.
//!
//! Every function here takes the fuzzer's bytes and panics if an invariant does not hold. Nothing
//! may panic, loop or recurse without a bound on the way.

#![forbid(unsafe_code)]

mod document;
mod invariants;
mod patterns;
mod project;
mod request_line;
mod rules;

use arbitrary::Unstructured;
use convert_config::work::counted;
use convert_sdk::{InvalidConfigError, ProjectConfig, repair_json};

pub use patterns::regex;
pub use request_line::request_line;
pub use rules::rules;

/// Loads the bytes as a config and decides from it.
pub fn load_config(input: &[u8]) {
    let loaded = load(input);
    match &loaded {
        Ok(config) => {
            invariants::check_config(config);
            invariants::check_decisions(config, &mut Unstructured::new(input));
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.reason().is_empty()),
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let repaired = repair_json(text);
    assert_eq!(repair_json(&repaired), repaired, "repairing is done at once");
    let again = ProjectConfig::from_json(&*repaired);
    match (loaded, again) {
        (Ok(loaded), Ok(again)) => {
            assert_eq!(loaded.entity_counts(), again.entity_counts());
        }
        (Err(loaded), Err(again)) => assert_eq!(loaded, again),
        (loaded, again) => panic!("{loaded:?} became {again:?} once repaired"),
    }
}

/// Loads a config, which may take only so much work for each of its bytes.
fn load(json: &[u8]) -> Result<ProjectConfig, InvalidConfigError> {
    let before = counted();
    let loaded = ProjectConfig::from_json(json);
    let steps = counted() - before;
    let most = FIXED_STEPS + STEPS_A_BYTE * json.len() as u64;
    assert!(steps <= most, "{steps} steps for {} bytes", json.len());
    loaded
}

/// How much work loading may be for each byte; the largest number seen is about a fifth of it.
const STEPS_A_BYTE: u64 = 100;
/// How much work loading may be whatever the size.
const FIXED_STEPS: u64 = 10_000;

/// Makes a nearly valid config of the bytes, loads it and decides from it.
pub fn project(input: &[u8]) {
    let mut choices = Unstructured::new(input);
    let Ok(document) = project::project(&mut choices) else { return };
    let text = document.to_string();
    let config = match load(text.as_bytes()) {
        Ok(config) => config,
        Err(error) => {
            assert!(error.path().len() < 64, "only the root is strict: {error}");
            return;
        }
    };
    invariants::check_config(&config);
    invariants::check_decisions(&config, &mut choices);
    // Members came in the order of their names, so reading them as a tree loses nothing.
    let read: ProjectConfig = serde_json::from_value(document).expect("what loads can be read");
    assert_eq!(read.diagnostics(), config.diagnostics());
}
