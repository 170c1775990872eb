//! The project tasks, run as `cargo xtask TASK`.

mod bench;
mod parity;

fn main() {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match task.as_str() {
        "bench" => bench::run(&rest),
        "parity" => parity::run(&rest),
        _ => Err(format!("unknown task {task:?}")),
    };
    if let Err(error) = outcome {
        eprintln!("{error}");
        std::process::exit(1);
    }
}
