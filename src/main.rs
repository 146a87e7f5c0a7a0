//! Parse, run, exit.

use logclass::commands;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    ExitCode::from(commands::main(&arguments))
}
