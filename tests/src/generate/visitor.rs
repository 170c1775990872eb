//! Random visitors: what is known and remembered of them, and how they are asked about.

use std::fmt;

use convert_sdk::{
    Answer, AttributeProvider, Attributes, Context, Core, Moment, ProjectConfig, RunOptions,
    SdkConfig, VisitorRecord, WallClock,
};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::rules::{name, value};
use super::{Json, object, text};

/// A visitor, and the options of the calls made for them.
#[derive(Clone)]
#[non_exhaustive]
pub struct Visitor {
    /// The id; one in two dozen has none.
    pub id: String,
    /// What audience rules see.
    pub attributes: Attributes,
    /// What location rules see.
    pub location: Attributes,
    /// What is remembered, as JSON; assignments may be stale or of experiences that are gone.
    pub record: Json,
    /// The environment of the SDK.
    pub environment: Option<String>,
    /// The id of the variation that calls force.
    pub forced: Option<String>,
    /// Whether calls skip the location gate.
    pub ignores_location: bool,
    /// Whether rules may ask a [`Gazetteer`].
    pub has_provider: bool,
}

/// A provider that has a value for countries, no data for operating systems, not yet a browser.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Gazetteer;

/// A clock that stands still on a Tuesday evening.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FixedClock;

impl Visitor {
    /// Makes a core of this visitor's environment and provider.
    ///
    /// # Panics
    ///
    /// Panics if the core cannot be made, which direct data never leads to.
    #[expect(clippy::expect_used, reason = "a test cannot go on without a core")]
    pub fn core(&self, config: ProjectConfig) -> Core {
        let mut settings = SdkConfig::from_data(config).wall_clock(FixedClock);
        if let Some(environment) = &self.environment {
            settings = settings.environment(environment);
        }
        if self.has_provider {
            settings = settings.attribute_provider(Gazetteer);
        }
        Core::initialize(settings).expect("direct data always makes a core")
    }

    /// Makes a context that has the visitor's record in hand.
    pub fn context(&self, core: &Core) -> Context {
        self.bare_context(core).with_record(self.read_record())
    }

    /// Makes a context without a record.
    pub fn bare_context(&self, core: &Core) -> Context {
        core.create_context(self.id.as_str())
            .with_attributes(self.attributes.clone())
            .with_location(self.location.clone())
    }

    /// Returns the options of the visitor's calls, with storage off.
    pub fn options(&self) -> RunOptions<'_> {
        let options = RunOptions::new().storage(false).ignore_location(self.ignores_location);
        match &self.forced {
            Some(forced) => options.force_variation(forced),
            None => options,
        }
    }

    /// Reads the visitor's record.
    ///
    /// # Panics
    ///
    /// Panics if the record cannot be read: any object can.
    #[expect(clippy::expect_used, reason = "a test cannot go on without the record")]
    pub fn read_record(&self) -> VisitorRecord {
        serde_json::from_str(&super::text_of(&self.record)).expect("any object is a record")
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = |attributes| serde_json::to_string(attributes).unwrap_or_default();
        write!(f, "visitor {:?} with {}", self.id, json(&self.attributes))?;
        write!(f, " at {}, record {}", json(&self.location), super::text_of(&self.record))?;
        write!(f, ", environment {:?}, forced {:?}", self.environment, self.forced)?;
        write!(f, ", ignores_location {}", self.ignores_location)?;
        write!(f, ", has_provider {}", self.has_provider)
    }
}

impl AttributeProvider for Gazetteer {
    fn answer(&self, rule_type: &str, _key: Option<&str>, _visitor_id: &str) -> Answer {
        match rule_type {
            "country" => Answer::Value("US".into()),
            "js_condition" => Answer::Value(true.into()),
            "browser_name" => Answer::NeedMoreData,
            "os" => Answer::NoDataFound,
            _ => Answer::Unknown,
        }
    }
}

impl WallClock for FixedClock {
    fn now(&self) -> Moment {
        Moment::new(1_700_000_000, 3_600)
    }
}

/// Makes visitors.
pub fn visitor() -> impl Strategy<Value = Visitor> {
    let id = prop_oneof![
        1 => Just(String::new()),
        18 => "[a-z0-9]{1,12}",
        4 => "\\PC{1,8}",
        1 => "[a-z]{60}",
    ];
    let environment = weighted(0.6, select(&["staging", "live"]).prop_map(str::to_owned));
    let forced = weighted(0.3, (0..4_u32, 0..2_u32).prop_map(|(e, v)| format!("10{e}{v}")));
    (id, attributes(), attributes(), record(), environment, forced, flag(0.3), flag(0.4)).prop_map(
        |(id, attributes, location, record, environment, forced, ignores, provider)| Visitor {
            id,
            attributes,
            location,
            record,
            environment,
            forced,
            ignores_location: ignores,
            has_provider: provider,
        },
    )
}

fn flag(probability: f64) -> impl Strategy<Value = bool> {
    proptest::bool::weighted(probability)
}

fn attributes() -> BoxedStrategy<Attributes> {
    vec((name(), value()), 0..6).prop_map(|entries| entries.into_iter().collect()).boxed()
}

/// Records as any SDK of the family may have written them, members of others included.
fn record() -> BoxedStrategy<Json> {
    let assignments = vec((0..7_u32, 0..3_u32), 0..5).prop_map(|pairs| {
        let mut record = VisitorRecord::new();
        for (experience, arm) in pairs {
            record.assign(&format!("10{experience}"), &format!("10{experience}{arm}"));
        }
        let pairs = record.assignments().map(|(id, arm)| (id.to_owned(), text(arm)));
        Json::Map(pairs.collect())
    });
    let ids = |all: &'static [&'static str]| {
        subsequence(all, 0..=all.len())
            .prop_map(|ids| Json::List(ids.into_iter().map(text).collect()))
    };
    let segments = (weighted(0.7, ids(&["400", "401"])), weighted(0.2, value()));
    (
        weighted(0.6, assignments),
        weighted(0.3, ids(&["location-0", "location-1"])),
        weighted(0.6, segments),
        weighted(0.1, value()),
    )
        .prop_map(|(bucketing, locations, segments, other)| {
            let segments = segments.map(|(custom, country)| {
                object([("country", country), ("customSegments", custom)])
            });
            object([
                ("bucketing", bucketing),
                ("locations", locations),
                ("segments", segments),
                ("ofAnotherSdk", other),
            ])
        })
        .boxed()
}
