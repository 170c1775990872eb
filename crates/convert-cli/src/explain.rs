//! `convertctl explain`: why a visitor gets what they get.

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use convert_sdk::{Context, Explanation};

use crate::args::Facts;
use crate::failure::Failure;
use crate::json;
use crate::output::{one_line, printable};
use crate::source::ConfigOptions;

/// Explain what a visitor gets of an experience, or of a feature, step by step.
///
/// The first line says what the visitor gets. Under it is every step that led there: the gates, the
/// audiences, locations and rules with the attributes they saw, the visitor's bucket and the ranges
/// it was looked up in. A visitor who gets nothing is explained just the same, and so is a key that
/// the config does not have.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("subject").required(true))]
#[command(after_long_help = "Examples:
  convertctl explain --config demo --visitor visitor-001 --experience checkout --attr plan=pro
  convertctl explain --config demo --visitor visitor-001 --feature shipping-banner \\
    --attr country=DE --attr basket_value=42.50 --location path=/shop/novels")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: ConfigOptions,

    /// The visitor's id.
    #[arg(long, value_name = "VISITOR")]
    visitor: String,

    /// The experience to explain, by key or id.
    #[arg(long, value_name = "KEY", group = "subject")]
    experience: Option<String>,

    /// The feature to explain, by key or id.
    #[arg(long, value_name = "KEY", group = "subject")]
    feature: Option<String>,

    #[command(flatten)]
    facts: Facts,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    arguments.facts.hint_at_respelt_numbers();
    let core = arguments.source.origin()?.core()?;
    let visitor = core
        .create_context(arguments.visitor.as_str())
        .with_attributes(arguments.facts.attributes())
        .with_location(arguments.facts.location());
    let (explanation, headline) = match (&arguments.experience, &arguments.feature) {
        (_, Some(key)) => {
            let explanation = visitor.explain_feature(key);
            let headline = feature_headline(&visitor, key, &explanation);
            (explanation, headline)
        }
        (key, None) => {
            let explanation = visitor.explain_experience(key.as_deref().unwrap_or_default());
            let headline = experience_headline(&explanation);
            (explanation, headline)
        }
    };
    if arguments.json {
        json::write_pretty(out, &explanation)?;
    } else {
        writeln!(out, "{headline}\n")?;
        write!(out, "{}", printable(&explanation.to_string()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns a line with what the visitor gets of an experience.
fn experience_headline(explanation: &Explanation) -> String {
    let (key, reason) = (explanation.key(), explanation.reason());
    match explanation.outcome() {
        Some(outcome) => {
            let variation = outcome.variation_key().or(outcome.variation_id()).unwrap_or_default();
            let (key, variation) = (one_line(key), one_line(variation));
            format!("{key} -> {variation} ({})", outcome.source())
        }
        None => format!("{} -> no variation: {reason} ({})", one_line(key), reason.code()),
    }
}

/// Returns a line or two with what the visitor gets of a feature.
fn feature_headline(visitor: &Context, key: &str, explanation: &Explanation) -> String {
    let reason = explanation.reason();
    let Some(outcome) = explanation.outcome() else {
        return format!("{} -> off: {reason} ({})", one_line(key), reason.code());
    };
    let experience = outcome.experience_key().unwrap_or(outcome.experience_id());
    let variation = outcome.variation_key().or(outcome.variation_id()).unwrap_or_default();
    let [name, experience, variation] = [key, experience, variation].map(one_line);
    let headline = format!("{name} -> on: {experience} -> {variation} ({})", outcome.source());
    // Decided as it was explained: what the visitor is assigned on the way counts for what follows.
    match visitor.run_feature(key).map(|feature| serde_json::to_string(feature.raw_variables())) {
        Some(Ok(variables)) => format!("{headline}\nvariables {}", one_line(&variables)),
        _ => headline,
    }
}
