//! `cargo xtask parity`: random cases, decided by the published SDKs and by this one.

mod case;
mod compare;
mod court;
mod dice;
mod explain;
pub(crate) mod generate;
mod minimise;
mod options;
pub(crate) mod referee;
mod rust_side;
mod tally;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use self::case::{Case, Judge};
use self::court::{Court, Verdict};
pub(crate) use self::dice::Dice;
use self::options::Options;
use self::rust_side::RustSide;
use self::tally::Tally;

/// Compares the Rust side with the published SDKs and reports the differences.
///
/// # Errors
/// Fails on unknown options, when a referee cannot be installed, and when a difference has no explanation.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let options = Options::parse(args)?;
    let rust = if options.library {
        RustSide::Library
    } else {
        RustSide::program(options.convertctl.as_deref())?
    };
    let Some(mut court) = Court::open(rust)? else { return Ok(()) };
    if let Some(file) = &options.replay {
        return replay(&mut court, file);
    }
    let mut seeds = Dice::new(options.seed);
    let mut tally = Tally::default();
    let mut kept = 0;
    for _ in 0..options.cases {
        let seed = seeds.seed();
        let case = generate::case(seed, options.visitors);
        let Some(judgements) = court.judge(&case)? else {
            tally.skip();
            continue;
        };
        tally.add(&case, &judgements);
        let failed =
            judgements.iter().position(|one| matches!(one.verdict, Verdict::Unexplained(_)));
        if let (Some(index), true) = (failed, kept < KEPT) {
            kept += 1;
            keep(&mut court, &case.with_visitor(index), seed)?;
        }
    }
    println!("{}\n{tally}", tally.survey());
    match tally.unexplained() {
        0 => Ok(()),
        unexplained => Err(format!("{unexplained} visitors differ without an explanation")),
    }
}

/// Writes a failing case, as small as possible, for people to read and to replay.
fn keep(court: &mut Court, case: &Case, seed: u64) -> Result<(), String> {
    let smallest = minimise::minimise(case, |candidate| {
        Ok(court.judge(candidate)?.is_some_and(|all| {
            all.iter().any(|one| matches!(one.verdict, Verdict::Unexplained(_)))
        }))
    })?;
    let reasons =
        court.judge(&smallest)?.unwrap_or_default().into_iter().map(|one| match one.verdict {
            Verdict::Unexplained(reasons) => json!(reasons),
            _ => Value::Null,
        });
    let reasons: Vec<Value> = reasons.collect();
    let judge = if smallest.judge == Judge::Python { "python" } else { "javascript" };
    let kept = json!({"seed": seed, "judge": judge, "differences": reasons, "case": smallest.to_request()});
    let directory = referee::target_directory().join("parity");
    fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    let file = directory.join(format!("failing-{seed:016x}.json"));
    let text = serde_json::to_string_pretty(&kept).map_err(|error| error.to_string())?;
    fs::write(&file, text).map_err(|error| error.to_string())?;
    println!("UNEXPLAINED {}: {}", file.display(), json!(reasons));
    Ok(())
}

/// Judges a kept case once more.
fn replay(court: &mut Court, file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let kept: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let part = |name: &str| kept.pointer(&format!("/case/{name}")).cloned().unwrap_or_default();
    let judge =
        if kept.get("judge") == Some(&json!("python")) { Judge::Python } else { Judge::JavaScript };
    let case = Case {
        judge,
        environment: part("environment").as_str().map(str::to_owned),
        config: part("config"),
        visitors: part("visitors").as_array().cloned().unwrap_or_default(),
    };
    let judgements = court.judge(&case)?.unwrap_or_default();
    for judgement in &judgements {
        println!("{:?}\nreferee: {}", judgement.verdict, judgement.judged);
    }
    let unexplained = judgements.iter().any(|one| matches!(one.verdict, Verdict::Unexplained(_)));
    if unexplained { Err("the case still differs".to_owned()) } else { Ok(()) }
}

// More of them rarely say more.
const KEPT: usize = 12;
