//! The project tasks, run as `cargo xtask TASK`.

mod bench;

fn main() {
    let args: Vec<String> = std::env::args().skip(2).collect();
    if let Err(error) = bench::run(&args) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}
