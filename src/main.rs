//! Parse, run, exit.

use clap::{Parser, error::ErrorKind};
use logclass::{cli::Cli, commands, console, error};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            return exit_code(console::print(commands::version().as_bytes()));
        }
        Err(error) => error.exit(),
    };
    if !commands::handles_signals(&cli) {
        commands::watch_signals();
    }
    exit_code(commands::run(&cli))
}

/// The exit status of a run, whose error, if it is one, is told.
fn exit_code(ran: anyhow::Result<error::ExitStatus>) -> ExitCode {
    let status = ran.unwrap_or_else(|error| {
        let status = error::exit_status_of(&error);
        if status != error::ExitStatus::Done {
            console::tell(&format!("logclass: {}\n", error::one_line(&error)));
        }
        status
    });
    ExitCode::from(status.code())
}
