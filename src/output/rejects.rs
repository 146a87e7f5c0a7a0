//! The list of records that could not be taken: a CSV that says of each where it stands, why, and what it is.

use anyhow::Result;
use std::path::Path;

use super::Output;
use crate::input::{Reject, csv::quote};

/// An open list.
#[derive(Debug)]
pub struct Rejects {
    output: Output,
    /// Name of the input that is being read.
    input: String,
    /// Records of that input in the list.
    count: u64,
    /// Not yet handed to the system: a file may be full of bad records.
    pending: Vec<u8>,
}

/// Bytes that are handed on at a time, about.
const PIECE: usize = 64 << 10;

impl Rejects {
    /// Begins the list at `path`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let mut output = Output::beside(path)?;
        output.write(b"file,line,byte,reason,record\n")?;
        Ok(Self { output, input: String::new(), count: 0, pending: Vec::new() })
    }

    /// The records that follow come from this input.
    pub fn from_input(&mut self, name: &str) {
        name.clone_into(&mut self.input);
        self.count = 0;
    }

    /// How many records of the present input are in the list.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds a record, line terminator included, before which stood this many NULs.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&mut self, reject: &Reject, zeros: u64, record: &[u8]) -> Result<()> {
        let line = &mut self.pending;
        line.extend_from_slice(&quote(self.input.as_bytes(), b','));
        line.extend_from_slice(format!(",{},{},", reject.line, reject.offset).as_bytes());
        line.extend_from_slice(&quote(reject.reason.to_string().as_bytes(), b','));
        line.push(b',');
        let record = quote(record, b',');
        let (opening, record) = record.split_at(usize::from(record.first() == Some(&b'"')));
        line.extend_from_slice(opening);
        if zeros > 0 {
            self.hand_on()?;
            self.output.repeat(b"\0", zeros)?;
        }
        self.pending.extend_from_slice(record);
        self.pending.push(b'\n');
        self.count += 1;
        if self.pending.len() >= PIECE { self.hand_on() } else { Ok(()) }
    }

    /// Hands on what is held back.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn flush(&mut self) -> Result<()> {
        self.hand_on()?;
        self.output.flush()
    }

    /// Makes the list final.
    ///
    /// # Errors
    /// When it does not reach the disk.
    pub fn finish(mut self) -> Result<()> {
        self.hand_on()?;
        self.output.finish()
    }

    fn hand_on(&mut self) -> Result<()> {
        self.output.write(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}
