//! The backtracking machine, for what the linear engine cannot do: look-around and
//! back-references, with ECMAScript's rules for captures.
//!
//! It keeps what it may have to come back to on a stack of its own, of bounded size, and takes its
//! steps off a budget: a code unit tested, an instruction executed and an entry looked through are
//! one each. So neither a pattern nor a text can make it run away.

use super::error::StepLimitExceeded;
use super::program::{Instruction, Program, UnitTest};
use super::text::{Units, at_boundary, occurs_again};
use crate::rule::StepBudget;

/// Tests a text against a program.
///
/// # Errors
///
/// When the steps of the budget, or the memory of one match, are used up.
pub(super) fn is_match(
    program: &Program,
    text: &str,
    budget: &StepBudget,
) -> Result<bool, StepLimitExceeded> {
    // The text is read, and the registers are made, whatever the match does.
    if !budget.spend((text.len() / BYTES_A_STEP + program.registers) as u64) {
        return Err(StepLimitExceeded::new());
    }
    if text.is_ascii() {
        Machine::new(program, text.as_bytes(), budget).is_match()
    } else {
        let units: Vec<u16> = text.encode_utf16().collect();
        Machine::new(program, units.as_slice(), budget).is_match()
    }
}

pub(super) struct Machine<'p, U> {
    pub(super) program: &'p Program,
    text: U,
    /// The next instruction.
    pub(super) next: usize,
    pub(super) position: usize,
    registers: Vec<usize>,
    /// What failure returns to, and what it has to undo on the way.
    pub(super) stack: Vec<Saved>,
    /// The look-arounds that are being tried, innermost last.
    looks: Vec<Look>,
    budget: &'p StepBudget,
}

/// An entry of the stack.
#[derive(Debug, Clone, Copy)]
pub(super) enum Saved {
    /// Continue at `next` from `position`.
    Branch { next: usize, position: usize },
    /// A register had this value.
    Register { register: usize, value: usize },
    /// A greedy run may give back what it took, down to `stop`.
    GiveBack { run: usize, position: usize, stop: usize },
    /// A lazy run may take up to `left` more.
    TakeMore { run: usize, position: usize, left: usize },
    /// A look-around began here.
    Look,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    negated: bool,
    /// The place and the position at which to continue.
    after: usize,
    position: usize,
    /// The height of the stack before it.
    height: usize,
}

/// What an instruction led to.
pub(super) enum Flow {
    Continue,
    Fail,
    Matched,
}

impl<'p, U: Units> Machine<'p, U> {
    fn new(program: &'p Program, text: U, budget: &'p StepBudget) -> Self {
        let registers = vec![UNSET; program.registers];
        let (stack, looks) = (Vec::new(), Vec::new());
        Self { program, text, next: 0, position: 0, registers, stack, looks, budget }
    }

    fn is_match(&mut self) -> Result<bool, StepLimitExceeded> {
        let last = if self.program.anchored { 0 } else { self.text.length() };
        for start in 0..=last {
            if self.matches_from(start)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every failed attempt undoes what it did to the registers, so the next one starts afresh.
    fn matches_from(&mut self, start: usize) -> Result<bool, StepLimitExceeded> {
        (self.next, self.position) = (0, start);
        loop {
            self.spend(1)?;
            let flow = match self.program.code.get(self.next) {
                Some(&instruction) => self.execute(instruction)?,
                None => Flow::Fail,
            };
            match flow {
                Flow::Continue => {}
                Flow::Matched => return Ok(true),
                Flow::Fail if self.backtrack() => {}
                Flow::Fail => return Ok(false),
            }
        }
    }

    fn execute(&mut self, instruction: Instruction) -> Result<Flow, StepLimitExceeded> {
        let place = self.next;
        self.next += 1;
        let succeeded = match instruction {
            Instruction::Unit { test, backward } => self.take(test, backward),
            Instruction::Run { test, backward, min, max, greedy } => {
                let (min, max) = (min as usize, max as usize);
                self.run(place, (test, backward), (min, max), greedy)?
            }
            Instruction::Start => self.position == 0,
            Instruction::End => self.position == self.text.length(),
            Instruction::Boundary { negated } => at_boundary(&self.text, self.position) != negated,
            Instruction::Fork { first, second } => {
                self.push(Saved::Branch { next: second, position: self.position })?;
                self.next = first;
                true
            }
            Instruction::Jump { to } => {
                self.next = to;
                true
            }
            Instruction::Save { register } => {
                self.set(register, self.position)?;
                true
            }
            Instruction::LoopEnter { id } => self.with_loop(id, Self::enter_loop)?,
            Instruction::LoopTest { id } => self.with_loop(id, Self::test_loop)?,
            Instruction::LoopIterate { id } => self.with_loop(id, Self::iterate)?,
            Instruction::LoopEnd { id } => self.with_loop(id, Self::end_iteration)?,
            Instruction::BackReference { group, backward } => self.take_again(group, backward)?,
            Instruction::Look { negated, after } => {
                let height = self.stack.len();
                self.push(Saved::Look)?;
                self.looks.push(Look { negated, after, position: self.position, height });
                true
            }
            Instruction::LookEnd { negated } => self.end_look(negated)?,
            Instruction::Match => return Ok(Flow::Matched),
        };
        Ok(if succeeded { Flow::Continue } else { Flow::Fail })
    }

    /// Takes one code unit if it passes the test.
    pub(super) fn take(&mut self, test: UnitTest, backward: bool) -> bool {
        let from = if backward { self.position.checked_sub(1) } else { Some(self.position) };
        let passes = from
            .and_then(|from| self.text.at(from))
            .is_some_and(|unit| test.passes(unit, &self.program.classes));
        if passes {
            self.position = if backward { self.position - 1 } else { self.position + 1 };
        }
        passes
    }

    /// Takes what a group captured; a group that captured nothing is the empty text.
    fn take_again(&mut self, group: usize, backward: bool) -> Result<bool, StepLimitExceeded> {
        let (start, end) = (self.register(group * 2), self.register(group * 2 + 1));
        if start == UNSET || end == UNSET {
            return Ok(true);
        }
        let length = end.saturating_sub(start);
        self.spend(length)?;
        let from = if backward { self.position.checked_sub(length) } else { Some(self.position) };
        let Some(from) = from else { return Ok(false) };
        let equal = occurs_again(&self.text, start..end, from);
        if equal {
            self.position = if backward { from } else { from + length };
        }
        Ok(equal)
    }

    /// The body of a look-around matched.
    fn end_look(&mut self, negated: bool) -> Result<bool, StepLimitExceeded> {
        let Some(look) = self.looks.pop() else {
            return Ok(false);
        };
        self.spend(self.stack.len().saturating_sub(look.height))?;
        if negated {
            while self.stack.len() > look.height {
                if let Some(Saved::Register { register, value }) = self.stack.pop() {
                    self.restore(register, value);
                }
            }
            return Ok(false);
        }
        // There is no way back into it, but what it captured is to be undone with the rest.
        let mut kept = look.height;
        for index in look.height..self.stack.len() {
            if matches!(self.stack.get(index), Some(Saved::Register { .. })) {
                self.stack.swap(kept, index);
                kept += 1;
            }
        }
        self.stack.truncate(kept);
        self.position = look.position;
        Ok(true)
    }

    /// Goes back to the latest alternative; `false` when none is left.
    fn backtrack(&mut self) -> bool {
        while let Some(saved) = self.stack.pop() {
            match saved {
                Saved::Branch { next, position } => {
                    (self.next, self.position) = (next, position);
                    return true;
                }
                Saved::Register { register, value } => self.restore(register, value),
                Saved::GiveBack { run, position, stop } => {
                    self.give_back(run, position, stop);
                    return true;
                }
                Saved::TakeMore { run, position, left } => {
                    if self.take_more(run, position, left) {
                        return true;
                    }
                }
                Saved::Look => {
                    if let Some(look) = self.looks.pop().filter(|look| look.negated) {
                        (self.next, self.position) = (look.after, look.position);
                        return true;
                    }
                }
            }
        }
        false
    }

    pub(super) fn register(&self, register: usize) -> usize {
        self.registers.get(register).copied().unwrap_or(UNSET)
    }

    pub(super) fn set(&mut self, register: usize, value: usize) -> Result<(), StepLimitExceeded> {
        let before = self.register(register);
        self.push(Saved::Register { register, value: before })?;
        self.restore(register, value);
        Ok(())
    }

    fn restore(&mut self, register: usize, value: usize) {
        if let Some(register) = self.registers.get_mut(register) {
            *register = value;
        }
    }

    pub(super) fn push(&mut self, saved: Saved) -> Result<(), StepLimitExceeded> {
        if self.stack.len() >= STACK_LIMIT {
            return Err(StepLimitExceeded::new());
        }
        self.stack.push(saved);
        Ok(())
    }

    pub(super) fn spend(&mut self, steps: usize) -> Result<(), StepLimitExceeded> {
        if self.budget.spend(steps as u64) { Ok(()) } else { Err(StepLimitExceeded::new()) }
    }
}

/// The register of a group that captured nothing.
pub(super) const UNSET: usize = usize::MAX;

/// How many bytes of a text are read in the time of a step.
const BYTES_A_STEP: usize = 8;

/// How many entries the stack may have; 32 bytes each.
const STACK_LIMIT: usize = 500_000;
