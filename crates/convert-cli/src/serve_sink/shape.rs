//! What a batch must look like.

use std::fmt;

use serde_json::{Map, Value};

/// A batch that has the right shape.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    pub(super) account_id: String,
    pub(super) project_id: String,
    pub(super) visitors: Vec<Visitor>,
}

/// A visitor of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Visitor {
    pub(super) id: String,
    pub(super) segments: Option<Value>,
    pub(super) events: Vec<Event>,
}

/// An event as it was sent, and its kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) json: Value,
    pub(super) kind: Kind,
}

/// The kind of an event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A variation was shown.
    Exposure { experience_id: String, variation_id: String },
    /// A goal was reached for the first time.
    Conversion { goal_id: String },
    /// A goal was reached, with data.
    Transaction { goal_id: String, revenue: f64 },
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misshapen {
    pub(super) path: String,
    pub(super) fault: String,
}

/// Checks a body.
pub(super) fn check(body: &[u8]) -> Result<Batch, Misshapen> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Misshapen { path: "$".to_owned(), fault: format!("no JSON: {error}") })?;
    let root = Place::root(&body);
    root.has_only(&["accountId", "projectId", "enrichData", "source", "visitors"])?;
    root.member("source")?.text()?;
    let enriches = root.member("enrichData")?;
    if !enriches.value.is_boolean() {
        return Err(enriches.fault("neither true nor false"));
    }
    let visitors = root.member("visitors")?.items()?.map(|one| visitor(&one));
    let visitors = visitors.collect::<Result<Vec<_>, _>>()?;
    Ok(Batch {
        account_id: root.member("accountId")?.text()?,
        project_id: root.member("projectId")?.text()?,
        visitors,
    })
}

fn visitor(place: &Place<'_>) -> Result<Visitor, Misshapen> {
    place.has_only(&["visitorId", "segments", "events"])?;
    let segments = place.optional("segments")?;
    if let Some(segments) = &segments {
        check_segments(segments)?;
    }
    let events = place.member("events")?.items()?.map(|one| event(&one));
    Ok(Visitor {
        id: place.member("visitorId")?.text()?,
        segments: segments.map(|segments| segments.value.clone()),
        events: events.collect::<Result<_, _>>()?,
    })
}

fn check_segments(place: &Place<'_>) -> Result<(), Misshapen> {
    place.has_only(SEGMENTS)?;
    if place.object()?.is_empty() {
        return Err(place.fault("empty, and should be left out"));
    }
    let Some(custom) = place.optional("customSegments")? else { return Ok(()) };
    custom.items()?.try_for_each(|item| item.text().map(drop))
}

fn event(place: &Place<'_>) -> Result<Event, Misshapen> {
    place.has_only(&["eventType", "data"])?;
    let (kind, data) = (place.member("eventType")?, place.member("data")?);
    let kind = match kind.value.as_str() {
        Some("bucketing") => {
            data.has_only(&["experienceId", "variationId"])?;
            let experience_id = data.member("experienceId")?.text()?;
            Kind::Exposure { experience_id, variation_id: data.member("variationId")?.text()? }
        }
        Some("conversion") => conversion(&data)?,
        _ => return Err(kind.fault("neither `bucketing` nor `conversion`")),
    };
    Ok(Event { json: place.value.clone(), kind })
}

fn conversion(data: &Place<'_>) -> Result<Kind, Misshapen> {
    data.has_only(&["goalId", "goalData", "bucketingData"])?;
    let goal_id = data.member("goalId")?.text()?;
    if let Some(bucketing) = data.optional("bucketingData")? {
        let members = bucketing.object()?;
        if members.is_empty() {
            return Err(bucketing.fault("empty, and should be left out"));
        }
        members.keys().try_for_each(|name| bucketing.member(name)?.text().map(drop))?;
    }
    let Some(goal_data) = data.optional("goalData")? else {
        return Ok(Kind::Conversion { goal_id });
    };
    let mut revenue = 0.0;
    for datum in goal_data.items()? {
        revenue += check_datum(&datum)?;
    }
    Ok(Kind::Transaction { goal_id, revenue })
}

/// Checks one piece of goal data, and returns what it adds to the revenue.
fn check_datum(datum: &Place<'_>) -> Result<f64, Misshapen> {
    datum.has_only(&["key", "value"])?;
    let (key, value) = (datum.member("key")?, datum.member("value")?);
    let name = key.text()?;
    let is_dimension = name
        .strip_prefix("customDimension")
        .is_some_and(|number| matches!(number, "1" | "2" | "3" | "4" | "5"));
    if !is_dimension && !GOAL_DATA.contains(&name.as_str()) {
        return Err(key.fault("no key of goal data"));
    }
    match value.value {
        Value::Number(number) if name == "amount" => Ok(number.as_f64().unwrap_or_default()),
        Value::Number(_) | Value::String(_) => Ok(0.0),
        Value::Array(_) if is_dimension => {
            value.items()?.try_for_each(|item| item.any_text().map(drop))?;
            Ok(0.0)
        }
        _ => Err(value.fault("no value of goal data")),
    }
}

/// A value and the way to it.
struct Place<'v> {
    path: String,
    value: &'v Value,
}

impl<'v> Place<'v> {
    fn root(value: &'v Value) -> Self {
        Place { path: "$".to_owned(), value }
    }

    fn fault(&self, fault: &str) -> Misshapen {
        Misshapen { path: self.path.clone(), fault: fault.to_owned() }
    }

    fn object(&self) -> Result<&'v Map<String, Value>, Misshapen> {
        self.value.as_object().ok_or_else(|| self.fault("no object"))
    }

    fn has_only(&self, names: &[&str]) -> Result<(), Misshapen> {
        let unknown = self.object()?.keys().find(|name| !names.contains(&name.as_str()));
        match unknown {
            Some(name) => Err(self.to(name, self.value).fault("no member that belongs here")),
            None => Ok(()),
        }
    }

    fn member(&self, name: &str) -> Result<Place<'v>, Misshapen> {
        let member = self.optional(name)?;
        member.ok_or_else(|| self.to(name, self.value).fault("missing"))
    }

    fn optional(&self, name: &str) -> Result<Option<Place<'v>>, Misshapen> {
        Ok(self.object()?.get(name).map(|value| self.to(name, value)))
    }

    fn to(&self, name: &str, value: &'v Value) -> Place<'v> {
        Place { path: format!("{}.{name}", self.path), value }
    }

    /// Returns the items of a list that has some.
    fn items(&self) -> Result<impl Iterator<Item = Place<'v>> + use<'v>, Misshapen> {
        let items = self.value.as_array().ok_or_else(|| self.fault("no list"))?;
        if items.is_empty() {
            return Err(self.fault("empty"));
        }
        let path = self.path.clone();
        let place = move |(index, value)| Place { path: format!("{path}[{index}]"), value };
        Ok(items.iter().enumerate().map(place))
    }

    /// Returns a text that is not empty.
    fn text(&self) -> Result<String, Misshapen> {
        let text = self.any_text()?;
        if text.is_empty() { Err(self.fault("empty")) } else { Ok(text) }
    }

    fn any_text(&self) -> Result<String, Misshapen> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.fault("no text"))
    }
}

impl fmt::Display for Misshapen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.fault)
    }
}

/// The segments that are reported.
const SEGMENTS: &[&str] = &[
    "country",
    "browser",
    "devices",
    "source",
    "campaign",
    "visitorType",
    "customSegments",
    "content",
];
/// The keys of goal data besides the dimensions.
const GOAL_DATA: &[&str] = &["amount", "productsCount", "transactionId"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sound() -> Value {
        json!({"accountId": "1", "projectId": "2", "enrichData": true, "source": "rust-sdk",
        "visitors": [{"visitorId": "v", "segments": {"country": "US", "customSegments": ["5"]},
            "events": [
                {"eventType": "bucketing", "data": {"experienceId": "3", "variationId": "30"}},
                {"eventType": "conversion", "data": {"goalId": "9",
                    "bucketingData": {"3": "30"}}},
                {"eventType": "conversion", "data": {"goalId": "9", "goalData": [
                    {"key": "amount", "value": 10.5}, {"key": "transactionId", "value": "t"},
                    {"key": "customDimension2", "value": ["a", ""]}]}}]}]})
    }

    #[test]
    fn a_sound_batch_is_understood() {
        let batch = check(sound().to_string().as_bytes()).unwrap();
        assert_eq!((batch.account_id.as_str(), batch.project_id.as_str()), ("1", "2"));
        let kinds: Vec<_> = batch.visitors[0].events.iter().map(|event| &event.kind).collect();
        assert!(matches!(kinds[0], Kind::Exposure { experience_id, .. } if experience_id == "3"));
        assert_eq!(kinds[1], &Kind::Conversion { goal_id: "9".to_owned() });
        assert_eq!(kinds[2], &Kind::Transaction { goal_id: "9".to_owned(), revenue: 10.5 });
    }

    #[test]
    fn whatever_is_wrong_is_named_by_its_path() {
        let event = "/visitors/0/events";
        for (pointer, wrong, path) in [
            ("/accountId", json!(""), "$.accountId"),
            ("/projectId", json!(2), "$.projectId"),
            ("/enrichData", json!("yes"), "$.enrichData"),
            ("/source", Value::Null, "$.source"),
            ("/visitors", json!([]), "$.visitors"),
            ("/visitors/0/visitorId", json!(1), "$.visitors[0].visitorId"),
            ("/visitors/0/segments", json!({}), "$.visitors[0].segments"),
            ("/visitors/0/segments", json!({"plan": "pro"}), "$.visitors[0].segments.plan"),
            (
                "/visitors/0/segments/customSegments",
                json!(["5", 6]),
                "$.visitors[0].segments.customSegments[1]",
            ),
            (&format!("{event}/0/eventType"), json!("view"), "$.visitors[0].events[0].eventType"),
            (
                &format!("{event}/0/data"),
                json!({"experienceId": "3"}),
                "$.visitors[0].events[0].data.variationId",
            ),
            (
                &format!("{event}/1/data/bucketingData"),
                json!({"3": 30}),
                "$.visitors[0].events[1].data.bucketingData.3",
            ),
            (
                &format!("{event}/2/data/goalData/0"),
                json!({"key": "price", "value": 1}),
                "$.visitors[0].events[2].data.goalData[0].key",
            ),
            (
                &format!("{event}/2/data/goalData/0/value"),
                json!([1]),
                "$.visitors[0].events[2].data.goalData[0].value",
            ),
        ] {
            let mut batch = sound();
            *batch.pointer_mut(pointer).unwrap() = wrong;
            assert_eq!(check(batch.to_string().as_bytes()).unwrap_err().path, path);
        }
        let mut batch = sound();
        batch["extra"] = json!(1);
        let error = check(batch.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "$.extra: no member that belongs here");
        assert_eq!(check(b"{").unwrap_err().path, "$");
    }
}
