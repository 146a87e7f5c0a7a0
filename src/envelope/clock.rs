//! The times of rows that come one after another.

use super::instant;

/// Bytes of a time that are remembered.
const MOST: usize = 40;

/// Reads times, and remembers the last: rows that follow each other often have the same.
#[derive(Debug, Clone)]
pub struct Clock {
    now: i64,
    last: [u8; MOST],
    length: usize,
    seconds: i64,
}

impl Clock {
    /// A clock for rows of which those without a time are of `now`, in seconds since 1970.
    pub fn new(now: i64) -> Self {
        Self { now, last: [0; MOST], length: 0, seconds: now }
    }

    /// Seconds since 1970 of a row with this field for its time, if that says one, else with this time in its
    /// message.
    pub fn read(&mut self, field: &[u8], message: Option<&[u8]>) -> i64 {
        self.field(field).unwrap_or_else(|| self.message(message))
    }

    /// What the field of a row says.
    pub fn field(&mut self, field: &[u8]) -> Option<i64> {
        let field = field.trim_ascii();
        if field.is_empty() { None } else { self.one(field) }
    }

    /// What the message of a row says, or now.
    pub fn message(&mut self, message: Option<&[u8]>) -> i64 {
        message.and_then(|text| self.one(text)).unwrap_or(self.now)
    }

    fn one(&mut self, text: &[u8]) -> Option<i64> {
        if text.len() > MOST {
            return instant(text, self.now);
        }
        if self.length > 0 && self.last[..self.length] == *text {
            return Some(self.seconds);
        }
        let seconds = instant(text, self.now)?;
        self.last[..text.len()].copy_from_slice(text);
        (self.length, self.seconds) = (text.len(), seconds);
        Some(seconds)
    }
}
