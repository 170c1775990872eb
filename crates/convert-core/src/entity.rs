//! Looking at the config's entities.

use convert_config::{
    Audience, Experience, Feature, Goal, Location, ProjectConfig, Segment, Variation,
};

/// The kinds of entities that [`Context::config_entity`](crate::Context::config_entity) finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntityKind {
    /// Experiences.
    Experience,
    /// Variations, of whatever experience has one first.
    Variation,
    /// Features.
    Feature,
    /// Goals.
    Goal,
    /// Audiences.
    Audience,
    /// Locations.
    Location,
    /// Segments.
    Segment,
}

/// An entity of the config.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Entity<'c> {
    /// An experience.
    Experience(&'c Experience),
    /// A variation.
    Variation(&'c Variation),
    /// A feature.
    Feature(&'c Feature),
    /// A goal.
    Goal(&'c Goal),
    /// An audience.
    Audience(&'c Audience),
    /// A location.
    Location(&'c Location),
    /// A segment.
    Segment(&'c Segment),
}

pub(crate) fn by_key<'c>(
    config: &'c ProjectConfig,
    kind: EntityKind,
    key: &str,
) -> Option<Entity<'c>> {
    match kind {
        EntityKind::Experience => config.experiences().by_key(key).map(Entity::Experience),
        EntityKind::Variation => {
            let mut experiences = config.experiences().iter();
            experiences.find_map(|one| one.variation_by_key(key)).map(Entity::Variation)
        }
        EntityKind::Feature => config.features().by_key(key).map(Entity::Feature),
        EntityKind::Goal => config.goals().by_key(key).map(Entity::Goal),
        EntityKind::Audience => config.audiences().by_key(key).map(Entity::Audience),
        EntityKind::Location => config.locations().by_key(key).map(Entity::Location),
        EntityKind::Segment => config.segments().by_key(key).map(Entity::Segment),
    }
}

pub(crate) fn by_id<'c>(
    config: &'c ProjectConfig,
    kind: EntityKind,
    id: &str,
) -> Option<Entity<'c>> {
    match kind {
        EntityKind::Experience => config.experiences().by_id(id).map(Entity::Experience),
        EntityKind::Variation => {
            let mut experiences = config.experiences().iter();
            experiences.find_map(|one| one.variation_by_id(id)).map(Entity::Variation)
        }
        EntityKind::Feature => config.features().by_id(id).map(Entity::Feature),
        EntityKind::Goal => config.goals().by_id(id).map(Entity::Goal),
        EntityKind::Audience => config.audiences().by_id(id).map(Entity::Audience),
        EntityKind::Location => config.locations().by_id(id).map(Entity::Location),
        EntityKind::Segment => config.segments().by_id(id).map(Entity::Segment),
    }
}
