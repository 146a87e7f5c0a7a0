//! Rows of a job's result that are worth a look.

use serde::Serialize;
use std::collections::BTreeMap;

/// A row as the page shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    #[serde(rename = "row")]
    pub(super) number: u64,
    pub(super) source: String,
    pub(super) message: String,
    pub(super) label: String,
    pub(super) stage: String,
    pub(super) confidence: f64,
    pub(super) reason: String,
}

/// Rows worth a look; their number does not depend on the file's.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Samples {
    pub(super) first: Vec<Row>,
    pub(super) by_label: BTreeMap<String, Vec<Row>>,
    pub(super) uncertain: Vec<Row>,
}
