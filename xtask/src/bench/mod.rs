//! `cargo xtask bench`: what decisions cost.

use std::hint::black_box;

use convert_bucketing::{BucketHasher, HASH_SEED, murmur3_32};
use convert_sdk::{Context, Core, ProjectConfig, RunOptions, SdkConfig};

mod measure;
mod workload;

use self::measure::{Measured, Work, measure};
use self::workload::Visitor;

/// Measures, and prints a table or, with `--json`, JSON lines. `--quick` takes fewer rounds.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let is_set = |flag: &str| args.iter().any(|arg| arg == flag);
    if let Some(unknown) = args.iter().find(|arg| !["--json", "--quick"].contains(&arg.as_str())) {
        return Err(format!("bench: unknown option `{unknown}`; known: --json, --quick"));
    }
    let (visitors, rounds) = if is_set("--quick") { (1_000, 5) } else { (10_000, 15) };
    let figures = figures(visitors, rounds)?;
    if is_set("--json") {
        figures.iter().for_each(print_json);
    } else {
        print_table(&figures);
    }
    Ok(())
}

/// Every figure of the workload.
fn figures(visitor_count: usize, rounds: usize) -> Result<Vec<Measured>, String> {
    let visitors = workload::visitors(visitor_count);
    let json = workload::project_with_pattern(EXPERIENCES).to_string();
    let config = SdkConfig::from_json(&json).map_err(|error| error.to_string())?;
    let core =
        Core::initialize(config.environment("production")).map_err(|error| error.to_string())?;
    let fresh: Vec<Context> = visitors.iter().map(|visitor| context(&core, visitor)).collect();
    let sticky: Vec<Context> = visitors.iter().map(|visitor| context(&core, visitor)).collect();
    for context in &sticky {
        context.run_experiences();
    }
    let large = workload::large_project();
    let mut works = hashing(&visitors);
    works.extend(deciding(&fresh, &sticky));
    works.push(Work {
        name: "load_config_1000",
        operations: 1,
        run: Box::new(move || {
            let _ = black_box(ProjectConfig::from_json(black_box(&large)));
        }),
    });
    Ok(measure(&mut works, rounds))
}

fn context(core: &Core, visitor: &Visitor) -> Context {
    core.create_context(&*visitor.id).with_attributes(visitor.attributes.clone())
}

/// The hash alone: a bare one over joined bytes, the prepared one, and the bulk call.
fn hashing(visitors: &[Visitor]) -> Vec<Work<'_>> {
    let joined: Vec<String> = visitors.iter().map(|one| ["100000042", &one.id].concat()).collect();
    let ids: Vec<&str> = visitors.iter().map(|visitor| visitor.id.as_str()).collect();
    let column = ids.clone();
    let mut values = vec![0; ids.len()];
    let hasher = BucketHasher::new("100000042");
    let operations = ids.len() * REPEATS;
    vec![
        Work {
            name: "murmur3_45",
            operations,
            run: Box::new(move || {
                repeat(|| {
                    for text in &joined {
                        black_box(murmur3_32(black_box(text.as_bytes()), HASH_SEED));
                    }
                });
            }),
        },
        Work {
            name: "bucket_value",
            operations,
            run: Box::new(move || {
                repeat(|| {
                    for id in &ids {
                        black_box(hasher.bucket_value(black_box(id)));
                    }
                });
            }),
        },
        Work {
            name: "bucket_value_bulk",
            operations,
            run: Box::new(move || {
                repeat(|| {
                    black_box(hasher.bucket_values(black_box(&column), &mut values));
                });
            }),
        },
    ]
}

/// Decisions of experiences with an audience, visitor by visitor.
fn deciding<'w>(fresh: &'w [Context], sticky: &'w [Context]) -> Vec<Work<'w>> {
    let guarded: Vec<String> =
        (0..EXPERIENCES).step_by(2).map(|index| format!("experience-{index}")).collect();
    let again = guarded.clone();
    let unstored = RunOptions::new().storage(false);
    vec![
        Work {
            name: "run_experience_fresh",
            operations: fresh.len() * guarded.len(),
            run: Box::new(move || {
                for visitor in fresh {
                    for key in &guarded {
                        black_box(visitor.run_experience_with(black_box(key), &unstored));
                    }
                }
            }),
        },
        Work {
            name: "run_experience_regex",
            operations: fresh.len() * REPEATS,
            run: Box::new(move || {
                for visitor in fresh {
                    repeat(|| {
                        black_box(visitor.run_experience_with(black_box("regex"), &unstored));
                    });
                }
            }),
        },
        Work {
            name: "run_experience_sticky",
            operations: sticky.len() * again.len(),
            run: Box::new(move || {
                for visitor in sticky {
                    for key in &again {
                        black_box(visitor.run_experience(black_box(key)));
                    }
                }
            }),
        },
        Work {
            name: "run_experiences_100",
            operations: fresh.len(),
            run: Box::new(move || {
                for visitor in fresh {
                    black_box(visitor.run_experiences_with(&unstored));
                }
            }),
        },
    ]
}

fn repeat(mut operation: impl FnMut()) {
    for _ in 0..REPEATS {
        operation();
    }
}

fn print_json(figure: &Measured) {
    let line = serde_json::json!({
        "name": figure.name, "ns": round(figure.ns), "allocs": round(figure.allocs),
        "bytes": round(figure.bytes), "spread": round(figure.spread),
    });
    println!("{line}");
}

fn print_table(figures: &[Measured]) {
    let named = |name: &str| figures.iter().find(|figure| figure.name == name);
    println!("{:<24}{:>14}{:>9}{:>12}{:>14}  ratio", "figure", "ns", "spread", "allocs", "bytes");
    for figure in figures {
        let base = BASES.iter().find(|(name, _)| *name == figure.name).map(|(_, base)| *base);
        let ratio = base.and_then(named).map(|base| figure.ns / base.ns);
        let ratio = ratio.zip(base).map(|(ratio, base)| format!("{ratio:.2} x {base}"));
        println!(
            "{:<24}{:>14.1}{:>8.0}%{:>12.2}{:>14.1}  {}",
            figure.name,
            figure.ns,
            100.0 * figure.spread,
            figure.allocs,
            figure.bytes,
            ratio.unwrap_or_default()
        );
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// What a figure's time is compared with.
const BASES: [(&str, &str); 4] = [
    ("bucket_value", "murmur3_45"),
    ("bucket_value_bulk", "bucket_value"),
    ("run_experience_fresh", "bucket_value"),
    ("run_experience_regex", "bucket_value"),
];
/// The experiences of the workload.
const EXPERIENCES: usize = 100;
/// How often a short operation is done in a row.
const REPEATS: usize = 20;
