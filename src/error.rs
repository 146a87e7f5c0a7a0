//! How a run ends: the exit statuses, and the errors that need one of their own.

use std::error::Error;
use std::io;
use thiserror::Error;

/// The documented exit statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything was done.
    Done,
    /// Bad data or a failed read or write: nothing was left half written.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// Finished, but some rows were rejected or the LLM could not answer some.
    Partial,
    /// Finished, and a condition of `--fail-on` is met.
    Alert,
}

impl ExitStatus {
    /// The number the process exits with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Alert => 4,
        }
    }
}

/// The command line or the configuration asks for something that makes no sense (exit status 2).
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// A [`UsageError`] in these words.
pub fn usage(words: impl Into<String>) -> anyhow::Error {
    UsageError(words.into()).into()
}

/// Standard output cannot be written. That its reader has gone is no failure, as for every tool in a pipeline.
#[derive(Debug, Error)]
#[error("standard output")]
pub struct StdoutError(#[source] pub io::Error);

/// The exit status that `error` stands for.
pub fn exit_status_of(error: &anyhow::Error) -> ExitStatus {
    if find::<UsageError>(error).is_some() {
        return ExitStatus::Usage;
    }
    match find::<StdoutError>(error) {
        Some(StdoutError(cause)) if cause.kind() == io::ErrorKind::BrokenPipe => ExitStatus::Done,
        _ => ExitStatus::Failed,
    }
}

/// The first error of this type among `error` and its causes, also where one travelled inside an
/// [`io::Error`].
pub fn find<T: Error + 'static>(error: &anyhow::Error) -> Option<&T> {
    error.chain().find_map(|cause| {
        let inside = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inside.and_then(|inside| inside.downcast_ref()).or_else(|| cause.downcast_ref())
    })
}

/// The error and its causes on one line, whatever they contain.
pub fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_closed_pipe_is_a_success_on_standard_output_alone() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdout = Err::<(), _>(StdoutError(closed())).context("export.csv").unwrap_err();
        assert_eq!(exit_status_of(&stdout), ExitStatus::Done);
        assert!(one_line(&stdout).starts_with("export.csv: standard output: "));
        let fifo = Err::<(), _>(closed()).context("rejects.csv").unwrap_err();
        assert_eq!(exit_status_of(&fifo), ExitStatus::Failed);
        let full = anyhow::Error::new(StdoutError(io::ErrorKind::StorageFull.into()));
        assert_eq!(exit_status_of(&full), ExitStatus::Failed);
    }

    #[test]
    fn an_error_is_found_among_causes_and_inside_of_a_system_error() {
        let inside = io::Error::other(UsageError("x".to_owned()));
        let error = Err::<(), _>(inside).context("cannot be read").unwrap_err();
        assert!(find::<UsageError>(&error).is_some());
        let error = Err::<(), _>(usage("y")).context("z").unwrap_err();
        assert_eq!(exit_status_of(&error), ExitStatus::Usage);
    }
}
