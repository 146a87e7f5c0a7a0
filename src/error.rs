//! How a run ends: the exit statuses, and the errors that need one of their own.

use std::fmt;

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
}

impl ExitStatus {
    /// The number the process exits with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
        }
    }
}

/// The command line or the configuration asks for something that makes no sense (exit status 2).
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Returns early with a [`UsageError`] made from a format string.
#[macro_export]
macro_rules! usage {
    ($($argument:tt)*) => {
        return Err(anyhow::Error::new($crate::error::UsageError(format!($($argument)*))))
    };
}

/// The exit status that `error` stands for: a closed pipe is a quiet success, as for every tool in a pipeline.
pub fn exit_status_of(error: &anyhow::Error) -> ExitStatus {
    for cause in error.chain() {
        if cause.downcast_ref::<UsageError>().is_some() {
            return ExitStatus::Usage;
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::BrokenPipe
        {
            return ExitStatus::Done;
        }
    }
    ExitStatus::Failed
}

/// The error and its causes on one line, whatever they contain.
pub fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}
