//! Failures and panics of the library as errors of ours.

use ::parquet::errors::ParquetError;
use anyhow::Result;

use super::super::error::ColumnarError;
use super::super::kind::Kind;
use crate::unwinding::quietly;

/// What `work` on the file gives; that it fails or panics is damage in `place`, unless it says otherwise itself.
pub fn sound<T>(place: &str, work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    let damaged =
        |why: String| ColumnarError::Damaged { kind: Kind::Parquet, place: place.to_owned(), why }.into();
    match quietly(work) {
        Some(Ok(done)) => Ok(done),
        Some(Err(ParquetError::External(cause))) if cause.is::<std::io::Error>() => {
            Err(anyhow::anyhow!(cause).context("cannot be read"))
        }
        Some(Err(ParquetError::NYI(what))) => {
            Err(ColumnarError::Unsupported { what, remedy: "write the file again with zstd or snappy" }
                .into())
        }
        Some(Err(error)) => Err(damaged(words(&error))),
        None => Err(damaged("its structure makes no sense".to_owned())),
    }
}

/// The library's own words, without the kind of error in front.
fn words(error: &ParquetError) -> String {
    let text = error.to_string();
    ["Parquet error: ", "External: ", "EOF: "]
        .iter()
        .fold(text.as_str(), |text, kind| text.strip_prefix(kind).unwrap_or(text))
        .to_owned()
}
