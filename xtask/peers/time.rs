//! The program that is timed.

mod harness;
mod peer;

fn main() -> Result<(), harness::Failure> {
    harness::run::<peer::Library>(|work| {
        work();
        None
    })
}
