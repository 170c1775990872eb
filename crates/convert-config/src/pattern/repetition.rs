//! How the backtracking machine repeats.

use super::error::StepLimitExceeded;
use super::machine::{Machine, Saved, UNSET};
use super::program::{Instruction, Loop, UnitTest};
use super::text::Units;

impl<U: Units> Machine<'_, U> {
    /// Takes code units that pass a test: as many as possible, or as few.
    pub(super) fn run(
        &mut self,
        place: usize,
        (test, backward): (UnitTest, bool),
        (min, max): (usize, usize),
        greedy: bool,
    ) -> Result<bool, StepLimitExceeded> {
        let mut taken = 0;
        let mut stop = self.position;
        let wanted = if greedy { max } else { min };
        while taken < wanted && self.take(test, backward) {
            taken += 1;
            if taken == min {
                stop = self.position;
            }
        }
        self.spend(taken)?;
        if taken < min {
            return Ok(false);
        }
        let position = self.position;
        if greedy && taken > min {
            self.push(Saved::GiveBack { run: place, position, stop })?;
        } else if !greedy && max > min {
            self.push(Saved::TakeMore { run: place, position, left: max - min })?;
        }
        Ok(true)
    }

    /// Continues after a greedy run that is one code unit shorter.
    pub(super) fn give_back(&mut self, run: usize, position: usize, stop: usize) {
        // A run forward ends after the position that it may not go below.
        let shorter = if position > stop { position - 1 } else { position + 1 };
        if shorter != stop {
            self.stack.push(Saved::GiveBack { run, position: shorter, stop });
        }
        (self.next, self.position) = (run + 1, shorter);
    }

    /// Continues after a lazy run that is one code unit longer, if it can be.
    pub(super) fn take_more(&mut self, run: usize, position: usize, left: usize) -> bool {
        let Some(&Instruction::Run { test, backward, .. }) = self.program.code.get(run) else {
            return false;
        };
        self.position = position;
        if !self.take(test, backward) {
            return false;
        }
        if left > 1 {
            let more = Saved::TakeMore { run, position: self.position, left: left - 1 };
            self.stack.push(more);
        }
        self.next = run + 1;
        true
    }

    pub(super) fn with_loop(
        &mut self,
        id: usize,
        act: fn(&mut Self, &Loop) -> Result<bool, StepLimitExceeded>,
    ) -> Result<bool, StepLimitExceeded> {
        match self.program.loops.get(id) {
            Some(this) => act(self, this),
            None => Ok(false),
        }
    }

    pub(super) fn enter_loop(&mut self, this: &Loop) -> Result<bool, StepLimitExceeded> {
        self.set(this.counter, 0)?;
        Ok(true)
    }

    pub(super) fn test_loop(&mut self, this: &Loop) -> Result<bool, StepLimitExceeded> {
        let (count, position) = (self.register(this.counter), self.position);
        let iterate = this.test + 1;
        if count >= this.max as usize {
            self.next = this.exit;
        } else if count >= this.min as usize {
            let (first, second) =
                if this.greedy { (iterate, this.exit) } else { (this.exit, iterate) };
            self.push(Saved::Branch { next: second, position })?;
            self.next = first;
        }
        Ok(true)
    }

    pub(super) fn iterate(&mut self, this: &Loop) -> Result<bool, StepLimitExceeded> {
        self.set(this.counter, self.register(this.counter) + 1)?;
        self.set(this.counter + 1, self.position)?;
        let (first, end) = this.captures;
        self.spend(end - first)?;
        for register in first..end {
            if self.register(register) != UNSET {
                self.set(register, UNSET)?;
            }
        }
        Ok(true)
    }

    /// An iteration beyond the required ones has to take something.
    #[expect(clippy::unnecessary_wraps, reason = "one signature for all that a loop does")]
    pub(super) fn end_iteration(&mut self, this: &Loop) -> Result<bool, StepLimitExceeded> {
        self.next = this.test;
        let is_required = self.register(this.counter) <= this.min as usize;
        Ok(is_required || self.register(this.counter + 1) != self.position)
    }
}
