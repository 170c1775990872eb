//! The options of `isIn`.

use crate::mark::Mark;
use crate::short_text::ShortText;

/// A set of texts, to find out whether a text is one of them.
///
/// ```
/// use convert_config::ValueRef;
/// use convert_config::rule::{Options, Test, Verdict};
///
/// let countries: Options = ["us", "de"].into_iter().map(Box::from).collect();
/// assert_eq!(Test::IsIn(countries).verdict(Some(ValueRef::Text("fr|de"))), Verdict::Holds);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Options {
    // Sorted by mark, so that many are searched by halving.
    texts: Box<[(Mark, Box<str>)]>,
    // Those of the texts that are short, sorted.
    short: Box<[ShortText]>,
}

impl Options {
    /// Returns every option, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|(_, text)| &**text)
    }

    /// Returns whether a part of `text` between bars is one of the options, letter for letter.
    #[inline]
    pub(crate) fn meet(&self, text: &str) -> bool {
        if text.bytes().any(|byte| byte == b'|') {
            self.meet_parts(text)
        } else {
            self.contain(text)
        }
    }

    /// Returns whether `text` is one of the options, letter for letter.
    #[inline]
    pub(crate) fn contain_short(&self, text: ShortText) -> bool {
        if self.short.len() <= SCANNED {
            self.short.contains(&text)
        } else {
            self.short.binary_search(&text).is_ok()
        }
    }

    #[cold]
    fn meet_parts(&self, text: &str) -> bool {
        text.split('|').any(|part| self.contain(part))
    }

    #[inline]
    fn contain(&self, text: &str) -> bool {
        let mark = Mark::of(text);
        let is_it = |(known, option): &(Mark, Box<str>)| {
            *known == mark && (mark.is_whole() || **option == *text)
        };
        if self.texts.len() <= SCANNED {
            return self.texts.iter().any(is_it);
        }
        self.search(mark, text)
    }

    #[inline(never)]
    fn search(&self, mark: Mark, text: &str) -> bool {
        // Many texts may share a mark, so the texts are searched by halving as well.
        let order = |(known, option): &(Mark, Box<str>)| {
            known.cmp(&mark).then_with(|| (**option).cmp(text))
        };
        self.texts.binary_search_by(order).is_ok()
    }
}

impl FromIterator<Box<str>> for Options {
    fn from_iter<I: IntoIterator<Item = Box<str>>>(texts: I) -> Self {
        let mut texts: Vec<_> = texts.into_iter().map(|text| (Mark::of(&text), text)).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut short: Vec<_> = texts.iter().filter_map(|(_, text)| ShortText::of(text)).collect();
        short.sort_unstable();
        Options { texts: texts.into(), short: short.into() }
    }
}

/// How many options are searched one by one, which is faster for a few.
const SCANNED: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn options(texts: &[&str]) -> Options {
        texts.iter().map(|text| Box::from(*text)).collect()
    }

    #[test]
    fn any_part_between_bars_will_do() {
        let options = options(&["us", "", "x|", "a longer text than a mark"]);
        for found in ["us", "", "de|us", "x|", "a longer text than a mark"] {
            assert!(options.meet(found), "{found}");
            assert!(ShortText::of(found).is_none_or(|found| options.contain_short(found)));
        }
        for missing in ["US", "de", "u", "a longer t3xt than a mark"] {
            assert!(!options.meet(missing), "{missing}");
            assert!(!ShortText::of(missing).is_some_and(|missing| options.contain_short(missing)));
        }
        assert!(!Options::default().meet(""));
    }

    #[test]
    fn many_options_are_found_as_few_are() {
        let texts: Vec<String> = (0..500).map(|i| format!("prefix {i} shared suffix")).collect();
        let options: Options = texts.iter().map(|text| Box::from(text.as_str())).collect();
        assert!(texts.iter().all(|text| options.meet(text)));
        assert!(!options.meet("prefix 500 shared suffix") && !options.meet("prefix"));
        let options: Options = (0..500).map(|i| Box::from(i.to_string())).collect();
        for i in 0..1_000 {
            let text = ShortText::of(&i.to_string()).unwrap();
            assert_eq!(options.contain_short(text), i < 500, "{i}");
        }
    }
}
