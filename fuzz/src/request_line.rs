//! The command line's requests, read and answered by its own code.

use std::sync::OnceLock;

use convert_sdk::{Core, SdkConfig, VisitorRecord};
use serde_json::Value;

/// Answers one line.
pub fn request_line(input: &[u8]) {
    let Ok(line) = std::str::from_utf8(input) else { return };
    let first = answer_to(line);
    assert_eq!(first, answer_to(line), "no line influences another");
    let text = std::str::from_utf8(&first).expect("answers are text");
    assert_eq!(text.matches('\n').count(), 1, "one line, one answer");
    let answer: Value = serde_json::from_str(text).expect("answers are JSON");
    if answer.get("error").is_some() {
        return;
    }
    let config = core().current_config();
    assert!(answer["visitor_id"].is_string());
    for decided in answer["experiences"].as_array().expect("there is a list") {
        let id = decided["experience_id"].as_str().expect("experiences have ids");
        let experience = config.experiences().by_id(id).expect("it is one of the config's");
        let variation = decided["variation_id"].as_str().expect("variations have ids");
        assert!(experience.variation_by_id(variation).is_some());
    }
    for enabled in answer["features"].as_array().expect("there is a list") {
        let id = enabled["feature_id"].as_str().expect("features have ids");
        assert!(config.features().by_id(id).is_some());
        assert!(enabled["variables"].is_object());
    }
}

fn answer_to(line: &str) -> Vec<u8> {
    let (answer, record) = convert_cli::answer_line(core(), line);
    if let Some(record) = record {
        let json = serde_json::to_string(&record).expect("records are JSON");
        let read: VisitorRecord = serde_json::from_str(&json).expect("records can be read");
        assert_eq!(serde_json::to_string(&read).expect("records are JSON"), json);
    }
    answer
}

fn core() -> &'static Core {
    static CORE: OnceLock<Core> = OnceLock::new();
    CORE.get_or_init(|| {
        let config = SdkConfig::from_json(include_str!("../seeds/load_config/every_feature.json"));
        Core::initialize(config.expect("the seed is a config")).expect("it makes a core")
    })
}
