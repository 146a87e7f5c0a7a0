//! Fields as they are written: CSV cells and JSON members.

use std::borrow::Cow;

use crate::input::{FieldForm, FieldSpan, csv};

/// A value that is added to a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A confidence.
    Number(f32),
    /// What the record does not state.
    Nothing,
}

pub fn push_cells(values: &[Value], delimiter: u8, safe: bool, out: &mut Vec<u8>) {
    for value in values {
        out.push(delimiter);
        match value {
            Value::Text(text) => out.extend_from_slice(&cell(text.as_bytes(), delimiter, safe)),
            Value::Number(number) => out.extend_from_slice(format!("{number:.4}").as_bytes()),
            Value::Nothing => {}
        }
    }
}

/// `text` as a JSON string.
pub fn json(text: &str) -> Vec<u8> {
    serde_json::Value::from(text).to_string().into_bytes()
}

/// `,"name":value`.
pub fn push_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.push(b',');
    push_first_field(name, value, out);
}

/// `"name":value`.
pub fn push_first_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&json(name));
    out.push(b':');
    out.extend_from_slice(value);
}

/// Appends `data` from `start` on, with another value in one place.
pub fn replace(data: &[u8], start: usize, replaced: Option<(FieldSpan, &[u8])>, out: &mut Vec<u8>) {
    match replaced {
        None => out.extend_from_slice(&data[start..]),
        Some((place, value)) => {
            out.extend_from_slice(&data[start..place.start as usize]);
            out.extend_from_slice(value);
            out.extend_from_slice(&data[place.end as usize..]);
        }
    }
}

/// Whether a spreadsheet may run a cell with this content: OWASP's list, full-width forms included.
pub fn runs(content: &[u8]) -> bool {
    matches!(content.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n'))
        || ["＝", "＋", "－", "＠"].iter().any(|sign| content.starts_with(sign.as_bytes()))
}

/// `content` as a field; with `safe`, behind an apostrophe where a spreadsheet would run it.
pub fn cell(content: &[u8], delimiter: u8, safe: bool) -> Cow<'_, [u8]> {
    if safe && runs(content) {
        let harmless = [b"'", content].concat();
        return Cow::Owned(csv::quote(&harmless, delimiter).into_owned());
    }
    csv::quote(content, delimiter)
}

/// Appends the record at `start`, each cell that a spreadsheet would run behind an apostrophe.
pub fn safe_record(
    data: &[u8],
    start: usize,
    delimiter: u8,
    replaced: Option<(FieldSpan, &[u8])>,
    out: &mut Vec<u8>,
) {
    let Some((fields, _)) = csv::fields(data, start, delimiter, true) else { return };
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(delimiter);
        }
        let raw = &data[field.start as usize..field.end as usize];
        match replaced {
            Some((place, value)) if place == field => out.extend_from_slice(value),
            _ if field.form == FieldForm::Quoted && runs(&raw[1..]) => {
                out.extend_from_slice(b"\"'");
                out.extend_from_slice(&raw[1..]);
            }
            _ if runs(raw) => {
                out.push(b'\'');
                out.extend_from_slice(raw);
            }
            _ => out.extend_from_slice(raw),
        }
    }
}
