//! The grammar of ECMAScript patterns without the `u` flag, Annex B included.
//!
//! Where the standard leaves room, or is newer than the reference, the answer is that of node 20:
//! a group name may occur once, and there are no inline flags.

use std::collections::HashMap;

use super::ast::{Node, Repeat, Tree, UNBOUNDED};
use super::ecma;
use super::error::PatternError;
use super::units::UnitSet;

/// Parses `source`.
///
/// # Errors
///
/// When ECMAScript rejects the pattern, or when it is too long or too deeply nested.
pub(super) fn parse(source: &str) -> Result<Tree, PatternError> {
    // A code unit takes up to three bytes, so a longer source cannot be within the limit.
    if source.len() > LENGTH_LIMIT * 3 {
        return Err(PatternError::refused("too long", LENGTH_LIMIT));
    }
    let units: Vec<u16> = source.encode_utf16().collect();
    if units.len() > LENGTH_LIMIT {
        return Err(PatternError::refused("too long", LENGTH_LIMIT));
    }
    let (group_count, has_names) = count_groups(&units);
    let mut parser = Parser {
        units,
        at: 0,
        depth: 0,
        group_count,
        has_names,
        groups: 0,
        names: HashMap::new(),
        references: Vec::new(),
        looks_around: false,
        has_non_boundary: false,
    };
    let root = parser.disjunction()?;
    if parser.peek().is_some() {
        return Err(parser.invalid("unmatched parenthesis"));
    }
    let references = parser.resolve_references()?;
    let Parser { groups, looks_around, has_non_boundary, .. } = parser;
    Ok(Tree { root, references, groups, looks_around, has_non_boundary })
}

/// A position in a pattern and what has been seen of it.
#[derive(Debug)]
pub(super) struct Parser {
    units: Vec<u16>,
    pub(super) at: usize,
    depth: usize,
    pub(super) group_count: u32,
    /// Whether any group is named, which makes `\k` a back-reference.
    pub(super) has_names: bool,
    groups: u32,
    names: HashMap<String, u32>,
    pub(super) references: Vec<Reference>,
    looks_around: bool,
    has_non_boundary: bool,
}

/// What a back-reference names.
#[derive(Debug)]
pub(super) enum Reference {
    Number(u32),
    Name { name: String, offset: usize },
}

impl Parser {
    fn disjunction(&mut self) -> Result<Node, PatternError> {
        let first = self.alternative()?;
        if self.peek() != Some('|') {
            return Ok(first);
        }
        let mut choices = vec![first];
        while self.eat('|') {
            choices.push(self.alternative()?);
        }
        Ok(Node::Choice(choices))
    }

    fn alternative(&mut self) -> Result<Node, PatternError> {
        let mut terms = Vec::new();
        while let Some(next) = self.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            terms.push(self.term(next)?);
        }
        Ok(match terms.len() {
            0 => Node::Empty,
            1 => terms.pop().unwrap_or(Node::Empty),
            _ => Node::Sequence(terms),
        })
    }

    fn term(&mut self, next: char) -> Result<Node, PatternError> {
        let first_group = self.groups + 1;
        let is_look_behind = self.is_look_behind();
        let atom = match next {
            '^' => return Ok(self.skip(1, Node::Start)),
            '$' => return Ok(self.skip(1, Node::End)),
            '\\' if self.peek_at(1) == Some('b') => {
                return Ok(self.skip(2, Node::Boundary { negated: false }));
            }
            '\\' if self.peek_at(1) == Some('B') => {
                self.has_non_boundary = true;
                return Ok(self.skip(2, Node::Boundary { negated: true }));
            }
            '*' | '+' | '?' => return Err(self.invalid("nothing to repeat")),
            '{' if self.braced_quantifier().is_some() => {
                return Err(self.invalid("nothing to repeat"));
            }
            '(' => self.group()?,
            '[' => self.class()?,
            '.' => {
                let ends_line = UnitSet::new(ecma::LINE_TERMINATOR.to_vec());
                self.skip(1, Node::Class(ends_line.complement()))
            }
            '\\' => self.atom_escape()?,
            _ => {
                let unit = self.bump_unit();
                literal(unit)
            }
        };
        // A look-behind takes no quantifier; a look-ahead does.
        if is_look_behind { Ok(atom) } else { self.quantified(atom, first_group) }
    }

    fn quantified(&mut self, node: Node, first_group: u32) -> Result<Node, PatternError> {
        let offset = self.at;
        let (min, max) = match self.peek() {
            Some('*') => self.skip(1, (0, UNBOUNDED)),
            Some('+') => self.skip(1, (1, UNBOUNDED)),
            Some('?') => self.skip(1, (0, 1)),
            Some('{') => match self.braced_quantifier() {
                Some((min, max, length)) => self.skip(length, (min, max)),
                None => return Ok(node),
            },
            _ => return Ok(node),
        };
        if min > max {
            return Err(PatternError::invalid("numbers out of order in a quantifier", offset));
        }
        let greedy = !self.eat('?');
        let groups = (first_group, self.groups + 1);
        Ok(Node::Repeat(Box::new(Repeat { node, min, max, greedy, groups })))
    }

    /// Returns the bounds and the length of `{n}`, `{n,}` or `{n,m}`, if one comes next.
    fn braced_quantifier(&self) -> Option<(u32, u32, usize)> {
        let mut length = 1;
        let min = self.digits(&mut length)?;
        let mut max = min;
        if self.peek_at(length) == Some(',') {
            length += 1;
            max = self.digits(&mut length).unwrap_or(UNBOUNDED);
        }
        (self.peek_at(length) == Some('}')).then_some((min, max, length + 1))
    }

    /// Reads decimal digits `length` units ahead; the number saturates.
    fn digits(&self, length: &mut usize) -> Option<u32> {
        let mut value: Option<u32> = None;
        while let Some(digit) = self.peek_at(*length).and_then(|next| next.to_digit(10)) {
            let so_far = value.unwrap_or(0).saturating_mul(10).saturating_add(digit);
            value = Some(so_far.min(UNBOUNDED));
            *length += 1;
        }
        value
    }

    fn is_look_behind(&self) -> bool {
        [Some('('), Some('?'), Some('<')] == [self.peek(), self.peek_at(1), self.peek_at(2)]
            && matches!(self.peek_at(3), Some('=' | '!'))
    }

    fn group(&mut self) -> Result<Node, PatternError> {
        let offset = self.at;
        if self.depth == DEPTH_LIMIT {
            return Err(PatternError::refused("too deeply nested", offset));
        }
        self.depth += 1;
        self.at += 1;
        let mut capturing = false;
        let mut look = None;
        if self.peek() == Some('?') {
            match (self.peek_at(1), self.peek_at(2)) {
                (Some(':'), _) => self.at += 2,
                (Some(sign @ ('=' | '!')), _) => look = Some(self.skip(2, (false, sign == '!'))),
                (Some('<'), Some(sign @ ('=' | '!'))) => {
                    look = Some(self.skip(3, (true, sign == '!')));
                }
                (Some('<'), _) => {
                    self.at += 2;
                    self.name_group()?;
                    capturing = true;
                }
                _ => return Err(self.invalid("invalid group")),
            }
        } else {
            capturing = true;
        }
        if capturing {
            self.groups += 1;
        }
        let index = self.groups;
        let node = self.disjunction()?;
        if !self.eat(')') {
            return Err(PatternError::invalid("unterminated group", offset));
        }
        self.depth -= 1;
        self.looks_around |= look.is_some();
        Ok(match look {
            Some((behind, negated)) => Node::Look { behind, negated, node: Box::new(node) },
            None if capturing => Node::Group { index, node: Box::new(node) },
            None => node,
        })
    }

    fn name_group(&mut self) -> Result<(), PatternError> {
        let offset = self.at;
        let name = self.group_name()?;
        match self.names.insert(name, self.groups + 1) {
            Some(_) => Err(PatternError::invalid("duplicate group name", offset)),
            None => Ok(()),
        }
    }

    fn resolve_references(&mut self) -> Result<Vec<u32>, PatternError> {
        let names = std::mem::take(&mut self.names);
        let resolve = |reference| match reference {
            Reference::Number(number) => Ok(number),
            Reference::Name { name, offset } => {
                let unknown =
                    || PatternError::invalid("reference to an unknown group name", offset);
                names.get(&name).copied().ok_or_else(unknown)
            }
        };
        std::mem::take(&mut self.references).into_iter().map(resolve).collect()
    }

    /// Returns the next code unit as a character. What is only compared with ASCII may treat
    /// surrogates as any other character.
    pub(super) fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<char> {
        let unit = *self.units.get(self.at + ahead)?;
        Some(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Takes the next code unit; at the end of the pattern, none is left to take.
    pub(super) fn bump_unit(&mut self) -> u16 {
        let unit = self.units.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        unit
    }

    /// Takes the next code point, joining surrogates.
    pub(super) fn bump_code_point(&mut self) -> Option<char> {
        let rest = self.units.get(self.at..)?;
        let next = char::decode_utf16(rest.iter().copied()).next()?.ok()?;
        self.at += next.len_utf16();
        Some(next)
    }

    pub(super) fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    pub(super) fn skip<T>(&mut self, length: usize, result: T) -> T {
        self.at += length;
        result
    }

    pub(super) fn invalid(&self, what: &'static str) -> PatternError {
        PatternError::invalid(what, self.at)
    }
}

/// Returns the node that matches `unit` in either case.
pub(super) fn literal(unit: u16) -> Node {
    match *ecma::matched_by(unit) {
        [(low, high)] if low == high => Node::Unit(low),
        ref ranges => Node::Class(UnitSet::new(ranges.to_vec())),
    }
}

/// Counts the capturing groups of a pattern, and finds whether any is named, before it is parsed:
/// whether `\2` is a back-reference depends on what follows it.
fn count_groups(units: &[u16]) -> (u32, bool) {
    let is = |at: usize, expected: char| units.get(at) == Some(&(expected as u16));
    let (mut count, mut has_names, mut in_class, mut at) = (0, false, false, 0);
    while at < units.len() {
        if is(at, '\\') {
            at += 1;
        } else if in_class {
            in_class = !is(at, ']');
        } else if is(at, '[') {
            in_class = true;
        } else if is(at, '(') {
            let named = is(at + 1, '?') && is(at + 2, '<') && !is(at + 3, '=') && !is(at + 3, '!');
            count += u32::from(named || !is(at + 1, '?'));
            has_names |= named;
        }
        at += 1;
    }
    (count, has_names)
}

/// The longest pattern that is compiled, in code units.
const LENGTH_LIMIT: usize = 16 * 1024;

/// How deeply groups may nest.
const DEPTH_LIMIT: usize = 100;
