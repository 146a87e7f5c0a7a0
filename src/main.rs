//! Parse, run, exit.

use clap::{Parser, error::ErrorKind};
use logclass::{cli::Cli, commands, error};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            print!("{}", commands::version());
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    if !commands::handles_signals(&cli) {
        commands::watch_signals();
    }
    let status = match commands::run(&cli) {
        Ok(status) => status,
        Err(error) => {
            let status = error::exit_status_of(&error);
            if status != error::ExitStatus::Done {
                commands::tell(&format!("logclass: {}\n", error::one_line(&error)));
            }
            status
        }
    };
    ExitCode::from(status.code())
}
