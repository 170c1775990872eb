//! Giving the conditions of audiences places among a visitor's findings.

use std::collections::HashMap;

use crate::catalog::Catalog;
use crate::entity::Audience;
use crate::experience::Experience;
use crate::rule::{Condition, Element, Findings, RuleTree};
use crate::segment_names::is_segment_name;

/// Gives places to the conditions of the audiences that experiences have, in their order, as far as
/// there is room. Trees that share conditions share a set where that is possible.
pub(super) fn place_conditions(
    audiences: &mut Catalog<Audience>,
    experiences: &mut Catalog<Experience>,
) {
    let mut sets: [Set; Findings::SETS] = Default::default();
    let [alone @ .., about_segments] = &mut sets;
    let mut is_done = vec![false; audiences.len()];
    for position in experiences.iter().flat_map(|experience| &experience.audiences) {
        let is_done = is_done.get_mut(*position as usize);
        if is_done.is_none_or(|is_done| std::mem::replace(is_done, true)) {
            continue;
        }
        let audience = audiences.at_mut(*position);
        let rules = audience.and_then(|audience| audience.common.rules.as_mut());
        let Some(rules) = rules.filter(|rules| can_be_kept(rules)) else { continue };
        if asks_for_segments(rules) {
            place(rules, Findings::ABOUT_SEGMENTS, std::slice::from_mut(about_segments));
        } else {
            place(rules, 0, alone);
        }
    }
    for at in (0..).take(experiences.len()) {
        let Some(experience) = experiences.at_mut(at) else { continue };
        if let [only] = *experience.audiences {
            let Some(audience) = audiences.at(only) else { continue };
            experience.wanted = audience.common.rules.as_ref().and_then(RuleTree::pair);
            experience.wanted_once = audience.permanent;
        }
    }
}

/// The places of one set that are taken.
#[derive(Debug, Default)]
struct Set {
    places: HashMap<*const Condition, u8>,
}

impl Set {
    /// Returns how many places more it takes to have these conditions, if there are as many.
    fn lacks(&self, conditions: &[*const Condition]) -> Option<usize> {
        let lacking = conditions.iter().filter(|one| !self.places.contains_key(*one)).count();
        (self.places.len() + lacking <= Findings::ROOM).then_some(lacking)
    }

    fn take(&mut self, condition: *const Condition) -> u8 {
        let next = u8::try_from(self.places.len()).unwrap_or(u8::MAX);
        *self.places.entry(condition).or_insert(next)
    }
}

/// Gives a tree places in one of these sets, the first of which has the number `first`.
fn place(rules: &mut RuleTree, first: usize, sets: &mut [Set]) {
    let mut conditions: Vec<_> = rules.elements().iter().map(Element::condition).collect();
    conditions.sort_unstable();
    conditions.dedup();
    let fitting = (0..).zip(&*sets).filter_map(|(at, set)| Some((set.lacks(&conditions)?, at)));
    let Some((_, at)) = fitting.min() else { return };
    let Some(set) = sets.get_mut(at) else { return };
    let places = rules.elements().iter().map(|element| set.take(element.condition())).collect();
    rules.place(first + at, places);
}

fn asks_for_segments(rules: &RuleTree) -> bool {
    rules.elements().iter().any(|element| element.key().is_some_and(is_segment_name))
}

/// Whether what is found of the tree's conditions stays as it is: time passes.
fn can_be_kept(rules: &RuleTree) -> bool {
    let passes = |rule_type: &str| {
        rule_type.starts_with("local_time_") || rule_type.starts_with("project_time_")
    };
    rules.has_one_branch()
        && rules.exclusion().is_none()
        && !rules.elements().iter().any(|element| element.rule_type().is_some_and(passes))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::ProjectConfig;

    fn element(key: &str, rule_type: &str, value: &str) -> Value {
        json!({"key": key, "rule_type": rule_type, "value": value,
            "matching": {"match_type": "equals", "negated": false}})
    }

    fn audience(branches: &[Vec<Value>]) -> Value {
        let branches: Vec<Value> =
            branches.iter().map(|elements| json!({"AND": [{"OR_WHEN": elements}]})).collect();
        json!({"OR": branches})
    }

    /// Returns the set of each audience; the last one is no experience's.
    fn sets(audiences: &[Value]) -> Vec<Option<usize>> {
        let ids: Vec<String> = (0..audiences.len()).map(|id| format!("a{id}")).collect();
        let audiences: Vec<Value> = ids
            .iter()
            .zip(audiences)
            .map(|(id, rules)| json!({"id": id, "rules": rules}))
            .collect();
        let experiences: Vec<Value> = ids
            .split_last()
            .into_iter()
            .flat_map(|(_, ids)| ids)
            .map(|id| json!({"id": format!("e{id}"), "audiences": [id]}))
            .collect();
        let config = ProjectConfig::from_json(
            &json!({"account_id": "1", "project": {"id": "2"}, "audiences": audiences,
                "experiences": experiences})
            .to_string(),
        )
        .unwrap();
        assert_eq!(config.experiences().len() + 1, ids.len());
        let set = |id: &String| config.audiences().by_id(id)?.rules()?.finding_set();
        ids.iter().map(set).collect()
    }

    #[test]
    fn what_changes_by_itself_is_not_kept_and_segments_are_kept_apart() {
        let plan = element("plan", "generic_text_key_value", "pro");
        let trees = [
            audience(&[vec![plan.clone()]]),
            audience(&[vec![plan.clone()], vec![plan.clone()]]),
            audience(&[]),
            json!({"OR": [{"AND": []}]}),
            audience(&[vec![plan.clone(), element("country", "generic_text_key_value", "US")]]),
            audience(&[vec![plan.clone(), element("hour", "local_time_hour_of_day", "5")]]),
            audience(&[vec![plan.clone(), element("Country", "country", "US")]]),
            audience(&[vec![plan, element("", "bucketed_into_experience_key", "e0")]]),
            audience(&[vec![element("plan", "generic_text_key_value", "free")]]),
        ];
        let kept = [Some(0), None, None, None, Some(4), None, Some(0), None, None];
        assert_eq!(sets(&trees), kept);
    }

    #[test]
    fn conditions_share_sets_as_far_as_there_is_room() {
        let numbered = |from: usize, to: usize| {
            let elements = (from..to).map(|value| element("n", "t", &value.to_string()));
            audience(&[elements.collect()])
        };
        // Twenty, twenty others, ten of the first, too many, all the rest of the room, one too many.
        let trees = [
            numbered(0, 20),
            numbered(20, 40),
            numbered(10, 20),
            numbered(0, 33),
            numbered(40, 72),
            numbered(72, 104),
            numbered(104, 117),
            numbered(104, 116),
            numbered(0, 1),
        ];
        let kept = [Some(0), Some(1), Some(0), None, Some(2), Some(3), None, Some(0), None];
        assert_eq!(sets(&trees), kept);
    }
}
