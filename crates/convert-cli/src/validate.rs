//! `convertctl validate`: what is in a config, and what is wrong with it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use convert_sdk::{
    Diagnostic, EntityCounts, Experience, Identified, InvalidConfigError, LocationGate,
    ProjectConfig,
};
use serde::Serialize;

use crate::failure::{Failure, unless_unread};
use crate::json;
use crate::output::{complain, grouped, one_line, percent, write_table};
use crate::shares::Shares;
use crate::source::{LocalConfig, Origin, Service};

/// Check a config, and show what is in it.
///
/// Prints the account, the project, how many entities there are, and for every experience how its
/// traffic is split and whom it is for; then the diagnostics: what loading stepped over, with JSON
/// path and severity. A warning is something that does not take effect, a note is worth knowing.
///
/// Exit codes: 0 usable, 1 unusable, 2 usable but with diagnostics (only with --strict).
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  convertctl validate config.json
  curl -s https://example.com/config.json | convertctl validate - --strict")]
pub(crate) struct Arguments {
    /// The config: a file, `-` for standard input, or `demo`.
    #[arg(value_name = "CONFIG")]
    config: Option<LocalConfig>,

    #[command(flatten)]
    service: Service,

    /// Exit with 2 if there is any diagnostic, notes included.
    #[arg(long)]
    strict: bool,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is in a config.
#[derive(Debug, Serialize)]
struct Summary<'c> {
    account_id: &'c str,
    project_id: &'c str,
    name: Option<&'c str>,
    version: Option<&'c str>,
    counts: Counts,
    experiences: Vec<ExperienceSummary<'c>>,
    diagnostics: &'c [Diagnostic],
}

#[derive(Debug, Serialize)]
struct Counts {
    experiences: usize,
    features: usize,
    goals: usize,
    audiences: usize,
    locations: usize,
    segments: usize,
}

#[derive(Debug, Serialize)]
struct ExperienceSummary<'c> {
    key: Option<&'c str>,
    id: &'c str,
    layout: String,
    environment: Option<&'c str>,
    archived: bool,
    variations: Vec<VariationSummary<'c>>,
    audiences: Vec<&'c str>,
    all_audiences: bool,
    segments: Vec<&'c str>,
    /// `null` where the experience runs everywhere, or where its own rules match.
    locations: Option<Vec<&'c str>>,
    site_area: bool,
}

#[derive(Debug, Serialize)]
struct VariationSummary<'c> {
    key: Option<&'c str>,
    id: Option<&'c str>,
    running: bool,
    traffic: f64,
}

/// What makes a config unusable.
#[derive(Debug, Serialize)]
struct Unusable<'e> {
    path: &'e str,
    reason: &'e str,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let origin = Origin::choose("CONFIG", arguments.config.as_ref(), &arguments.service)?;
    let config = match origin.check()? {
        Ok(config) => config,
        Err(error) => return refuse(arguments, origin, &error, out),
    };
    let summary = Summary::of(&config);
    // The exit code holds when the reader closes the output.
    unless_unread(if arguments.json {
        json::write_pretty(out, &summary)
    } else {
        summary.write(out)
    })?;
    let faulty = arguments.strict && !config.diagnostics().is_empty();
    Ok(if faulty { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn refuse(
    arguments: &Arguments,
    origin: Origin<'_>,
    error: &InvalidConfigError,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    if arguments.json {
        let unusable = Unusable { path: error.path(), reason: error.reason() };
        unless_unread(json::write_pretty(out, &serde_json::json!({ "error": unusable })))?;
    }
    complain(&format!("{origin}: {error}"));
    Ok(ExitCode::FAILURE)
}

impl<'c> Summary<'c> {
    fn of(config: &'c ProjectConfig) -> Self {
        let experiences = config.experiences().iter();
        Summary {
            account_id: config.account_id(),
            project_id: config.project_id(),
            name: config.name(),
            version: config.version(),
            counts: Counts::from(config.entity_counts()),
            experiences: experiences.map(|one| ExperienceSummary::of(config, one)).collect(),
            diagnostics: config.diagnostics(),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = self.name.map(|name| format!(" ({})", one_line(name))).unwrap_or_default();
        writeln!(out, "account  {}", one_line(self.account_id))?;
        writeln!(out, "project  {}{name}", one_line(self.project_id))?;
        writeln!(out, "version  {}", one_line(self.version.unwrap_or("none")))?;
        writeln!(out, "content  {}", self.counts.in_words())?;
        if !self.experiences.is_empty() {
            let heading = ["experience", "layout", "environment", "variations", "for"];
            let heading = heading.map(str::to_owned).to_vec();
            let rows = self.experiences.iter().map(ExperienceSummary::row);
            let rows: Vec<Vec<String>> = std::iter::once(heading).chain(rows).collect();
            writeln!(out)?;
            write_table(out, &rows)?;
        }
        writeln!(out)?;
        if self.diagnostics.is_empty() {
            return writeln!(out, "no diagnostics");
        }
        for diagnostic in self.diagnostics {
            writeln!(out, "{}", one_line(&diagnostic.to_string()))?;
        }
        Ok(())
    }
}

impl Counts {
    fn in_words(&self) -> String {
        let counts = [
            (self.experiences, "experience"),
            (self.features, "feature"),
            (self.goals, "goal"),
            (self.audiences, "audience"),
            (self.locations, "location"),
            (self.segments, "segment"),
        ];
        let in_words = |(count, noun): (usize, &str)| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{} {noun}{plural}", grouped(u64::try_from(count).unwrap_or(u64::MAX)))
        };
        counts.map(in_words).join(", ")
    }
}

impl From<EntityCounts> for Counts {
    fn from(counts: EntityCounts) -> Self {
        Counts {
            experiences: counts.experiences,
            features: counts.features,
            goals: counts.goals,
            audiences: counts.audiences,
            locations: counts.locations,
            segments: counts.segments,
        }
    }
}

impl<'c> ExperienceSummary<'c> {
    fn of(config: &'c ProjectConfig, experience: &'c Experience) -> Self {
        let shares = Shares::of(experience);
        let variations = experience.variations().iter().zip(shares.iter());
        ExperienceSummary {
            key: experience.key(),
            id: experience.id(),
            layout: experience.buckets().layout().to_string(),
            environment: experience.environment(),
            archived: experience.is_archived(),
            variations: variations
                .map(|(variation, share)| VariationSummary {
                    key: variation.key(),
                    id: variation.id(),
                    running: variation.is_running(),
                    traffic: share * 100.0,
                })
                .collect(),
            audiences: config.audiences_of(experience).map(label_of).collect(),
            all_audiences: experience.needs_all_audiences(),
            segments: config.segments_of(experience).map(label_of).collect(),
            locations: matches!(experience.location_gate(), LocationGate::At { .. })
                .then(|| config.locations_of(experience).map(label_of).collect()),
            site_area: matches!(experience.location_gate(), LocationGate::SiteArea(_)),
        }
    }

    fn row(&self) -> Vec<String> {
        let archived = if self.archived { " (archived)" } else { "" };
        let variations = self.variations.iter().map(VariationSummary::in_words);
        vec![
            format!("{}{archived}", self.key.unwrap_or(self.id)),
            self.layout.clone(),
            self.environment.unwrap_or("any").to_owned(),
            variations.collect::<Vec<_>>().join(", "),
            self.gates_in_words(),
        ]
    }

    fn gates_in_words(&self) -> String {
        let mut gates = Vec::new();
        if self.audiences.is_empty() && self.segments.is_empty() {
            gates.push("everybody".to_owned());
        }
        if !self.audiences.is_empty() {
            gates.push(self.audiences.join(if self.all_audiences { " and " } else { " or " }));
        }
        if !self.segments.is_empty() {
            gates.push(format!("in segment {}", self.segments.join(" or ")));
        }
        match (&self.locations, self.site_area) {
            (Some(names), _) if names.is_empty() => gates.push("nowhere".to_owned()),
            (Some(names), _) => gates.push(format!("at {}", names.join(", "))),
            (None, true) => gates.push("in its site area".to_owned()),
            (None, false) => {}
        }
        gates.join("; ")
    }
}

impl VariationSummary<'_> {
    fn in_words(&self) -> String {
        let name = self.key.or(self.id).unwrap_or("(no id)");
        let share = percent(self.traffic / 100.0);
        format!("{name} {}", if self.running { &share } else { "stopped" })
    }
}

fn label_of<T: Identified>(entity: &T) -> &str {
    entity.key().unwrap_or(entity.id())
}
