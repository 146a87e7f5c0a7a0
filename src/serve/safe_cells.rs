//! Cells that a spreadsheet takes for text.
//!
//! A cell that begins like a formula is run by the spreadsheet that opens the file, and log messages are written by
//! strangers. Such cells get an apostrophe in front, as spreadsheets themselves write text; numbers stay numbers.

use std::borrow::Cow;
use std::io::{self, BufWriter, Read, Write};

use crate::pipeline::EXPLAINED;

/// Copies the explained CSV in `input` with safe cells; without `explain`, its last three columns are left out.
///
/// # Errors
/// When reading or writing fails.
pub fn copy(input: impl Read, output: impl Write, delimiter: u8, explain: bool) -> io::Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(256 << 10)
        .from_reader(input);
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .delimiter(delimiter)
        .from_writer(BufWriter::with_capacity(64 << 10, output));
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let kept = record.len().saturating_sub(if explain { 0 } else { EXPLAINED.len() });
        writer.write_record(record.iter().take(kept).map(|cell| safe(cell)))?;
    }
    writer.flush()
}

fn safe(cell: &[u8]) -> Cow<'_, [u8]> {
    let formula = matches!(cell.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n'))
        || ["＝", "＋", "－", "＠"].iter().any(|sign| cell.starts_with(sign.as_bytes()));
    if !formula || is_number(cell) {
        return Cow::Borrowed(cell);
    }
    Cow::Owned([b"'", cell].concat())
}

fn is_number(cell: &[u8]) -> bool {
    let digits =
        cell.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    digits && std::str::from_utf8(cell).is_ok_and(|text| text.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_becomes_text_and_a_number_stays_one() {
        let input = b"source,log_message,target_label,label_stage,label_confidence,label_reason\n\
            \"=HYPERLINK(\"\"http://x\"\")\",-5.5,Error,model,0.9,=x\n@a,-x,A,rule,1,+1+1\n\xef\xbc\x9dx,y,A,rule,1,z\n";
        let mut plain = Vec::new();
        copy(&input[..], &mut plain, b',', false).unwrap();
        let expected = "source,log_message,target_label\n\"'=HYPERLINK(\"\"http://x\"\")\",-5.5,Error\n'@a,'-x,A\n'＝x,y,A\n";
        assert_eq!(String::from_utf8(plain).unwrap(), expected);
        let mut explained = Vec::new();
        copy(&input[..], &mut explained, b',', true).unwrap();
        assert!(String::from_utf8(explained).unwrap().contains(",rule,1,'+1+1\n"));
    }
}
