//! Visitors that do not exist.

/// Returns the id of the simulated visitor with this number: a random-looking UUID, always the
/// same for the same seed and number.
pub(super) fn visitor_id(seed: u64, number: u64) -> String {
    // Mixing the seed first keeps the visitors of neighbouring seeds apart.
    let stream = mix(seed);
    let high = mix(stream.wrapping_add(STEP.wrapping_mul(number.wrapping_mul(2) + 1)));
    let low = mix(stream.wrapping_add(STEP.wrapping_mul(number.wrapping_mul(2) + 2)));
    let version = 0x4000 | (high & 0x0fff);
    let variant = 0x8000 | (low >> 48 & 0x3fff);
    format!(
        "{:08x}-{:04x}-{version:04x}-{variant:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        low & 0xffff_ffff_ffff,
    )
}

/// The output function of `SplitMix64` (Steele, Lea and Flood, 2014). It needs no state, so every
/// core can make its own visitors.
fn mix(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// The step between two states of `SplitMix64`.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs of SplitMix64 with seed 1234567.
        let outputs = [1, 2, 3].map(|n: u64| mix(1_234_567_u64.wrapping_add(STEP.wrapping_mul(n))));
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(outputs, expected);
    }

    #[test]
    fn ids_are_uuids_and_differ() {
        let ids: BTreeSet<String> =
            (0..4).flat_map(|seed| (0..10_000).map(move |n| visitor_id(seed, n))).collect();
        assert_eq!(ids.len(), 40_000);
        for id in ids {
            let parts: Vec<&str> = id.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']));
        }
    }
}
