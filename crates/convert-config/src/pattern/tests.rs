//! Patterns by area; that the answers are JavaScript's is shown by the fixture.

use proptest::prelude::*;

use super::Pattern;

fn check(pattern: &str, text: &str, expected: bool) {
    let compiled = Pattern::compile(pattern).unwrap();
    assert_eq!(
        compiled.is_match(&text.to_lowercase()),
        Ok(expected),
        "{pattern:.80?} on {text:.80?}"
    );
}

fn check_invalid(pattern: &str, message: &str) {
    let error = Pattern::compile(pattern).unwrap_err();
    assert!(error.is_invalid() && !error.is_refused(), "{pattern:?}");
    assert_eq!(error.to_string(), format!("invalid pattern: {message}"), "{pattern:?}");
}

fn check_refused(pattern: &str) {
    let error = Pattern::compile(pattern).unwrap_err();
    assert!(error.is_refused() && !error.is_invalid(), "{error}");
}

/// The machine's stack and steps bound every answer; that it comes at all is what is checked.
fn check_bounded(pattern: &str, text: &str, gives_up: bool) {
    let compiled = Pattern::compile(pattern).unwrap();
    assert_eq!(compiled.is_match(text).is_err(), gives_up, "{pattern:.80?}");
}

#[test]
fn whole_texts_and_parts() {
    check("ell", "hello", true);
    check("^ell", "hello", false);
    check("^hello$", "hello\n", false);
    check("", "", true);
    check("^a|b$", "cb", true);
    check("^(?:a|b)$", "cb", false);
}

#[test]
fn letter_case_is_that_of_the_standard() {
    check("HeLLo", "hEllO", true);
    check("k", "\u{212A}", true); // Lower-casing the text makes it an ASCII k.
    check("\u{212A}", "k", false);
    check("s", "ſ", false);
    check("σ", "ς", true);
    check("[^Σ]", "ς", false);
    check("ß", "ẞ", true); // Again it is the text that is lower-cased.
    check("ẞ", "ß", false);
}

#[test]
fn class_escapes_are_not_those_of_unicode() {
    check(r"^\d$", "٣", false);
    check(r"^\w$", "é", false);
    check(r"^\s$", "\u{FEFF}", true);
    check(r"^\s$", "\u{85}", false);
    check("^.$", "\u{2028}", false);
    check("^.$", "\u{85}", true);
    check("^[^]$", "\n", true);
    check("[]", "a", false);
    check(r"a\b", "aé", true);
}

#[test]
fn supplementary_characters_are_two_units() {
    for linear in ["", "(?=)"] {
        check(&format!("{linear}^.$"), "🎯", false);
        check(&format!("{linear}^..$"), "🎯", true);
        check(&format!("{linear}^🎯+$"), "🎯🎯", false);
        check(&format!("{linear}^(?:🎯)+$"), "🎯🎯", true);
        check(&format!(r"{linear}^\ud83c[\udc00-\udfff]$"), "🎯", true);
        check(&format!("{linear}^[^a]{{2}}$"), "🎯", true);
        check(&format!("{linear}𐐀"), "𐐀", false);
        check(&format!("{linear}\u{1D83C}"), "🎯", false);
    }
}

#[test]
fn no_match_begins_or_ends_within_a_character() {
    check(r"\B|Ა", "BᲐ1", true);
    check(r"\B", "bა1", false);
    check(r"\B🎯|\B$", "a🎯a", false);
    check(r"^a\B|\b\B", "aé", false);
    check(r"(?:\B)*é", "aé", true);
    check(r"\Bé\B", "aéa", false);
}

#[test]
fn annex_b_takes_what_looks_wrong() {
    check("^a{,2}]}$", "a{,2}]}", true);
    check(r"^\c[\c]\8\k\p\x1\u12$", r"\c\8kpx1u12", true);
    check(r"^\101[\141-\143]\400$", "ab 0", true);
    check(r"^[\w-z][a-\d]$", "--", true);
    check("^(?=a)*(?!b)+a$", "a", true);
}

#[test]
fn mistakes_are_named() {
    check_invalid("a**", "nothing to repeat at offset 2");
    check_invalid("{1}", "nothing to repeat at offset 0");
    check_invalid("(?<=a)*", "nothing to repeat at offset 6");
    check_invalid("a{2,1}", "numbers out of order in a quantifier at offset 1");
    check_invalid("é(", "unterminated group at offset 1");
    check_invalid("a)", "unmatched parenthesis at offset 1");
    check_invalid("(?i:a)", "invalid group at offset 1");
    check_invalid("[a", "unterminated class at offset 2");
    check_invalid("[b-a]", "range out of order in a class at offset 1");
    check_invalid("\\", "nothing after the backslash at offset 0");
    check_invalid("(?<a>)(?<a>)", "duplicate group name at offset 9");
    check_invalid("(?<1>)", "invalid group name at offset 4");
    check_invalid(r"(?<a>)\k<b>", "reference to an unknown group name at offset 6");
    check_invalid(r"(?<a>)\k", "invalid named reference at offset 6");
    check_invalid(r"[\k](?<a>)", "invalid escape at offset 1");
}

#[test]
fn look_around_sees_both_ways() {
    check("^(?!.*bot).*chrome", "Chrome", true);
    check("^(?!.*bot).*chrome", "Chrome bot", false);
    check(r"(?<=(\d+)(\d+))$", "1053", true);
    check(r"(?<=(\d+)(\d+)\2)$", "1053", true); // The reference is met before its group.
    check(r"(?<=\2(\d)(\d))$", "1053", false);
    check(r"(?<=\1(a))b", "aab", true);
    check(r"(?<=a*?b)c", "abc", true);
    check("(?<=a{2,3}?)b", "ab", false);
    check("(?<!^.*x.*)y", "ay", true);
    check("(?<!^.*x.*)y", "axy", false);
}

#[test]
fn look_ahead_is_not_entered_again_but_undone() {
    check(r"(?=(a+))a*b\1", "baaabac", true);
    check(r"^(?:(?=(a))a|ab)\1c$", "abc", true);
    check(r"(?!(a)b)\1a", "ac", true);
    check(r"(?=(?:a^|(a))){0,}(?:(?<!\1)).", "accbbbca", false);
    check(r"a(?=\2((b)(a)){1}[^a]){2,}", "aabac", true);
}

#[test]
fn captures_are_forgotten_by_every_iteration() {
    check(r"^(?:(a)|b)*\1$", "ab", true);
    check(r"^(?:(a)|b)*\1$", "aba", false);
    check(r"^((a+)?(b+)?(c))*\2$", "aacbbbca", false);
    check(r"^(a)?b\1$", "b", true);
    check(r"^(?:(?=(a)))?b|\1c", "c", true);
    check(r"^(?:a?(b)??)*\1$", "ab", false);
}

#[test]
fn back_references_ignore_case() {
    check(r"^(.)\1$", "σς", true);
    check(r"^(.)\1$", "µμ", true);
    check(r"^(?<x>..)\k<x>$", "ÉkéK", true);
    check(r"^(.)\1$", "ßs", false);
}

#[test]
fn engines_are_chosen_by_need() {
    let linear = |pattern: &str| Pattern::compile(pattern).unwrap().is_linear();
    assert!(linear(r"^(?:a|b)+?[^c]\d{2,5}\b(?<n>x)$"));
    assert!(!linear("(?=a)") && !linear("(?<!a)") && !linear(r"(a)\1") && !linear(r"(?<n>a)\k<n>"));
    assert!(linear(r"\1") && linear("(a{20}){20}") && !linear("(a{1000}){1000}"));
}

#[test]
fn counted_repetitions_too_large_to_write_out_are_counted() {
    let text = "a".repeat(2_500);
    check("^(?:(?:aa){50,}){25}$", &text, true);
    check("^(?:a{1000}b?){2}a{500}$", &text, true);
    check("^(?:a{1000}b?){3}$", &text, false);
    check("^[^b]{2500}$", &text, true);
    check("^[^b]{1,2499}$", &text, false);
    check("^(?:[^b][^c]){1250}$", &text, true);
}

#[test]
fn long_and_deep_patterns_are_refused() {
    check(&format!("{}a{}", "(".repeat(100), ")".repeat(100)), "a", true);
    check_refused(&"(".repeat(101));
    check_refused(&format!("{}a{}", "(?:".repeat(101), ")*".repeat(101)));
    check_refused(&"(?=".repeat(5_000));
    check(&"é".repeat(16_384), "e", false);
    check_refused(&"é".repeat(16_385));
    check_refused(&"a".repeat(10_000_000));
}

#[test]
fn the_deepest_patterns_fit_a_small_call_stack() {
    for (open, close) in [("(", ")*"), ("(?:a|", "){1,2}"), ("(?=", ")"), ("(?<!b", "|c)")] {
        let pattern = format!("{}a{}", open.repeat(100), close.repeat(100));
        let matched = || {
            let compiled = Pattern::compile(&pattern).unwrap();
            (compiled.is_linear(), compiled.is_match("aab"))
        };
        let (linear, answer) = std::thread::scope(|scope| {
            let small = std::thread::Builder::new().stack_size(512 * 1024);
            small.spawn_scoped(scope, matched).unwrap().join().unwrap()
        });
        assert!(answer.is_ok() || !linear, "{open}");
    }
}

#[test]
fn hostile_patterns_end() {
    let text = "a".repeat(50_000) + "!";
    for pattern in
        ["^(a+)+$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", r"(?:\w+\s?)+$"]
    {
        check_bounded(pattern, &text, false);
    }
    for pattern in
        [r"(?=(a+))\1b", "^(?=(a+)+$)", r"^(a*)*\1b", "(?<=a.*)b", r"(?:){2147483647}(?=b)"]
    {
        check_bounded(pattern, &text, true);
    }
    check_bounded("^(?!.*bot).*chrome", &text, false);
}

#[test]
fn large_patterns_on_long_texts_are_left_to_the_machine() {
    let pattern = format!("a{}c", "[ab]".repeat(4_000));
    check(&pattern, &"ab".repeat(1_000), false);
    check_bounded(&pattern, &"ab".repeat(25_000), true);
    check(&pattern, &("!".repeat(20_000) + &"ab".repeat(2_000) + "ac"), true);
}

#[test]
fn patterns_are_shared_between_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let pattern = Pattern::compile("a").unwrap();
    is_shared(&pattern);
    assert_eq!(format!("{pattern:?}"), r#"Pattern { source: "a", is_linear: true, .. }"#);
}

proptest! {
    #[test]
    fn any_pattern_on_any_text_has_an_answer(pattern in ".{0,40}", text in ".{0,40}") {
        if let Ok(compiled) = Pattern::compile(&pattern) {
            let _ = compiled.is_match(&text);
        }
    }

    #[test]
    fn anything_made_of_syntax_has_an_answer(
        pattern in r"([ab1\.\^\$\|\\\[\]\(\)\{\}\*\+\?,=!<>:cdkux0-9-]|\(\?|\(\?<|\(\?<n>|\\k<n>){0,30}",
        text in "[ab1\n🎯é]{0,30}",
    ) {
        if let Ok(compiled) = Pattern::compile(&pattern) {
            let _ = compiled.is_match(&text);
        }
    }

    #[test]
    fn engines_agree(
        pattern in r"([ab\.\^\$\|]|\(\?:a\|b\)|\(a\*\)\*|[ab][\*\+\?]|\[\^a\]|\\b|\\W|σ|🎯|b\{1,2\}){0,12}",
        text in "[abσς🎯!]{0,12}",
    ) {
        let linear = Pattern::compile(&pattern).unwrap();
        let backtracking = Pattern::compile(&format!("(?:{pattern})(?=)")).unwrap();
        prop_assert!(linear.is_linear() && !backtracking.is_linear());
        prop_assert_eq!(linear.is_match(&text), backtracking.is_match(&text));
    }
}
