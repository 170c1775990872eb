//! What visitors and configs take up; found out by the program that counts allocations.

use convert_sdk::ProjectConfig;
use serde_json::{Value, json};

use super::super::allocations::{ask, held};
use super::super::measure::count;
use super::super::options::Options;
use super::super::workload;
use super::curve::{Curve, Growth};
use super::{configs, visitors};

/// The bytes for each visitor with few and with more assignments.
pub(super) fn of_visitors(_: &Options) -> Result<Vec<Curve>, String> {
    curves("visitors", &[ONE, TEN])
}

/// The bytes for each byte of a config's text.
pub(super) fn of_configs(_: &Options) -> Result<Vec<Curve>, String> {
    curves("configs", &[CONFIG])
}

fn curves(what: &str, names: &[&'static str]) -> Result<Vec<Curve>, String> {
    let lines = ask(&["--memory".to_owned(), "--only".to_owned(), what.to_owned()])?;
    let points = |name: &str| {
        let mine = lines.iter().filter(|line| line.get("name").is_some_and(|it| it == name));
        let number = |line: &Value, member: &str| line.get(member).and_then(Value::as_f64);
        mine.filter_map(|line| Some((number(line, "x")?, number(line, "value")?))).collect()
    };
    let curve = |name: &&'static str| Curve { name, growth: Growth::Level, points: points(name) };
    Ok(names.iter().map(curve).collect())
}

/// Counts, and prints a JSON object a point.
pub(in super::super) fn print(options: &Options) -> Result<(), String> {
    if options.wants("visitors") {
        for &size in VISITORS {
            for (name, experiences) in [(ONE, 1), (TEN, 10)] {
                let core = visitors::core(size)?;
                let bytes = held(|| visitors::remember(&core, size, experiences));
                print_point(name, count(size), bytes.map(|bytes| bytes / count(size)));
            }
        }
    }
    if options.wants("configs") {
        for &size in configs::SIZES {
            let json = workload::written_project(size);
            let bytes = held(|| ProjectConfig::from_json(&json));
            print_point(CONFIG, count(size), bytes.map(|bytes| bytes / count(json.len())));
        }
    }
    Ok(())
}

fn print_point(name: &str, x: f64, value: Option<f64>) {
    println!("{}", json!({"name": name, "x": x, "value": value}));
}

const ONE: &str = "one assignment";
const TEN: &str = "ten assignments";
const CONFIG: &str = "ProjectConfig";
const VISITORS: &[usize] = &[1_000, 10_000, 100_000];
