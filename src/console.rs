//! What people and pipelines are told: words on standard error, results on standard output.

use anyhow::Result;
use std::io::Write;

use crate::error::{ExitStatus, StdoutError};

/// Tells people something on standard error. That it cannot be told changes nothing: `eprintln!` would panic.
pub fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes to standard output, where a closed pipe is an error that ends quietly.
///
/// # Errors
/// When the system refuses.
pub fn print(bytes: &[u8]) -> Result<ExitStatus> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(StdoutError)?;
    Ok(ExitStatus::Done)
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with the noun it counts: `1 row`, `2,000 rows`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn one_of_a_thing_is_singular() {
        assert_eq!([0, 1, 2_000].map(|rows| counted(rows, "row")), ["0 rows", "1 row", "2,000 rows"]);
    }
}
