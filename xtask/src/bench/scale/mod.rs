//! `cargo xtask bench --scale`: what grows with what.

mod conditions;
mod configs;
mod curve;
mod experiences;
mod memory;
mod rules;
mod threads;
mod visitors;

use serde_json::json;

use self::curve::Curve;
pub(super) use self::memory::print as print_memory;
use super::options::Options;
use super::plot::{LinePlot, Series, readable, save};

/// Curves over one quantity.
struct Sweep {
    /// What its plot and its JSON lines are called.
    name: &'static str,
    title: &'static str,
    x_label: &'static str,
    y_label: &'static str,
    curves: fn(&Options) -> Result<Vec<Curve>, String>,
}

/// Measures every sweep, prints tables or JSON lines, and draws the plots.
pub(super) fn run(options: &Options) -> Result<(), String> {
    check(&options.only)?;
    for sweep in SWEEPS.iter().filter(|sweep| options.wants(sweep.name)) {
        let curves = (sweep.curves)(options)?;
        if options.json {
            sweep.print_json(&curves);
        } else {
            sweep.print_table(&curves);
        }
        // A quick run is too rough to be shown.
        if !options.quick {
            sweep.draw(&curves)?;
        }
    }
    Ok(())
}

/// Refuses names that no sweep has.
fn check(only: &[String]) -> Result<(), String> {
    let unknown = only.iter().find(|name| SWEEPS.iter().all(|sweep| sweep.name != **name));
    unknown.map_or(Ok(()), |name| {
        let names: Vec<&str> = SWEEPS.iter().map(|sweep| sweep.name).collect();
        Err(format!("bench: nothing is scaled by `{name}`, but by {}", names.join(", ")))
    })
}

impl Sweep {
    fn print_json(&self, curves: &[Curve]) {
        for curve in curves {
            for (x, y) in &curve.points {
                let (name, unit) = (format!("scale_{}", self.name), self.y_label);
                let line =
                    json!({"name": name, "curve": curve.name, "x": x, "value": y, "unit": unit});
                println!("{line}");
            }
        }
    }

    fn print_table(&self, curves: &[Curve]) {
        println!("\n{}: {} over {}", self.title, self.y_label, self.x_label);
        let cells = |points: &[f64]| {
            let cells: Vec<_> = points.iter().map(|it| format!("{:>12}", readable(*it))).collect();
            cells.concat()
        };
        if let Some(curve) = curves.first() {
            let xs: Vec<f64> = curve.points.iter().map(|point| point.0).collect();
            println!("{:<36}{}", "", cells(&xs));
        }
        for curve in curves {
            let ys: Vec<f64> = curve.points.iter().map(|point| point.1).collect();
            println!("{:<36}{}  {}", curve.name, cells(&ys), curve.verdict());
        }
    }

    fn draw(&self, curves: &[Curve]) -> Result<(), String> {
        let series = curves
            .iter()
            .map(|curve| Series { name: curve.name.to_owned(), points: curve.points.clone() });
        let plot = LinePlot {
            title: self.title.to_owned(),
            x_label: self.x_label.to_owned(),
            y_label: self.y_label.to_owned(),
            series: series.collect(),
        };
        save(&format!("scale-{}.svg", self.name), &plot.draw())
    }
}

const SWEEPS: &[Sweep] = &[
    Sweep {
        name: "experiences",
        title: "A decision in projects of different sizes",
        x_label: "experiences in the project",
        y_label: "ns a decision",
        curves: experiences::curves,
    },
    Sweep {
        name: "rules",
        title: "A decision with audiences of different sizes",
        x_label: "rules in the audience, or options of its one rule",
        y_label: "ns a decision",
        curves: rules::over_rules,
    },
    Sweep {
        name: "conditions",
        title: "Projects with more and fewer conditions that differ",
        x_label: "different conditions in the project",
        y_label: "ns a decision",
        curves: conditions::curves,
    },
    Sweep {
        name: "attributes",
        title: "Visitors with more and fewer attributes",
        x_label: "attributes of the visitor",
        y_label: "ns",
        curves: rules::over_attributes,
    },
    Sweep {
        name: "threads",
        title: "Threads that decide from one core",
        x_label: "threads",
        y_label: "decisions a second",
        curves: threads::rates,
    },
    Sweep {
        name: "contention",
        title: "What a decision costs when other threads decide",
        x_label: "threads",
        y_label: "ns of processor time a decision",
        curves: threads::costs,
    },
    Sweep {
        name: "visitors",
        title: "Visitors remembered in memory",
        x_label: "visitors in memory",
        y_label: "ns",
        curves: visitors::curves,
    },
    Sweep {
        name: "visitor-memory",
        title: "What remembering a visitor takes up",
        x_label: "visitors in memory",
        y_label: "bytes a visitor",
        curves: memory::of_visitors,
    },
    Sweep {
        name: "config-load",
        title: "Loading configs of different sizes",
        x_label: "KB of JSON",
        y_label: "ms",
        curves: configs::curves,
    },
    Sweep {
        name: "config-memory",
        title: "What a loaded config takes up",
        x_label: "experiences in the project",
        y_label: "bytes on the heap for each of the JSON",
        curves: memory::of_configs,
    },
];
