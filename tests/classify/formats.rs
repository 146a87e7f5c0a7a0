//! NDJSON, text, compression, several inputs, live streams: the same pipeline behind other doors.

use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Folder, SMALL, run, same_but_for_last};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::default()).read_to_end(&mut packed).unwrap();
    packed
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

fn unzstd(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(64 << 20);
    ruzstd::decoding::FrameDecoder::new().decode_all_to_vec(bytes, &mut plain).unwrap();
    plain
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn ndjson_objects_get_a_field_and_keep_every_other_byte() {
    let folder = Folder::new();
    let ndjson = concat!(
        "{\"source\": \"App\", \"log_message\":\"user logged in\", \"n\": 1.50, \"u\":\"\\u00e9\" }\n",
        "\n",
        "  {\"log_message\":\"backup \\\"done\\\"\",\"deep\":{\"log_message\":1},\"log_message2\":null}  \r\n",
        "{\"log_message\":null}"
    );
    let ran = folder.pipe(["--format", "ndjson"], ndjson.as_bytes()).ended(0);
    assert_eq!(
        ran.text(),
        concat!(
            "{\"source\": \"App\", \"log_message\":\"user logged in\", \"n\": 1.50, \"u\":\"\\u00e9\" ,\"target_label\":\"User Action\"}\n",
            "\n",
            "  {\"log_message\":\"backup \\\"done\\\"\",\"deep\":{\"log_message\":1},\"log_message2\":null,\"target_label\":\"System Notification\"}  \r\n",
            "{\"log_message\":null,\"target_label\":\"Unclassified\"}\n"
        )
    );
    folder.write("in.jsonl", ndjson);
    assert_eq!(folder.run(["in.jsonl"]).ended(0).stdout, ran.stdout);
    let again = folder.pipe(["--format", "ndjson", "--overwrite"], &ran.stdout).ended(0);
    assert_eq!(again.stdout, ran.stdout);
    folder.pipe(["--format", "ndjson"], &ran.stdout).refused(1, &["line 1", "target_label", "--overwrite"]);
    let explained = folder.pipe(["--format", "ndjson", "--explain"], ndjson.as_bytes()).ended(0).text();
    let first: serde_json::Value = serde_json::from_str(explained.lines().next().unwrap()).unwrap();
    assert_eq!((&first["label_stage"], &first["label_confidence"]), (&"rule".into(), &1.0.into()));
}

#[test]
fn fields_of_ndjson_are_named_by_path() {
    let folder = Folder::new();
    let ndjson =
        b"{\"log\":{\"message\":\"nightly backup\",\"from\":\"x\"}}\n{\"log.message\":\"user logged out\"}\n";
    let arguments = ["--format", "ndjson", "--message-column", "log.message", "--source-column", "log.from"];
    let text = folder.pipe(arguments, ndjson).ended(0).text();
    assert!(text.lines().next().unwrap().ends_with(",\"target_label\":\"System Notification\"}"), "{text}");
    assert!(text.lines().nth(1).unwrap().ends_with(",\"target_label\":\"User Action\"}"), "{text}");
    folder
        .pipe(["--format", "ndjson"], ndjson)
        .refused(1, &["line 1 (byte 0)", "\"log_message\"", "--message-column"]);
}

#[test]
fn lines_of_text_become_csv_or_ndjson() {
    let folder = Folder::new();
    let text = b"user \"x\" logged in, twice\r\n\nbackup \xff done";
    let csv = folder.pipe(["--format", "text"], text).ended(0).stdout;
    assert_eq!(
        csv,
        b"log_message,target_label\n\"user \"\"x\"\" logged in, twice\",User Action\n\"\",Unclassified\nbackup \xff done,System Notification\n"
    );
    folder.write("server.log", text);
    assert_eq!(folder.run(["server.log"]).ended(0).stdout, csv);
    folder.run(["server.log", "-o", "out.ndjson"]).ended(0);
    let lines = String::from_utf8(folder.read("out.ndjson")).unwrap();
    assert_eq!(
        lines.lines().next(),
        Some("{\"log_message\":\"user \\\"x\\\" logged in, twice\",\"target_label\":\"User Action\"}")
    );
    folder.pipe(["--output-format", "ndjson"], SMALL.as_bytes()).refused(2, &["--output-format"]);
}

#[test]
fn compressed_input_is_told_by_its_first_bytes_and_output_is_compressed_by_name() {
    let folder = Folder::new();
    let plain = folder.pipe([""; 0], SMALL.as_bytes()).ended(0).stdout;
    let (head, tail) = SMALL.as_bytes().split_at(40);
    for packed in [
        gzip(SMALL.as_bytes()),
        [gzip(head), gzip(tail)].concat(),
        zstd(SMALL.as_bytes()),
        [zstd(head), b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(), zstd(tail)].concat(),
    ] {
        assert_eq!(folder.pipe([""; 0], &packed).ended(0).stdout, plain);
    }
    folder.pipe(["-o", "out.csv.gz"], SMALL.as_bytes()).ended(0);
    assert_eq!(gunzip(&folder.read("out.csv.gz")), plain);
    folder.pipe(["-o", "out.csv.zst"], SMALL.as_bytes()).ended(0);
    assert_eq!(unzstd(&folder.read("out.csv.zst")), plain);
    folder.pipe(["-o", "out.csv.xz"], SMALL.as_bytes()).refused(2, &["out.csv.xz", ".gz", ".zst"]);
}

#[test]
fn a_large_output_is_zstandard_that_every_reader_takes() {
    let folder = Folder::new();
    let mut csv = String::from("source,log_message\n");
    for row in 0..60_000 {
        csv.push_str(&format!("App,user {row} logged in from 10.0.{}.{}\n", row % 256, row % 251));
    }
    folder.write("in.csv", &csv);
    folder.run(["in.csv", "-o", "out.csv"]).ended(0);
    folder.run(["in.csv", "-o", "out.csv.zst"]).ended(0);
    let (plain, packed) = (folder.read("out.csv"), folder.read("out.csv.zst"));
    // Several frames, told by their magic number.
    let frames = memchr::memmem::find_iter(&packed, b"\x28\xb5\x2f\xfd").count();
    assert!(frames >= plain.len() >> 20, "{frames} frames");
    assert!(packed.len() * 3 < plain.len(), "{} of {} bytes", packed.len(), plain.len());
    assert!(unzstd(&packed) == plain);
    // Ours reads it back.
    folder.run(["out.csv.zst", "--overwrite", "-o", "again.csv"]).ended(0);
    assert!(folder.read("again.csv") == plain);
    // An output without a row is a frame, too.
    folder.pipe(["--format", "text", "-o", "none.ndjson.zst"], b"").ended(0);
    assert_eq!(unzstd(&folder.read("none.ndjson.zst")), b"");

    if Command::new("zstd").arg("-V").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: zstd is not there to read what was written");
        return;
    }
    for name in ["out.csv.zst", "none.ndjson.zst"] {
        let read = Command::new("zstd").args(["-d", "-q", "-c"]).arg(folder.path(name)).output().unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        assert!(read.stdout == unzstd(&folder.read(name)), "{name}");
    }
}

#[test]
fn damaged_and_overlong_compressed_input_is_an_error() {
    let folder = Folder::new();
    folder.write("out.csv", "old");
    let csv = format!("source,log_message\n{}", "App,user logged in\n".repeat(20_000));
    for packed in [gzip(csv.as_bytes()), zstd(csv.as_bytes())] {
        let ran = folder.pipe(["-o", "out.csv", "--max-decompressed-bytes", "100000"], &packed);
        ran.refused(1, &["more than 100000 bytes", "--max-decompressed-bytes"]);
        for end in [packed.len() - 9, packed.len() - 1, packed.len() / 2, 7, 5, 4] {
            folder.pipe(["-o", "out.csv"], &packed[..end]).refused(1, &["standard input", "cannot be read"]);
        }
        let mut broken = packed.clone();
        let middle = broken.len() / 2;
        broken[middle] ^= 0x55;
        folder.pipe(["-o", "out.csv"], &broken).ended(1);
    }
    assert_eq!(folder.read("out.csv"), b"old");
    folder
        .pipe([""; 0], &zstd(csv.as_bytes())[..9])
        .refused(1, &["damaged Zstandard data: it ends too early"]);
    folder.pipe([""; 0], b"PK\x03\x04....").refused(1, &["zip"]);
}

#[test]
fn several_inputs_go_into_a_folder_and_one_that_fails_spoils_no_other() {
    let folder = Folder::new();
    folder.write("a.csv", SMALL);
    folder.write("b.csv", "source,log_message\nonly one field\n");
    folder.write("c.csv.gz", gzip(SMALL.as_bytes()));
    folder.write("d.log", "user logged in\n");
    folder.write("e.log.zst", zstd(b"user logged in\n"));
    let ran = folder
        .run(["a.csv", "b.csv", "c.csv.gz", "d.log", "e.log.zst", "-o", "out/", "--summary", "s.json"])
        .ended(1);
    assert!(ran.stderr.contains("b.csv: line 2"), "{}", ran.stderr);
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.csv", "c.csv.gz", "d.log.csv", "e.log.csv.zst"]);
    assert_eq!(gunzip(&folder.read("out/c.csv.gz")), folder.read("out/a.csv"));
    assert_eq!(unzstd(&folder.read("out/e.log.csv.zst")), folder.read("out/d.log.csv"));
    let summary: serde_json::Value = serde_json::from_slice(&folder.read("s.json")).unwrap();
    assert_eq!((&summary["rows"], summary["inputs"].as_array().unwrap().len()), (&8.into(), 5));
    assert!(summary["inputs"][1]["error"].as_str().unwrap().contains("line 2"));
    folder.run(["a.csv", "b.csv"]).refused(2, &["-o FOLDER/"]);
    std::fs::create_dir(folder.path("other")).unwrap();
    folder.write("other/a.csv", SMALL);
    folder.run(["a.csv", "other/a.csv", "-o", "out"]).refused(2, &["would both be written"]);
    folder.run(["other/a.csv", "-o", "other"]).refused(2, &["is the input, too"]);
}

#[test]
fn a_live_stream_gets_each_line_out_at_once() {
    let folder = Folder::new();
    for (format, head, line) in [
        ("ndjson", "", "{\"log_message\":\"user logged in\"}\n"),
        ("text", "", "user logged in\n"),
        ("csv", "source,log_message\n", "App,user logged in\n"),
    ] {
        let mut child = folder
            .command(["--follow", "--format", format])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        stdin.write_all(head.as_bytes()).unwrap();
        if format != "ndjson" {
            // The text's header comes with the stream's first bytes.
            stdin.write_all(line.as_bytes()).unwrap();
            stdout.next().unwrap().unwrap();
            stdout.next().unwrap().unwrap();
        }
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let start = Instant::now();
            stdin.write_all(line.as_bytes()).unwrap();
            assert!(stdout.next().unwrap().unwrap().contains("User Action"));
            slowest = slowest.max(start.elapsed());
        }
        println!("{format}: slowest of 20 lines {slowest:?}");
        assert!(slowest < Duration::from_secs(1), "{format}: {slowest:?}");
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
    folder.pipe(["--follow", "-o", "out.csv"], SMALL.as_bytes()).refused(2, &["--follow"]);
    // Ctrl-C, by which most live streams end, would take the rejects away.
    let skipping = ["--follow", "--on-bad-row", "skip", "--rejects"];
    folder.pipe([&skipping[..], &["bad.csv"]].concat(), SMALL.as_bytes()).refused(2, &["/dev/stderr"]);
    let ran =
        folder.pipe([&skipping[..], &["/dev/stderr"]].concat(), b"source,log_message\nlonely\n").ended(3);
    assert!(ran.stderr.contains("standard input,2,19,"), "{}", ran.stderr);
}

#[test]
fn cells_that_a_spreadsheet_would_run_are_made_harmless_on_request_only() {
    let folder = Folder::new();
    let csv = "source,log_message,=x\n@a,user logged in,\"=1+1\"\n-5,\"+x \"\"backup\"\"\",\u{ff1d}1\nplain,backup,a=b\n";
    let safe = folder.pipe(["--csv-safe"], csv.as_bytes()).ended(0).text();
    assert_eq!(
        safe,
        "source,log_message,'=x,target_label\n'@a,user logged in,\"'=1+1\",User Action\n'-5,\"'+x \"\"backup\"\"\",'\u{ff1d}1,System Notification\nplain,backup,a=b,System Notification\n"
    );
    let plain = folder.pipe([""; 0], csv.as_bytes()).ended(0).stdout;
    same_but_for_last(csv.as_bytes(), &plain, 1, b',');
}

#[test]
fn the_version_names_encoder_and_model() {
    let folder = Folder::new();
    let text = run(&mut folder.logclass(["--version"]), b"").ended(0).text();
    assert!(
        text.starts_with("logclass ") && text.contains("all-MiniLM-L6-v2") && text.contains("\nmodel: "),
        "{text}"
    );
    assert!(run(&mut folder.logclass(["classify", "--help"]), b"").ended(0).text().contains("journalctl"));
}
