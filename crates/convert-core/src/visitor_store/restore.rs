//! Putting back what a record has lost.

use std::borrow::Cow;
use std::collections::HashSet;

use convert_decision::{Attributes, Segments, VisitorRecord};

/// Adds to a record what is known of the visitor and is not in it: assignments, goals and segments,
/// which are never removed from one, so the store must have lost them. What the record has stays.
///
/// Locations are left as they are: a visitor leaves them.
pub(super) fn restore_missing(record: &mut VisitorRecord, known: &VisitorRecord) {
    let lacking: Vec<(&str, &str)> =
        known.assignments().filter(|(id, _)| record.assignment(id).is_none()).collect();
    record.assign_all(lacking);
    record.reach_all(known.goals());
    let has = record.segments();
    let lacking: Attributes =
        known.segments().iter().filter(|(name, _)| has.find(name).is_none()).collect();
    if !lacking.is_empty() {
        record.merge_segments(Segments::from(lacking));
    }
    restore_custom(record, known.segments());
}

/// In linear time, since ids may come from outside.
fn restore_custom(record: &mut VisitorRecord, known: &Segments) {
    let mut custom = known.custom().peekable();
    if custom.peek().is_none() {
        return;
    }
    let has: HashSet<Cow<'_, str>> = record.segments().custom().collect();
    let lacking: Vec<Cow<'_, str>> = custom.filter(|id| !has.contains(id)).collect();
    drop(has);
    if !lacking.is_empty() {
        record.add_custom_segments(lacking.iter().map(|id| &**id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(record: &str, known: &str) -> String {
        let mut record: VisitorRecord = serde_json::from_str(record).unwrap();
        restore_missing(&mut record, &serde_json::from_str(known).unwrap());
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
        assert_eq!(restored(record, known), expected);
        assert_eq!(restored(expected, known), expected);
        assert_eq!(restored(expected, "{}"), expected);
    }

    #[test]
    fn many_custom_segments_are_put_back_in_linear_time() {
        // A test that asked for each of them among all the others would take minutes.
        let known: Vec<String> = (0..100_000).map(|id| format!("known {id}")).collect();
        let others: Vec<String> = (0..100_000).map(|id| format!("other {id}")).collect();
        let having = |ids: &[String]| {
            let mut record = VisitorRecord::new();
            record.add_custom_segments(ids.iter().map(String::as_str));
            record
        };
        let mut record = having(&others);
        restore_missing(&mut record, &having(&known));
        assert_eq!(record.segments().custom().count(), 200_000);
    }

    #[test]
    fn many_goals_are_put_back_in_linear_time() {
        // As above: what another program has put into a record is not the config's.
        let goals = |name: &str| -> VisitorRecord {
            let goals: Vec<String> =
                (0..100_000).map(|goal| format!("\"{name} {goal}\":true")).collect();
            serde_json::from_str(&format!("{{\"goals\":{{{}}}}}", goals.join(","))).unwrap()
        };
        let (mut record, known) = (goals("other"), goals("known"));
        restore_missing(&mut record, &known);
        restore_missing(&mut record, &known);
        assert_eq!(record.goals().count(), 200_000);
    }
}
