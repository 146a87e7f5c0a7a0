//! Conditions under which a run ends with an exit status of its own.
//!
//! | condition | is met when |
//! | --- | --- |
//! | `new:LABEL` | a template of the label was never met before |
//! | `more:LABEL` | a template of the label is more frequent than chance allows, or new beyond that |
//! | `count:LABEL>N` | the label has more rows than that; also `>=`, `<` and `<=` |
//!
//! `any` stands for every label.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr;

use super::collection::Collection;
use super::diff::{Comparison, Kind, gravity};
use super::entry::{Entry, Id};
use super::report::escape::plain;
use crate::console::{counted, grouped};

/// A condition, as a flag gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// As it was written.
    text: String,
    /// The label; nothing stands for any.
    label: Option<String>,
    test: Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    New,
    More,
    Count(Relation, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected new:LABEL, more:LABEL or count:LABEL>N (LABEL may be any), as in new:any; found {text:?}"
            )
        };
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (label, test) = match kind.trim() {
            "new" => (rest, Test::New),
            "more" => (rest, Test::More),
            "count" => {
                let sign = rest.rfind(['<', '>']).ok_or_else(wrong)?;
                let number = &rest[sign + 1..];
                let (relation, number) = match (&rest[sign..=sign], number.strip_prefix('=')) {
                    (">", None) => (Relation::Above, number),
                    (">", Some(number)) => (Relation::AtLeast, number),
                    (_, None) => (Relation::Below, number),
                    (_, Some(number)) => (Relation::AtMost, number),
                };
                (&rest[..sign], Test::Count(relation, number.trim().parse().map_err(|_| wrong())?))
            }
            _ => return Err(wrong()),
        };
        let label = unquoted(label.trim());
        if label.is_empty() {
            return Err(wrong());
        }
        let label = (!label.eq_ignore_ascii_case("any")).then(|| label.to_owned());
        Ok(Self { text: text.to_owned(), label, test })
    }
}

/// Without the quotes that a shell did not take off, as in a file of a CI.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(text)
}

/// Why a condition was met.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Alert {
    /// The condition, as it was written.
    pub condition: String,
    /// What met it, in one line.
    pub reason: String,
    /// How many templates, or rows where rows are counted, did.
    pub count: u64,
    /// The first line of the most telling template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

impl fmt::Display for Alert {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "alert: {}: {}", self.condition, self.reason)
    }
}

/// What conditions are held against.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What this run saw.
    pub seen: &'a Collection,
    /// Templates that were known before; nothing where there was nothing to compare with yet.
    pub known: Option<&'a HashSet<Id>>,
    /// How this run compares with what was known.
    pub comparison: Option<&'a Comparison>,
    /// Rows of each label.
    pub labels: &'a BTreeMap<String, u64>,
}

impl Condition {
    /// Whether it says something about earlier runs.
    pub fn needs_history(&self) -> bool {
        !matches!(self.test, Test::Count(..))
    }

    /// Whether it needs a comparison of frequencies.
    pub fn needs_comparison(&self) -> bool {
        self.test == Test::More
    }

    /// The label it is about; nothing for any.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    fn is_about(&self, label: &str) -> bool {
        self.label.as_ref().is_none_or(|wanted| wanted == label)
    }

    /// Why it is met, if it is.
    pub fn check(&self, evidence: Evidence<'_>) -> Option<Alert> {
        let of_label = self.label.as_ref().map_or(String::new(), |label| format!(" of {label}"));
        let alert = |reason: String, count: u64, example: Option<&Entry>| Alert {
            condition: self.text.clone(),
            reason,
            count,
            example: example.map(|entry| plain(&entry.example)),
        };
        match self.test {
            Test::New => {
                let known = evidence.known?;
                let mut met: Vec<&Entry> = evidence.seen.sorted();
                met.retain(|entry| self.is_about(&entry.label) && !known.contains(&entry.id()));
                met.sort_by_key(|entry| gravity(&entry.label, entry.severity));
                let templates: HashSet<Id> = met.iter().map(|entry| entry.id()).collect();
                let first = met.first()?;
                let count = templates.len() as u64;
                let reason = format!(
                    "{}{of_label}: {} ({}, {})",
                    counted(count, "new template"),
                    plain(&first.template),
                    counted(first.count, "row"),
                    plain(&first.place())
                );
                Some(alert(reason, count, Some(first)))
            }
            Test::More => {
                let changes = evidence.comparison?.certain();
                let mut met = changes.filter(|change| {
                    matches!(change.kind, Kind::More | Kind::New) && self.is_about(&change.entry.label)
                });
                let first = met.next()?;
                let count = 1 + met.count() as u64;
                let reason = format!(
                    "{}{of_label} more often than chance allows: {} ({} instead of about {:.1}, {})",
                    counted(count, "template"),
                    plain(&first.entry.template),
                    grouped(first.new),
                    first.expected,
                    plain(&first.entry.place())
                );
                Some(alert(reason, count, Some(&first.entry)))
            }
            Test::Count(relation, bound) => {
                let about = evidence.labels.iter().filter(|(label, _)| self.is_about(label));
                let rows: u64 = about.map(|(_, rows)| rows).sum();
                let (met, words) = match relation {
                    Relation::Above => (rows > bound, "more than"),
                    Relation::AtLeast => (rows >= bound, "not fewer than"),
                    Relation::Below => (rows < bound, "fewer than"),
                    Relation::AtMost => (rows <= bound, "not more than"),
                };
                let first = evidence.seen.sorted().into_iter().find(|entry| self.is_about(&entry.label));
                let reason = format!("{}{of_label}, {words} {}", counted(rows, "row"), grouped(bound));
                met.then(|| alert(reason, rows, first))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_they_are_written() {
        for text in
            ["new:any", "new:\"Critical Error\"", "more:Error", "count:Security Alert>100", "count:any<=0"]
        {
            assert!(text.parse::<Condition>().is_ok(), "{text}");
        }
        let quoted: Condition = "count:\"Security Alert\" >= 5".parse().unwrap();
        assert_eq!(quoted.label(), Some("Security Alert"));
        assert_eq!(quoted.test, Test::Count(Relation::AtLeast, 5));
        for text in
            ["", "new", "new:", "old:Error", "count:Error", "count:Error>", "count:>5", "count:Error>x"]
        {
            assert!(text.parse::<Condition>().unwrap_err().contains("expected new:LABEL"), "{text}");
        }
    }
}
