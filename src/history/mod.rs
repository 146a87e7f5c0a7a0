//! What runs saw of each template: how often, when, under which label, and what changed.
//!
//! ```text
//! pipeline -> Observer ──> Collection <── Store (a file of earlier runs)
//!                              │
//!              compare, Condition, report, export
//! ```
//!
//! An [`Observer`] counts while a file is classified. A [`Collection`] is what it has counted, or what a [`Store`]
//! has kept of all runs; everything that tells what is new works on collections and does not care which.

pub mod alert;
mod collection;
mod counts;
pub mod diff;
mod entry;
mod error;
mod export;
mod file;
mod labelled;
mod observer;
pub mod report;
mod sample;
mod series;
mod store;
mod tables;

pub use collection::{Collection, Run};
pub use counts::LiveCounts;
pub use entry::{Entry, Id};
pub use error::HistoryError;
pub use export::{ExportFormat, export};
pub use file::is_store;
pub use labelled::observe_labelled;
pub use observer::{Counting, Groups, Labelled, Live, Observer, Sighting, mixed, source_of};
pub use series::{Series, width};
pub use store::{Recorded, Store};

use crate::envelope::civil;
use crate::environment::source_date_epoch;

/// Seconds since 1970 now, or what `SOURCE_DATE_EPOCH` says, so that a run can be repeated.
pub fn now() -> i64 {
    source_date_epoch().unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    })
}

/// `2024-01-02T03:04:05Z`.
pub fn rfc3339(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}
