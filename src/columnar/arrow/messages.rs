//! The messages of streams, one behind the other.

use anyhow::{Context, Result};
use arrow_buffer::Buffer;
use arrow_ipc::{Footer, Message, root_as_footer, root_as_message};
use std::io::{self, ErrorKind, Read};

use super::super::chunks::TRUSTED;
use super::super::error::ColumnarError;
use super::super::kind::{ARROW_MAGIC, CONTINUATION, Kind};
use crate::input::decode::Bytes;
use crate::unwinding::quietly;

/// Longest metadata of a message, in bytes.
const LONGEST: usize = 256 << 20;

/// Reads messages.
pub struct Messages {
    bytes: Bytes,
    /// Whether it is a file, which has a footer behind its only stream.
    is_file: bool,
    /// Streams that have begun.
    pub stream: u64,
    /// Batches of the present one.
    pub batches: u64,
}

/// What comes next.
pub enum Next {
    /// A message: its metadata and its body.
    Message(Vec<u8>, Buffer),
    /// The mark at the end of a stream.
    EndOfStream,
    /// Nothing.
    End,
}

impl Messages {
    /// Tells a file from a stream.
    pub fn open(mut bytes: Bytes) -> Result<(Self, bool)> {
        let mut start = Vec::new();
        read_up_to(&mut bytes, ARROW_MAGIC.len(), &mut start)?;
        let is_file = start == ARROW_MAGIC;
        if !is_file {
            bytes = Box::new(io::Cursor::new(start).chain(bytes));
        }
        Ok((Self { bytes, is_file, stream: 0, batches: 0 }, is_file))
    }

    /// The next message.
    pub fn next(&mut self) -> Result<Next> {
        let Some(mut length) = self.word()? else { return Ok(Next::End) };
        // Behind its magic number, a file may be padded.
        while self.is_file && self.stream == 0 && length == [0; 4] {
            length = self.word()?.ok_or_else(|| self.cut())?;
        }
        if length == CONTINUATION {
            length = self.word()?.ok_or_else(|| self.cut())?;
        }
        let length = i32::from_le_bytes(length);
        if length == 0 {
            return Ok(Next::EndOfStream);
        }
        let length = usize::try_from(length).ok().filter(|&length| length <= LONGEST);
        let length = length.ok_or_else(|| self.damaged("a message has an impossible length"))?;
        let metadata = self.exactly(length)?;
        let body = message(&metadata).map(|message| message.bodyLength());
        let body = body.map_err(|why| self.damaged(&why))?;
        let length = usize::try_from(body).map_err(|_| self.damaged("a message has an impossible length"))?;
        let body = self.exactly(length)?;
        Ok(Next::Message(metadata, Buffer::from_vec(body)))
    }

    /// Reads what is behind the only stream of a file, and holds it against what was read. Gives the file's own
    /// metadata; nothing where this is no file.
    pub fn footer(&mut self) -> Result<Option<Vec<(String, String)>>> {
        if !self.is_file {
            return Ok(None);
        }
        let mut rest = Vec::new();
        read_up_to(&mut self.bytes, LONGEST, &mut rest)?;
        let magic = &ARROW_MAGIC[..6];
        let length = rest.len().checked_sub(magic.len() + 4).ok_or_else(|| self.cut())?;
        if &rest[length + 4..] != magic {
            return Err(self.cut());
        }
        let told = rest[length..length + 4].try_into().map(i32::from_le_bytes).unwrap_or_default();
        if usize::try_from(told) != Ok(length) {
            return Err(self.damaged("its footer has another length than it says"));
        }
        let read = quietly(|| {
            let footer = root_as_footer(&rest[..length]).map_err(|error| error.to_string())?;
            let batches = footer.recordBatches().map_or(0, |batches| batches.len() as u64);
            Ok::<_, String>((batches, metadata_of(&footer)))
        });
        let read = read.unwrap_or_else(|| Err("its footer makes no sense".to_owned()));
        let (batches, metadata) = read.map_err(|why| self.damaged(&why))?;
        if batches != self.batches {
            let why = format!("its footer tells of {batches} batches, and there are {}", self.batches);
            return Err(self.damaged(&why));
        }
        Ok(Some(metadata))
    }

    /// The error for an input that ends here.
    pub fn cut(&self) -> anyhow::Error {
        ColumnarError::Cut { kind: Kind::Arrow, place: self.place() }.into()
    }

    /// The error for what makes no sense.
    pub fn damaged(&self, why: &str) -> anyhow::Error {
        ColumnarError::Damaged { kind: Kind::Arrow, place: self.place(), why: why.to_owned() }.into()
    }

    fn place(&self) -> String {
        let stream = if self.stream > 1 { format!(" of stream {}", self.stream) } else { String::new() };
        match self.batches {
            0 => format!("before the first batch{stream}"),
            batches => format!("after batch {batches}{stream}"),
        }
    }

    /// Four bytes; nothing where there are none.
    fn word(&mut self) -> Result<Option<[u8; 4]>> {
        let mut word = Vec::new();
        match read_up_to(&mut self.bytes, 4, &mut word)? {
            0 => Ok(None),
            _ => word.try_into().map(Some).map_err(|_| self.cut()),
        }
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length.min(TRUSTED));
        if read_up_to(&mut self.bytes, length, &mut bytes)? < length {
            return Err(self.cut());
        }
        Ok(bytes)
    }
}

/// The message in these bytes, which were held against their own structure.
pub fn message(metadata: &[u8]) -> Result<Message<'_>, String> {
    root_as_message(metadata).map_err(|error| format!("a message makes no sense: {error}"))
}

fn metadata_of(footer: &Footer<'_>) -> Vec<(String, String)> {
    let pairs = footer.custom_metadata().into_iter().flatten();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    pairs.map(|pair| (text(pair.key()), text(pair.value()))).collect()
}

/// Appends as many bytes, or all there are; says how many.
fn read_up_to(bytes: &mut Bytes, length: usize, into: &mut Vec<u8>) -> Result<usize> {
    loop {
        let missing = (length - into.len()) as u64;
        match bytes.take(missing).read_to_end(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => {
                read.context("cannot be read")?;
                return Ok(into.len());
            }
        }
    }
}
