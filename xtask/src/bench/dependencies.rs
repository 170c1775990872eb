//! How many crates an application takes in with the SDK.

use super::figure::Figure;
use super::measure::count;
use crate::ci::tree_sizes;

/// The crates behind the facade, for every choice of features that has a bar.
pub(super) fn figures() -> Result<Vec<Figure>, String> {
    let sizes = tree_sizes()?.into_iter();
    Ok(sizes.map(|(name, size)| Figure::value(name, count(size))).collect())
}

#[cfg(test)]
mod tests {
    use super::super::{bars, groups};
    use super::*;

    #[test]
    fn every_tree_has_its_own_figure_and_is_judged() {
        let figures = figures().unwrap();
        let names: Vec<&str> = figures.iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["tree_https", "tree_https_spool", "tree_bare", "tree_bare_spool"]);
        assert!(names.iter().all(|name| groups::name(name).is_some()));
        assert!(figures.iter().all(|figure| !bars::verdicts(figure, &figures).is_empty()));
        let [https, _, bare, _] = figures.as_slice() else { panic!("{names:?}") };
        assert!(bare.number() < https.number());
    }
}
