//! One experiment among a hundred flags, as each library wants to be told of it.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::super::workload::element;

/// The visitors: an id, and five attributes. Four of six are in one of the wanted countries.
pub(super) fn people() -> Vec<(String, Map<String, Value>)> {
    let mut random = Rng::with_seed(SEED);
    (0..VISITORS).map(|_| person(&mut random)).collect()
}

fn person(random: &mut Rng) -> (String, Map<String, Value>) {
    let hex = format!("{:032x}", random.u128(..));
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let id = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
    let mut pick = |texts: &[&'static str]| random.choice(texts).copied().unwrap_or_default();
    let attributes = json!({
        "country_code": pick(&["us", "de", "fr", "br", "jp", "gb"]),
        "plan": pick(&["free", "pro", "team"]),
        "page": pick(&["/checkout/payment", "/products/shoes", "/"]),
        "email": format!("{}@example.com", part(0, 8)),
        "age": 42,
    });
    let Value::Object(attributes) = attributes else { return (id, Map::new()) };
    (id, attributes)
}

/// Returns the line that starts a library in another process.
pub(super) fn start(config: &Value) -> Value {
    let visitors = people().into_iter();
    let visitors = visitors.map(|(id, attributes)| json!({"id": id, "attributes": attributes}));
    json!({
        "config": config, "environment": "production", "flag": FLAG,
        "visitors": visitors.collect::<Vec<_>>(),
    })
}

/// Convert's serving config.
pub(super) fn convert() -> Value {
    let audience = |flag: usize| {
        let rule = element("country_code", "isIn", &json!(COUNTRIES.join("|")));
        json!({
            "id": format!("5{flag:05}"), "key": format!("audience-{flag}"), "name": "Audience",
            "type": "transient", "rules": {"OR": [{"AND": [{"OR_WHEN": [rule]}]}]},
        })
    };
    let experience = |flag: usize| {
        let arms = ARMS.iter().enumerate().map(|(arm, key)| {
            json!({
                "id": format!("7{flag:05}{arm}"), "key": key, "name": key, "status": "running",
                "traffic_allocation": 25.0, "changes": [],
            })
        });
        json!({
            "id": format!("1{flag:08}"), "key": format!("flag-{flag}"), "name": "Flag",
            "type": "a/b_fullstack", "status": "active", "environment": "production", "version": 11,
            "locations": [], "site_area": null, "audiences": [format!("5{flag:05}")], "goals": [],
            "settings": {"matching_options": {"audiences": "any", "locations": "any"}},
            "variations": arms.collect::<Vec<_>>(),
        })
    };
    json!({
        "account_id": "10035569",
        "project": {"id": "10034190", "name": "Flags", "utc_offset": "0"},
        "audiences": (0..FLAGS).map(audience).collect::<Vec<_>>(),
        "experiences": (0..FLAGS).map(experience).collect::<Vec<_>>(),
    })
}

/// Eppo's universal flag config.
pub(super) fn eppo() -> Value {
    let split = |flag: usize, arm: usize, key: &str| {
        let range = json!({"start": 2_500 * arm, "end": 2_500 * (arm + 1)});
        let shard = json!({"salt": format!("flag-{flag}-split"), "ranges": [range]});
        json!({"variationKey": key, "shards": [shard], "extraLogging": {}})
    };
    let flag = |flag: usize| {
        let key = format!("flag-{flag}");
        let variations: Map<String, Value> =
            ARMS.iter().map(|arm| ((*arm).to_owned(), json!({"key": arm, "value": arm}))).collect();
        let rule = json!({"conditions": [
            {"attribute": "country_code", "operator": "ONE_OF", "value": COUNTRIES}]});
        let splits = ARMS.iter().enumerate().map(|(arm, key)| split(flag, arm, key));
        let allocation = json!({
            "key": "experiment", "rules": [rule], "splits": splits.collect::<Vec<_>>(),
            "doLog": false,
        });
        let value = json!({
            "key": key, "enabled": true, "variationType": "STRING", "variations": variations,
            "allocations": [allocation], "totalShards": 10_000,
        });
        (key, value)
    };
    json!({
        "createdAt": "2024-01-01T00:00:00.000Z", "format": "SERVER",
        "environment": {"name": "production"},
        "flags": (0..FLAGS).map(flag).collect::<Map<_, _>>(),
    })
}

/// Unleash's client features.
pub(super) fn yggdrasil() -> Value {
    let feature = |flag: usize| {
        let name = format!("flag-{flag}");
        let arms =
            ARMS.iter().map(|arm| json!({"name": arm, "weight": 250, "stickiness": "userId"}));
        let strategy = json!({
            "name": "flexibleRollout",
            "constraints": [{"contextName": "country_code", "operator": "IN", "values": COUNTRIES}],
            "parameters": {"rollout": "100", "stickiness": "userId", "groupId": name},
            "variants": arms.collect::<Vec<_>>(),
        });
        json!({"name": name, "enabled": true, "strategies": [strategy]})
    };
    json!({"version": 2, "features": (0..FLAGS).map(feature).collect::<Vec<_>>()})
}

/// The experiment that is decided.
pub(super) const FLAG: &str = "flag-42";
const FLAGS: usize = 100;
const VISITORS: usize = 1_000;
const ARMS: [&str; 4] = ["control", "small", "medium", "large"];
const COUNTRIES: [&str; 4] = ["us", "de", "fr", "gb"];
const SEED: u64 = 0x00c0_ffee;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_visitors_are_in_a_wanted_country() {
        let wanted = people().into_iter().filter(|(_, attributes)| {
            COUNTRIES.contains(&attributes["country_code"].as_str().unwrap())
        });
        assert!((600..740).contains(&wanted.count()));
    }

    #[test]
    fn every_library_is_told_of_the_same_flags() {
        assert_eq!(convert()["experiences"].as_array().unwrap().len(), FLAGS);
        assert_eq!(eppo()["flags"].as_object().unwrap().len(), FLAGS);
        assert_eq!(yggdrasil()["features"].as_array().unwrap().len(), FLAGS);
        assert!(eppo()["flags"].get(FLAG).is_some());
    }
}
