//! Putting back what a record has lost.

use std::borrow::Cow;

use convert_decision::{Attributes, Segments, VisitorRecord};

/// Adds to a record what is known of the visitor and is not in it: assignments, goals and segments,
/// which nobody takes out of one, so that it must have been lost. What the record has stays.
///
/// Locations are left as they are: a visitor leaves them.
pub(super) fn complete(record: &mut VisitorRecord, known: &VisitorRecord) {
    let lacking: Vec<(&str, &str)> =
        known.assignments().filter(|(id, _)| record.assignment(id).is_none()).collect();
    record.assign_all(lacking);
    for goal in known.goals() {
        record.reach(goal);
    }
    let has = record.segments();
    let lacking: Attributes =
        known.segments().iter().filter(|(name, _)| has.find(name).is_none()).collect();
    if !lacking.is_empty() {
        record.merge_segments(Segments::from(lacking));
    }
    let has = record.segments();
    let lacking: Vec<String> =
        known.segments().custom().filter(|id| !has.has_custom(id)).map(Cow::into_owned).collect();
    if !lacking.is_empty() {
        record.add_custom_segments(lacking.iter().map(String::as_str));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(record: &str, known: &str) -> String {
        let mut record: VisitorRecord = serde_json::from_str(record).unwrap();
        complete(&mut record, &serde_json::from_str(known).unwrap());
        serde_json::to_string(&record).unwrap()
    }

    #[test]
    fn what_is_there_stays_and_the_rest_is_put_back() {
        let known = r#"{"bucketing":{"1":"a","2":"b"},"locations":["home"],
            "segments":{"country":"DE","source":"mail","customSegments":["5","6"]},
            "goals":{"g":true,"h":true}}"#;
        let record = r#"{"bucketing":{"2":"c","3":"d"},"segments":{"country":"FR","customSegments":["6"]},
            "goals":{"h":true},"theirs":1}"#;
        let expected = concat!(
            r#"{"bucketing":{"1":"a","2":"c","3":"d"},"#,
            r#""segments":{"country":"FR","customSegments":["6","5"],"source":"mail"},"#,
            r#""goals":{"h":true,"g":true},"theirs":1}"#,
        );
        assert_eq!(completed(record, known), expected);
        assert_eq!(completed(expected, known), expected);
        assert_eq!(completed(expected, "{}"), expected);
    }
}
