//! What is no text, told by how it begins, so that its bytes are never labelled as log lines.

use super::InputError;

/// How a kind of file begins.
struct Signature {
    bytes: &'static [u8],
    what: &'static str,
    remedy: &'static str,
}

const fn signature(bytes: &'static [u8], what: &'static str, remedy: &'static str) -> Signature {
    Signature { bytes, what, remedy }
}

const UNPACK: &str = "unpack it, and give the files in it";
const EXPORT: &str = "export it as CSV or NDJSON first";
const COLUMNS: &str = if cfg!(feature = "columnar") {
    "`logclass classify` reads it without --format; for anything else, export it as CSV or NDJSON first"
} else {
    EXPORT
};
const NO_LOG: &str = "expected CSV, NDJSON or text";
const LZ4: &str = "decompress it in a pipe (lz4 -dc FILE | logclass classify)";
const LZMA: &str = "decompress it in a pipe (xz -dc FILE | logclass classify)";
const OLD_ZSTD: &str = "decompress it in a pipe (zstd -dc FILE | logclass classify)";
const GUNZIP: &str = "decompress it in a pipe (gzip -dc FILE | logclass classify)";
const JOURNAL: &str = "export it (journalctl --file FILE -o json | logclass classify --format ndjson \
                       --message-column MESSAGE)";
const PACKETS: &str = "export it first (tshark -r FILE | logclass classify --format text)";

/// Signatures that are no text by themselves, at the very beginning.
const SIGNATURES: &[Signature] = &[
    signature(b"\xfd7zXZ\0", "xz-compressed", LZMA),
    signature(b"\x5d\0\0", "LZMA-compressed", LZMA),
    signature(
        b"BZh91AY&SY",
        "bzip2-compressed",
        "decompress it in a pipe (bzip2 -dc FILE | logclass classify)",
    ),
    signature(b"\x04\x22\x4d\x18", "lz4-compressed", LZ4),
    signature(b"\x02\x21\x4c\x18", "lz4-compressed", LZ4),
    signature(b"LZIP\x01", "lzip-compressed", "decompress it in a pipe (lzip -dc FILE | logclass classify)"),
    signature(
        b"\x89LZO\0\r\n\x1a\n",
        "lzop-compressed",
        "decompress it in a pipe (lzop -dc FILE | logclass classify)",
    ),
    signature(b"\x1f\x9d", "compressed by compress (.Z)", GUNZIP),
    signature(b"\x1f\x1e", "compressed by pack (.z)", GUNZIP),
    signature(b"\x1f\xa0", "LZH-compressed", GUNZIP),
    signature(b"\xff\x06\0\0sNaPpY", "Snappy-compressed", "decompress it first"),
    signature(b"\x22\xb5\x2f\xfd", "compressed by an old version of Zstandard", OLD_ZSTD),
    signature(b"\x23\xb5\x2f\xfd", "compressed by an old version of Zstandard", OLD_ZSTD),
    signature(b"\x24\xb5\x2f\xfd", "compressed by an old version of Zstandard", OLD_ZSTD),
    signature(b"\x25\xb5\x2f\xfd", "compressed by an old version of Zstandard", OLD_ZSTD),
    signature(b"\x26\xb5\x2f\xfd", "compressed by an old version of Zstandard", OLD_ZSTD),
    signature(b"\x27\xb5\x2f\xfd", "compressed by an old version of Zstandard", OLD_ZSTD),
    signature(b"\x37\xa4\x30\xec", "a Zstandard dictionary", NO_LOG),
    signature(b"PK\x03\x04", "a zip archive (or a spreadsheet)", "unpack it, or export it as CSV"),
    signature(b"PK\x05\x06", "an empty zip archive", NO_LOG),
    signature(b"PK\x07\x08", "a zip archive (or a spreadsheet)", "unpack it, or export it as CSV"),
    signature(b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    signature(b"Rar!\x1a\x07", "a rar archive", UNPACK),
    signature(b"MSCF\0\0\0\0", "a cab archive", UNPACK),
    signature(b"!<arch>\n", "an ar archive (or a Debian package)", UNPACK),
    signature(b"\xc7\x71", "a cpio archive", UNPACK),
    signature(b"\xed\xab\xee\xdb", "an RPM package", UNPACK),
    signature(b"ElfFile\0", "a Windows event log (.evtx)", EXPORT),
    signature(b"\x30\0\0\0LfLe", "a Windows event log (.evt)", EXPORT),
    signature(b"LPKSHHRH", "a systemd journal", JOURNAL),
    signature(b"SQLite format 3\0", "an SQLite database", EXPORT),
    signature(b"PAR1", "a Parquet file", COLUMNS),
    signature(b"PARE", "an encrypted Parquet file", EXPORT),
    signature(b"ARROW1\0\0", "an Arrow file", COLUMNS),
    signature(b"\xff\xff\xff\xff", "an Arrow stream or another binary file", COLUMNS),
    signature(b"Obj\x01", "an Avro file", EXPORT),
    signature(b"\x89HDF\r\n\x1a\n", "an HDF5 file", EXPORT),
    signature(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (such as .xls)", EXPORT),
    signature(b"bplist00", "a binary property list", "convert it first (plutil -convert json)"),
    signature(b"\xfebin", "a MySQL binary log", "export it first (mysqlbinlog FILE)"),
    signature(b"\xd4\xc3\xb2\xa1", "a packet capture", PACKETS),
    signature(b"\xa1\xb2\xc3\xd4", "a packet capture", PACKETS),
    signature(b"\x4d\x3c\xb2\xa1", "a packet capture", PACKETS),
    signature(b"\xa1\xb2\x3c\x4d", "a packet capture", PACKETS),
    signature(b"\x7fELF", "an ELF program or library", NO_LOG),
    signature(b"\xcf\xfa\xed\xfe", "a Mach-O program or library", NO_LOG),
    signature(b"\xce\xfa\xed\xfe", "a Mach-O program or library", NO_LOG),
    signature(b"\xca\xfe\xba\xbe", "a Java class or a Mach-O program", NO_LOG),
    signature(b"\0asm\x01\0\0\0", "a WebAssembly module", NO_LOG),
    signature(b"\x89PNG\r\n\x1a\n", "a PNG image", NO_LOG),
    signature(b"\xff\xd8\xff", "a JPEG image", NO_LOG),
    signature(b"GIF87a", "a GIF image", NO_LOG),
    signature(b"GIF89a", "a GIF image", NO_LOG),
    signature(b"%PDF-", "a PDF document", NO_LOG),
    signature(b"OggS\0", "an Ogg file", NO_LOG),
];

/// What is read: gzip, Zstandard with its skippable frames, and what a byte order mark tells.
const READ: [&[u8]; 5] =
    [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"\x50\x2a\x4d\x18"];

/// Bytes after which a beginning says no more.
pub(super) const LONGEST: usize = 512;

/// Whether the bytes that come behind `start` could tell what it is, so that it is worth waiting for them.
pub(super) fn could_tell_more(start: &[u8]) -> bool {
    let begins = |whole: &[u8]| start.len() < whole.len() && whole.starts_with(start);
    let skippable = start.len() < 4
        && start.first().is_some_and(|byte| byte & 0xf0 == 0x50)
        && b"\x2a\x4d\x18".starts_with(&start[1..]);
    start.is_empty()
        || skippable
        || READ.iter().any(|whole| begins(whole))
        || SIGNATURES.iter().any(|signature| begins(signature.bytes))
        || (start.len() < TAR.1 && could_be_tar(start))
}

/// Where the magic number of a tar archive stands.
const TAR: (usize, usize) = (257, 262);

/// A name of at most 100 bytes, and nothing but NULs behind it where it is shorter.
fn could_be_tar(start: &[u8]) -> bool {
    let name = &start[..start.len().min(100)];
    match memchr::memchr(0, name) {
        None | Some(0) => false,
        Some(end) => name[end..].iter().all(|&byte| byte == 0),
    }
}

/// Why a file that begins with `start` is not read, if it is of a kind that is known; `inside` says that it came
/// out of a compressed one.
pub(super) fn refused(start: &[u8], inside: bool) -> Option<InputError> {
    let found = |what, remedy| Some(InputError::NoText { what, remedy, inside });
    if inside && (start.starts_with(READ[0]) || start.starts_with(READ[1])) {
        return found("compressed a second time", "decompress it in a pipe");
    }
    if let Some(known) = SIGNATURES.iter().find(|known| start.starts_with(known.bytes)) {
        return found(known.what, known.remedy);
    }
    match start {
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, b'A' | 0x72, ..] => {
            found("bzip2-compressed", "decompress it in a pipe (bzip2 -dc FILE | logclass classify)")
        }
        [b'M', b'Z', _, 0, ..] => found("a Windows program or library", NO_LOG),
        [0x0a, 0x0d, 0x0d, 0x0a, _, _, _, _, 0x1a | 0x4d, 0x2b | 0x3c, 0x3c | 0x2b, 0x4d | 0x1a, ..] => {
            found("a packet capture", PACKETS)
        }
        _ if start.get(TAR.0..TAR.1) == Some(b"ustar") => found("a tar archive", UNPACK),
        _ => match wide(start) {
            Some(true) => {
                found("UTF-16 without a byte order mark", "convert it first (iconv -f UTF-16LE -t UTF-8)")
            }
            Some(false) => {
                found("UTF-16 without a byte order mark", "convert it first (iconv -f UTF-16BE -t UTF-8)")
            }
            None => None,
        },
    }
}

/// Whether every second byte is a NUL, as in the UTF-16 of mostly English text: `true` where the other byte
/// comes first.
fn wide(start: &[u8]) -> Option<bool> {
    let pairs = start.len() / 2;
    let zeros = |from: usize| start.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    match (pairs >= 4, even, odd) {
        (true, 0, _) if odd * 8 >= pairs * 7 => Some(true),
        (true, _, 0) if even * 8 >= pairs * 7 => Some(false),
        _ => None,
    }
}

/// Whether a sample is no text, though nothing tells what it is. NULs in front, control characters that
/// separate fields (as in FIX), escapes of a terminal and text in any encoding of single bytes are text.
pub(super) fn is_binary(sample: &[u8]) -> bool {
    let sample = &sample[sample.iter().take_while(|&&byte| byte == 0).count()..];
    let written = sample.iter().filter(|&&byte| byte != 0).count();
    let strange = sample.iter().filter(|&&byte| matches!(byte, 0x04..=0x06 | 0x0e..=0x1a | 0x7f)).count();
    let holes = sample.windows(2).filter(|pair| pair[0] != 0 && pair[1] == 0).count();
    let is_utf8 = match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let controls = sample.iter().filter(|&&byte| matches!(byte, 0x01..=0x08 | 0x0e..=0x1a | 0x7f)).count();
    // Numbers of several bytes are NULs and controls; strings that end with a NUL are text.
    let scattered = holes >= 8 && holes * 12 > written && controls * 4 >= holes;
    let garbled = !is_utf8 && strange + holes >= 4 && (strange + holes) * 32 > written;
    scattered || garbled
}

/// The error for a sample that is no text.
pub(super) fn binary() -> InputError {
    InputError::NoText { what: "binary data", remedy: NO_LOG, inside: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn what(start: &[u8]) -> Option<&'static str> {
        match refused(start, false) {
            Some(InputError::NoText { what, .. }) => Some(what),
            _ => None,
        }
    }

    #[test]
    fn kinds_of_files_are_told_by_their_first_bytes() {
        let mut tar = vec![0; 512];
        tar[..7].copy_from_slice(b"app.log");
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(what(&tar), Some("a tar archive"));
        assert_eq!(what(b"BZh51AY&SY...."), Some("bzip2-compressed"));
        assert_eq!(what(b"BZh9\x17rE8P\x90"), Some("bzip2-compressed"));
        assert_eq!(what(b"MZ\x90\0\x03\0\0\0"), Some("a Windows program or library"));
        let wide: Vec<u8> = "log_message\r\nd\u{fc}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(what(&wide), Some("UTF-16 without a byte order mark"));
        for signature in SIGNATURES {
            assert_eq!(what(signature.bytes), Some(signature.what));
            for end in 0..signature.bytes.len() {
                let start = &signature.bytes[..end];
                assert!(could_tell_more(start) || what(start).is_some(), "{start:?}");
            }
        }
    }

    #[test]
    fn text_is_no_other_kind() {
        for text in [
            &b"MZ80 board up"[..],
            b"PK violation on orders",
            b"BZh9 is a magic number",
            b"\0\0\0\0disk full\n",
            b"a\0b\0c",
            b"\xff disk",
            b"\n\r\r\n\nx",
            b"GIF of the day",
            b"PARTITION",
            b"",
        ] {
            assert_eq!(what(text), None, "{text:?}");
        }
        assert!(!could_tell_more(b"ok\n"));
        assert!(!could_tell_more(b"source,log_message\n"));
        assert!(!could_tell_more(&[0; 300]));
    }

    #[test]
    fn binary_data_is_told_from_text_with_odd_bytes() {
        let random: Vec<u8> =
            (0..1_024_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b1).rotate_left(9).to_le_bytes()).collect();
        assert!(is_binary(&random));
        let mut login = vec![7, 0, 0, 0, 0x3a, 4, 0, 0];
        login
            .extend(b"pts/0\0\0\0\0\0ts/0alice\0\0\0\x00192.0.2.1\0\0\0\0\0\x11\0\0\0\x01\0\x02\0\0\x05\0\0");
        assert!(is_binary(&login.repeat(4)));
        let hole =
            [vec![0; 3_000], b"disk full\n".to_vec(), vec![0; 3_000], b"disk full\n".to_vec()].concat();
        for text in [
            &hole[..],
            b"8=FIX.4.2\x019=65\x0135=A\x0149=A\x0156=B\x0134=1\x01",
            b"\x1b[31mdisk\x1b[0m full\x07\n",
            b"Gr\xf6\xdfe \xfcber dem Wert\r\n",
            b"disk full\0\ndisk full\0\ndisk full\0\ndisk full\0\ndisk full\0\ndisk full\0\ndisk full\0\ndisk full\0\n",
            "磁盘已满".as_bytes(),
            &"磁盘".as_bytes()[..4],
            b"",
        ] {
            assert!(!is_binary(text), "{:?}", String::from_utf8_lossy(text));
        }
    }

    proptest! {
        #[test]
        fn text_in_any_script_is_text(text in "[^\\p{Cc}]{0,200}") {
            prop_assert!(!is_binary(text.as_bytes()));
            prop_assert_eq!(what(text.as_bytes()).filter(|_| text.is_ascii() && text.contains(' ')), None);
        }
    }
}
