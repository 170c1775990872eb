//! Reading a document in one pass: every entity is compiled as soon as it has been parsed.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use smol_str::SmolStr;

use crate::catalog::{Catalog, CatalogBuilder, Identified};
use crate::entity::{Audience, Goal, Location, Segment};
use crate::feature::Feature;
use crate::load::entities::{read_audience, read_goal, read_location, read_segment};
use crate::load::experience::{Draft, read_experience};
use crate::load::features::read_feature;
use crate::load::reader::{Path, Reader, label_of};
use crate::load::sink::Sink;
use crate::value::{NameSeed, Scratch, Value, ValueSeed};

/// A document as it was read: references between its entities are not resolved yet.
#[derive(Debug, Default)]
pub(super) struct Root<'de> {
    pub(super) account_id: Value<'de>,
    pub(super) project: Value<'de>,
    pub(super) is_debug: Value<'de>,
    pub(super) served_at: Value<'de>,
    pub(super) error: Value<'de>,
    pub(super) code: Value<'de>,
    pub(super) message: Value<'de>,
    pub(super) experiences: Listed<Entities<Draft>>,
    pub(super) features: Listed<Entities<Feature>>,
    pub(super) goals: Listed<Entities<Goal>>,
    pub(super) audiences: Listed<Entities<Audience>>,
    pub(super) locations: Listed<Entities<Location>>,
    pub(super) segments: Listed<Entities<Segment>>,
    pub(super) archived: Listed<Ids>,
    /// The object in the member `data`, which may turn out to be the config.
    pub(super) data: Option<Box<Root<'de>>>,
    /// Whether some object of the document, the root included, repeats a name.
    pub(super) has_repeated_names: bool,
    pub(super) sink: Sink,
}

/// One of the root's lists.
#[derive(Debug, Default)]
pub(super) enum Listed<T> {
    #[default]
    Absent,
    NoList,
    Read(T),
}

/// The entities of one kind, and what was wrong with some of them.
#[derive(Debug)]
pub(super) struct Entities<T> {
    pub(super) catalog: Catalog<T>,
    /// The place of each in the document's list.
    pub(super) places: Vec<usize>,
    pub(super) sink: Sink,
}

/// A list of ids, and what was wrong with some of them.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub(super) ids: Vec<SmolStr>,
    pub(super) sink: Sink,
}

/// Reads a document; `None` if it is no object.
#[derive(Debug)]
pub(super) struct DocumentSeed;

impl<T: Default> Listed<T> {
    /// Returns what was read; an absent list is an empty one.
    pub(super) fn into_read(self) -> T {
        match self {
            Listed::Read(read) => read,
            Listed::Absent | Listed::NoList => T::default(),
        }
    }
}

impl<T> Default for Entities<T> {
    fn default() -> Self {
        Entities { catalog: Catalog::default(), places: Vec::new(), sink: Sink::default() }
    }
}

impl<'de> DeserializeSeed<'de> for DocumentSeed {
    type Value = Option<Root<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let (mut scratch, sink) = (Scratch::default(), Sink::default());
        let visitor = RootVisitor { scratch: &mut scratch, path: &Path::Root, depth: 0, sink };
        deserializer.deserialize_any(visitor)
    }
}

/// Reads an object as a root.
struct RootVisitor<'s, 'de> {
    scratch: &'s mut Scratch<'de>,
    path: &'s Path<'s>,
    depth: usize,
    sink: Sink,
}

impl<'de> DeserializeSeed<'de> for RootVisitor<'_, 'de> {
    type Value = Option<Root<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Writes the methods of a visitor that answer the same for every scalar.
macro_rules! scalars {
    ($answer:expr, $null:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON value")
        }

        fn visit_bool<E>(self, _value: bool) -> Result<Self::Value, E> {
            Ok($answer)
        }

        fn visit_i64<E>(self, _value: i64) -> Result<Self::Value, E> {
            Ok($answer)
        }

        fn visit_u64<E>(self, _value: u64) -> Result<Self::Value, E> {
            Ok($answer)
        }

        fn visit_f64<E>(self, _value: f64) -> Result<Self::Value, E> {
            Ok($answer)
        }

        fn visit_str<E>(self, _text: &str) -> Result<Self::Value, E> {
            Ok($answer)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($null)
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok($null)
        }
    };
}

impl<'de> Visitor<'de> for RootVisitor<'_, 'de> {
    type Value = Option<Root<'de>>;

    scalars!(None, None);

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
        ValueSeed::at_depth(self.scratch, self.depth).visit_seq(access).map(|_| None)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut root = Root { sink: std::mem::take(&mut self.sink), ..Root::default() };
        let mut seen = HashSet::new();
        while let Some(name) = access.next_key_seed(NameSeed)? {
            self.read_member(&name, &mut root, &mut access)?;
            self.scratch.has_repeated_names |= !seen.insert(name);
        }
        root.has_repeated_names = self.scratch.has_repeated_names;
        Ok(Some(root))
    }
}

impl<'de> RootVisitor<'_, 'de> {
    fn read_member<A: MapAccess<'de>>(
        &mut self,
        name: &str,
        root: &mut Root<'de>,
        access: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "experiences" => {
                root.experiences = self.entities(name, &root.sink, access, read_experience)?;
            }
            "features" => root.features = self.entities(name, &root.sink, access, read_feature)?,
            "goals" => root.goals = self.entities(name, &root.sink, access, read_goal)?,
            "audiences" => {
                root.audiences = self.entities(name, &root.sink, access, read_audience)?;
            }
            "locations" => {
                root.locations = self.entities(name, &root.sink, access, read_location)?;
            }
            "segments" => root.segments = self.entities(name, &root.sink, access, read_segment)?,
            "archived_experiences" => root.archived = self.ids(name, &root.sink, access)?,
            "account_id" => root.account_id = self.value(access)?,
            "project" => root.project = self.value(access)?,
            "is_debug" => root.is_debug = self.value(access)?,
            "_s_t" => root.served_at = self.value(access)?,
            "error" => root.error = self.value(access)?,
            "code" => root.code = self.value(access)?,
            "message" => root.message = self.value(access)?,
            "data" if self.depth == 0 => root.data = self.data(&root.sink, access)?.map(Box::new),
            _ => drop(self.value(access)?),
        }
        Ok(())
    }

    fn value<A: MapAccess<'de>>(&mut self, access: &mut A) -> Result<Value<'de>, A::Error> {
        access.next_value_seed(ValueSeed::at_depth(self.scratch, self.depth + 1))
    }

    fn data<A: MapAccess<'de>>(
        &mut self,
        sink: &Sink,
        access: &mut A,
    ) -> Result<Option<Root<'de>>, A::Error> {
        access.next_value_seed(RootVisitor {
            scratch: self.scratch,
            path: &Path::Field(self.path, "data"),
            depth: self.depth + 1,
            sink: sink.sibling(),
        })
    }

    fn ids<A: MapAccess<'de>>(
        &mut self,
        name: &str,
        sink: &Sink,
        access: &mut A,
    ) -> Result<Listed<Ids>, A::Error> {
        let (path, sink) = (Path::Field(self.path, name), sink.sibling());
        let mut ids = Vec::new();
        let each = |place, value: &Value<'de>| match label_of(value) {
            Some(id) => ids.push(id),
            None => sink.push(
                crate::Severity::Warning,
                Path::Item(&path, place),
                "neither text nor a number, ignored",
            ),
        };
        let read = access.next_value_seed(ListSeed {
            scratch: self.scratch,
            depth: self.depth + 1,
            each,
        })?;
        Ok(read.holding(Ids { ids, sink }))
    }

    /// Reads a list of entities, and reports ids and keys that repeat.
    fn entities<A: MapAccess<'de>, T: Identified>(
        &mut self,
        name: &str,
        sink: &Sink,
        access: &mut A,
        read: fn(&Reader<'_, '_>) -> Option<T>,
    ) -> Result<Listed<Entities<T>>, A::Error> {
        let (path, sink) = (Path::Field(self.path, name), sink.sibling());
        let mut catalog = CatalogBuilder::default();
        let mut places = Vec::new();
        let each = |place, value: &Value<'de>| {
            let reader = Reader { value, path: &Path::Item(&path, place), sink: &sink };
            if !matches!(value, Value::Map(_)) {
                return reader.warn("", "not an object, ignored");
            }
            let Some(entity) = read(&reader) else { return };
            let repeats = catalog.push(entity);
            places.push(place);
            if let Some(id) = repeats.id {
                reader.warn("id", format!("{id} repeats; the first one is found"));
            }
            if let Some(key) = repeats.key {
                reader.warn("key", format!("`{key}` repeats; the first one is found"));
            }
        };
        let read = access.next_value_seed(ListSeed {
            scratch: self.scratch,
            depth: self.depth + 1,
            each,
        })?;
        Ok(read.holding(Entities { catalog: catalog.finish(), places, sink }))
    }
}

impl Listed<()> {
    fn holding<T>(self, read: T) -> Listed<T> {
        match self {
            Listed::Absent => Listed::Absent,
            Listed::NoList => Listed::NoList,
            Listed::Read(()) => Listed::Read(read),
        }
    }
}

/// Reads a list item by item, and keeps none.
struct ListSeed<'s, 'de, F> {
    scratch: &'s mut Scratch<'de>,
    depth: usize,
    each: F,
}

impl<'de, F: FnMut(usize, &Value<'de>)> DeserializeSeed<'de> for ListSeed<'_, 'de, F> {
    type Value = Listed<()>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Listed<()>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(usize, &Value<'de>)> Visitor<'de> for ListSeed<'_, 'de, F> {
    type Value = Listed<()>;

    scalars!(Listed::NoList, Listed::Absent);

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Listed<()>, A::Error> {
        ValueSeed::at_depth(self.scratch, self.depth).visit_map(access).map(|_| Listed::NoList)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Listed<()>, A::Error> {
        let mut place = 0;
        let depth = self.depth + 1;
        while let Some(item) = access.next_element_seed(ValueSeed::at_depth(self.scratch, depth))? {
            (self.each)(place, &item);
            place += 1;
        }
        Ok(Listed::Read(()))
    }
}
