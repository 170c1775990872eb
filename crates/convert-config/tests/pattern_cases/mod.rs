//! Random patterns by the grammar of ECMAScript, with a few mistakes, and texts for them.

#![expect(clippy::indexing_slicing, reason = "the index is drawn below the length")]

use fastrand::Rng;

/// Returns a random pattern, usually a valid one.
pub(crate) fn pattern(random: &mut Rng) -> String {
    let mut out = String::new();
    if random.bool() {
        let depth = random.u8(1..4);
        let letters = DENSE[random.usize(0..DENSE.len())];
        structure(random, depth, letters, &mut out);
        return if random.bool() { format!("^(?:{out})$") } else { out };
    }
    let depth = random.u8(0..4);
    disjunction(random, depth, &mut out);
    if random.u8(0..20) == 0 {
        mutate(random, &mut out);
    }
    out
}

/// Returns a random short text, often made of what the pattern mentions.
pub(crate) fn text(random: &mut Rng, pattern: &str) -> String {
    let dense = DENSE.iter().find(|letters| letters.iter().any(|letter| pattern.contains(letter)));
    if let Some(letters) = dense.filter(|_| random.bool()) {
        return (0..random.usize(0..9)).map(|_| one_of(random, letters)).collect();
    }
    let mentioned: Vec<char> = pattern.chars().collect();
    let count = random.usize(0..9);
    (0..count)
        .map(|_| {
            if random.bool() && !mentioned.is_empty() {
                mentioned[random.usize(0..mentioned.len())].to_string()
            } else {
                either(random, PLAIN, ODD).to_owned()
            }
        })
        .collect()
}

/// Writes groups, look-around and references over an alphabet of two letters, where how a pattern
/// is matched decides more often than what it is made of.
fn structure(random: &mut Rng, depth: u8, letters: &[&str], out: &mut String) {
    for _ in 0..random.u8(1..5) {
        match random.u8(0..12) {
            0..=3 => out.push_str(one_of(random, letters)),
            4..=6 => out.push_str(one_of(random, REFERENCES)),
            7 => out.push_str(one_of(random, &[".", "[^a]", "^", "$", "|", "|"])),
            _ if depth == 0 => {
                out.push('(');
                out.push_str(one_of(random, letters));
                out.push_str(one_of(random, &[")", ")?", ")*", "|)"]));
            }
            _ => {
                let opening = one_of(random, GROUPS);
                out.push_str(opening);
                structure(random, depth - 1, letters, out);
                out.push(')');
                if random.bool() && !opening.starts_with("(?<=") && !opening.starts_with("(?<!") {
                    out.push_str(one_of(random, REPEATED));
                }
            }
        }
    }
}

fn disjunction(random: &mut Rng, depth: u8, out: &mut String) {
    alternative(random, depth, out);
    while random.u8(0..4) == 0 {
        out.push('|');
        alternative(random, depth, out);
    }
}

fn alternative(random: &mut Rng, depth: u8, out: &mut String) {
    for _ in 0..random.u8(0..4) {
        term(random, depth, out);
    }
}

fn term(random: &mut Rng, depth: u8, out: &mut String) {
    let mut quantifiable = true;
    match random.u8(0..20) {
        0..=5 => out.push_str(one_of(random, PLAIN)),
        6 => out.push_str(one_of(random, ODD)),
        7..=8 => out.push_str(one_of(random, ESCAPES)),
        9 => out.push('.'),
        10 => {
            out.push_str(one_of(random, ASSERTIONS));
            quantifiable = random.u8(0..40) == 0;
        }
        11..=12 => class(random, out),
        13..=14 => out.push_str(one_of(random, REFERENCES)),
        _ if depth == 0 => out.push_str(one_of(random, PLAIN)),
        _ => {
            let opening = one_of(random, GROUPS);
            out.push_str(opening);
            disjunction(random, depth - 1, out);
            out.push(')');
            quantifiable = !opening.starts_with("(?<=") && !opening.starts_with("(?<!");
        }
    }
    if quantifiable && random.u8(0..3) == 0 {
        out.push_str(one_of(random, QUANTIFIERS));
        if random.u8(0..4) == 0 {
            out.push('?');
        }
    }
    if random.u8(0..40) == 0 {
        out.push_str(one_of(random, STRAY));
    }
}

fn class(random: &mut Rng, out: &mut String) {
    out.push_str(if random.u8(0..3) == 0 { "[^" } else { "[" });
    for _ in 0..random.u8(0..4) {
        match random.u8(0..8) {
            0..=2 => out.push_str(one_of(random, PLAIN)),
            3 => out.push_str(one_of(random, ODD)),
            4 => out.push_str(one_of(random, ESCAPES)),
            5 => out.push_str(one_of(random, CLASS_ESCAPES)),
            6 => out.push_str(one_of(random, RANGES)),
            _ => {
                out.push_str(either(random, PLAIN, ESCAPES));
                out.push('-');
                out.push_str(either(random, PLAIN, ODD));
            }
        }
    }
    out.push(']');
}

fn mutate(random: &mut Rng, out: &mut String) {
    let mut characters: Vec<char> = out.chars().collect();
    if characters.is_empty() {
        return;
    }
    let place = random.usize(0..characters.len());
    if random.bool() {
        characters.remove(place);
    } else {
        characters.insert(place, characters[random.usize(0..characters.len())]);
    }
    *out = characters.into_iter().collect();
}

fn either<'s>(random: &mut Rng, left: &[&'s str], right: &[&'s str]) -> &'s str {
    let from = if random.u8(0..3) == 0 { right } else { left };
    one_of(random, from)
}

fn one_of<'s>(random: &mut Rng, from: &[&'s str]) -> &'s str {
    from[random.usize(0..from.len())]
}

const DENSE: &[&[&str]] = &[&["σ", "ς", "Σ"], &["🎯", "🎰"], &["µ", "μ"], &["a", "b", "A"]];

const REPEATED: &[&str] = &["*", "+", "?", "{2}", "*?", "{2,}", "{0,2}", "{1,3}?"];

const PLAIN: &[&str] =
    &["a", "b", "c", "a", "b", "A", "B", "k", "K", "s", "S", "1", "_", " ", "-", "/"];

const ODD: &[&str] = &[
    "é", "É", "ß", "ẞ", "σ", "ς", "Σ", "µ", "μ", "Μ", "ſ", "\u{212A}", "İ", "ı", "i", "ǆ", "ǅ",
    "Ǆ", "θ", "ϴ", "ω", "\u{2126}", "å", "\u{212B}", "ÿ", "Ÿ", "ŉ", "ﬁ", "🎯", "🎰", "𐐀", "𐐨",
    "\n", "\r", "\u{2028}", "\u{2029}", "\u{85}", "\u{FEFF}", "\u{A0}", "\u{200B}", "\u{180E}",
    "\u{3000}", "\0", "\u{FFFF}", "\u{307}", "\t", "ა", "Ა", "ᲀ", "в", "Ꭰ", "ꭰ", "≠", "日",
];

const ESCAPES: &[&str] = &[
    r"\d",
    r"\D",
    r"\w",
    r"\W",
    r"\s",
    r"\S",
    r"\n",
    r"\t",
    r"\v",
    r"\f",
    r"\r",
    r"\cA",
    r"\cj",
    r"\c",
    r"\c1",
    r"\0",
    r"\00",
    r"\8",
    r"\9",
    r"\12",
    r"\141",
    r"\377",
    r"\400",
    r"\x61",
    r"\x6",
    r"\xZZ",
    r"\u0061",
    r"\u006",
    r"\u{61}",
    r"\ud83c",
    r"\udfaf",
    r"\ud83c\udfaf",
    r"\u017f",
    r"\u212a",
    r"\k",
    r"\-",
    r"\/",
    r"\.",
    r"\p",
    r"\p{L}",
    r"\_",
    r"\]",
    r"\[",
    r"\^",
    r"\$",
    r"\\",
    r"\a",
    r"\K",
    r"\é",
];

const CLASS_ESCAPES: &[&str] =
    &[r"\b", r"\B", r"\c1", r"\c_", r"\c*", r"\d-a", r"a-\d", r"\w-\s", "-", "^", "."];

const RANGES: &[&str] = &[
    "a-c",
    "A-C",
    "a-a",
    "0-9",
    "b-a",
    "K-k",
    "Z-a",
    "à-ÿ",
    "À-Þ",
    "α-ω",
    "Α-Ω",
    r"\0-\x7f",
    r"\u0080-\uffff",
    r"\ud800-\udbff",
    r"\udc00-\udfff",
    r"\ud800-\udfff",
    r"\u2000-\u206f",
    "!-~",
    " -/",
    "ſ-Ž",
    "Ꭰ-Ᏼ",
];

const ASSERTIONS: &[&str] = &["^", "$", r"\b", r"\B"];

const REFERENCES: &[&str] = &[r"\1", r"\2", r"\3", r"\1", r"\11", r"\k<n>", r"\k<m>", r"\k<"];

const GROUPS: &[&str] = &[
    "(", "(", "(", "(?:", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?=", "(?!", "(?<=", "(?<!",
    "(?<n>", "(?<m>",
];

const QUANTIFIERS: &[&str] = &[
    "*", "+", "?", "{0}", "{1}", "{2}", "{0,1}", "{0,2}", "{1,2}", "{2,}", "{,2}", "{1", "{0,}",
    "{2,3}",
];

const STRAY: &[&str] = &[
    "{", "}", "]", "{1}", "*", ")", "(", "[", "{2,1}", "(?<1>", "(?i:a)", r"\", "[b-a]", "**",
    "(?<n",
];
