//! Log lines of the SDK, through the `log` facade.
//!
//! A line may repeat text of a config, a service, a store or a visitor, so control characters in it are
//! escaped. The logger is code of the application: it is called with no lock held, and a panic in it goes
//! no further.

use std::fmt;

use convert_config::escape::Escaped;
use log::{Level, Record};

use crate::sync::{assert_no_lock_held, panic_guard};

/// Passes a line to the logger. The macros check first that the level is enabled.
pub(crate) fn write(level: Level, target: &str, line: fmt::Arguments<'_>) {
    assert_no_lock_held("writing a log line");
    // A panic of the logger cannot be logged. The panic hook has reported it.
    let _ = panic_guard(|| {
        log::logger().log(
            &Record::builder()
                .level(level)
                .target(target)
                .args(format_args!("{}", Escaped(line)))
                .build(),
        );
    });
}

macro_rules! log_line {
    ($level:ident, $target:expr, $($line:tt)+) => {
        if ::log::Level::$level <= ::log::STATIC_MAX_LEVEL
            && ::log::Level::$level <= ::log::max_level()
        {
            $crate::log::write(::log::Level::$level, $target, format_args!($($line)+));
        }
    };
}

macro_rules! log_error {
    (target: $target:expr, $($line:tt)+) => { $crate::log::log_line!(Error, $target, $($line)+) };
}

macro_rules! log_warn {
    (target: $target:expr, $($line:tt)+) => { $crate::log::log_line!(Warn, $target, $($line)+) };
}

macro_rules! log_info {
    (target: $target:expr, $($line:tt)+) => { $crate::log::log_line!(Info, $target, $($line)+) };
}

macro_rules! log_debug {
    (target: $target:expr, $($line:tt)+) => { $crate::log::log_line!(Debug, $target, $($line)+) };
}

macro_rules! log_trace {
    (target: $target:expr, $($line:tt)+) => { $crate::log::log_line!(Trace, $target, $($line)+) };
}

pub(crate) use log_debug as debug;
pub(crate) use log_error as error;
pub(crate) use log_info as info;
pub(crate) use log_line;
pub(crate) use log_trace as trace;
pub(crate) use log_warn as warn;
