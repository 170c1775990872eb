//! What explanations keep of an experience.

use convert_bucketing::BucketRange;
use smol_str::SmolStr;

use crate::buckets::Buckets;
use crate::experience::Experience;
use crate::value::Value;

/// The names of an experience and of its arms, and how its traffic is split: what may be wanted of it
/// when the config is gone. All who keep it share one.
///
/// ```
/// use convert_config::{ProjectConfig, Value};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
///         {"id": 3, "key": "hero", "variations": [{"id": 31, "key": "big"}]}]}"#,
/// )?;
/// let outline = config.experiences()[0].outline().clone();
/// drop(config);
/// assert_eq!((outline.id(), outline.key()), ("3", Some("hero")));
/// assert_eq!((outline.variation_id(0), outline.variation_key(0)), (Some("31"), Some("big")));
/// assert_eq!(outline.buckets().arm_at(4_687), Some(0));
/// assert_eq!(*outline.ranges_in_words(), Value::from(vec!["big [0, 10000)"]));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Outline {
    id: SmolStr,
    key: Option<SmolStr>,
    buckets: Buckets,
    ranges: Value<'static>,
    arms: Box<[Arm]>,
}

#[derive(Debug, Clone)]
struct Arm {
    id: Option<SmolStr>,
    key: Option<SmolStr>,
}

impl Outline {
    pub(crate) fn of(experience: &Experience) -> Self {
        let variations = experience.variations();
        let in_words = |(range, arm): (BucketRange, usize)| {
            let arm = variations.get(arm);
            let name = arm.and_then(|arm| arm.key().or(arm.id())).unwrap_or_default();
            format!("{name} [{}, {})", range.start(), range.end())
        };
        let buckets = experience.buckets().clone();
        let ranges = buckets.ranges().map(in_words).collect::<Vec<_>>().into();
        let arms = variations.iter().map(|arm| Arm { id: arm.id.clone(), key: arm.key.clone() });
        Outline {
            id: experience.id.clone(),
            key: experience.key.clone(),
            buckets,
            ranges,
            arms: arms.collect(),
        }
    }

    /// Returns the experience's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the experience's key.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Returns how the traffic is split.
    pub fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// Returns the range of every arm as a text for people, in the order in which they are tried.
    pub fn ranges_in_words(&self) -> &Value<'static> {
        &self.ranges
    }

    /// Returns the id of the arm at this position.
    pub fn variation_id(&self, arm: usize) -> Option<&str> {
        self.arms.get(arm)?.id.as_deref()
    }

    /// Returns the key of the arm at this position.
    pub fn variation_key(&self, arm: usize) -> Option<&str> {
        self.arms.get(arm)?.key.as_deref()
    }
}
