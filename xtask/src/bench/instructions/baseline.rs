//! The stored counts, and what has become worse.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::environment::Environment;
use crate::workspace;

/// The instructions of every figure, and where they were counted.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    pub(super) environment: Environment,
    pub(super) counts: Vec<Count>,
}

/// The instructions of one operation of a figure.
#[derive(Debug, Clone)]
pub(super) struct Count {
    name: String,
    own: f64,
    system: f64,
    /// The functions that take most, each without what it calls.
    functions: BTreeMap<String, f64>,
}

impl Count {
    pub(super) fn new(name: &str, functions: BTreeMap<String, f64>, system: f64) -> Self {
        let own = functions.values().sum();
        Count { name: name.to_owned(), own, system, functions }
    }

    /// Returns the count without the functions that hardly matter.
    fn shortened(&self) -> Self {
        let mut functions: Vec<_> = self.functions.iter().collect();
        functions.sort_by(|one, other| other.1.total_cmp(one.1));
        let most = functions.into_iter().take(KEPT).filter(|(_, cost)| **cost * 200.0 > self.own);
        let functions = most.map(|(name, cost)| (name.clone(), *cost)).collect();
        Count { functions, ..self.clone() }
    }

    fn total(&self, with_system: bool) -> f64 {
        if with_system { self.own + self.system } else { self.own }
    }

    /// Names the functions that take most more than they did.
    fn growth(&self, stored: &Count) -> String {
        let before = |name: &String| stored.functions.get(name).copied().unwrap_or_default();
        let mut grown: Vec<(f64, &String)> =
            self.functions.iter().map(|(name, now)| (now - before(name), name)).collect();
        let library = "the C library".to_owned();
        grown.push((self.system - stored.system, &library));
        grown.retain(|(by, _)| *by > 0.0);
        grown.sort_by(|one, other| other.0.total_cmp(&one.0));
        let lines = grown.iter().take(5).map(|(by, name)| format!("\n    {by:+.1} {name}"));
        lines.collect()
    }
}

impl Baseline {
    /// Reads the stored counts; there are none before the first are written.
    pub(super) fn read() -> Result<Self, String> {
        let Ok(text) = fs::read_to_string(path()) else { return Ok(Baseline::default()) };
        let value: Value =
            serde_json::from_str(&text).map_err(|error| format!("{FILE}: {error}"))?;
        let none = Map::new();
        let figures = value.get("figures").and_then(Value::as_object).unwrap_or(&none);
        let number = |value: Option<&Value>| value.and_then(Value::as_f64).unwrap_or_default();
        let count = |(name, value): (&String, &Value)| {
            let functions = value.get("functions").and_then(Value::as_object).unwrap_or(&none);
            let functions = functions.iter();
            Count {
                name: name.clone(),
                own: number(value.get("own")),
                system: number(value.get("system")),
                functions: functions.map(|(name, it)| (name.clone(), number(Some(it)))).collect(),
            }
        };
        let counts = figures.iter().map(count).collect();
        let environment = value.get("environment").map(Environment::from_json);
        Ok(Baseline { environment: environment.unwrap_or_default(), counts })
    }

    /// Stores the counts in place of those that are stored.
    pub(super) fn write(&self) -> Result<(), String> {
        let figures: Map<String, Value> = self
            .counts
            .iter()
            .map(|count| (count.name.clone(), entry(&count.shortened())))
            .collect();
        let value = json!({"environment": self.environment.json(), "figures": figures});
        let text = serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?;
        fs::write(path(), text + "\n").map_err(|error| format!("{FILE}: {error}"))?;
        println!("{} counts written to {FILE}", self.counts.len());
        Ok(())
    }

    pub(super) fn print_json(&self) {
        for count in &self.counts {
            let (name, [own, system]) = (&count.name, [count.own, count.system].map(round));
            let line = json!({"name": name, "instructions": own, "system_instructions": system});
            println!("{line}");
        }
    }

    pub(super) fn print_table(&self, stored: &Baseline) {
        println!("{:<32}{:>14}{:>14}{:>14}", "figure", "instructions", "C library", "change");
        let with_system = stored.environment.has_same_library(&self.environment);
        for count in &self.counts {
            let change = stored.named(&count.name).map(|stored| {
                let change = count.total(with_system) / stored.total(with_system) - 1.0;
                format!("{:+.1} %", 100.0 * change)
            });
            let change = change.unwrap_or_else(|| "new".to_owned());
            println!("{:<32}{:>14.1}{:>14.1}{change:>14}", count.name, count.own, count.system);
        }
    }

    /// Fails where a figure takes more than it may.
    pub(super) fn compare(&self, stored: &Baseline) -> Result<(), String> {
        let with_system = stored.environment.has_same_library(&self.environment);
        if !with_system {
            println!("what the C library does is not compared: it is another version");
        }
        let mut worse = Vec::new();
        for count in &self.counts {
            let Some(stored) = stored.named(&count.name) else {
                worse.push(format!("{} is not stored", count.name));
                continue;
            };
            let change = count.total(with_system) / stored.total(with_system) - 1.0;
            if change > TOLERATED {
                let growth = count.growth(stored);
                worse.push(format!("{} by {:.1} %{growth}", count.name, 100.0 * change));
            } else if change < -TOLERATED {
                println!("{} has become better: store it with --instructions --store", count.name);
            }
        }
        if worse.is_empty() {
            return Ok(());
        }
        Err(format!(
            "more instructions than are stored in {FILE}:\n  {}\nIf that is how it must be, store them \
             with `cargo xtask bench --instructions --store`.",
            worse.join("\n  ")
        ))
    }

    fn named(&self, name: &str) -> Option<&Count> {
        self.counts.iter().find(|count| count.name == name)
    }
}

fn entry(count: &Count) -> Value {
    let functions: BTreeMap<&String, f64> =
        count.functions.iter().map(|(name, cost)| (name, round(*cost))).collect();
    json!({"own": round(count.own), "system": round(count.system), "functions": functions})
}

fn path() -> PathBuf {
    workspace::root().join(FILE)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

const FILE: &str = "xtask/instructions.json";
/// How many functions of a figure are stored.
const KEPT: usize = 10;
/// Compilers place code a little differently when something far away changes.
const TOLERATED: f64 = 0.03;

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(cost: f64) -> Baseline {
        let functions =
            BTreeMap::from([("a::same".to_owned(), 50.0), ("a::grown".to_owned(), cost)]);
        let environment = Environment::default();
        Baseline { environment, counts: vec![Count::new("figure", functions, 7.0)] }
    }

    #[test]
    fn what_has_grown_is_named_with_its_function() {
        let message = baseline(54.0).compare(&baseline(50.0)).unwrap_err();
        assert!(message.contains("figure by 4.0 %\n    +4.0 a::grown"), "{message}");
        assert!(!message.contains("a::same"), "{message}");
    }

    #[test]
    fn a_little_more_or_less_is_fine() {
        assert!(baseline(52.0).compare(&baseline(50.0)).is_ok());
        assert!(baseline(20.0).compare(&baseline(50.0)).is_ok());
    }

    #[test]
    fn a_figure_that_is_not_stored_fails() {
        let message = baseline(99.0).compare(&Baseline::default()).unwrap_err();
        assert!(message.contains("figure is not stored"), "{message}");
    }

    #[test]
    fn functions_that_hardly_matter_are_not_stored() {
        let functions = (0..30).map(|number| (format!("f{number}"), f64::from(number * number)));
        let count = Count::new("figure", functions.collect(), 0.0).shortened();
        assert_eq!(count.functions.len(), KEPT);
        assert!(count.functions.contains_key("f29") && !count.functions.contains_key("f0"));
    }
}
