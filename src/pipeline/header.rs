//! The header of what is written.

use super::cells::{cell, safe_record};
use super::row::Added;
use crate::input::InputError;
use crate::input::open::CsvInput;

/// The columns that a CSV gets: the label's unless it is there to be overwritten, and what is `added` beside it.
///
/// # Errors
/// When a column that is added is there already.
pub fn new_columns<'a>(input: &CsvInput, label: &'a str, added: Added) -> Result<Vec<&'a str>, InputError> {
    let mut new = Vec::new();
    if input.layout.label.is_none() {
        new.push(label);
    }
    let names = added.names();
    if let Some(taken) = names.iter().find(|column| input.names.iter().any(|name| name == *column)) {
        return Err(InputError::AddedColumnExists { column: taken });
    }
    new.extend(names);
    Ok(new)
}

/// The header of `input` with the new columns.
pub fn header(input: &CsvInput, columns: &[&str], safe: bool) -> Vec<u8> {
    let (raw, place) = (&input.header, input.header_place());
    let (delimiter, newline) = (input.layout.delimiter, input.newline);
    let mut line = Vec::with_capacity(raw.len() + 64);
    line.extend_from_slice(&raw[..place]);
    if safe {
        safe_record(raw, place, delimiter, None, &mut line);
    } else {
        line.extend_from_slice(&raw[place..]);
    }
    for column in columns {
        line.push(delimiter);
        line.extend_from_slice(&cell(column.as_bytes(), delimiter, safe));
    }
    line.extend_from_slice(newline);
    line
}

/// The header of a CSV that has these columns alone.
pub fn new_header(columns: &[&str], delimiter: u8, newline: &[u8], safe: bool) -> Vec<u8> {
    let mut line = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            line.push(delimiter);
        }
        line.extend_from_slice(&cell(column.as_bytes(), delimiter, safe));
    }
    line.extend_from_slice(newline);
    line
}
