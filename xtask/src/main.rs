//! The project tasks, run as `cargo xtask TASK`.

mod bench;
mod chaos;
mod ci;
mod fixtures;
mod fuzz;
mod mutants;
mod parity;
mod process;
mod soak;
mod suite;
mod task;
mod tidy;
mod workspace;

use std::process::ExitCode;

use task::{Build, Task};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = arguments.collect();
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(task) = task_named(&name) else {
        eprint!("there is no task `{name}`\n\n{}", usage());
        return ExitCode::from(2);
    };
    match task.start(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Finds a task by its name.
fn task_named(name: &str) -> Option<&'static Task> {
    TASKS.iter().find(|task| task.name == name)
}

fn usage() -> String {
    let mut text = "Usage: cargo xtask TASK [OPTIONS]\n\nTasks:\n".to_owned();
    for task in TASKS {
        let line = format!("  {:<10} {}\n", task.name, task.about);
        text.push_str(&line);
    }
    text
}

/// Every task. A new one is a module with a `run` function and an entry here; the gate picks up
/// `parity` and `bench` by these names.
const TASKS: &[Task] = &[
    Task {
        name: "ci",
        about: "Run the whole gate (--list, --only A,B, --keep-going)",
        build: Build::Debug,
        run: ci::run,
    },
    Task {
        name: "test",
        about: "Run the whole test suite; arguments filter it",
        build: Build::Debug,
        run: suite::run,
    },
    Task {
        name: "tidy",
        about: "Check the invariants and the house style",
        build: Build::Debug,
        run: tidy::run,
    },
    Task {
        name: "parity",
        about: "Compare random cases with the published SDKs (--cases, --seed)",
        build: Build::Debug,
        run: parity::run,
    },
    Task {
        name: "fixtures",
        about: "Compute fixtures/ anew by running the published SDKs",
        build: Build::Debug,
        run: fixtures::run,
    },
    Task {
        name: "chaos",
        about: "Kill a delivering process again and again (--events, --kills)",
        build: Build::Debug,
        run: chaos::run,
    },
    Task {
        name: "soak",
        about: "Attack an application for a while (--minutes, --seconds, --seed)",
        build: Build::Debug,
        run: soak::run,
    },
    Task {
        name: "fuzz",
        about: "Fuzz every target, or those named (--seconds)",
        build: Build::Debug,
        run: fuzz::run,
    },
    Task {
        name: "mutants",
        about: "Try small faults that the tests must find (--sample, --seed, --package)",
        build: Build::Debug,
        run: mutants::run,
    },
    Task {
        name: "bench",
        about: "Measure what decisions cost (--help)",
        build: Build::Release,
        run: bench::run,
    },
];
