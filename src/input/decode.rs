//! From the bytes of a file to the bytes of its text: gzip, Zstandard and UTF-16, told by how the file
//! begins. What is known to be no text is refused.

use anyhow::{Context, Result};
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::GzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use super::{InputError, magic};

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
    let (start, compressed, bytes) = unpack(bytes, most)?;
    let transcoded = match start[..] {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(InputError::Utf32.into()),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        _ => match magic::refused(&start, compressed) {
            Some(refused) => return Err(refused.into()),
            None => false,
        },
    };
    let bytes: Bytes =
        if transcoded { Box::new(DecodeReaderBytesBuilder::new().build(bytes)) } else { bytes };
    Ok(Decoded { bytes, compressed, transcoded })
}

/// Undoes compression, of which no more than `most` bytes may come: the beginning of what was inside, whether it was
/// compressed, and all of it.
///
/// # Errors
/// When the beginning cannot be read.
pub fn unpack(bytes: Bytes, most: u64) -> Result<(Vec<u8>, bool, Bytes)> {
    let (start, bytes) = peek(bytes)?;
    let (compressed, bytes): (bool, Bytes) = match start[..] {
        [0x1f, 0x8b, ..] => (true, Box::new(Gzip::new(Packed::new(bytes)))),
        // A Zstandard file may begin with frames to skip.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            (true, Box::new(ZstdFrames::new(Packed::new(bytes))))
        }
        _ => (false, bytes),
    };
    let (start, bytes) =
        if compressed { peek(Box::new(Capped { bytes, left: most, most }))? } else { (start, bytes) };
    Ok((start, compressed, bytes))
}

/// As much of the beginning as tells what it is, and a reader that still gives it. Of a live stream no more is
/// waited for than that needs.
fn peek(mut bytes: Bytes) -> Result<(Vec<u8>, Bytes)> {
    let mut start = vec![0; magic::LONGEST];
    let mut held = 0;
    while held < start.len() && (held == 0 || magic::could_tell_more(&start[..held])) {
        match bytes.read(&mut start[held..]) {
            Ok(0) => break,
            Ok(read) => held += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("cannot be read"),
        }
    }
    start.truncate(held);
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
        let oversize = || io::Error::other(InputError::Oversize { limit: self.most });
        self.left = self.left.checked_sub(read as u64).ok_or_else(oversize)?;
        Ok(read)
    }
}

/// Compressed bytes. That they cannot be read is told apart from what a decompressor makes of it.
struct Packed {
    bytes: Bytes,
    failure: Option<io::Error>,
}

impl Packed {
    fn new(bytes: Bytes) -> BufReader<Self> {
        BufReader::new(Self { bytes, failure: None })
    }
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer);
        match read {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let kind = error.kind();
                self.failure = Some(error);
                Err(kind.into())
            }
            read => read,
        }
    }
}

/// Members of a gzip file, one behind the other.
struct Gzip {
    /// Nothing behind the last member.
    member: Option<GzDecoder<BufReader<Packed>>>,
}

impl Gzip {
    fn new(bytes: BufReader<Packed>) -> Self {
        Self { member: Some(GzDecoder::new(bytes)) }
    }

    /// What follows a member: zeros, with which tapes and copies are padded, another member, or the end.
    fn next_member(mut bytes: BufReader<Packed>) -> io::Result<Option<GzDecoder<BufReader<Packed>>>> {
        loop {
            let held = match bytes.fill_buf() {
                Ok(held) => held,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(bytes.get_mut().failure.take().unwrap_or(error)),
            };
            match held.iter().position(|&byte| byte != 0) {
                None if held.is_empty() => return Ok(None),
                Some(0) if held[0] == 0x1f => return Ok(Some(GzDecoder::new(bytes))),
                Some(0) => {
                    return Err(damaged_gzip(
                        "other data follows the last member (gzip -dc FILE | logclass classify reads what is \
                         before it)",
                    ));
                }
                zeros => {
                    let zeros = zeros.unwrap_or(held.len());
                    bytes.consume(zeros);
                }
            }
        }
    }
}

impl Read for Gzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut member) = self.member.take().filter(|_| !buffer.is_empty()) {
            let read = member.read(buffer);
            match read {
                Ok(0) => self.member = Self::next_member(member.into_inner())?,
                Ok(_) => {
                    self.member = Some(member);
                    return read;
                }
                Err(error) => {
                    let failure = member.get_mut().get_mut().failure.take();
                    self.member = Some(member);
                    return Err(match failure {
                        Some(failure) => failure,
                        None if error.kind() == io::ErrorKind::Interrupted => error,
                        None => damaged_gzip(error),
                    });
                }
            }
        }
        Ok(0)
    }
}

/// Zstandard frames, one behind the other, each held against its checksum.
struct ZstdFrames {
    bytes: BufReader<Packed>,
    decoder: FrameDecoder,
    within: bool,
}

/// What is decoded at a time, so that a frame of zeros does not fill the memory.
const STEP: usize = 1 << 20;

impl ZstdFrames {
    fn new(bytes: BufReader<Packed>) -> Self {
        Self { bytes, decoder: FrameDecoder::new(), within: false }
    }

    /// Begins the next frame; false when there is none.
    fn begin(&mut self) -> io::Result<bool> {
        use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
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
                    let skipped = io::copy(&mut (&mut self.bytes).take(length.into()), &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(damaged_frame("it ends too early"));
                    }
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(found))) => {
                    // lz4 has the same frames to skip.
                    let refused = magic::refused(&found.to_le_bytes(), false);
                    return Err(match refused {
                        Some(refused) => io::Error::new(io::ErrorKind::InvalidData, refused),
                        None => damaged_frame("other data follows the last frame"),
                    });
                }
                Err(error) => return Err(damaged(&error)),
            }
        }
    }
    fn decode(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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
                    return Err(damaged_frame("the checksum does not fit"));
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

impl Read for ZstdFrames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.decode(buffer);
        read.map_err(|error| self.bytes.get_mut().failure.take().unwrap_or(error))
    }
}

/// An error of the decompressor; one of its causes tells when the file just ends too early.
fn damaged(error: &(dyn Error + 'static)) -> io::Error {
    let mut cause = Some(error);
    while let Some(found) = cause {
        if found.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
        {
            return damaged_frame("it ends too early");
        }
        cause = found.source();
    }
    damaged_frame(error)
}

fn damaged_frame(why: impl std::fmt::Display) -> io::Error {
    invalid(format!("damaged Zstandard data: {why}"))
}

fn damaged_gzip(why: impl std::fmt::Display) -> io::Error {
    invalid(format!("damaged gzip data: {why}"))
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, InputError::Damaged(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{find, one_line};
    use std::io::Write;

    /// Gives its bytes, and then fails.
    struct Fails(Cursor<Vec<u8>>);

    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 if !buffer.is_empty() => Err(io::Error::other("the line broke")),
                read => Ok(read),
            }
        }
    }

    fn gzip() -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let text: Vec<u8> =
            (0..20_000_u32).flat_map(|row| row.wrapping_mul(0x9e37_79b1).to_le_bytes()).collect();
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    }

    fn failure(bytes: impl Read + Send + 'static, most: u64) -> anyhow::Error {
        let read = |mut decoded: Decoded| Ok(io::copy(&mut decoded.bytes, &mut io::sink())?);
        decode(Box::new(bytes), most).and_then(read).unwrap_err()
    }

    #[test]
    fn damage_and_size_are_the_files_fault() {
        let mut broken = gzip();
        let middle = broken.len() / 2;
        broken[middle] ^= 0x55;
        let short = gzip()[..middle].to_vec();
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x24].to_vec();
        for damaged in [broken, short, zstd] {
            let error = failure(Cursor::new(damaged), 1 << 30);
            assert!(matches!(find(&error), Some(InputError::Damaged(_))), "{error:?}");
        }
        let error = failure(Cursor::new(gzip()), 1_000);
        assert_eq!(find(&error), Some(&InputError::Oversize { limit: 1_000 }));
        assert!(one_line(&error).ends_with("(--max-decompressed-bytes sets the limit)"));
    }

    #[test]
    fn that_the_bytes_cannot_be_read_is_no_damage() {
        let half = gzip()[..20_000].to_vec();
        for bytes in [half, [0x28, 0xb5, 0x2f, 0xfd, 0x24].to_vec()] {
            let error = failure(Fails(Cursor::new(bytes)), 1 << 30);
            assert_eq!(find::<InputError>(&error), None, "{error:?}");
            assert!(one_line(&error).ends_with("the line broke"), "{error:?}");
        }
    }
}
