//! Lists of entities with lookup by id and by key.

use std::collections::HashMap;
use std::ops::Deref;

use rustc_hash::FxBuildHasher;
use smol_str::SmolStr;

/// What has an id and perhaps a key.
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

impl<T: Identified> Catalog<T> {
    pub(crate) fn new(entities: Vec<T>) -> Self {
        let mut by_id = HashMap::with_capacity_and_hasher(entities.len(), FxBuildHasher);
        let mut by_key = HashMap::with_capacity_and_hasher(entities.len(), FxBuildHasher);
        for (index, entity) in (0u32..).zip(&entities) {
            by_id.entry(SmolStr::from(entity.id())).or_insert(index);
            if let Some(key) = entity.key() {
                by_key.entry(SmolStr::from(key)).or_insert(index);
            }
        }
        Catalog { entities: entities.into(), by_id, by_key }
    }

    /// Finds an entity by id.
    pub fn by_id(&self, id: &str) -> Option<&T> {
        self.position_of_id(id).and_then(|index| self.at(index))
    }

    /// Finds an entity by key.
    pub fn by_key(&self, key: &str) -> Option<&T> {
        self.by_key.get(key).and_then(|index| self.at(*index))
    }

    /// Finds an entity by key, or by id where no entity has that key.
    pub fn by_key_or_id(&self, name: &str) -> Option<&T> {
        self.by_key(name).or_else(|| self.by_id(name))
    }

    pub(crate) fn position_of_id(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        self.entities.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entities.get_mut(usize::try_from(index).ok()?)
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
