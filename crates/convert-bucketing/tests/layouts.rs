//! The prepared ranges against a slow reference, and the promise of the anchored layout.

use convert_bucketing::{Arm, BUCKETS, BucketRange, anchored_ranges, packed_ranges, select};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn packed_ranges_select_as_the_reference_does(
        allocations in prop::collection::vec(weight(), 0..8),
    ) {
        check_packed(&allocations);
    }

    #[test]
    fn packed_ranges_do_not_overlap(allocations in prop::collection::vec(weight(), 0..8)) {
        let ranges: Vec<BucketRange> = packed_ranges(allocations).collect();
        for value in 0..BUCKETS {
            prop_assert!(ranges.iter().filter(|range| range.contains(value)).count() <= 1);
        }
    }

    #[test]
    fn anchored_ranges_select_as_the_reference_does(
        arms in prop::collection::vec((weight(), any::<bool>()), 0..8),
    ) {
        check_anchored(&arms);
    }

    // Weights in 64ths of a percent and whole factors keep every product exact, so that the
    // anchors of both sides are the same numbers. The sum stays below 100 %, where slots end.
    #[test]
    fn anchored_ranges_only_admit_when_all_allocations_grow(
        arms in prop::collection::vec((0_u32..=200, any::<bool>()), 1..6),
        (smaller, larger) in (1_u32..=6, 1_u32..=6),
    ) {
        let total: u32 = arms.iter().map(|(weight, _)| weight).sum();
        let most = 99 * 64 / total.max(1);
        let (small, large) = (smaller.min(larger).min(most), smaller.max(larger).min(most));
        let scaled = |factor: u32| -> Vec<BucketRange> {
            let arms: Vec<Arm> = arms
                .iter()
                .map(|(weight, active)| Arm::new(f64::from(weight * factor) / 64.0, *active))
                .collect();
            anchored_ranges(&arms).collect()
        };
        prop_assume!(small > 0);
        prop_assert!(only_admits(&scaled(small), &scaled(large)));
    }

    #[test]
    fn anchored_ranges_only_admit_when_an_arm_starts(
        arms in prop::collection::vec((0_u32..=1_000, any::<bool>()), 1..6),
        position in any::<prop::sample::Index>(),
    ) {
        let total: u32 = arms.iter().map(|(weight, _)| weight).sum();
        prop_assume!(total <= 99 * 64);
        let mut arms: Vec<Arm> = arms
            .iter()
            .map(|(weight, active)| Arm::new(f64::from(*weight) / 64.0, *active))
            .collect();
        let position = position.index(arms.len());
        arms[position] = Arm::new(arms[position].weight(), false);
        let before: Vec<BucketRange> = anchored_ranges(&arms).collect();
        arms[position] = Arm::new(arms[position].weight(), true);
        let after: Vec<BucketRange> = anchored_ranges(&arms).collect();
        prop_assert!(only_admits(&before, &after));
    }

    #[test]
    fn a_range_holds_what_the_comparisons_admit(start in boundary(), end in boundary()) {
        let range = BucketRange::new(start, end);
        for value in 0..BUCKETS {
            let number = f64::from(value);
            prop_assert_eq!(range.contains(value), start <= number && number < end);
        }
        let inside = (0..BUCKETS).filter(|value| range.contains(*value)).count();
        prop_assert_eq!(usize::from(range.width()), inside);
        prop_assert_eq!(range.is_empty(), inside == 0);
        prop_assert!(range.start() <= range.end() && range.end() <= BUCKETS);
    }
}

#[test]
fn layouts_of_odd_numbers_select_as_the_reference_does() {
    const ODD: [f64; 13] = [
        0.0,
        -0.0,
        -1.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        f64::MAX,
        1e-9,
        0.07,
        8.333_333_333_333_334,
        100.0,
        250.0,
    ];
    for first in ODD {
        for second in ODD {
            check_packed(&[first, second, 5.0]);
            for active in [true, false] {
                check_anchored(&[(first, active), (second, true), (5.0, true)]);
            }
        }
    }
}

#[test]
fn an_allocation_that_is_no_number_ends_the_packed_layout() {
    let ranges: Vec<BucketRange> = packed_ranges([10.0, f64::NAN, 50.0]).collect();
    assert_eq!(ranges.len(), 3);
    assert_eq!(select(&ranges, 999), Some(0));
    assert!((1_000..BUCKETS).all(|value| select(&ranges, value).is_none()));
}

#[test]
fn anchored_arms_without_weight_give_no_ranges() {
    for weight in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(anchored_ranges(&[Arm::new(weight, true)]).len(), 0, "weight {weight}");
    }
}

#[test]
fn a_stopped_arm_keeps_its_slot() {
    let all = [Arm::new(10.0, true), Arm::new(80.0, true), Arm::new(10.0, true)];
    let stopped = [all[0], Arm::new(80.0, false), all[2]];
    let all: Vec<BucketRange> = anchored_ranges(&all).collect();
    let stopped: Vec<BucketRange> = anchored_ranges(&stopped).collect();
    assert_eq!((all[0], all[2]), (stopped[0], stopped[2]));
    assert_eq!((stopped[1].start(), stopped[1].width()), (1_000, 0));
}

#[test]
fn a_value_between_full_slots_falls_as_rounding_has_it() {
    // 7 / 100 × 10000 is a little more than 700 in double precision: nobody has the value 700,
    // and the end of that arm reaches just over 1000, where the next one starts.
    let arms = |factor: f64| [7.0, 3.0, 90.0].map(|weight| Arm::new(weight * factor, true));
    let full: Vec<BucketRange> = anchored_ranges(&arms(1.0)).collect();
    assert_eq!(
        [699, 700, 701, 999, 1_000, 1_001].map(|value| select(&full, value)),
        [Some(0), None, Some(1), Some(1), Some(1), Some(2)]
    );
    let half: Vec<BucketRange> = anchored_ranges(&arms(0.5)).collect();
    assert_eq!(select(&half, 1_000), Some(2));
}

/// Says whether every value that had an arm still has the same one.
fn only_admits(before: &[BucketRange], after: &[BucketRange]) -> bool {
    (0..BUCKETS).all(|value| {
        let arm = select(before, value);
        arm.is_none() || arm == select(after, value)
    })
}

fn check_packed(allocations: &[f64]) {
    let ranges: Vec<BucketRange> = packed_ranges(allocations.iter().copied()).collect();
    assert_eq!(ranges.len(), allocations.len());
    for value in 0..BUCKETS {
        let expected = packed_reference(allocations, value);
        assert_eq!(select(&ranges, value), expected, "{allocations:?}, value {value}");
    }
}

fn check_anchored(arms: &[(f64, bool)]) {
    let prepared: Vec<Arm> =
        arms.iter().map(|(weight, active)| Arm::new(*weight, *active)).collect();
    let ranges: Vec<BucketRange> = anchored_ranges(&prepared).collect();
    for value in 0..BUCKETS {
        let expected = anchored_reference(arms, value);
        assert_eq!(select(&ranges, value), expected, "{arms:?}, value {value}");
    }
}

/// Walks the packed layout in double precision, as the family defines it.
fn packed_reference(allocations: &[f64], value: u16) -> Option<usize> {
    let mut cumulative = 0.0;
    for (position, allocation) in allocations.iter().enumerate() {
        cumulative += allocation * 100.0;
        if f64::from(value) < cumulative {
            return Some(position);
        }
    }
    None
}

/// Walks the anchored layout in double precision, as the family defines it.
fn anchored_reference(arms: &[(f64, bool)], value: u16) -> Option<usize> {
    let mut total = 0.0;
    for (weight, _) in arms {
        total += weight;
    }
    if total <= 0.0 {
        return None;
    }
    let value = f64::from(value);
    let mut cumulative = 0.0;
    for (position, (weight, active)) in arms.iter().enumerate() {
        let anchor = cumulative / total * 10_000.0;
        let width = if *active { weight * 100.0 } else { 0.0 };
        if value >= anchor && value < anchor + width {
            return Some(position);
        }
        cumulative += weight;
    }
    None
}

fn weight() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 0.0..60.0,
        4 => (0_u32..=100).prop_map(f64::from),
        4 => (0_u32..=10_000).prop_map(|hundredths| f64::from(hundredths) / 100.0),
        2 => (1_u32..=12).prop_map(|arms| 100.0 / f64::from(arms)),
        1 => any::<f64>(),
        1 => prop_oneof![
            Just(-0.0),
            Just(-5.0),
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(1e-12),
            Just(1_000.0),
        ],
    ]
}

fn boundary() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -10.0..10_010.0,
        2 => (0_u16..=BUCKETS).prop_map(f64::from),
        1 => (0_u16..=BUCKETS).prop_map(|value| f64::from(value) * (1.0 + f64::EPSILON)),
        1 => (0_u16..=BUCKETS).prop_map(|value| f64::from(value) * (1.0 - f64::EPSILON)),
        1 => any::<f64>(),
        1 => Just(f64::NAN),
    ]
}
