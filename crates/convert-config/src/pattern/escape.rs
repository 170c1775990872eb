//! The escapes and classes of the pattern grammar.

use super::ast::Node;
use super::ecma;
use super::error::PatternError;
use super::parser::{Parser, Reference, literal};
use super::units::UnitSet;

/// One member of a class in brackets.
enum ClassAtom {
    Unit(u16),
    /// `\d` and its like, which cannot bound a range.
    Set(UnitSet),
}

impl Parser {
    /// Parses `\` and what belongs to it, outside of a class. `\b` and `\B` are not met here.
    pub(super) fn atom_escape(&mut self) -> Result<Node, PatternError> {
        match self.peek_at(1) {
            Some('1'..='9') => {
                if let Some(reference) = self.numbered_reference() {
                    return Ok(reference);
                }
            }
            Some('k') if self.has_names => return self.named_reference(),
            _ => {}
        }
        if let Some(set) = self.class_escape() {
            return Ok(Node::Class(set));
        }
        Ok(literal(self.character_escape(false)?))
    }

    fn numbered_reference(&mut self) -> Option<Node> {
        let mut length = 1;
        let mut number: u32 = 0;
        while let Some(digit) = self.peek_at(length).and_then(|next| next.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            length += 1;
        }
        if number > self.group_count {
            return None;
        }
        self.at += length;
        Some(self.refer_to(Reference::Number(number)))
    }

    fn named_reference(&mut self) -> Result<Node, PatternError> {
        let offset = self.at;
        self.at += 2;
        if !self.eat('<') {
            return Err(PatternError::invalid("invalid named reference", offset));
        }
        let name = self.group_name()?;
        Ok(self.refer_to(Reference::Name { name, offset }))
    }

    fn refer_to(&mut self, reference: Reference) -> Node {
        self.references.push(reference);
        Node::BackReference(self.references.len() - 1)
    }

    /// Parses a group's name and the `>` after it.
    pub(super) fn group_name(&mut self) -> Result<String, PatternError> {
        let mut name = String::new();
        loop {
            let next = match self.bump_code_point() {
                Some('>') if !name.is_empty() => return Ok(name),
                Some('\\') => self.name_escape(),
                other => other,
            };
            match next {
                Some(next) if is_name_character(next, name.is_empty()) => name.push(next),
                _ => return Err(self.invalid("invalid group name")),
            }
        }
    }

    /// Parses what follows the `\` in a name: `uXXXX`, a pair of those, or `u{X…}`.
    fn name_escape(&mut self) -> Option<char> {
        if !self.eat('u') {
            return None;
        }
        if self.eat('{') {
            let mut value: u32 = 0;
            let start = self.at;
            while let Some(digit) = self.peek().and_then(|next| next.to_digit(16)) {
                value = value.saturating_mul(16).saturating_add(digit);
                self.at += 1;
            }
            let complete = self.at > start && self.eat('}');
            return char::from_u32(value).filter(|_| complete);
        }
        let first = self.hex(0, 4)?;
        self.at += 4;
        if let Some(single) = char::from_u32(u32::from(first)) {
            return Some(single);
        }
        if self.peek() != Some('\\') || self.peek_at(1) != Some('u') {
            return None;
        }
        let second = self.hex(2, 4)?;
        self.at += 6;
        char::decode_utf16([first, second]).next()?.ok()
    }

    /// Takes one of `\d \D \s \S \w \W`, if one comes next.
    fn class_escape(&mut self) -> Option<UnitSet> {
        let name = self.peek_at(1)?;
        let ranges = match name.to_ascii_lowercase() {
            'd' => ecma::DIGIT,
            's' => ecma::SPACE,
            'w' => ecma::WORD,
            _ => return None,
        };
        self.at += 2;
        let set = UnitSet::new(ranges.to_vec());
        Some(if name.is_ascii_uppercase() { set.complement() } else { set })
    }

    /// Takes `\` and what stands for one code unit.
    fn character_escape(&mut self, in_class: bool) -> Result<u16, PatternError> {
        let Some(name) = self.peek_at(1) else {
            return Err(self.invalid("nothing after the backslash"));
        };
        let (unit, length) = match name {
            'f' => (0x0C, 2),
            'n' => (0x0A, 2),
            'r' => (0x0D, 2),
            't' => (0x09, 2),
            'v' => (0x0B, 2),
            'b' if in_class => (0x08, 2),
            'c' => match self.peek_at(2) {
                Some(letter) if is_control(letter, in_class) => (letter as u16 & 0x1F, 3),
                // The backslash stands for itself, and the `c` is read again.
                _ => (0x5C, 1),
            },
            '0'..='7' => self.legacy_octal(),
            'x' => self.hex(2, 2).map_or((0x78, 2), |unit| (unit, 4)),
            'u' => self.hex(2, 4).map_or((0x75, 2), |unit| (unit, 6)),
            'k' if self.has_names => return Err(self.invalid("invalid escape")),
            _ => {
                self.at += 1;
                return Ok(self.bump_unit());
            }
        };
        Ok(self.skip(length, unit))
    }

    /// Reads up to three octal digits after the `\`, as far as they stay below 256.
    fn legacy_octal(&self) -> (u16, usize) {
        let (mut value, mut length) = (0, 1);
        while let Some(digit) = self.peek_at(length).and_then(|next| next.to_digit(8)) {
            if length == 4 || value >= 32 {
                break;
            }
            value = value * 8 + u16::try_from(digit).unwrap_or(0);
            length += 1;
        }
        (value, length)
    }

    /// Reads exactly `count` hexadecimal digits, `ahead` units from here.
    fn hex(&self, ahead: usize, count: usize) -> Option<u16> {
        (0..count).try_fold(0, |value: u16, index| {
            let digit = self.peek_at(ahead + index)?.to_digit(16)?;
            Some(value << 4 | u16::try_from(digit).ok()?)
        })
    }

    /// Parses a class in brackets.
    pub(super) fn class(&mut self) -> Result<Node, PatternError> {
        self.at += 1;
        let negated = self.eat('^');
        let mut written = Vec::new();
        // The class escapes are kept apart: they contain every case of what they contain.
        let mut closed = Vec::new();
        while !self.eat(']') {
            let offset = self.at;
            let first = self.class_atom()?;
            if self.peek() != Some('-') || matches!(self.peek_at(1), None | Some(']')) {
                first.add_to(&mut written, &mut closed);
                continue;
            }
            self.at += 1;
            match (first, self.class_atom()?) {
                (ClassAtom::Unit(low), ClassAtom::Unit(high)) if low <= high => {
                    written.push((low, high));
                }
                (ClassAtom::Unit(_), ClassAtom::Unit(_)) => {
                    return Err(PatternError::invalid("range out of order in a class", offset));
                }
                (first, second) => {
                    first.add_to(&mut written, &mut closed);
                    second.add_to(&mut written, &mut closed);
                    ClassAtom::Unit(0x2D).add_to(&mut written, &mut closed);
                }
            }
        }
        // Ranges that repeat or overlap are closed over case once.
        let mut written = UnitSet::new(written).ranges().to_vec();
        ecma::close_over_case(&mut written);
        written.append(&mut closed);
        let set = UnitSet::new(written);
        Ok(Node::Class(if negated { set.complement() } else { set }))
    }

    fn class_atom(&mut self) -> Result<ClassAtom, PatternError> {
        match self.peek() {
            None => Err(self.invalid("unterminated class")),
            Some('\\') => match self.class_escape() {
                Some(set) => Ok(ClassAtom::Set(set)),
                None => self.character_escape(true).map(ClassAtom::Unit),
            },
            Some(_) => Ok(ClassAtom::Unit(self.bump_unit())),
        }
    }
}

impl ClassAtom {
    fn add_to(self, written: &mut Vec<(u16, u16)>, closed: &mut Vec<(u16, u16)>) {
        match self {
            Self::Unit(unit) => written.push((unit, unit)),
            Self::Set(set) => closed.extend_from_slice(set.ranges()),
        }
    }
}

/// Returns whether `\c` and `letter` stand for a control character.
fn is_control(letter: char, in_class: bool) -> bool {
    letter.is_ascii_alphabetic() || in_class && (letter.is_ascii_digit() || letter == '_')
}

/// Returns whether a group's name may have `next`. The standard asks for `ID_Start` and
/// `ID_Continue`; beyond ASCII this takes the nearest that the standard library knows.
fn is_name_character(next: char, first: bool) -> bool {
    if matches!(next, '$' | '_') || next.is_alphabetic() {
        return true;
    }
    !first
        && (next.is_alphanumeric()
            || matches!(next, '\u{200C}' | '\u{200D}' | '\u{203F}' | '\u{2040}')
            || ('\u{300}'..='\u{36F}').contains(&next))
}
