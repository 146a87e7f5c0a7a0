//! Signals that end the process: which of them it heeds, and how it ends by one.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;
use std::ffi::c_int;

/// Those that somebody sends to end a process, and that this process heeds.
pub fn heeded() -> Vec<c_int> {
    let ignored = ignored();
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_in(ignored, signal)).collect()
}

/// Whether a signal was ignored when the process started, and has to stay so: `nohup` ignores SIGHUP, and a shell without job
/// control SIGINT for what it starts in the background.
#[cfg(feature = "serve")]
pub fn is_ignored(signal: c_int) -> bool {
    is_in(ignored(), signal)
}

/// Those that are ignored, a bit for each.
///
/// Only Linux tells without `unsafe` code. Elsewhere SIGHUP, which is the one that is ignored on purpose, counts as ignored:
/// then it does what it did at the start, at the price of an unfinished file that it may leave behind.
fn ignored() -> u64 {
    if !cfg!(target_os = "linux") {
        return 1 << (SIGHUP - 1);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(mask: u64, signal: c_int) -> bool {
    mask >> (signal - 1) & 1 == 1
}

/// Ends the process as `signal` would have without a handler, so that whoever waits for it knows: a shell ends its loop after
/// Ctrl-C only if the command died of the signal.
pub fn die_by(signal: c_int) -> ! {
    // The kernel lets no signal without a handler end the first process of a container.
    if std::process::id() != 1 {
        let _ = emulate_default_handler(signal);
    }
    std::process::exit(128 + signal)
}
