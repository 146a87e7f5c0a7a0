//! From the bytes of a file to the bytes of its text: gzip, Zstandard and UTF-16, told by how the file begins.

use anyhow::{Context, Result, bail};
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::error::Error;
use std::io::{self, BufReader, Cursor, Read};

/// Bytes from anywhere.
pub type Bytes = Box<dyn Read + Send>;

/// A text, and what was done to get at it.
pub struct Decoded {
    /// The text: UTF-8, or whatever bytes the file has.
    pub bytes: Bytes,
    /// Whether it was compressed, so that the file's length says nothing about the text's.
    pub compressed: bool,
    /// Whether it was UTF-16.
    pub transcoded: bool,
}

/// Undoes compression, of which no more than `most` bytes may come, and UTF-16.
///
/// # Errors
/// When the beginning cannot be read, or is of a kind that is not understood.
pub fn decode(bytes: Bytes, most: u64) -> Result<Decoded> {
    let (start, bytes) = peek(bytes)?;
    let (compressed, bytes): (bool, Bytes) = match start[..] {
        [0x1f, 0x8b, ..] => (true, Box::new(MultiGzDecoder::new(BufReader::new(bytes)))),
        [0x28, 0xb5, 0x2f, 0xfd] => (true, Box::new(ZstdFrames::new(bytes))),
        [b'P', b'K', 3, 4] => bail!("is a zip archive (or a spreadsheet): unpack it, or export it as CSV"),
        _ => (false, bytes),
    };
    let (start, bytes) =
        if compressed { peek(Box::new(Capped { bytes, left: most, most }))? } else { (start, bytes) };
    let transcoded = match start[..] {
        [0xff, 0xfe, 0, 0] | [0, 0, 0xfe, 0xff] => {
            bail!("is UTF-32: convert it first (iconv -f UTF-32 -t UTF-8)")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        _ => false,
    };
    let bytes: Bytes =
        if transcoded { Box::new(DecodeReaderBytesBuilder::new().build(bytes)) } else { bytes };
    Ok(Decoded { bytes, compressed, transcoded })
}

/// The first four bytes, or all there are, and a reader that still gives them.
fn peek(mut bytes: Bytes) -> Result<(Vec<u8>, Bytes)> {
    let mut start = Vec::with_capacity(4);
    (&mut bytes).take(4).read_to_end(&mut start).context("cannot be read")?;
    Ok((start.clone(), Box::new(Cursor::new(start).chain(bytes))))
}

/// Fails when more than a number of bytes come.
struct Capped {
    bytes: Bytes,
    left: u64,
    most: u64,
}

impl Read for Capped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!(
                "decompresses to more than {} bytes (--max-decompressed-bytes sets the limit)",
                self.most
            ))
        })?;
        Ok(read)
    }
}

/// Zstandard frames, one behind the other, each held against its checksum.
struct ZstdFrames {
    bytes: BufReader<Bytes>,
    decoder: FrameDecoder,
    within: bool,
}

/// What is decoded at a time, so that a frame of zeros does not fill the memory.
const STEP: usize = 1 << 20;

impl ZstdFrames {
    fn new(bytes: Bytes) -> Self {
        Self { bytes: BufReader::new(bytes), decoder: FrameDecoder::new(), within: false }
    }

    /// Begins the next frame; false when there is none.
    fn begin(&mut self) -> io::Result<bool> {
        use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
        use std::io::BufRead;
        loop {
            if self.bytes.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.bytes) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.bytes).take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(damaged(&error)),
            }
        }
    }
}

impl Read for ZstdFrames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.within {
                if !self.begin()? {
                    return Ok(0);
                }
                self.within = true;
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                let (told, found) =
                    (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
                if told.is_some() && told != found {
                    return Err(invalid("the checksum does not fit"));
                }
                self.within = false;
                continue;
            }
            self.decoder
                .decode_blocks(&mut self.bytes, BlockDecodingStrategy::UptoBytes(STEP))
                .map_err(|error| damaged(&error))?;
        }
    }
}

/// An error of the decompressor; one of its causes tells when the file just ends too early.
fn damaged(error: &(dyn Error + 'static)) -> io::Error {
    let mut cause = Some(error);
    while let Some(found) = cause {
        if found.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
        {
            return invalid("it ends too early");
        }
        cause = found.source();
    }
    invalid(error)
}

fn invalid(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged Zstandard data: {why}"))
}
