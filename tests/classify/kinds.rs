//! What a file is, told by its content: compressed ones are read or refused by name, and no binary data is ever
//! labelled as log lines.

use flate2::Compression;
use flate2::read::GzEncoder;
use std::io::Read;

use crate::harness::{Folder, SMALL};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::default()).read_to_end(&mut packed).unwrap();
    packed
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A frame that a reader of Zstandard passes over.
fn skippable(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&[0x50 + kind, 0x2a, 0x4d, 0x18][..], &length, content].concat()
}

#[test]
fn zstandard_that_begins_with_frames_to_skip_is_read() {
    let folder = Folder::new();
    let plain = folder.pipe([""; 0], SMALL.as_bytes()).ended(0).stdout;
    for kind in [0, 7, 15] {
        let two =
            [skippable(kind, b""), skippable(kind, &b"x".repeat(70_000)), zstd(SMALL.as_bytes())].concat();
        assert_eq!(folder.pipe([""; 0], &two).ended(0).stdout, plain);
        let behind = [zstd(SMALL.as_bytes()), skippable(kind, b"end")].concat();
        assert_eq!(folder.pipe([""; 0], &behind).ended(0).stdout, plain);
    }
    let cut = skippable(0, b"four")[..10].to_vec();
    folder.pipe([""; 0], &cut).refused(1, &["damaged Zstandard data: it ends too early"]);
    let junk = [zstd(SMALL.as_bytes()), b"junk".to_vec()].concat();
    folder.pipe([""; 0], &junk).refused(1, &["other data follows the last frame"]);
    let lz4 = [skippable(0, b"four"), b"\x04\x22\x4d\x18....".to_vec()].concat();
    folder.pipe(["--format", "text"], &lz4).refused(1, &["is lz4-compressed", "lz4 -dc"]);
}

#[test]
fn zeros_behind_gzip_are_passed_over_and_anything_else_is_an_error() {
    let folder = Folder::new();
    let plain = folder.pipe([""; 0], SMALL.as_bytes()).ended(0).stdout;
    let (head, tail) = SMALL.as_bytes().split_at(40);
    let (whole, zeros) = (gzip(SMALL.as_bytes()), |length: usize| vec![0; length]);
    for packed in [
        [whole.clone(), zeros(1)].concat(),
        [whole.clone(), zeros(512)].concat(),
        [whole.clone(), zeros(100_000)].concat(),
        [gzip(head), gzip(tail), zeros(512)].concat(),
        [gzip(head), zeros(512), gzip(tail)].concat(),
    ] {
        assert!(folder.pipe([""; 0], &packed).ended(0).stdout == plain);
    }
    folder.write("out.csv", "old");
    for junk in [&b"junk"[..], b"\0\0junk", b"\x1f", b"\x1f\x8b", b"source,log_message\n"] {
        let packed = [&whole, junk].concat();
        folder.pipe(["-o", "out.csv"], &packed).refused(1, &["cannot be read", "damaged gzip data: "]);
    }
    folder
        .pipe(["-o", "out.csv"], &[&whole[..], b"junk"].concat())
        .refused(1, &["other data follows the last member"]);
    assert_eq!(folder.read("out.csv"), b"old");
}

#[test]
fn what_is_no_text_is_refused_by_name_whatever_it_is_called() {
    let folder = Folder::new();
    let mut tar = vec![0; 1024];
    tar[..7].copy_from_slice(b"app.log");
    tar[257..262].copy_from_slice(b"ustar");
    let kinds: [(&[u8], &str); 16] = [
        (b"\xfd7zXZ\0\0\x04", "xz -dc"),
        (b"BZh91AY&SY\x01\x02", "bzip2 -dc"),
        (b"\x04\x22\x4d\x18d@", "lz4 -dc"),
        (b"LZIP\x01\x0c", "lzip -dc"),
        (b"\x1f\x9d\x90a", "gzip -dc"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "is a 7z archive"),
        (b"PK\x03\x04\x14\0", "is a zip archive"),
        (b"Rar!\x1a\x07\x01\0", "is a rar archive"),
        (&tar, "is a tar archive"),
        (b"\x7fELF\x02\x01", "is an ELF program"),
        (b"\x89PNG\r\n\x1a\n\0", "is a PNG image"),
        (b"SQLite format 3\0\x10", "is an SQLite database"),
        (b"PAR1\x15\x04", "is a Parquet file"),
        (b"ElfFile\0\0\0", "is a Windows event log"),
        (b"LPKSHHRH\0\0", "journalctl --file"),
        (b"d\0i\0s\0k\0 \0f\0u\0l\0l\0\n\0", "iconv -f UTF-16LE"),
    ];
    for (bytes, words) in kinds {
        for format in ["text", "csv", "ndjson"] {
            folder.pipe(["--format", format, "-o", "out"], bytes).refused(1, &[words]);
        }
        folder.write("app.log", bytes);
        folder.run(["app.log", "-o", "out"]).refused(1, &["app.log: is ", words]);
        folder.pipe(["--format", "text"], &gzip(bytes)).refused(1, &["when decompressed, is "]);
    }
    let twice = gzip(&gzip(SMALL.as_bytes()));
    folder.pipe([""; 0], &twice).refused(1, &["when decompressed, is compressed a second time"]);
    let unknown: Vec<u8> =
        (0..5_000_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b1).rotate_left(9).to_le_bytes()).collect();
    for format in ["text", "csv"] {
        folder.pipe(["--format", format], &unknown).refused(1, &["is binary data"]);
    }
    assert!(!folder.path("out").exists());
}

#[test]
fn text_that_begins_like_another_kind_is_read() {
    let folder = Folder::new();
    for text in [
        &b"MZ80: user logged in\n"[..],
        b"PK violation, user logged in\n",
        b"BZh: user logged in\n",
        b"P*: user logged in\n",
        b"user logged in\0\n",
        b"J\xf6rg \xfcber user logged in\n",
        b"35=A\x01user logged in\x0149=B\x01\n",
        b"\x1b[31muser logged in\x1b[0m\n",
    ] {
        let ran = folder.pipe(["--format", "text"], text).ended(0);
        assert!(ran.stdout.ends_with(b",User Action\n"), "{:?}", String::from_utf8_lossy(&ran.stdout));
    }
}

#[test]
fn a_json_file_is_read_as_ndjson_and_that_is_said() {
    let folder = Folder::new();
    folder.write("x.json", "{\"log_message\":\"user logged in\"}\n");
    let ran = folder.run(["x.json"]).ended(0);
    assert_eq!(ran.text(), "{\"log_message\":\"user logged in\",\"target_label\":\"User Action\"}\n");
    assert!(ran.stderr.contains("read as ndjson") && ran.stderr.contains("--format"), "{}", ran.stderr);
    assert_eq!(folder.run(["x.json", "--format", "ndjson"]).ended(0).stderr, "");
    folder.write("y.json", "[{\"log_message\":\"user logged in\"},\n{\"log_message\":\"x\"}]\n");
    folder.run(["y.json"]).refused(1, &["y.json: is a JSON array", "jq -c '.[]'"]);
    folder.write("z.json", "{\n  \"log_message\": \"user logged in\"\n}\n");
    folder.run(["z.json", "--format", "ndjson"]).refused(1, &["line 1", "jq -c . FILE"]);
    folder.pipe([""; 0], b"{\"log_message\":\"x\"}\n").refused(1, &["looks like JSON", "--format ndjson"]);
    folder.pipe([""; 0], b"[\n{\"log_message\":\"x\"}\n]\n").refused(1, &["is a JSON array"]);
    folder.write("A.CSV", SMALL);
    assert_eq!(folder.run(["A.CSV"]).ended(0).stdout, folder.pipe([""; 0], SMALL.as_bytes()).stdout);
}

#[test]
fn a_log_of_json_lines_is_read_as_text_and_that_is_said() {
    let folder = Folder::new();
    folder.write("0a1b-json.log", "{\"log\":\"user logged in\\n\",\"stream\":\"stdout\"}\n");
    let ran = folder.run(["0a1b-json.log", "--message-column", "log"]).ended(0);
    assert!(ran.stderr.contains("warning") && ran.stderr.contains("--format ndjson"), "{}", ran.stderr);
    assert!(ran.text().starts_with("log,target_label\n\"{"), "{}", ran.text());
    assert_eq!(folder.run(["0a1b-json.log"]).ended(0).stderr, "");
    assert_eq!(folder.run(["0a1b-json.log", "--format", "text"]).ended(0).stderr, "");
    let mut told = folder.logclass(["classify", "--config", "rules.toml", "0a1b-json.log"]);
    let ran = crate::harness::run(&mut told, b"").ended(0);
    assert!(ran.stderr.contains("note: 0a1b-json.log: is read as text"), "{}", ran.stderr);
    let ran = folder.run(["0a1b-json.log", "--format", "ndjson", "--message-column", "log"]).ended(0);
    assert!(ran.text().ends_with(",\"target_label\":\"User Action\"}\n"), "{}", ran.text());
}
