//! What must not be shared with a process that was forked off.

use std::sync::OnceLock;

/// A value of the process that made it. A child of that process gets a value of its own: of what it
/// has inherited, sockets belong to the parent, and a lock may be held by a thread that does not
/// exist in the child.
pub(crate) struct PerProcess<T> {
    process: u32,
    value: T,
    in_child: OnceLock<Box<PerProcess<T>>>,
}

impl<T> PerProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::of(std::process::id(), value)
    }

    /// Returns the value of this process; makes it first where the process has none.
    pub(crate) fn get(&self, make: impl FnOnce() -> T) -> &T {
        self.get_in(std::process::id(), make)
    }

    fn get_in(&self, process: u32, make: impl FnOnce() -> T) -> &T {
        let mut of = self;
        while of.process != process {
            match of.in_child.get() {
                Some(child) => of = child,
                None => {
                    return &of.in_child.get_or_init(|| Box::new(Self::of(process, make()))).value;
                }
            }
        }
        &of.value
    }

    fn of(process: u32, value: T) -> Self {
        PerProcess { process, value, in_child: OnceLock::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_and_its_child_have_values_of_their_own() {
        let value = PerProcess::of(1, "parent");
        assert_eq!(*value.get_in(1, || unreachable!()), "parent");
        assert_eq!(*value.get_in(2, || "child"), "child");
        assert_eq!(*value.get_in(2, || unreachable!()), "child");
        // The child forks in turn.
        assert_eq!(*value.get_in(3, || "grandchild"), "grandchild");
        assert_eq!(*value.get_in(3, || unreachable!()), "grandchild");
    }
}
