//! Lists of entities with lookup by id and by key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Deref;

use rustc_hash::FxBuildHasher;
use smol_str::SmolStr;

/// What has an id and perhaps a key.
///
/// ```
/// use convert_config::{Identified, ProjectConfig};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "goals": [{"id": 7, "key": null}]}"#,
/// )?;
/// let goal: &dyn Identified = &config.goals()[0];
/// assert_eq!((goal.id(), goal.key()), ("7", None));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
pub trait Identified {
    /// Returns the id, as decimal text where the config had a number.
    fn id(&self) -> &str;

    /// Returns the key, which newer payloads may leave out.
    fn key(&self) -> Option<&str>;
}

/// The entities of one kind in config order, found by id or key in constant time.
///
/// Where ids or keys repeat, the first one is found.
///
/// ```
/// use convert_config::{Identified as _, ProjectConfig};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": 1, "project": {"id": 2}, "goals": [{"id": 7, "key": "bought"}]}"#,
/// )?;
/// assert_eq!(config.goals().len(), 1);
/// assert_eq!(config.goals().by_key("bought").map(|goal| goal.id()), Some("7"));
/// assert!(config.goals().by_id("8").is_none());
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Catalog<T> {
    entities: Box<[T]>,
    // The keys come from the config and the lookups from the application, so a fast hash that an
    // outsider could provoke collisions in is safe here.
    by_id: HashMap<SmolStr, u32, FxBuildHasher>,
    by_key: HashMap<SmolStr, u32, FxBuildHasher>,
}

/// A catalog in the making.
#[derive(Debug)]
pub(crate) struct CatalogBuilder<T> {
    entities: Vec<T>,
    by_id: HashMap<SmolStr, u32, FxBuildHasher>,
    by_key: HashMap<SmolStr, u32, FxBuildHasher>,
}

/// The id and the key of an entity that an earlier one has already.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    pub(crate) id: Option<SmolStr>,
    pub(crate) key: Option<SmolStr>,
}

impl<T: Identified> CatalogBuilder<T> {
    /// Adds an entity.
    pub(crate) fn push(&mut self, entity: T) -> Repeats {
        // More entities than a `u32` counts cannot be had from any text this side of 4 GB.
        let index = u32::try_from(self.entities.len()).unwrap_or(u32::MAX);
        let repeats = Repeats {
            id: insert(&mut self.by_id, Some(entity.id()), index),
            key: insert(&mut self.by_key, entity.key(), index),
        };
        self.entities.push(entity);
        repeats
    }

    pub(crate) fn finish(mut self) -> Catalog<T> {
        self.by_id.shrink_to_fit();
        self.by_key.shrink_to_fit();
        Catalog { entities: self.entities.into(), by_id: self.by_id, by_key: self.by_key }
    }
}

/// Keeps the first index of a name; returns the name if there is one already.
fn insert(
    indices: &mut HashMap<SmolStr, u32, FxBuildHasher>,
    name: Option<&str>,
    index: u32,
) -> Option<SmolStr> {
    let name = SmolStr::new(name?);
    match indices.entry(name) {
        Entry::Occupied(known) => Some(known.key().clone()),
        Entry::Vacant(place) => {
            place.insert(index);
            None
        }
    }
}

impl<T: Identified> Catalog<T> {
    /// Finds an entity by id.
    pub fn by_id(&self, id: &str) -> Option<&T> {
        self.position_of_id(id).and_then(|index| self.at(index))
    }

    /// Finds an entity by key.
    pub fn by_key(&self, key: &str) -> Option<&T> {
        self.position_of_key(key).and_then(|index| self.at(index))
    }

    /// Finds an entity by key, or by id where no entity has that key.
    pub fn by_key_or_id(&self, name: &str) -> Option<&T> {
        self.by_key(name).or_else(|| self.by_id(name))
    }

    pub(crate) fn position_of_id(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn position_of_key(&self, key: &str) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        self.entities.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entities.get_mut(usize::try_from(index).ok()?)
    }
}

impl<T> Catalog<T> {
    /// Replaces every entity by what `change` makes of it, which must have the same id and key.
    pub(crate) fn map<U>(self, change: impl FnMut(T) -> U) -> Catalog<U> {
        let entities = self.entities.into_iter().map(change).collect();
        Catalog { entities, by_id: self.by_id, by_key: self.by_key }
    }
}

impl<T> Default for CatalogBuilder<T> {
    fn default() -> Self {
        CatalogBuilder {
            entities: Vec::new(),
            by_id: HashMap::default(),
            by_key: HashMap::default(),
        }
    }
}

impl<T> Default for Catalog<T> {
    fn default() -> Self {
        Catalog { entities: Box::default(), by_id: HashMap::default(), by_key: HashMap::default() }
    }
}

impl<T> Deref for Catalog<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.entities
    }
}

impl<'c, T> IntoIterator for &'c Catalog<T> {
    type Item = &'c T;
    type IntoIter = std::slice::Iter<'c, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.entities.iter()
    }
}
