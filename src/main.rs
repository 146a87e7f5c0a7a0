//! Parse, run, exit.

use clap::error::ErrorKind;
use logclass::cli::Refusal;
use logclass::{cli, commands, console, environment, error};
use std::process::ExitCode;

fn main() -> ExitCode {
    environment::settle_temporary_folder();
    let arguments: Vec<_> = std::env::args_os().collect();
    let cli = match cli::parse(&arguments) {
        Ok(cli) => cli,
        Err(Refusal::Clap(error)) if error.kind() == ErrorKind::DisplayVersion => {
            return exit_code(console::print(commands::version().as_bytes()));
        }
        Err(Refusal::Clap(error)) => error.exit(),
        Err(Refusal::Variable(why)) => return exit_code(Err(error::usage(why))),
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
