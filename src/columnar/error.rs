//! What can be wrong with an Arrow or Parquet input. Missing and repeated columns are
//! [`InputError`](crate::input::InputError)s, as for CSV.

use thiserror::Error;

use super::kind::Kind;

/// An Arrow or Parquet input that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ColumnarError {
    /// There is nothing in it.
    #[error("is empty: expected {}", .kind.words())]
    Empty {
        /// What it should be.
        kind: Kind,
    },
    /// It is something else.
    #[error("is not {}: it begins with {start:?} (--format says what it is)", .kind.words())]
    NotOne {
        /// What it should be.
        kind: Kind,
        /// Its first bytes.
        start: String,
    },
    /// Its end is missing.
    #[error("is {} that ends too early ({place}): it was cut off; copy or write it again", .kind.words())]
    Cut {
        /// What it is.
        kind: Kind,
        /// Where it ends.
        place: String,
    },
    /// What it says of itself does not fit.
    #[error("is {} that is damaged ({place}): {why}; copy or write it again", .kind.words())]
    Damaged {
        /// What it is.
        kind: Kind,
        /// Where.
        place: String,
        /// In what way.
        why: String,
    },
    /// Streams on one pipe have different columns.
    #[error(
        "stream {stream} has other columns than the first one ({difference}): classify streams of different \
         columns by separate runs"
    )]
    SchemaChanged {
        /// Which stream, from 1.
        stream: u64,
        /// How it differs.
        difference: String,
    },
    /// A column is of a type that cannot be what it is named for.
    #[error("the column {column:?} is of type {found}: expected {expected}; name another with {flag}")]
    WrongType {
        /// Its name or path.
        column: String,
        /// Its type.
        found: String,
        /// Types that would do.
        expected: &'static str,
        /// The flag that names it.
        flag: &'static str,
    },
    /// It is encrypted.
    #[error("is an encrypted Parquet file: decrypt it first")]
    Encrypted,
    /// It uses something that is not read.
    #[error("{what}: {remedy}")]
    Unsupported {
        /// What that is.
        what: String,
        /// What helps.
        remedy: &'static str,
    },
}
