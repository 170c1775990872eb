//! The program that counts allocations, which takes time.

mod harness;
mod peer;

fn main() -> Result<(), harness::Failure> {
    harness::run::<peer::Library>(|work| {
        let counted = allocation_counter::measure(|| work());
        Some((counted.count_total, counted.bytes_total))
    })
}
