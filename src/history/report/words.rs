//! Figures in words.

use super::super::rfc3339;
use crate::console::grouped;

/// `2024-01-02 03:04`, in UTC.
pub fn minute(seconds: i64) -> String {
    let text = rfc3339(seconds);
    text.get(..text.len() - 4).unwrap_or(&text).replace('T', " ")
}

/// `12.3 %`, or `< 0.1 %`.
pub fn share(part: u64, all: u64) -> String {
    #[allow(clippy::cast_precision_loss)] // a percentage for people
    let share = 100.0 * part as f64 / all.max(1) as f64;
    if part > 0 && share < 0.1 { "< 0.1 %".to_owned() } else { format!("{share:.1} %") }
}

/// `15 minutes`, `1 day`.
pub fn span(seconds: i64) -> String {
    let (number, unit) = match seconds {
        86_400.. => (seconds / 86_400, "day"),
        3_600.. => (seconds / 3_600, "hour"),
        _ => (seconds / 60, "minute"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// A name, where one is stated.
pub fn stated(name: &str) -> &str {
    if name.is_empty() { "none stated" } else { name }
}

/// A number of a run, or what stands for one that is not known.
pub fn known(number: Option<u64>) -> String {
    number.map_or("–".to_owned(), grouped)
}

/// At most this many characters of a template.
const SHOWN: usize = 300;

/// The beginning of a text.
pub fn short(text: &str) -> String {
    super::escape::short(text, SHOWN)
}
