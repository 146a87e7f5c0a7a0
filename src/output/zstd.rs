//! Zstandard output: frames one behind the other, which is a valid `.zst` to every reader.
//!
//! The compressor takes a whole frame at a time, so the stream is cut into pieces. That costs nothing: it looks for
//! repetitions within 128 KiB only, and a frame's head and checksum are 10 bytes. Each frame has its checksum.

use ruzstd::encoding::{CompressionLevel, FrameCompressor, MatchGeneratorDriver};
use std::io::{self, Cursor, Write};

/// Bytes of content in a frame.
const FRAME: usize = 1 << 20;

/// A writer of Zstandard frames into another writer.
pub struct ZstdWriter<W> {
    out: W,
    compressor: FrameCompressor<Cursor<Vec<u8>>, Vec<u8>, MatchGeneratorDriver>,
    /// Content of the next frame.
    pending: Vec<u8>,
    /// Whether a frame was written: a file without any would not be Zstandard.
    begun: bool,
}

impl<W> std::fmt::Debug for ZstdWriter<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ZstdWriter").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

impl<W: Write> ZstdWriter<W> {
    /// Compresses into `out`.
    pub fn new(out: W) -> Self {
        let compressor = FrameCompressor::new(CompressionLevel::Fastest);
        Self { out, compressor, pending: Vec::new(), begun: false }
    }

    /// Writes what is left, and gives the inner writer back.
    ///
    /// # Errors
    /// When the inner writer refuses.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.begun || !self.pending.is_empty() {
            self.frame()?;
        }
        Ok(self.out)
    }

    /// Writes what is pending as a frame. It is compressed into memory, because the compressor panics where its
    /// writer fails.
    fn frame(&mut self) -> io::Result<()> {
        let mut packed = self.compressor.take_drain().unwrap_or_default();
        packed.clear();
        self.compressor.set_source(Cursor::new(std::mem::take(&mut self.pending)));
        self.compressor.set_drain(packed);
        self.compressor.compress();
        if let Some(source) = self.compressor.take_source() {
            self.pending = source.into_inner();
            self.pending.clear();
        }
        self.begun = true;
        self.compressor.drain().map_or(Ok(()), |packed| self.out.write_all(packed))
    }
}

impl<W: Write> Write for ZstdWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(FRAME - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        if self.pending.len() == FRAME {
            self.frame()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
