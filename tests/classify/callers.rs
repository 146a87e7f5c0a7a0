//! Programs that hand rows over and count what comes back: one row out for each row in.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::harness::{Folder, Ran, SMALL, rows};

/// Lines that a JSON column of a database or a pipe may hold, good and bad.
fn nasty() -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = [
        &b"{\"source\":\"App\",\"log_message\":\"user 1 logged in\"}"[..],
        b"{\"log_message\":null}",
        b"{\"source\":\"App\"}",
        b"{}",
        b"[1,2]",
        b"null",
        b"not JSON at all",
        b"{\"log_message\":\"cut in the mid",
        b"{\"log_message\":\"caf\xe9\"}",
        b"\xff\xfe",
        b"{\"log_message\":\"\"}",
        b"{\"log_message\":\"a\\nb\\tc\\r\\u0000d \\\" \\u2028\"}",
        b"{\"log_message\":\"tab\there\"}",
        "{\"log_message\":\"\u{2028}\u{85}\"}".as_bytes(),
        b"{\"log_message\":7}",
        b"{\"log_message\":\"backup\",\"target_label\":\"x\"}",
    ]
    .iter()
    .map(|line| line.to_vec())
    .collect();
    lines.push(format!("{{\"log_message\":\"{}\"}}", "x".repeat(1 << 20)).into_bytes());
    lines
}

fn objects(ran: &Ran) -> Vec<Value> {
    ran.stdout
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn every_object_or_what_should_be_one_becomes_one_row() {
    let folder = Folder::new();
    let lines = nasty();
    let input = lines.join(&b'\n');
    let flags = ["--format", "ndjson", "--on-bad-row", "unclassified"];
    let ran = folder.pipe(flags, &input).ended(0);
    let found = objects(&ran);
    assert_eq!(found.len(), lines.len());
    assert_eq!(found[0]["target_label"], "User Action");
    for (index, line) in lines.iter().enumerate().take(11).skip(1) {
        assert_eq!(found[index]["target_label"], "Unclassified", "{}", String::from_utf8_lossy(line));
    }
    // An object without a message keeps its own bytes; of what is no object, the message is its text.
    assert!(
        ran.stdout
            .split(|&byte| byte == b'\n')
            .any(|line| line == b"{\"source\":\"App\",\"target_label\":\"Unclassified\"}")
    );
    assert_eq!(found[3].as_object().unwrap().len(), 1);
    assert_eq!(found[6]["log_message"], "not JSON at all");
    assert_eq!(found[9]["log_message"], "\u{fffd}\u{fffd}");
    let only = folder.pipe([&flags[..], &["--only-label"]].concat(), &input).ended(0);
    let labels: Vec<&Value> = found.iter().map(|object| &object["target_label"]).collect();
    let alone = objects(&only);
    assert!(alone.iter().all(|object| object.as_object().unwrap().len() == 1));
    // The label that is there already is no obstacle where nothing else is written.
    assert_eq!(alone[15]["target_label"], "System Notification");
    for (index, object) in alone.iter().enumerate().filter(|(index, _)| *index != 15) {
        assert_eq!(&object["target_label"], labels[index]);
    }
    let explained = folder.pipe([&flags[..], &["--explain", "--only-label"]].concat(), &input).ended(0);
    let reasons = objects(&explained);
    assert_eq!(reasons[2]["label_reason"], "empty message");
    assert!(reasons[6]["label_reason"].as_str().unwrap().contains("no JSON object"));
}

#[test]
fn every_record_of_a_csv_becomes_one_row_of_as_many_columns() {
    let folder = Folder::new();
    let csv = b"source,log_message,id\nApp,user 1 logged in,1\nshort\na,b,c,d\r\nApp,\"backup\",2\nx,\"open,1\nApp,\xff,3\n";
    let ran =
        folder.pipe(["--on-bad-row", "unclassified", "--explain", "--summary", "figures.json"], csv).ended(0);
    let table = rows(&ran.stdout, b',');
    assert_eq!(table.len(), 7, "{}", String::from_utf8_lossy(&ran.stdout));
    assert!(table.iter().all(|row| row.len() == 7));
    let cell = |row: usize, column: usize| String::from_utf8_lossy(&table[row][column]).into_owned();
    assert_eq!((cell(2, 0), cell(2, 1), cell(2, 3)), (String::new(), "short".into(), "Unclassified".into()));
    assert_eq!((cell(3, 1), cell(3, 6)), (
        "a,b,c,d".into(),
        "the record cannot be read: 4 fields, header has 3 (is there a delimiter or a newline in a field that is not quoted?)".into()
    ));
    assert_eq!(cell(4, 3), "System Notification");
    assert_eq!(cell(5, 1), "x,\"open,1");
    let figures: Value = serde_json::from_slice(&folder.read("figures.json")).unwrap();
    assert_eq!(
        (&figures["rows"], &figures["unreadable"], &figures["rejects"]),
        (&6.into(), &3.into(), &0.into())
    );
    let only = folder.pipe(["--on-bad-row", "unclassified", "--only-label"], csv).ended(0).text();
    let labels: Vec<String> = (1..7).map(|row| cell(row, 3)).collect();
    assert_eq!(only.lines().skip(1).collect::<Vec<_>>(), labels);
    // A filter sees them as what they are.
    let filtered = folder.pipe(["--on-bad-row", "unclassified", "--except", "Unclassified"], csv).ended(0);
    assert_eq!(rows(&filtered.stdout, b',').len(), 3 + usize::from(cell(6, 3) != "Unclassified"));
    folder
        .pipe(["--on-bad-row", "unclassified", "--rejects", "bad.csv"], csv)
        .refused(2, &["--on-bad-row skip", "--rejects"]);
}

#[test]
fn a_record_that_is_too_long_and_nuls_before_a_record_become_one_row_each() {
    let folder = Folder::new();
    let long = "x".repeat(500);
    let text = [long.as_bytes(), b"\nuser 1 logged in\n", &[0; 9_000], b"backup done\n"].concat();
    let flags = [
        "--format",
        "text",
        "--multiline",
        "off",
        "--on-bad-row",
        "unclassified",
        "--max-record-bytes",
        "100",
    ];
    let ran = folder.pipe(flags, &text).ended(0);
    let table = rows(&ran.stdout, b',');
    assert_eq!(table.len(), 4);
    assert_eq!(table[1][0], &long.as_bytes()[..100]);
    let only = folder.pipe([&flags[..], &["--only-label"]].concat(), &text).ended(0);
    assert_eq!(only.text(), "target_label\nUnclassified\nUser Action\nSystem Notification\n");
    let objects =
        folder.pipe([&flags[..], &["--only-label", "--output-format", "ndjson"]].concat(), &text).ended(0);
    assert_eq!(objects.text().lines().nth(1), Some("{\"target_label\":\"User Action\"}"));
    let zeros = [&[0; 9_000][..], b"{\"log_message\":\"backup\"}\n", &[0; 9_000], b"oops\n"].concat();
    let flags = ["--format", "ndjson", "--on-bad-row", "unclassified", "--only-label"];
    let ran = folder.pipe(flags, &zeros).ended(0);
    assert_eq!(
        ran.text(),
        "{\"target_label\":\"System Notification\"}\n{\"target_label\":\"Unclassified\"}\n"
    );
}

#[test]
fn the_label_alone_comes_as_a_column_with_what_is_added_beside_it() {
    let folder = Folder::new();
    let labels = folder.pipe(["--only-label"], SMALL.as_bytes()).ended(0).text();
    assert!(labels.starts_with("target_label\nUser Action\nSystem Notification\n"), "{labels}");
    assert_eq!(labels.lines().count(), 4);
    let named = folder
        .pipe(["--only-label", "--label-column", "result", "--add", "severity"], SMALL.as_bytes())
        .ended(0)
        .text();
    assert!(named.starts_with("result,severity\nUser Action,\n"), "{named}");
    let bare = SMALL.split_once('\n').unwrap().1.replace(',', "\t").replace('\n', "\r\n");
    let flags = [
        "--only-label",
        "--no-header",
        "--delimiter",
        "tab",
        "--source-column",
        "1",
        "--message-column",
        "2",
    ];
    let ran = folder.pipe(flags, bare.as_bytes()).ended(0);
    assert!(ran.text().starts_with("User Action\r\nSystem Notification\r\n"), "{}", ran.text());
    // A label column that is there is read over, not written over.
    let labelled = folder.run_on("labelled.csv", "log_message,target_label\nbackup,old\n\n,older\n");
    assert_eq!(labelled.text(), "target_label\nSystem Notification\nUnclassified\n");
}

impl Folder {
    fn run_on(&self, name: &str, content: &str) -> Ran {
        self.write(name, content);
        self.run([name, "--only-label", "--no-source"]).ended(0)
    }
}

#[test]
fn a_live_row_is_answered_at_once_whether_it_can_be_read_or_not() {
    let folder = Folder::new();
    let mut command = folder.command(["--format", "ndjson", "--follow", "--on-bad-row", "unclassified"]);
    command.args(["--only-label", "--label-column", "result"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for (line, label) in [
        ("oops", "Unclassified"),
        ("{\"log_message\":\"user 1 logged in\"}", "User Action"),
        ("{}", "Unclassified"),
        ("{\"log_message\":\"backup\"}", "System Notification"),
    ] {
        writeln!(input, "{line}").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), format!("{{\"result\":\"{label}\"}}"));
    }
    drop(input);
    assert!(answers.next().is_none() && child.wait().unwrap().success());
}
