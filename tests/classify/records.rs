//! Records of several lines, and what can be added to a record beside its label.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Folder, rows};

/// The messages that a text becomes.
fn records(text: &str, arguments: &[&str]) -> Vec<String> {
    let folder = Folder::new();
    folder.write("app.log", text);
    let ran = folder.run([&["app.log"], arguments].concat()).ended(0);
    let rows = rows(&ran.stdout, b',');
    rows[1..].iter().map(|row| String::from_utf8(row[0].clone()).unwrap()).collect()
}

/// Each record is written with a `>` before its first line; the expectation is the text itself.
fn holds(marked: &str) {
    let expected: Vec<String> = marked
        .split_inclusive('\n')
        .fold(Vec::new(), |mut records: Vec<String>, line| {
            match line.strip_prefix('>') {
                Some(first) => records.push(first.to_owned()),
                None => records.last_mut().expect("a first line").push_str(line),
            }
            records
        })
        .into_iter()
        .map(|record| record.trim_end_matches('\n').to_owned())
        .collect();
    let text: String =
        marked.split_inclusive('\n').map(|line| line.strip_prefix('>').unwrap_or(line)).collect();
    assert_eq!(records(&text, &[]), expected);
    assert_eq!(records(&text, &["--multiline", "off"]).len(), text.lines().count());
}

#[test]
fn a_java_log_has_one_record_for_each_trace() {
    holds(concat!(
        ">2026-01-14 09:12:01,410 INFO  [main] c.acme.Depot - starting up\n",
        ">2026-01-14 09:12:03,002 ERROR [pool-2] c.acme.Depot - cannot load shelf 7\n",
        "java.io.UncheckedIOException: shelf-7.dat\n",
        "\tat com.acme.Depot.load(Depot.java:88)\n",
        "\tat java.base/java.lang.Thread.run(Thread.java:840)\n",
        "Caused by: java.io.FileNotFoundException: shelf-7.dat\n",
        "\tat com.acme.Files.open(Files.java:12)\n",
        "\t... 4 more\n",
        ">2026-01-14 09:12:03,950 INFO  [main] c.acme.Depot - shelf 8 loaded\n",
        ">done without a time\n",
    ));
}

#[test]
fn a_python_log_has_one_record_for_each_trace() {
    holds(concat!(
        ">2026-01-14 09:12:01,410 app.jobs INFO job 12 begins\n",
        ">2026-01-14 09:12:02,000 app.jobs ERROR job 12 failed\n",
        "Traceback (most recent call last):\n",
        "  File \"/srv/app/jobs.py\", line 41, in run\n",
        "    self.step()\n",
        "KeyError: 'depot'\n",
        "\n",
        "During handling of the above exception, another exception occurred:\n",
        "\n",
        "Traceback (most recent call last):\n",
        "  File \"/srv/app/jobs.py\", line 44, in run\n",
        "    raise JobError(12)\n",
        "app.errors.JobError: 12\n",
        ">2026-01-14 09:12:03,000 app.jobs INFO job 13 begins\n",
    ));
    holds(concat!(
        ">Traceback (most recent call last):\n",
        "  File \"tool.py\", line 1, in <module>\n",
        "ZeroDivisionError: division by zero\n",
        ">plain words\n",
    ));
}

#[test]
fn a_go_log_has_one_record_for_each_panic() {
    holds(concat!(
        ">2026/01/14 09:12:01 listening on :8080\n",
        ">panic: runtime error: index out of range [3] with length 3\n",
        "\n",
        "goroutine 34 [running]:\n",
        "main.(*Depot).shelf(0xc000012345, 0x3)\n",
        "\t/srv/depot/main.go:41 +0x1d\n",
        "created by main.main\n",
        "\t/srv/depot/main.go:12 +0x85\n",
        ">exit status 2\n",
    ));
}

#[test]
fn other_languages_and_servers_are_joined_as_they_write() {
    // Rust, .NET, Node, Ruby, PHP
    holds(concat!(
        ">thread 'main' panicked at src/main.rs:4:5:\n",
        "index out of bounds: the len is 3 but the index is 7\n",
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
    ));
    holds(concat!(
        ">fail: Acme.Depot.Worker[0]\n",
        "      Cannot load shelf 7\n",
        "      System.IO.FileNotFoundException: shelf-7.dat\n",
        "         at Acme.Depot.Load(Int32 shelf) in /src/Depot.cs:line 88\n",
        ">info: Acme.Depot.Worker[0]\n",
        "      Shelf 8 loaded\n",
    ));
    holds(concat!(
        ">TypeError: Cannot read properties of undefined (reading 'shelf')\n",
        "    at load (/srv/depot/index.js:41:7)\n",
        ">listening\n",
    ));
    holds(
        concat!(">depot.rb:7:in `load': no shelf 7 (ArgumentError)\n", "\tfrom depot.rb:12:in `<main>'\n",),
    );
    holds(concat!(
        ">[14-Jan-2026 09:12:01 UTC] PHP Fatal error:  Uncaught Exception: no shelf in /srv/depot.php:3\n",
        "Stack trace:\n",
        "#0 /srv/depot.php(9): load(7)\n",
        "#1 {main}\n",
        "  thrown in /srv/depot.php on line 3\n",
        ">[14-Jan-2026 09:12:02 UTC] PHP Notice:  Undefined variable: x in /srv/depot.php on line 12\n",
    ));
    holds(concat!(
        ">2026-01-14 09:12:01.410 UTC [811] ERROR:  duplicate key value violates unique constraint \"shelf_pkey\"\n",
        "2026-01-14 09:12:01.410 UTC [811] DETAIL:  Key (id)=(7) already exists.\n",
        "2026-01-14 09:12:01.410 UTC [811] STATEMENT:  INSERT INTO shelf\n",
        "\tVALUES (7)\n",
        ">2026-01-14 09:12:05.000 UTC [811] LOG:  disconnection: session time: 0:00:04\n",
    ));
}

#[test]
fn a_pattern_can_say_what_begins_a_record() {
    let text = "# one\na\nb\n# two\n\nc\n";
    assert_eq!(records(text, &["--multiline", "^#"]), ["# one\na\nb", "# two\n\nc"]);
    let folder = Folder::new();
    let refused = folder.pipe(["--multiline", "("], b"");
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("--multiline") && refused.stderr.contains("unclosed group"));
}

#[test]
fn every_line_of_a_text_comes_back_in_order() {
    let text = "a\n\n  b\r\n\tc\r\n}\n2026-01-14 09:12:01 x\n d\n\n\n at e\nlast";
    let joined = records(text, &[]).join("\n");
    assert_eq!(joined.replace('\r', ""), text.replace('\r', ""));
}

#[test]
fn a_live_record_is_written_when_the_next_begins_or_nothing_comes() {
    let folder = Folder::new();
    let mut child = folder
        .command(["--follow", "--format", "text", "--output-format", "ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    stdin.write_all(b"2026-01-14 09:12:01 user 7 logged in\n  and a detail\n").unwrap();
    stdin.write_all(b"2026-01-14 09:12:02 user 8 logged in\n").unwrap();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("and a detail") && !first.contains("user 8"), "{first}");
    let start = Instant::now();
    let second = lines.next().unwrap().unwrap();
    assert!(second.contains("user 8"), "{second}");
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn severity_and_template_are_added_on_request() {
    let folder = Folder::new();
    let csv = "log_message\n2026-01-14 09:12:01 WARN user 7 logged in\nuser 8 logged out\n";
    let ran = folder.pipe(["--no-source", "--add", "severity,template"], csv.as_bytes()).ended(0);
    assert_eq!(
        ran.text(),
        "log_message,target_label,severity,template\n\
         2026-01-14 09:12:01 WARN user 7 logged in,User Action,warn,user # logged in\n\
         user 8 logged out,User Action,,user # logged out\n"
    );
    let json = "{\"log_message\":\"[error] user 7 logged in\"}\n";
    let arguments = ["--no-source", "--format", "ndjson", "--add", "template", "--add", "severity"];
    assert_eq!(
        folder.pipe(arguments, json.as_bytes()).ended(0).text(),
        "{\"log_message\":\"[error] user 7 logged in\",\"target_label\":\"User Action\",\"severity\":\"error\",\"template\":\"user # logged in\"}\n"
    );
    let taken = "log_message,severity\nuser 7 logged in,x\n";
    folder
        .pipe(["--no-source", "--add", "severity"], taken.as_bytes())
        .refused(1, &["\"severity\" already", "--add severity"]);
}

#[test]
fn a_severity_column_wins_over_the_message() {
    let folder = Folder::new();
    let csv =
        "level,log_message\nERROR,[info] user 7 logged in\n,[info] user 7 logged in\n4,user 7 logged in\n";
    let arguments = ["--no-source", "--severity-column", "level", "--add", "severity", "--label-column", "l"];
    let rows = rows(&folder.pipe(arguments, csv.as_bytes()).ended(0).stdout, b',');
    let found: Vec<&[u8]> = rows[1..].iter().map(|row| row[3].as_slice()).collect();
    assert_eq!(found, [&b"error"[..], b"info", b"warn"]);
    folder
        .pipe(["--no-source", "--severity-column", "lvl"], csv.as_bytes())
        .refused(1, &["\"lvl\"", "--severity-column"]);
    let json = "{\"log\":{\"level\":\"fatal\"},\"log_message\":\"user 7 logged in\"}\n";
    let arguments =
        ["--no-source", "--format", "ndjson", "--severity-column", "log.level", "--add", "severity"];
    let ran = folder.pipe(arguments, json.as_bytes()).ended(0);
    assert!(ran.text().contains("\"severity\":\"fatal\""), "{}", ran.text());
}
