//! What can be wrong with a history.

use thiserror::Error;

/// A file that cannot serve as a history (exit status 1).
#[derive(Debug, Error)]
pub enum HistoryError {
    /// There is none.
    #[error("{path}: there is no such history: `logclass classify ... --history {path}` begins one")]
    Missing {
        /// Its path.
        path: String,
    },
    /// It is something else.
    #[error("{path}: is no history of logclass: name another file")]
    Foreign {
        /// Its path.
        path: String,
    },
    /// A later version wrote it.
    #[error(
        "{path}: was written by a newer version of logclass (format {found}; this one reads up to {known}): \
             update logclass, or name another file"
    )]
    Newer {
        /// Its path.
        path: String,
        /// Its format.
        found: u64,
        /// The last that is known here.
        known: u64,
    },
    /// It is damaged.
    #[error("{path}: is damaged ({why}): restore a copy, or move it away and begin a new history")]
    Damaged {
        /// Its path.
        path: String,
        /// What was found.
        why: String,
    },
    /// Another process does not let go of it.
    #[error("{path}: another run has had it open for {seconds} s: try again when that has ended")]
    Busy {
        /// Its path.
        path: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The system refuses.
    #[error("{path}: cannot {what}: {why}; the history is as it was")]
    Io {
        /// Its path.
        path: String,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        why: String,
    },
}
