//! Lists of entities with lookup by id and by key.

use std::ops::Deref;

use smol_str::SmolStr;

use crate::index::Index;

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
    by_id: Index,
    by_key: Index,
}

/// A catalog in the making.
#[derive(Debug)]
pub(crate) struct CatalogBuilder<T> {
    entities: Vec<T>,
    by_id: Index,
    by_key: Index,
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
        let (entities, id, key) = (&self.entities, entity.id(), entity.key());
        let repeats_id = !self.by_id.insert(id, index, |at| at_of(entities, at).map(T::id));
        let is_new = |key| self.by_key.insert(key, index, |at| at_of(entities, at)?.key());
        let repeats_key = !key.is_none_or(is_new);
        let repeats = Repeats {
            id: repeats_id.then(|| SmolStr::new(id)),
            key: key.filter(|_| repeats_key).map(SmolStr::new),
        };
        self.entities.push(entity);
        repeats
    }

    pub(crate) fn finish(self) -> Catalog<T> {
        Catalog { entities: self.entities.into(), by_id: self.by_id, by_key: self.by_key }
    }
}

impl<T: Identified> Catalog<T> {
    /// Finds an entity by id.
    #[inline]
    pub fn by_id(&self, id: &str) -> Option<&T> {
        self.position_of_id(id).and_then(|index| self.at(index))
    }

    /// Finds an entity by key.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub fn by_key(&self, key: &str) -> Option<&T> {
        self.position_of_key(key).and_then(|index| self.at(index))
    }

    /// Finds an entity by key, or by id where no entity has that key.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub fn by_key_or_id(&self, name: &str) -> Option<&T> {
        match self.by_key(name) {
            Some(entity) => Some(entity),
            None => self.by_id_instead(name),
        }
    }

    #[inline(never)]
    fn by_id_instead(&self, id: &str) -> Option<&T> {
        self.by_id(id)
    }

    #[inline]
    pub(crate) fn position_of_id(&self, id: &str) -> Option<u32> {
        self.by_id.find(id, |at| self.at(at).map(T::id))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub(crate) fn position_of_key(&self, key: &str) -> Option<u32> {
        self.by_key.find(key, |at| self.at(at)?.key())
    }

    #[inline]
    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        at_of(&self.entities, index)
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
        CatalogBuilder { entities: Vec::new(), by_id: Index::default(), by_key: Index::default() }
    }
}

impl<T> Default for Catalog<T> {
    fn default() -> Self {
        Catalog { entities: Box::default(), by_id: Index::default(), by_key: Index::default() }
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

#[inline]
fn at_of<T>(entities: &[T], index: u32) -> Option<&T> {
    entities.get(index as usize)
}
