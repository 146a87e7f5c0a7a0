//! From the process's arguments and environment to a [`Cli`].

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Error, FromArgMatches};
use std::ffi::OsString;

use super::Cli;
use crate::environment::os_value;

/// Why there is no command line to run.
pub enum Refusal {
    /// What clap says, which may also be help that was asked for.
    Clap(Error),
    /// An environment variable stands for a flag and has a value that the flag does not take.
    Variable(String),
}

/// Parses `arguments`. A variable that is empty does not stand for its flag.
///
/// # Errors
/// When help was asked for, or something is wrong; a variable that is to blame is named.
pub fn parse(arguments: &[OsString]) -> Result<Cli, Refusal> {
    let command = || without(Cli::command(), &|variable| os_value(variable).is_none());
    let error = match command().try_get_matches_from(arguments) {
        Ok(matches) => return Cli::from_arg_matches(&matches).map_err(Refusal::Clap),
        Err(error) => error,
    };
    let Some((flag, value)) = complaint(&error) else { return Err(Refusal::Clap(error)) };
    for variable in variables(&command()) {
        // The one without which the complaint is not made.
        let rest = without(command(), &|other| other == variable).try_get_matches_from(arguments);
        if rest.err().and_then(|error| complaint(&error)).as_ref() != Some(&(flag.clone(), value.clone())) {
            let name = flag.split(' ').next().unwrap_or(&flag);
            let why = std::error::Error::source(&error).map_or_else(|| expected(&error), ToString::to_string);
            return Err(Refusal::Variable(format!(
                "the environment variable {variable} has {value:?}, which {name} does not take: {why}"
            )));
        }
    }
    Err(Refusal::Clap(error))
}

/// The flag and the value that an error is about, if it is about a value.
fn complaint(error: &Error) -> Option<(String, String)> {
    if !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        return None;
    }
    match (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue)) {
        (Some(ContextValue::String(flag)), Some(ContextValue::String(value))) => {
            Some((flag.clone(), value.clone()))
        }
        _ => None,
    }
}

/// The values that a flag takes, where it takes one of a few.
fn expected(error: &Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            format!("expected {}", values.join(", "))
        }
        _ => "it is no valid value".to_owned(),
    }
}

/// The command, in which no flag looks at the variables that `drop` names.
fn without(command: Command, drop: &dyn Fn(&str) -> bool) -> Command {
    let command =
        command.mut_args(|argument| match argument.get_env().and_then(|variable| variable.to_str()) {
            Some(variable) if drop(variable) => argument.env(None::<&'static str>),
            _ => argument,
        });
    command.mut_subcommands(|command| without(command, drop))
}

/// Every variable that stands for a flag.
fn variables(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned));
    let mut names: Vec<String> = own.chain(command.get_subcommands().flat_map(variables)).collect();
    names.sort();
    names.dedup();
    names
}
