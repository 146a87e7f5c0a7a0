//! Parse, run, exit.

use clap::Parser;
use logclass::{cli::Cli, commands, error};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if !commands::handles_signals(&cli) {
        commands::watch_signals();
    }
    let status = match commands::run(&cli) {
        Ok(status) => status,
        Err(error) => {
            let status = error::exit_status_of(&error);
            if status != error::ExitStatus::Done {
                eprintln!("logclass: {}", error::one_line(&error));
            }
            status
        }
    };
    ExitCode::from(status.code())
}
