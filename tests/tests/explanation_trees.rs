//! Whole explanations, word by word: people read them, and programs read their JSON.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use convert_sdk::{
    Answer, AttributeProvider, Attributes, Context, Core, Preview, Reason, RunOptions, SdkConfig,
    VisitorRecord, attributes,
};

/// A shop whose experiences show everything that an explanation can tell.
const SHOP: &str = r#"{
    "account_id": "1", "project": {"id": "2"},
    "locations": [
        {"id": "51", "key": "cart", "rules": {"OR": [{"AND": [{"OR_WHEN": [
            {"rule_type": "generic_text_key_value", "key": "path", "value": "/cart",
             "matching": {"match_type": "startsWith", "negated": false}}]}]}]}},
        {"id": "52", "key": "nowhere"}],
    "audiences": [
        {"id": "61", "key": "newcomers", "type": "permanent", "rules": {"OR": [{"AND": [{"OR_WHEN": [
            {"rule_type": "generic_text_key_value", "key": "visits", "value": 2,
             "matching": {"match_type": "less", "negated": false}}]}]}]}},
        {"id": "62", "key": "buyers", "rules": {"OR": [{"AND": [
            {"OR_WHEN": [
                {"rule_type": "generic_text_key_value", "key": "plan", "value": "free",
                 "matching": {"match_type": "equals", "negated": true}}]},
            {"OR_WHEN": [
                {"rule_type": "generic_text_key_value", "key": "coupon", "value": "x",
                 "matching": {"match_type": "contains", "negated": false}},
                {"rule_type": "generic_text_key_value", "key": "age", "value": "18",
                 "matching": {"match_type": "lessEqual", "negated": true}}]}]}]}},
        {"id": "63", "key": "apart", "rules": {"OR": [{"AND": [{"OR_WHEN": [
            {"rule_type": "bucketed_into_experience_key", "value": "plain",
             "matching": {"match_type": "equals", "negated": true}}]}]}]}},
        {"id": "64", "key": "rainy", "rules": {"OR": [{"AND": [{"OR_WHEN": [
            {"rule_type": "weather_condition", "value": "rain",
             "matching": {"match_type": "equals", "negated": false}}]}]}]}}],
    "segments": [{"id": "71", "key": "vip"}, {"id": "72", "key": "staff"}],
    "goals": [{"id": "81", "key": "bought"}],
    "features": [{"id": "91", "key": "banner"}, {"id": "92", "key": "idle"}],
    "experiences": [
        {"id": "11", "key": "checkout", "environment": "live", "version": 12,
         "locations": ["51", "52", "59"], "audiences": ["61", "62", "63", "71", "72", "69"],
         "settings": {"matching_options": {"audiences": "all"}},
         "variations": [
            {"id": "111", "key": "one-page", "traffic_allocation": 50},
            {"id": "112", "key": "wizard", "status": "stopped", "traffic_allocation": 25},
            {"id": "113", "key": "classic", "traffic_allocation": 25}]},
        {"id": "12", "key": "plain", "variations": [
            {"id": "121", "key": "a", "traffic_allocation": 30},
            {"id": "122", "key": "b", "traffic_allocation": 70}]},
        {"id": "13", "key": "rain", "audiences": ["64"], "variations": [{"id": "131", "changes": [
            {"type": "fullStackFeature", "data": {"feature_id": "91"}}]}]},
        {"id": "14", "key": "off", "variations": [
            {"id": "141", "key": "without"},
            {"id": "142", "key": "with", "traffic_allocation": 0, "changes": [
                {"type": "fullStackFeature", "data": {"feature_id": "91"}}]}]},
        {"id": "15", "key": "only-newcomers", "audiences": ["61"], "variations": [{"id": "151"}]}]}"#;

struct NoWeather;

impl AttributeProvider for NoWeather {
    fn answer(&self, rule_type: &str, _key: Option<&str>, _visitor_id: &str) -> Answer {
        if rule_type == "weather_condition" { Answer::NeedMoreData } else { Answer::Unknown }
    }
}

fn core(provider: Option<NoWeather>) -> Core {
    let config = SdkConfig::from_json(SHOP).unwrap().environment("live");
    Core::initialize(match provider {
        Some(provider) => config.attribute_provider(provider),
        None => config,
    })
    .unwrap()
}

/// A visitor with a record in hand, at the cart.
fn visitor(record: &str, attributes: Attributes) -> Context {
    let record: VisitorRecord = serde_json::from_str(record).unwrap();
    core(None)
        .create_context("visitor-1")
        .with_record(record)
        .with_attributes(attributes)
        .with_location(attributes! { "path" => "/cart/2" })
}

fn buyer() -> Attributes {
    attributes! { "visits" => 1, "plan" => "Pro", "age" => 42, "coupon" => convert_sdk::Value::Null }
}

fn reason(explanation: &convert_sdk::Explanation) -> &'static str {
    explanation.reason().code()
}

/// A new visitor is hashed; the forced variation is none of the experience's.
#[test]
fn a_tree_shows_every_gate_rule_and_the_bucket() {
    let visitor = visitor(r#"{"segments": {"customSegments": ["72", "8"]}}"#, buyer());
    let options = RunOptions::new().force_variation("999");
    let expected = r#"experience checkout for visitor 7fce38c63fcf1dbb: resolved -> one-page (bucketed)
  not archived: passed
  visitor id: passed
  environment: passed (experience "live", given "live")
  locations: matched (match "any", unresolved ["59"])
    location cart: matched
      all of: matched
        any of: matched
          rule path startsWith "/cart": matched (saw "/cart/2")
    location nowhere: not matched (why "no rules")
  audiences: matched (match "all", unresolved ["69"])
    audience newcomers: matched
      all of: matched
        any of: matched
          rule visits less 2: matched (saw 1)
    audience buyers: matched
      all of: matched
        any of: matched
          rule plan not equals "free": matched (saw "Pro")
        any of: matched
          rule coupon contains "x": not matched (saw null)
          rule age not lessEqual "18": matched (saw 42)
    audience apart: matched
      bucketed into plain: matched (negated true, assigned false)
  segments: passed (wanted ["71","72"], held ["72","8"])
  variations: passed
  forced variation 999: no such id (effect "ignored")
  bucketing: chosen (hash 2013113075, bucket 4687, layout "anchored", ranges ["one-page [0, 5000)","wizard [5000, 5000)","classic [7500, 10000)"], arm "one-page")
"#;
    assert_eq!(visitor.explain_experience_with("checkout", &options).to_string(), expected);
}

/// The visitor is in the experience already, which skips the first audience.
#[test]
fn a_tree_shows_skipped_audiences_and_the_stored_variation() {
    let record = r#"{"bucketing": {"11": "113", "12": "121"},
        "segments": {"customSegments": ["72", "8"]}}"#;
    let visitor = visitor(record, attributes! { "plan" => "nothing", "age" => "young" });
    let tree = |force| {
        let options = RunOptions::new().ignore_location(true).force_variation(force);
        visitor.explain_experience_with("checkout", &options).to_string()
    };
    let expected = r#"experience checkout for visitor 7fce38c63fcf1dbb: audience_mismatch
  not archived: passed
  visitor id: passed
  environment: passed (experience "live", given "live")
  locations: skipped (why "ignore_location")
  audiences: not matched (match "all", unresolved ["69"])
    audience newcomers: skipped (why "permanent, and the visitor is in the experience already")
    audience buyers: not matched
      all of: not matched
        any of: matched
          rule plan not equals "free": matched (saw "nothing")
        any of: not matched
          rule coupon contains "x": not matched (saw nothing)
          rule age not lessEqual "18": not matched (saw "young", why "types differ")
"#;
    assert_eq!(tree("111"), expected);
    let visitor = core(None)
        .create_context("visitor-1")
        .with_record(serde_json::from_str(r#"{"bucketing": {"15": "151", "12": "129"}}"#).unwrap());
    let expected = r#"experience only-newcomers for visitor 7fce38c63fcf1dbb: resolved -> 151 (sticky)
  not archived: passed
  visitor id: passed
  environment: not restricted
  locations: not restricted
  audiences: nothing to check (match "any")
    audience newcomers: skipped (why "permanent, and the visitor is in the experience already")
  segments: not restricted
  variations: passed
  stored variation 151: chosen
"#;
    assert_eq!(visitor.explain_experience("only-newcomers").to_string(), expected);
    let expected = r#"experience plain for visitor 7fce38c63fcf1dbb: resolved -> b (bucketed)
  not archived: passed
  visitor id: passed
  environment: not restricted
  locations: not restricted
  audiences: nothing to check (match "any")
  segments: not restricted
  variations: passed
  bucketing: chosen (hash 2007736441, bucket 4674, layout "packed", ranges ["a [0, 3000)","b [3000, 10000)"], arm "b", gone "129")
"#;
    assert_eq!(visitor.explain_experience("plain").to_string(), expected);
}

#[test]
fn json_has_what_the_tree_has_and_each_rule_in_parts() {
    let visitor = visitor(r#"{"segments": {"customSegments": [8]}}"#, buyer());
    let options = RunOptions::new().ignore_location(true).environment("live");
    let found = visitor.explain_experience_with("checkout", &options);
    let expected = r#"{
        "subject":"experience","key":"checkout","visitor":"7fce38c63fcf1dbb",
        "reason":"segment_mismatch","outcome":null,"steps":[
        {"step":"not archived","outcome":"passed"},
        {"step":"visitor id","outcome":"passed"},
        {"step":"environment","experience":"live","given":"live","outcome":"passed"},
        {"step":"locations","why":"ignore_location","outcome":"skipped"},
        {"step":"audiences","match":"all","unresolved":["69"],"outcome":"matched","steps":[
            {"step":"audience","subject":"newcomers","outcome":"matched","steps":[
                {"step":"all of","outcome":"matched","steps":[
                    {"step":"any of","outcome":"matched","steps":[
                        {"step":"rule","subject":"visits less 2",
                        "rule_type":"generic_text_key_value","attribute":"visits",
                        "operator":"less","negated":false,"operand":2,
                        "saw":1,"outcome":"matched"}]}]}]},
            {"step":"audience","subject":"buyers","outcome":"matched","steps":[
                {"step":"all of","outcome":"matched","steps":[
                    {"step":"any of","outcome":"matched","steps":[
                        {"step":"rule","subject":"plan not equals \"free\"",
                        "rule_type":"generic_text_key_value","attribute":"plan",
                        "operator":"equals","negated":true,"operand":"free",
                        "saw":"Pro","outcome":"matched"}]},
                    {"step":"any of","outcome":"matched","steps":[
                        {"step":"rule","subject":"coupon contains \"x\"",
                        "rule_type":"generic_text_key_value","attribute":"coupon",
                        "operator":"contains","negated":false,"operand":"x",
                        "saw":null,"outcome":"not matched"},
                        {"step":"rule","subject":"age not lessEqual \"18\"",
                        "rule_type":"generic_text_key_value","attribute":"age",
                        "operator":"lessEqual","negated":true,"operand":"18",
                        "saw":42,"outcome":"matched"}]}]}]},
            {"step":"audience","subject":"apart","outcome":"matched","steps":[
                {"step":"bucketed into","subject":"plain","negated":true,"assigned":false,
                "outcome":"matched"}]}]},
        {"step":"segments","wanted":["71","72"],"held":["8"],"outcome":"failed"}]}"#;
    let expected: String = expected.lines().map(str::trim).collect();
    assert_eq!(serde_json::to_string(&found).unwrap(), expected);

    let found = serde_json::to_value(visitor.explain_experience("plain")).unwrap();
    let expected = serde_json::json!({"experience_id": "12", "experience_key": "plain",
        "variation_id": "122", "variation_key": "b", "source": "bucketed", "bucket_value": 4674});
    assert_eq!(found["outcome"], expected);
    let expected = serde_json::json!({"step": "bucketing", "hash": 2_007_736_441, "bucket": 4674,
        "layout": "packed", "ranges": ["a [0, 3000)", "b [3000, 10000)"], "arm": "b",
        "outcome": "chosen"});
    assert_eq!(found["steps"].as_array().unwrap().last(), Some(&expected));
}

#[test]
fn an_attribute_that_is_missing_is_not_confused_with_any_value() {
    let rule = |attributes: Attributes| {
        let visitor = visitor("{}", attributes.clone());
        let explanation = visitor.explain_experience("only-newcomers");
        let tree = explanation.to_string();
        let line = tree.lines().find(|line| line.contains("rule visits")).unwrap();
        let json = serde_json::to_value(&explanation).unwrap();
        let rule = json.pointer("/steps/4/steps/0/steps/0/steps/0/steps/0").unwrap();
        let saw = (rule.get("saw").cloned(), rule.get("absent").cloned());
        (line.trim().to_owned(), saw)
    };
    let prefix = "rule visits less 2: not matched (saw";
    let (line, saw) = rule(attributes! {});
    assert_eq!(line, format!("{prefix} nothing)"));
    assert_eq!(saw, (None, Some(serde_json::json!(["saw"]))));
    for text in ["nothing", "nothing of that name"] {
        let (line, saw) = rule(attributes! { "visits" => text });
        assert_eq!(line, format!("{prefix} \"{text}\", why \"types differ\")"));
        assert_eq!(saw, (Some(text.into()), None));
    }
    let (line, saw) = rule(attributes! { "visits" => convert_sdk::Value::Null });
    assert!(line.starts_with(&format!("{prefix} null")), "{line}");
    assert_eq!(saw, (Some(serde_json::Value::Null), None));
}

#[test]
fn a_forced_variation_is_shown_beside_the_stored_one() {
    let visitor = visitor(r#"{"bucketing": {"12": "121"}}"#, attributes! {});
    let last = |force| {
        let options = RunOptions::new().force_variation(force);
        let tree = visitor.explain_experience_with("plain", &options).to_string();
        tree.lines().last().map(|line| line.trim().to_owned()).unwrap()
    };
    assert_eq!(last("122"), r#"forced variation b: chosen (stored "a")"#);
    assert_eq!(last("121"), "stored variation a: chosen (forced true)");
}

#[test]
fn an_environment_that_is_no_text_is_said_to_be_the_reason() {
    let config = r#"{"account_id": "1", "project": {"id": "2"},
        "experiences": [{"id": "3", "key": "odd", "environment": ["live"], "variations": [{"id": 4}]}]}"#;
    let core = Core::initialize(SdkConfig::from_json(config).unwrap()).unwrap();
    let visitor = core.create_context("v");
    let options = RunOptions::new().environment("live");
    let tree = visitor.explain_experience_with("odd", &options).to_string();
    let expected = concat!(
        "environment: failed (experience nothing, given \"live\", ",
        "why \"the experience's limit is not text\")"
    );
    assert!(tree.contains(expected), "{tree}");
}

#[test]
fn a_feature_keeps_what_the_provider_left_open() {
    let visitor = core(Some(NoWeather)).create_context("v");
    let found = visitor.explain_feature("banner");
    assert_eq!((reason(&found), found.outcome()), ("need_more_data", None));
    let tree = found.to_string();
    assert!(tree.contains("  experience rain: need_more_data\n"), "{tree}");
    assert!(tree.contains("  experience off: does not turn it on\n"), "{tree}");
    let forced = RunOptions::new().force_variation("142");
    let found = visitor.explain_feature_with("banner", &forced);
    assert_eq!(reason(&found), "resolved", "another experience turns it on");
    assert!(found.to_string().contains("  experience off: turns it on\n"));
    assert_eq!(reason(&visitor.explain_feature("idle")), "feature_not_in_selected_variations");
}

#[test]
fn an_empty_visitor_id_is_the_reason_everywhere() {
    let mut visitor = core(Some(NoWeather)).create_context("");
    let explained = |visitor: &Context| {
        [
            visitor.explain_experience("off"),
            visitor.explain_feature("banner"),
            visitor.explain_feature("idle"),
            visitor.explain_goal("bought"),
        ]
    };
    let check = |visitor: &Context| {
        for found in explained(visitor) {
            assert_eq!(reason(&found), Reason::EmptyVisitorId.code(), "{found}");
            assert!(found.to_string().contains("\n  visitor id: failed\n"), "{found}");
        }
        assert!(visitor.run_feature("banner").is_none());
    };
    check(&visitor);
    visitor.set_preview(Preview::new("14", "142")).unwrap();
    check(&visitor);

    let mut visitor = core(None).create_context("v");
    visitor.set_preview(Preview::new("14", "142")).unwrap();
    let preview = "experience off for visitor 4c94485e0c21ae6c: resolved -> with (preview)
  visitor id: passed
  preview with: chosen
";
    assert_eq!(visitor.explain_experience("off").to_string(), preview);
    let goal = "goal bought for visitor 4c94485e0c21ae6c: rule_mismatch
  visitor id: passed
  goal rules bought: none (why \"no rules\")
";
    assert_eq!(visitor.explain_goal("bought").to_string(), goal);
}

#[test]
fn a_key_does_not_begin_lines_of_its_own() {
    let tree = core(None).create_context("v").explain_experience("a\n  b: passed").to_string();
    assert_eq!(tree.lines().count(), 1, "{tree}");
    assert!(tree.starts_with(r"experience a\n  b: passed for visitor"), "{tree}");
}
