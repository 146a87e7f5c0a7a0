//! Files as others write them: what happens to each, and that no byte of theirs changes.

use std::process::Command;

use crate::harness::{Folder, same_but_for_last};

/// What a file comes to.
enum Outcome {
    /// These labels, in order.
    Labels(&'static [&'static str]),
    /// This exit status, and words of the message.
    Fails(&'static str),
}

use Outcome::{Fails, Labels};

const IN: &str = "User Action";
const BACK: &str = "System Notification";
const NONE: &str = "Unclassified";

struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    flags: &'static [&'static str],
    delimiter: u8,
    outcome: Outcome,
}

fn case(name: &'static str, bytes: impl Into<Vec<u8>>, outcome: Outcome) -> Case {
    Case { name, bytes: bytes.into(), flags: &[], delimiter: b',', outcome }
}

impl Case {
    fn flags(self, flags: &'static [&'static str]) -> Self {
        Self { flags, ..self }
    }

    fn delimiter(self, delimiter: u8) -> Self {
        Self { delimiter, ..self }
    }
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

const PLAIN: &str = "source,log_message\nApp,user logged in\nCron,backup\n";

#[allow(clippy::too_many_lines)] // it is a table
fn cases() -> Vec<Case> {
    let huge = format!("source,log_message\nApp,\"backup {}\"\n", "x,\n".repeat(500_000));
    let wide = format!("source,log_message{}\nApp,backup{}\n", ",c".repeat(5_000), ",1".repeat(5_000));
    vec![
        case("plain", PLAIN, Labels(&[IN, BACK])),
        case("no last newline", "source,log_message\nApp,backup", Labels(&[BACK])),
        case("CRLF", PLAIN.replace('\n', "\r\n"), Labels(&[IN, BACK])),
        case("CR", PLAIN.replace('\n', "\r"), Labels(&[IN, BACK])),
        case(
            "mixed line ends",
            "source,log_message\r\nApp,user logged in\nCron,backup\rA,backup\r\n",
            Labels(&[IN, BACK, BACK]),
        ),
        case("CRLF without the last", "source,log_message\r\nApp,backup", Labels(&[BACK])),
        case("byte order mark", format!("\u{feff}{PLAIN}"), Labels(&[IN, BACK])),
        case(
            "byte order mark and quoted header",
            "\u{feff}\"source\",\"log_message\"\nApp,backup\n",
            Labels(&[BACK]),
        ),
        case("byte order mark before the message", "\u{feff}log_message\nbackup\n", Labels(&[BACK]))
            .flags(&["--no-source"]),
        case("quoted everything", "\"source\",\"log_message\"\n\"App\",\"user logged in\"\n", Labels(&[IN])),
        case(
            "quoted newline",
            "source,log_message\nApp,\"a\nbackup\"\nApp,\"\r\n\"\n",
            Labels(&[BACK, NONE]),
        ),
        case("quoted delimiter", "source,log_message\n\"a,b\",\"backup, again\"\n", Labels(&[BACK])),
        case("doubled quotes", "source,log_message\nApp,\"the \"\"backup\"\"\"\n", Labels(&[BACK])),
        case("quote inside a field", "source,log_message\nApp,the \"backup\" ran\n", Labels(&[BACK])),
        case("text behind a closing quote", "source,log_message\nApp,\"back\"up\n", Labels(&[BACK])),
        case("empty fields", "source,log_message\n,\n\"\",\"\"\n", Labels(&[NONE, NONE])),
        case("white space only", "source,log_message\n , \t \n", Labels(&[NONE])),
        case(
            "blank lines between",
            "source,log_message\n\nApp,backup\n\r\n\nApp,backup\n\n",
            Labels(&[BACK, BACK]),
        ),
        case("blank lines before the header", "\n\r\nsource,log_message\nApp,backup\n", Labels(&[BACK])),
        case("header only", "source,log_message\n", Labels(&[])),
        case("header without newline", "source,log_message", Labels(&[])),
        case("empty file", "", Fails("empty")),
        case("byte order mark only", "\u{feff}", Fails("empty")),
        case("newlines only", "\n\n\n", Fails("empty")),
        case("NUL bytes", &b"source,log_message\nA\0p,\0backup\0\n"[..], Labels(&[BACK])),
        case("invalid UTF-8", &b"source,log_message\n\xff\xfe,backup \xc3\x28 \x80\n"[..], Labels(&[BACK])),
        case("Latin-1", &b"source,log_message\nB\xfcro,Gr\xf6\xdfe backup\n"[..], Labels(&[BACK])),
        case(
            "overlong UTF-8 and surrogates",
            &b"source,log_message\nA,\xc0\xaf\xed\xa0\x80 backup\n"[..],
            Labels(&[BACK]),
        ),
        case(
            "control characters",
            "source,log_message\nA\u{7},\u{1b}[31mbackup\u{b}\u{c}\u{85}\u{2028}\n",
            Labels(&[BACK]),
        ),
        case("right to left and emoji", "source,log_message\nשלום,backup 🦀👩‍👩‍👧 مرحبا\n", Labels(&[BACK])),
        case("semicolons", "source;log_message\nApp;backup, of x\n", Labels(&[BACK])).delimiter(b';'),
        case("tabs", "source\tlog_message\nApp\tbackup\n", Labels(&[BACK])).delimiter(b'\t'),
        case("bars", "source|log_message|x\nApp|backup|\n", Labels(&[BACK])).delimiter(b'|'),
        case("colons by flag", "source:log_message\nApp:backup\n", Labels(&[BACK]))
            .delimiter(b':')
            .flags(&["--delimiter", ":"]),
        case(
            "semicolons, doubtful",
            "source;log_message;a|source|log_message\na;b;c|d|e\n",
            Fails("columns are"),
        ),
        case("duplicate other columns", "x,source,x,log_message,x\n1,App,2,backup,3\n", Labels(&[BACK])),
        case(
            "duplicate message column",
            "source,log_message,log_message\nApp,a,backup\n",
            Fails("give its number (2 or 3)"),
        ),
        case(
            "duplicate message column by number",
            "source,log_message,log_message\nApp,a,backup\n",
            Labels(&[BACK]),
        )
        .flags(&["--message-column", "3"]),
        case("padded header names", "source , log_message\nApp,backup\n", Labels(&[BACK])),
        case("unnamed columns", ",source,,log_message,\n1,App,2,backup,3\n", Labels(&[BACK])),
        case("no header", "App,user logged in\nCron,backup\n", Labels(&[IN, BACK])).flags(&[
            "--no-header",
            "--source-column",
            "1",
            "--message-column",
            "2",
        ]),
        case("no header with byte order mark", "\u{feff}backup\r\nuser logged in\r\n", Labels(&[BACK, IN]))
            .flags(&["--no-header", "--no-source", "--message-column", "1"]),
        case("no header, no such number", "App,backup\n", Fails("\"1\", \"2\"")).flags(&[
            "--no-header",
            "--no-source",
            "--message-column",
            "3",
        ]),
        case("one column", "log_message\nbackup\n", Labels(&[BACK])).flags(&["--no-source"]),
        case("five thousand columns", wide, Labels(&[BACK])),
        case("a record of 1.5 MB with half a million newlines", huge, Labels(&[BACK])),
        case(
            "a record above the limit",
            format!("source,log_message\nA,backup\nA,{}\n", "x".repeat(3_000)),
            Fails("line 3 (byte 28): the record is longer than 2000"),
        )
        .flags(&["--max-record-bytes", "2000"]),
        case(
            "too few fields",
            "source,log_message\nApp,backup\nApp\n",
            Fails("line 3 (byte 30): 1 field, header has 2"),
        ),
        case(
            "too many fields",
            "source,log_message\nApp,a,b\n",
            Fails("line 2 (byte 19): 3 fields, header has 2"),
        ),
        case(
            "unclosed quote",
            "source,log_message\nApp,\"backup\nApp,x\n",
            Fails("line 2 (byte 23): a quote is opened"),
        ),
        case(
            "unclosed quote in the header",
            "source,\"log_message\nApp,x\n",
            Fails("line 1: a quote is opened"),
        ),
        case(
            "half a UTF-8 character at the end",
            &b"source,log_message\nA,backup \xe2\x82"[..],
            Labels(&[BACK]),
        ),
        case(
            "formulas",
            "source,log_message\n=cmd|' /C calc'!A0,@backup\n-1,+user logged in\n",
            Labels(&[BACK, IN]),
        ),
        case(
            "three thousand columns, none of them the message",
            format!("a{}\n", ",some column".repeat(3_000)),
            Fails("\"some column\" and 2971 more"),
        ),
        case("a first line above the limit", vec![0; 3_000_000], Fails("is this a CSV"))
            .flags(&["--max-record-bytes", "1000000"]),
        case("UTF-32", &b"\xff\xfe\0\0s\0\0\0"[..], Fails("UTF-32")),
        case("a spreadsheet", &b"PK\x03\x04\x14\0"[..], Fails("zip")),
    ]
}

#[test]
fn awkward_files_come_back_with_labels_or_say_what_is_wrong() {
    let folder = Folder::new();
    let cases = cases();
    assert!(cases.len() >= 40);
    for case in cases {
        let mut arguments = case.flags.to_vec();
        arguments.extend(["--threads", "2", "--label-column", "LABEL"]);
        let ran = folder.pipe(arguments, &case.bytes);
        match case.outcome {
            Fails(words) => {
                let arguments = [case.flags, &["-o", "out.csv"]].concat();
                folder.pipe(arguments, &case.bytes).ended(1);
                assert!(!folder.path("out.csv").exists(), "{}", case.name);
                assert_eq!(ran.status, Some(1), "{}: {}", case.name, ran.stderr);
                assert!(ran.stderr.contains(words), "{}: {}", case.name, ran.stderr);
                println!("{:45} {}", case.name, ran.stderr.trim_end());
            }
            Labels(labels) => {
                assert_eq!(ran.status, Some(0), "{}: {}", case.name, ran.stderr);
                same_but_for_last(&case.bytes, &ran.stdout, 1, case.delimiter);
                let rows = crate::harness::rows(&ran.stdout, case.delimiter);
                let headers = usize::from(!case.flags.contains(&"--no-header"));
                let found: Vec<_> =
                    rows[headers..].iter().map(|row| row.last().unwrap().as_slice()).collect();
                let wanted: Vec<_> = labels.iter().map(|label| label.as_bytes()).collect();
                assert_eq!(found, wanted, "{}", case.name);
                // Byte for byte, too: without what was added it is the file that came.
                let mut left = ran.stdout.clone();
                for label in labels.iter().copied().chain(["LABEL"]) {
                    remove_last(&mut left, &[&[case.delimiter], label.as_bytes()].concat());
                }
                println!("{:45} {}", case.name, labels.join(", "));
                let without_end = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
                assert_eq!(without_end(&left), without_end(&case.bytes), "{}", case.name);
            }
        }
    }
}

/// Removes the last occurrence of `part`; the labels of a test come in no message.
fn remove_last(bytes: &mut Vec<u8>, part: &[u8]) {
    let found = memchr::memmem::rfind(bytes, part);
    if let Some(at) = found {
        bytes.drain(at..at + part.len());
    }
}

/// Reads pairs of files as Python's `csv` module does, and holds the first columns of the second against the first.
const PYTHON: &str = r"
import csv, sys
csv.field_size_limit(1 << 30)
def rows(path, delimiter):
    # Latin-1 gives each byte a character, so that nothing is lost whatever the bytes are.
    with open(path, encoding='latin-1', newline='') as file:
        return list(csv.reader(file, delimiter=delimiter))
checked = 0
for number in range(int(sys.argv[1])):
    delimiter = open(f'{number}.delimiter').read()
    before, after = rows(f'{number}.in', delimiter), rows(f'{number}.out', delimiter)
    assert [row[:-1] if row else row for row in after] == before, (number, before[:5], after[:5])
    checked += sum(map(len, before))
print(checked)
";

#[test]
fn the_csv_module_of_python_reads_the_same_columns_before_and_after() {
    // Python takes NUL bytes from 3.11 on.
    let fit = "import sys; sys.exit(sys.version_info < (3, 11))";
    if !Command::new("python3").args(["-c", fit]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no python3 of 3.11 or newer");
        return;
    }
    let folder = Folder::new();
    let mut count = 0;
    for case in cases() {
        if matches!(case.outcome, Fails(_)) {
            continue;
        }
        let ran = folder.pipe([case.flags, &["--label-column", "LABEL"]].concat(), &case.bytes).ended(0);
        folder.write(&format!("{count}.in"), &case.bytes);
        folder.write(&format!("{count}.out"), &ran.stdout);
        folder.write(&format!("{count}.delimiter"), [case.delimiter]);
        count += 1;
    }
    let mut python = Command::new("python3");
    python.arg("-c").arg(PYTHON).arg(count.to_string()).current_dir(folder.path("."));
    let ran = crate::harness::run(&mut python, b"").ended(0);
    println!("{count} files, {} cells", ran.text().trim());
    assert!(count >= 35, "{count}");
}

#[test]
fn utf16_comes_back_as_utf8() {
    let folder = Folder::new();
    let text = "source,log_message\r\nBüro,\"backup 🦀, λ\"\r\n";
    for little in [true, false] {
        let mut command = folder.logclass(["classify", "--config", "rules.toml"]);
        let ran = crate::harness::run(&mut command, &utf16(text, little)).ended(0);
        assert!(ran.stderr.starts_with("logclass: note: standard input: is UTF-16"), "{}", ran.stderr);
        same_but_for_last(text.as_bytes(), &ran.stdout, 1, b',');
    }
}

#[test]
fn a_told_delimiter_is_said_and_a_comma_is_not() {
    let folder = Folder::new();
    let arguments = ["classify", "--config", "rules.toml"];
    let ran =
        crate::harness::run(&mut folder.logclass(arguments), b"source;log_message\na;backup\n").ended(0);
    assert!(ran.stderr.contains("';' between columns"), "{}", ran.stderr);
    let ran = crate::harness::run(&mut folder.logclass(arguments), PLAIN.as_bytes()).ended(0);
    assert!(!ran.stderr.contains("between columns"), "{}", ran.stderr);
}

#[test]
fn bad_rows_can_be_skipped_and_none_is_lost() {
    let folder = Folder::new();
    let csv = "source,log_message\nApp,user logged in\nApp,\"x\",y\nlonely\nCron,backup\nApp,\"open, backup\nCron,backup\n";
    let arguments = ["--on-bad-row", "skip", "--rejects", "bad.csv", "--summary", "s.json"];
    let ran = folder.pipe(arguments, csv.as_bytes()).ended(3);
    assert_eq!(
        ran.text(),
        "source,log_message,target_label\nApp,user logged in,User Action\nCron,backup,System Notification\nCron,backup,System Notification\n"
    );
    let rejects = crate::harness::rows(&folder.read("bad.csv"), b',');
    let text = |row: usize, field: usize| String::from_utf8_lossy(&rejects[row][field]).into_owned();
    assert_eq!(rejects.len(), 4);
    assert_eq!(
        (text(1, 0), text(1, 1), text(1, 2), text(1, 4)),
        ("standard input".into(), "3".into(), "38".into(), "App,\"x\",y\n".into())
    );
    assert_eq!((text(2, 1), text(2, 4)), ("4".into(), "lonely\n".into()));
    assert_eq!((text(3, 1), text(3, 4)), ("6".into(), "App,\"open, backup\n".into()));
    let summary: serde_json::Value = serde_json::from_slice(&folder.read("s.json")).unwrap();
    assert_eq!((&summary["rows"], &summary["rejects"]), (&3.into(), &3.into()));
    folder.pipe(["--on-bad-row", "skip"], csv.as_bytes()).refused(2, &["--rejects"]);
    folder.pipe(["--rejects", "x.csv"], csv.as_bytes()).refused(2, &["--on-bad-row skip"]);
}

#[test]
fn a_record_above_the_limit_is_skipped_and_the_file_goes_on() {
    let folder = Folder::new();
    let long = "x".repeat(5_000_000);
    let csv = format!(
        "source,log_message\nApp,backup\nApp,{long}\nApp,user logged in\nApp,\"{}\nApp,backup\n",
        "y\n".repeat(3_000)
    );
    let arguments = ["--on-bad-row", "skip", "--rejects", "bad.csv", "--max-record-bytes", "2000"];
    let ran = folder.pipe(arguments, csv.as_bytes()).ended(3);
    assert!(ran.text().contains("App,user logged in,User Action\n"));
    assert!(ran.text().ends_with("App,backup,System Notification\n"));
    let rejects = crate::harness::rows(&folder.read("bad.csv"), b',');
    assert_eq!(rejects[1][1], b"3");
    assert_eq!(rejects[2][1], b"5", "{}", String::from_utf8_lossy(&rejects[2][3]));
}

#[test]
fn ndjson_lines_that_are_no_objects_can_be_skipped() {
    let folder = Folder::new();
    let ndjson = b"{\"log_message\":\"backup\"}\n[1]\nnot json\n{\"log_message\":\"\xff\"}\n{\"other\":1}\n{\"log_message\":7}\n";
    let arguments = ["--format", "ndjson", "--on-bad-row", "skip", "--rejects", "bad.csv"];
    let ran = folder.pipe(arguments, ndjson).ended(3);
    assert_eq!(ran.text().lines().count(), 2);
    assert_eq!(crate::harness::rows(&folder.read("bad.csv"), b',').len(), 5);
}
