//! Copies a CSV with the `csv` crate, record by record: the mark that the bulk path of `classify` is measured by.
//!
//!     cargo run --release --example copy_csv -- INPUT OUTPUT

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, input, output] = arguments.as_slice() else { bail!("usage: copy_csv INPUT OUTPUT") };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(input)?;
    let mut writer = csv::Writer::from_path(output)?;
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        writer.write_byte_record(&record)?;
    }
    Ok(writer.flush()?)
}
