//! The commands: one file each, and what they share.

mod classify;
mod diff;
mod embed;
mod eval;
mod history;
mod labelled;
mod learn;
mod llm;
mod model;
mod overlap;
mod records;
mod report;
mod rules;
#[cfg(feature = "serve")]
mod serve;
mod setup;
mod side;
mod suggest;
mod train;

use anyhow::Result;
use clap::CommandFactory;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::path::Path;

use crate::cli::{Cli, Command, Refusal, Stages, parse};
use crate::config::Columns;
use crate::console::{print, tell};
use crate::environment::settle_temporary_folder;
use crate::error::{ExitStatus, exit_status_of, one_line, usage};
use crate::pipeline::Resources;
use crate::session::Session;

/// Parses `arguments`, the program's name first, runs the command and tells what stopped it; returns the exit status.
pub fn main(arguments: &[OsString]) -> u8 {
    settle_temporary_folder();
    let cli = match parse(arguments) {
        Ok(cli) => cli,
        Err(Refusal::Clap(error)) if error.kind() == ErrorKind::DisplayVersion => {
            return exit_code(print(version().as_bytes()));
        }
        Err(Refusal::Clap(error)) => {
            // Nobody is left to tell that it cannot be told.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(ExitStatus::Usage.code());
        }
        Err(Refusal::Variable(why)) => return exit_code(Err(usage(why))),
    };
    if !handles_signals(&cli) {
        watch_signals();
    }
    exit_code(run(&cli))
}

/// The exit status of a run, whose error, if it is one, is told.
fn exit_code(ran: Result<ExitStatus>) -> u8 {
    let status = ran.unwrap_or_else(|error| {
        let status = exit_status_of(&error);
        if status != ExitStatus::Done {
            tell(&format!("logclass: {}\n", one_line(&error)));
        }
        status
    });
    status.code()
}

/// A session as `classify` has it with these flags, but without an LLM, and what its configuration calls the columns.
///
/// # Errors
/// When a file cannot be read, or they make no sense together.
pub fn session(
    stages: &Stages,
    min_confidence: Option<f32>,
    thorough: bool,
    verdicts: Option<&Path>,
    resources: Resources,
) -> Result<(Session, Columns)> {
    let config = setup::config(stages.config.as_deref())?;
    let cascade = setup::cascade(stages, &config, min_confidence, false)?.thorough(thorough);
    let verdicts = setup::verdicts(verdicts, &cascade, resources.table_size)?;
    Ok((Session::new(cascade, None, resources).knowing(verdicts), config.columns))
}

/// Runs the command that was asked for.
///
/// # Errors
/// What stopped it; [`crate::error::exit_status_of`] tells the exit status.
pub fn run(cli: &Cli) -> Result<ExitStatus> {
    match &cli.command {
        Command::Classify(arguments) => classify::run(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::History(arguments) => history::run(&arguments.command),
        Command::Learn(arguments) => learn::run(arguments),
        Command::Train(arguments) => train::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::Suggest(arguments) => suggest::run(arguments),
        Command::Embed(arguments) => embed::run(arguments),
        Command::Rules(arguments) => rules::run(&arguments.command),
        Command::Model(arguments) => model::run(&arguments.command),
        Command::Llm(arguments) => llm::run(&arguments.command),
        #[cfg(feature = "serve")]
        Command::Serve(arguments) => serve::run(arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "logclass", &mut script);
            print(&script)
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            print(&page)
        }
    }
}

/// What `--version` prints: the program, and what it carries.
pub fn version() -> String {
    let program = format!("logclass {}\n", env!("CARGO_PKG_VERSION"));
    let Ok(head) = crate::head::Head::bundled() else { return program };
    let info = &head.info;
    format!(
        "{program}encoder: {} (sha256 {})\nmodel: bundled, {} labels, format {}, masker {}\n",
        info.encoder,
        info.encoder_sha256,
        info.labels.len(),
        info.format,
        info.masker
    )
}

/// Whether the command ends in its own way when a signal comes.
pub fn handles_signals(cli: &Cli) -> bool {
    #[cfg(feature = "serve")]
    return matches!(cli.command, Command::Serve(_));
    #[cfg(not(feature = "serve"))]
    {
        let _ = cli;
        false
    }
}

/// Removes unfinished files when the process is told to end, and then lets the signal end it.
pub fn watch_signals() {
    #[cfg(unix)]
    {
        use crate::signals::{die_by, heeded};
        if let Ok(mut signals) = signal_hook::iterator::Signals::new(heeded()) {
            std::thread::spawn(move || {
                if let Some(signal) = signals.forever().next() {
                    crate::output::remove_unfinished();
                    die_by(signal);
                }
            });
        }
    }
}
