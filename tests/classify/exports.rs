//! Files as exporters and rotation leave them: lines before the header, columns without a name, NULs in front,
//! values of NDJSON of every kind, and the lines that errors name.

use std::io::{Read, Seek, SeekFrom, Write};

use crate::harness::{Folder, rows};

#[test]
fn lines_before_the_header_come_back_and_are_no_header() {
    let folder = Folder::new();
    for (text, expected) in [
        (
            "sep=;\r\nsource;log_message\r\nA;backup\r\n",
            "sep=;\r\nsource;log_message;target_label\r\nA;backup;System Notification\r\n",
        ),
        (
            "#TYPE Selected.X\r\n\"source\",\"log_message\"\r\n\"A\",\"backup\"\r\n",
            "#TYPE Selected.X\r\n\"source\",\"log_message\",target_label\r\n\"A\",\"backup\",System Notification\r\n",
        ),
        (
            "\u{feff}\u{feff}source,log_message\nA,backup\n",
            "\u{feff}\u{feff}source,log_message,target_label\nA,backup,System Notification\n",
        ),
        (
            "\u{feff}\"sep=:\"\n\nsource:log_message\nA:backup\n",
            "\u{feff}\"sep=:\"\n\nsource:log_message:target_label\nA:backup:System Notification\n",
        ),
    ] {
        assert_eq!(folder.pipe([""; 0], text.as_bytes()).ended(0).text(), expected);
        folder.pipe(["--csv-safe"], text.as_bytes()).ended(0);
    }
    let bare = folder.pipe(["--no-header", "--no-source", "--message-column", "2"], b"sep=;\nA;backup\n");
    assert_eq!(bare.ended(0).text(), "sep=;\nA;backup;System Notification\n");
    let mut told = folder.logclass(["classify", "--config", "rules.toml"]);
    let ran = crate::harness::run(&mut told, b"sep=;\nsource;log_message\nA;backup\n").ended(0);
    assert!(ran.stderr.contains("\"sep=;\" is not taken for the header"), "{}", ran.stderr);
    // A bad record is named by its line in the file.
    folder.pipe([""; 0], b"sep=;\nsource;log_message\nA;backup\nlonely\n").refused(1, &["line 4 (byte 34)"]);
    folder.pipe([""; 0], b"sep=;\n").refused(1, &["empty"]);
    // Two marks before lines of text or NDJSON belong to no message either.
    let ran = folder.pipe(["--format", "text"], "\u{feff}\u{feff}backup\n".as_bytes()).ended(0);
    assert_eq!(ran.text(), "log_message,target_label\nbackup,System Notification\n");
    let ran =
        folder.pipe(["--format", "ndjson"], "\u{feff}\u{feff}{\"log_message\":\"backup\"}\n".as_bytes());
    assert!(ran.ended(0).text().ends_with("\"System Notification\"}\n"));
}

#[test]
fn a_column_behind_the_header_is_named_by_its_number() {
    let folder = Folder::new();
    let csv =
        "Level,Source,Event ID\r\nError,Disk,7,\"the backup,\r\nof x\"\r\nError,Disk,7,user logged in\r\n";
    let by_number = ["--source-column", "Source", "--message-column", "4"];
    let ran = folder.pipe(by_number, csv.as_bytes()).ended(0);
    assert_eq!(
        ran.text(),
        "Level,Source,Event ID,,target_label\r\nError,Disk,7,\"the backup,\r\nof x\",System Notification\r\n\
         Error,Disk,7,user logged in,User Action\r\n"
    );
    // What was written can be read again in the same way.
    let again = folder.pipe([&by_number[..], &["--overwrite"]].concat(), &ran.stdout).ended(0);
    assert_eq!(again.stdout, ran.stdout);
    // One record that has another number of fields is still a bad one.
    let ragged = format!("{csv}Error,Disk,7\r\n");
    folder.pipe(by_number, ragged.as_bytes()).refused(1, &["line 5", "3 fields, header has 4"]);
    let five = ["--source-column", "Source", "--message-column", "5"];
    folder.pipe(five, csv.as_bytes()).refused(1, &["no column \"5\""]);
    folder.pipe(by_number, b"Level,Source,Event ID\r\n").refused(1, &["no column \"4\""]);
    // The first record may be long.
    let long = format!("Level,Source,Event ID\nError,Disk,7,\"backup {}\"\n", "x\n".repeat(300_000));
    assert_eq!(rows(&folder.pipe(by_number, long.as_bytes()).ended(0).stdout, b',').len(), 2);
    let ran = folder.pipe([&by_number[..], &["--follow"]].concat(), csv.as_bytes()).ended(0);
    assert_eq!(rows(&ran.stdout, b',').len(), 3);
}

#[test]
fn a_first_line_of_millions_of_columns_is_refused_at_once() {
    let folder = Folder::new();
    let start = std::time::Instant::now();
    for cell in ["a,", "\"a\","] {
        let csv = format!("{}\n", cell.repeat(2_000_000));
        folder
            .pipe([""; 0], csv.as_bytes())
            .refused(1, &["line 1", "more than 100000 columns", "--delimiter"]);
    }
    println!("{:?}", start.elapsed());
    let wide = format!("source,log_message{}\nA,backup{}\n", ",c".repeat(90_000), ",1".repeat(90_000));
    folder.pipe([""; 0], wide.as_bytes()).ended(0);
}

/// Without the NULs, which are counted.
fn without_zeros(bytes: &[u8]) -> (String, usize) {
    let left: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != 0).collect();
    (String::from_utf8(left.clone()).unwrap(), bytes.len() - left.len())
}

#[test]
fn nuls_in_front_hide_no_message_and_come_back() {
    let folder = Folder::new();
    let line = "disk \"a\" is full, user logged in\n";
    let plain = format!("{line}{line}");
    let alone = folder.pipe(["--format", "text", "--explain"], plain.as_bytes()).ended(0).text();
    for zeros in [1, 1_000, 4_095, 4_096, 70_000, (17 << 20) + 3] {
        let text = [vec![0; zeros], plain.clone().into_bytes()].concat();
        let ran = folder.pipe(["--format", "text", "--explain"], &text).ended(0);
        assert_eq!(without_zeros(&ran.stdout), (alone.clone(), zeros), "{zeros}");
        // They stand where they stood: in the cell, behind its quote.
        assert_eq!(memchr::memchr(0, &ran.stdout), memchr::memmem::find(&ran.stdout, b"\"").map(|at| at + 1));
        // In the middle, too, where they begin a record of their own.
        let text = [line.as_bytes(), &text[..]].concat();
        let ran = folder.pipe(["--format", "text"], &text).ended(0);
        assert_eq!(rows(&ran.stdout, b',').len(), 4, "{zeros}");
        assert_eq!(without_zeros(&ran.stdout).1, zeros);
    }
    for zeros in [3, 5_000] {
        let json = [vec![0; zeros], b"{\"log_message\":\"user logged in\"}\n".to_vec()].concat();
        let ran = folder.pipe(["--format", "ndjson"], &json).ended(0);
        assert_eq!(
            without_zeros(&ran.stdout),
            ("{\"log_message\":\"user logged in\",\"target_label\":\"User Action\"}\n".to_owned(), zeros)
        );
        let bad = [vec![0; zeros], b"nothing\n\n{\"log_message\":\"backup\"}\n".to_vec()].concat();
        let skip = ["--format", "ndjson", "--on-bad-row", "skip", "--rejects", "bad.csv"];
        let ran = folder.pipe(skip, &bad).ended(3);
        assert_eq!(memchr::memchr(0, &ran.stdout), None);
        assert_eq!(without_zeros(&folder.read("bad.csv")).1, zeros);
        let text = [vec![0; zeros], b"user logged in\n".to_vec()].concat();
        let ran = folder.pipe(["--format", "text", "--output-format", "ndjson"], &text).ended(0).text();
        assert_eq!(ran.matches("\\u0000").count(), zeros);
        assert!(serde_json::from_str::<serde_json::Value>(ran.trim()).is_ok());
        let csv = [b"source,log_message\nA,".to_vec(), vec![0; zeros], b"user logged in\n".to_vec()].concat();
        let ran = folder.pipe([""; 0], &csv).ended(0);
        assert!(without_zeros(&ran.stdout).0.ends_with("A,user logged in,User Action\n"));
        // A file that ends with them has a record of them.
        let ran = folder.pipe(["--format", "text"], &[b"backup\n", &vec![0; zeros][..]].concat()).ended(0);
        assert_eq!(without_zeros(&ran.stdout).1, zeros);
        assert_eq!(rows(&ran.stdout, b',').len(), 3);
    }
    // Blanks without end hide nothing either.
    let text = format!("{}backup\n", " ".repeat(100_000));
    let ran = folder.pipe(["--format", "text"], text.as_bytes()).ended(0);
    assert!(ran.text().ends_with("backup,System Notification\n"));
}

#[test]
fn nuls_by_the_hundreds_of_megabytes_take_no_memory() {
    let folder = Folder::new();
    let path = folder.path("app.log");
    let zeros = 300 << 20;
    let mut file = std::fs::File::create(&path).unwrap();
    file.seek(SeekFrom::Start(zeros)).unwrap();
    file.write_all(b"user logged in\n").unwrap();
    let mut command = std::process::Command::new("sh");
    // An address space of 900 MiB, of which a program with its model takes a part.
    command.args(["-c", "ulimit -v 900000; exec \"$0\" \"$@\""]).arg(crate::harness::binary());
    command.args(["classify", "--config", "rules.toml", "-q", "--threads", "1", "app.log"]);
    command.current_dir(folder.path("."));
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut piece, mut seen, mut end) = (vec![0; 1 << 20], 0, Vec::<u8>::new());
    loop {
        let read = stdout.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        seen += memchr::memchr_iter(0, &piece[..read]).count() as u64;
        end.extend(piece[..read].iter().filter(|&&byte| byte != 0));
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(seen, zeros);
    assert_eq!(end, b"log_message,target_label\nuser logged in,User Action\n");
}

#[test]
fn values_of_ndjson_are_read_as_the_text_they_stand_for() {
    let folder = Folder::new();
    folder.write("own.toml", "[[rule]]\nlabel = \"Disk\"\npattern = 'disk \"data\" is full'\n");
    let bytes: Vec<String> = b"disk \"data\" is full".iter().map(u8::to_string).collect();
    let bytes = format!("[{}]", bytes.join(","));
    let text = r#""disk \"data\" is full""#;
    for line in [
        format!(r#"{{"m":{text}}}"#),
        format!(r#"{{"m":[{text}]}}"#),
        format!(r#"{{"m":["volume a",{text},null]}}"#),
        format!(r#"{{"m":{bytes}}}"#),
        format!(r#"{{"m":["volume a",{bytes}]}}"#),
        r#"{"m":"disk \"data\" is full \ud83d\n"}"#.to_owned(),
        r#"{"m":"\ude00 disk \u0022data\u0022 is full"}"#.to_owned(),
        format!(r#"{{"k":"\ud83d","m":{text}}}"#),
        format!(r#"{{"\ud83d":1,"m":{text}}}"#),
        format!(r#"{{"\u006d":{text}}}"#),
    ] {
        let arguments =
            ["classify", "--config", "own.toml", "-q", "--format", "ndjson", "--message-column", "m"];
        let ran =
            crate::harness::run(&mut folder.logclass(arguments), format!("{line}\n").as_bytes()).ended(0);
        let expected = format!("{},\"target_label\":\"Disk\"}}\n", line.strip_suffix('}').unwrap());
        assert_eq!(ran.text(), expected);
    }
    for empty in ["[]", "null", "[null]", "\"\""] {
        let line = format!("{{\"log_message\":{empty}}}\n");
        let ran = folder.pipe(["--format", "ndjson", "--explain"], line.as_bytes()).ended(0).text();
        assert!(ran.contains("\"Unclassified\"") && ran.contains("empty message"), "{ran}");
    }
}

#[test]
fn rows_before_a_bad_entry_of_a_stream_come_out() {
    let folder = Folder::new();
    for (format, good, bad) in [
        ("ndjson", "{\"log_message\":\"backup\"}\n", "{\"_AUDIT\":1}\n"),
        ("ndjson", "{\"log_message\":\"backup\"}\n", "no object\n"),
        ("csv", "A,backup\n", "lonely\n"),
        ("csv", "A,backup\n", "A,\"open\n"),
    ] {
        let head = if format == "csv" { "source,log_message\n" } else { "" };
        for count in [1, 2, 500] {
            let text = format!("{head}{}{bad}{good}", good.repeat(count));
            let ran = folder.pipe(["--follow", "--format", format], text.as_bytes()).ended(1);
            assert_eq!(ran.text().matches("System Notification").count(), count, "{format} {bad}");
            let line = count + 1 + usize::from(format == "csv");
            assert!(ran.stderr.contains(&format!("line {line} (byte ")), "{}", ran.stderr);
        }
    }
}

#[test]
fn the_line_of_an_error_is_that_of_an_editor() {
    let folder = Folder::new();
    let long = "x".repeat(50);
    let short = ["--max-record-bytes", "40"];
    for (format, text, line) in [
        ("text", format!("1%\r2%\r3%\rdone\n{long}\nok\n"), "line 2"),
        ("text", format!("1%\r\n2%\r\r\n{long}\n"), "line 3"),
        ("csv", "source,log_message\nA,\"1%\r2%\rdone\"\nlonely\n".to_owned(), "line 3"),
        ("csv", "source,log_message\nA,\"1\n2\r\n3\"\nlonely\n".to_owned(), "line 5"),
        ("csv", "source,log_message\rA,backup\rlonely\r".to_owned(), "line 3"),
        ("csv", "source,log_message\r\nA,backup\rA,backup\r\nlonely\r\n".to_owned(), "line 3"),
        ("csv", format!("source,log_message\nA,1%\rA,{long}\n"), "line 2"),
        ("ndjson", "{\"log_message\":\"x\",\r\"a\":1}\nbad\n".to_owned(), "line 2"),
        ("ndjson", "\n\r\n{\"log_message\":\"x\"}\r\nbad\n".to_owned(), "line 4"),
    ] {
        let arguments = [&["--format", format][..], &short].concat();
        folder.pipe(arguments, text.as_bytes()).refused(1, &[&format!(": {line} (byte ")]);
    }
    // A line that is too long is given up whole, in text not only to a `\r` in it.
    let text = format!("1%\r2%{long}\rdone\nbackup\n");
    let skip = ["--format", "text", "--on-bad-row", "skip", "--rejects", "bad.csv"];
    let ran = folder.pipe([&skip[..], &short].concat(), text.as_bytes()).ended(3);
    assert_eq!(ran.text(), "log_message,target_label\nbackup,System Notification\n");
}

#[test]
fn digits_beside_letters_of_any_script_are_masked() {
    let folder = Folder::new();
    for (message, template) in [
        ("磁盘已满,耗时300ms", "磁盘已满,耗时#ms"),
        ("第5次重试", "第#次重试"),
        ("用户4711登录", "用户#登录"),
        ("来自10.0.0.1:5432的连接", "来自<ip>的连接"),
        ("时间2026-01-02 10:00:00已到", "时间<time>已到"),
        ("サーバー42が停止", "サーバー#が停止"),
        ("사용자42님", "사용자#님"),
    ] {
        let line = serde_json::json!({"log_message": message}).to_string();
        let ran = folder.pipe(["--format", "ndjson", "--add", "template"], line.as_bytes()).ended(0);
        let row: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(row["template"], template);
    }
}
