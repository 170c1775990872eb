//! Patterns as a program for the backtracking machine.

use super::ast::{Node, Repeat, Tree};
use super::units::UnitSet;

/// A pattern compiled for the backtracking machine. Counted repetitions are not written out, so
/// that it is no longer than the pattern, up to a factor.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) code: Vec<Instruction>,
    pub(super) classes: Vec<UnitSet>,
    pub(super) loops: Vec<Loop>,
    /// Two registers per capturing group, then two per loop.
    pub(super) registers: usize,
    /// Whether a match can only begin at the start of the text.
    pub(super) anchored: bool,
}

/// One step of the machine; unless said otherwise the next one follows it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Instruction {
    /// Takes one code unit.
    Unit {
        test: UnitTest,
        backward: bool,
    },
    /// Takes `min` to `max` code units that pass the same test.
    Run {
        test: UnitTest,
        backward: bool,
        min: u32,
        max: u32,
        greedy: bool,
    },
    Start,
    End,
    Boundary {
        negated: bool,
    },
    /// Continues at one place, and on failure at the other.
    Fork {
        first: usize,
        second: usize,
    },
    Jump {
        to: usize,
    },
    /// Stores the position in a register.
    Save {
        register: usize,
    },
    /// Sets a loop's counter to nought.
    LoopEnter {
        id: usize,
    },
    /// Decides between another iteration, which follows, and the exit.
    LoopTest {
        id: usize,
    },
    /// Begins an iteration.
    LoopIterate {
        id: usize,
    },
    /// Ends an iteration and goes back to the loop's test.
    LoopEnd {
        id: usize,
    },
    /// Takes again what a group captured.
    BackReference {
        group: usize,
        backward: bool,
    },
    /// Begins a look-around, whose body follows up to its `LookEnd`.
    Look {
        negated: bool,
        after: usize,
    },
    LookEnd {
        negated: bool,
    },
    Match,
}

/// What a code unit has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum UnitTest {
    Equal(u16),
    In(usize),
}

/// The constants of one quantified construct.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) greedy: bool,
    /// The register that counts iterations; the next one has the position the last began at.
    pub(super) counter: usize,
    /// The place of its `LoopTest`.
    pub(super) test: usize,
    pub(super) exit: usize,
    /// The registers of the groups inside, which every iteration forgets.
    pub(super) captures: (usize, usize),
}

impl Program {
    /// Compiles a pattern.
    pub(super) fn compile(tree: &Tree) -> Self {
        let mut referenced = vec![false; tree.groups as usize + 1];
        for &group in &tree.references {
            if let Some(flag) = referenced.get_mut(group as usize) {
                *flag = true;
            }
        }
        let program = Self {
            code: Vec::new(),
            classes: Vec::new(),
            loops: Vec::new(),
            registers: referenced.len() * 2,
            anchored: tree.root.is_anchored(),
        };
        let mut compiler = Compiler { tree, referenced, program };
        compiler.node(&tree.root, false);
        compiler.push(Instruction::Match);
        compiler.program
    }
}

struct Compiler<'t> {
    tree: &'t Tree,
    /// Which groups some back-reference names; the others need not be recorded.
    referenced: Vec<bool>,
    program: Program,
}

impl Compiler<'_> {
    fn push(&mut self, instruction: Instruction) -> usize {
        self.program.code.push(instruction);
        self.program.code.len() - 1
    }

    fn next(&self) -> usize {
        self.program.code.len()
    }

    /// Fills in an instruction that had to wait for what follows it.
    fn patch(&mut self, place: usize, instruction: Instruction) {
        if let Some(waiting) = self.program.code.get_mut(place) {
            *waiting = instruction;
        }
    }

    fn node(&mut self, node: &Node, backward: bool) {
        match node {
            Node::Empty => {}
            Node::Unit(_) | Node::Class(_) => {
                if let Some(test) = self.unit_test(node) {
                    self.push(Instruction::Unit { test, backward });
                }
            }
            Node::Start => _ = self.push(Instruction::Start),
            Node::End => _ = self.push(Instruction::End),
            Node::Boundary { negated } => {
                self.push(Instruction::Boundary { negated: *negated });
            }
            // A look-behind is matched from its end to its start.
            Node::Sequence(nodes) if backward => {
                nodes.iter().rev().for_each(|node| self.node(node, true));
            }
            Node::Sequence(nodes) => nodes.iter().for_each(|node| self.node(node, false)),
            Node::Choice(nodes) => self.choice(nodes, backward),
            Node::Repeat(repeat) => self.repeat(repeat, backward),
            Node::Group { index, node } => self.group(*index as usize, node, backward),
            Node::Look { behind, negated, node } => {
                let place = self.push(Instruction::Look { negated: *negated, after: 0 });
                self.node(node, *behind);
                self.push(Instruction::LookEnd { negated: *negated });
                let after = self.next();
                self.patch(place, Instruction::Look { negated: *negated, after });
            }
            Node::BackReference(id) => {
                let group = self.tree.references.get(*id).map_or(0, |&group| group as usize);
                self.push(Instruction::BackReference { group, backward });
            }
        }
    }

    fn unit_test(&mut self, node: &Node) -> Option<UnitTest> {
        match node {
            Node::Unit(unit) => Some(UnitTest::Equal(*unit)),
            Node::Class(set) => {
                self.program.classes.push(set.clone());
                Some(UnitTest::In(self.program.classes.len() - 1))
            }
            _ => None,
        }
    }

    fn choice(&mut self, nodes: &[Node], backward: bool) {
        let Some((last, others)) = nodes.split_last() else {
            return;
        };
        let mut jumps = Vec::with_capacity(others.len());
        for node in others {
            let fork = self.push(Instruction::Jump { to: 0 });
            self.node(node, backward);
            jumps.push(self.push(Instruction::Jump { to: 0 }));
            self.patch(fork, Instruction::Fork { first: fork + 1, second: self.next() });
        }
        self.node(last, backward);
        for jump in jumps {
            self.patch(jump, Instruction::Jump { to: self.next() });
        }
    }

    fn repeat(&mut self, repeat: &Repeat, backward: bool) {
        let &Repeat { min, max, greedy, groups, .. } = repeat;
        if let Some(test) = self.unit_test(&repeat.node) {
            self.push(Instruction::Run { test, backward, min, max, greedy });
            return;
        }
        let id = self.program.loops.len();
        let counter = self.program.registers;
        self.program.registers += 2;
        let test = self.next() + 1;
        let captures = (groups.0 as usize * 2, groups.1 as usize * 2);
        self.program.loops.push(Loop { min, max, greedy, counter, test, exit: 0, captures });
        self.push(Instruction::LoopEnter { id });
        self.push(Instruction::LoopTest { id });
        self.push(Instruction::LoopIterate { id });
        self.node(&repeat.node, backward);
        self.push(Instruction::LoopEnd { id });
        let exit = self.next();
        if let Some(this) = self.program.loops.get_mut(id) {
            this.exit = exit;
        }
    }

    fn group(&mut self, index: usize, node: &Node, backward: bool) {
        if !self.referenced.get(index).copied().unwrap_or(false) {
            return self.node(node, backward);
        }
        let (start, end) = (index * 2, index * 2 + 1);
        let (first, second) = if backward { (end, start) } else { (start, end) };
        self.push(Instruction::Save { register: first });
        self.node(node, backward);
        self.push(Instruction::Save { register: second });
    }
}

impl UnitTest {
    /// Returns whether a code unit passes the test.
    pub(super) fn passes(self, unit: u16, classes: &[UnitSet]) -> bool {
        match self {
            Self::Equal(expected) => unit == expected,
            Self::In(class) => classes.get(class).is_some_and(|set| set.contains(unit)),
        }
    }
}
