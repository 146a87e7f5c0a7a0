//! What is known of a template under one label, from one source.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use xxhash_rust::xxh3::xxh3_128;

use super::series::Series;
use crate::envelope::Severity;

/// What a template is known by: a hash of its redacted text.
pub type Id = [u8; 16];

/// A template from one source, at one severity, under one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The source; empty where there is none.
    #[serde(rename = "s", default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The template, without secrets.
    #[serde(rename = "t")]
    pub template: String,
    /// The label.
    #[serde(rename = "l")]
    pub label: String,
    /// The severity, where the records state one.
    #[serde(rename = "v", with = "severity", default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The first record, without secrets and cut short.
    #[serde(rename = "e")]
    pub example: String,
    /// The input that has the example.
    #[serde(rename = "i", default, skip_serializing_if = "String::is_empty")]
    pub input: String,
    /// The line there, from 1.
    #[serde(rename = "n")]
    pub line: u64,
    /// How many records there were.
    #[serde(rename = "c")]
    pub count: u64,
    /// When the first of them was, in seconds since 1970.
    #[serde(rename = "f")]
    pub first: i64,
    /// When the last of them was.
    #[serde(rename = "z")]
    pub last: i64,
    /// Calibrated probability that the label is right, where a model gave it.
    #[serde(rename = "p")]
    pub confidence: f32,
    /// Number of the run that met it first; 0 is the one that is not kept yet.
    #[serde(rename = "r", default)]
    pub first_run: u64,
    /// Number of the run that met it last.
    #[serde(rename = "q", default)]
    pub last_run: u64,
    /// Records over time.
    #[serde(flatten)]
    pub series: Series,
    /// Records over the run, in steps of rows instead of time, where they were counted so.
    #[serde(skip)]
    pub order: Series,
}

impl Entry {
    /// What its template is known by, from any source and under any label.
    pub fn id(&self) -> Id {
        id(&self.template)
    }

    /// Where its example is: `app.log:12`, or `line 12` where the input has no name.
    pub fn place(&self) -> String {
        if self.input.is_empty() {
            format!("line {}", self.line)
        } else {
            format!("{}:{}", self.input, self.line)
        }
    }

    /// What it is known by itself: its template's id, and a hash of the rest.
    pub fn key(&self) -> [u8; 32] {
        let severity = self.severity.map_or("", Severity::as_str);
        let rest = format!("{}\0{}\0{severity}", self.source, self.label);
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.id());
        key[16..].copy_from_slice(&xxh3_128(rest.as_bytes()).to_be_bytes());
        key
    }

    /// Adds what another run saw of the same.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        if other.first < self.first {
            self.first = other.first;
        }
        if other.last >= self.last {
            self.last = other.last;
            self.confidence = other.confidence;
        }
        self.first_run = self.first_run.min(other.first_run);
        self.last_run = self.last_run.max(other.last_run);
        self.series.merge(&other.series);
        self.order.merge(&other.order);
    }

    /// How much it is worth keeping: the binary logarithm of its count, less one for each thirty days since it was
    /// last seen, so that what is both old and rare goes first. A time that is still to come, as a wrong clock states it,
    /// counts as `now`: it would keep its entry for ever.
    #[allow(clippy::cast_precision_loss)] // an order, not a figure
    pub fn worth(&self, now: i64) -> f64 {
        (self.count.max(1) as f64).log2() + self.last.min(now) as f64 / (30.0 * 86_400.0)
    }
}

/// What is worth least comes first; equals are in the order of their keys.
pub fn rarest_first(one: &(f64, [u8; 32]), other: &(f64, [u8; 32])) -> Ordering {
    one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
}

/// What a template with this text is known by.
pub fn id(template: &str) -> Id {
    xxh3_128(template.as_bytes()).to_be_bytes()
}

/// A severity by its name.
mod severity {
    use crate::envelope::Severity;
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref)] // serde asks for it
    pub fn serialize<S: Serializer>(severity: &Option<Severity>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(severity.map_or("", Severity::as_str))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Severity>, D::Error> {
        Ok(Severity::parse(String::deserialize(from)?.as_bytes()))
    }
}
