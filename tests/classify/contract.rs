//! The command's contract: what comes out, what is refused, and with which exit status.

use crate::harness::{Folder, SMALL, run, same_but_for_last};

const LABELLED: &str = "\
source,log_message,id,target_label
App,user 1 logged in,1,User Action
Cron,Backup done,2,System Notification
Web,GET /index.html HTTP/1.1 status 200,3,HTTP Status
";

#[test]
fn standard_input_goes_to_standard_output_and_nothing_else_does() {
    let folder = Folder::new();
    for arguments in [&[][..], &["-"], &["-", "-o", "-"]] {
        let ran = folder.pipe(arguments, SMALL.as_bytes()).ended(0);
        assert_eq!((ran.text().as_str(), ran.stderr.as_str()), (LABELLED, ""));
    }
}

#[test]
fn a_file_goes_to_a_file_and_the_summary_to_standard_error() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    let ran =
        run(&mut folder.logclass(["classify", "in.csv", "-o", "out.csv", "--config", "rules.toml"]), b"")
            .ended(0);
    assert!(ran.stdout.is_empty());
    assert!(ran.stderr.starts_with("3 rows in "), "{}", ran.stderr);
    assert_eq!(folder.read("out.csv"), LABELLED.as_bytes());
    assert_eq!(folder.names(), ["in.csv", "out.csv", "rules.toml"]);
}

#[test]
fn a_missing_column_names_those_there_are_and_the_flag() {
    let folder = Folder::new();
    let csv = b"source,text\na,b\n";
    folder
        .pipe([""; 0], csv)
        .refused(1, &["standard input", "log_message", "\"source\", \"text\"", "--message-column"]);
    folder
        .pipe(["--message-column", "text", "--source-column", "host"], csv)
        .refused(1, &["--source-column"]);
    folder.pipe(["--message-column", "text"], csv).ended(0);
    folder.pipe(["--message-column", "text", "--no-source"], csv).ended(0);
}

#[test]
fn an_existing_label_column_is_refused_unless_it_is_to_be_overwritten() {
    let folder = Folder::new();
    let csv = b"id,target_label,source,log_message\n7,\"old, label\",App,user logged out\n8,,App,\"a \"\"backup\"\"\"\n";
    folder.pipe([""; 0], csv).refused(1, &["\"target_label\"", "--overwrite", "--label-column"]);
    let ran = folder.pipe(["--overwrite"], csv).ended(0);
    assert_eq!(
        ran.text(),
        "id,target_label,source,log_message\n7,User Action,App,user logged out\n8,System Notification,App,\"a \"\"backup\"\"\"\n"
    );
    let ran = folder.pipe(["--label-column", "second"], csv).ended(0);
    assert!(ran.text().starts_with("id,target_label,source,log_message,second\n"));
}

#[test]
fn a_header_alone_gives_a_header_and_an_empty_file_is_an_error() {
    let folder = Folder::new();
    assert_eq!(
        folder.pipe([""; 0], b"source,log_message\n").ended(0).text(),
        "source,log_message,target_label\n"
    );
    assert_eq!(
        folder.pipe([""; 0], b"source,log_message").ended(0).text(),
        "source,log_message,target_label\n"
    );
    folder.pipe([""; 0], b"").refused(1, &["standard input", "empty", "header"]);
    folder.write("old.csv", "old");
    folder.pipe(["-o", "old.csv"], b"").ended(1);
    assert_eq!(folder.read("old.csv"), b"old");
}

#[test]
fn explained_rows_say_stage_confidence_and_reason() {
    let folder = Folder::new();
    let text = folder.pipe(["--explain"], SMALL.as_bytes()).ended(0).text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with(",id,target_label,label_stage,label_confidence,label_reason"));
    assert!(lines[1].ends_with(",1,User Action,rule,1.0000,rule rule 1"), "{}", lines[1]);
    assert!(lines[3].contains(",3,HTTP Status,model,"), "{}", lines[3]);
    same_but_for_last(SMALL.as_bytes(), text.as_bytes(), 4, b',');
}

#[test]
fn the_summary_adds_up() {
    let folder = Folder::new();
    folder.pipe(["--summary", "figures.json"], SMALL.as_bytes()).ended(0);
    let summary: serde_json::Value = serde_json::from_slice(&folder.read("figures.json")).unwrap();
    assert_eq!(summary["rows"], 3);
    for counts in ["stages", "labels"] {
        let counts = summary[counts].as_object().unwrap();
        assert_eq!(counts.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 3);
    }
    assert_eq!((&summary["stages"]["rule"], &summary["stages"]["model"]), (&2.into(), &1.into()));
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = Folder::new();
    folder.write("old.csv", "old");
    assert_eq!(folder.pipe(["--dry-run", "-o", "old.csv"], SMALL.as_bytes()).ended(0).stdout, b"");
    assert_eq!(folder.read("old.csv"), b"old");
}

#[test]
fn exit_statuses_tell_usage_from_data() {
    let folder = Folder::new();
    folder.run(["no-such-file.csv"]).refused(1, &["no-such-file.csv"]);
    folder.run(["."]).refused(1, &["folder"]);
    folder.run(["--no-such-flag"]).ended(2);
    folder.run(["--config", "no-such.toml"]).ended(2);
    folder.write("bad.toml", "[[rule]]\nlabel = \"A\"\npattern = \"(\"\n");
    let mut command = folder.logclass(["classify", "--config", "bad.toml"]);
    run(&mut command, SMALL.as_bytes()).refused(2, &["bad.toml: line 1", "unclosed group"]);
    folder.pipe([""; 0], b"source,log_message\na\n").refused(1, &["line 2", "1 field, header has 2"]);
    folder.pipe([""; 0], b"source,log_message\na,b\nc,\"d\n").refused(1, &["line 3", "byte 25", "quote"]);
}

#[test]
fn bytes_do_not_depend_on_threads_locale_or_time_zone() {
    let folder = Folder::new();
    let mut csv = String::from("source,log_message\n");
    for row in 0..3_000 {
        let message = match row % 5 {
            0 => format!("user {row} logged in"),
            1 => format!("\"disk /dev/sd{row} is {}% full,\nsee ıİ\"", row % 100),
            2 => format!("GET /api/v{row}/x HTTP/1.1 status 200"),
            3 => String::new(),
            _ => format!("task {row} failed: kind {}", row % 7),
        };
        csv.push_str(&format!("App{},{message}\n", row % 3));
    }
    let first = folder.pipe(["--explain", "--threads", "1"], csv.as_bytes()).ended(0);
    same_but_for_last(csv.as_bytes(), &first.stdout, 4, b',');
    for (threads, locale, zone) in
        [("8", "C", "UTC"), ("1", "tr_TR.UTF-8", "Asia/Kathmandu"), ("2", "de_DE.UTF-8", "Pacific/Apia")]
    {
        let mut command = folder.command(["--explain", "--threads", threads]);
        command.env("LC_ALL", locale).env("LANG", locale).env("TZ", zone);
        assert!(
            run(&mut command, csv.as_bytes()).ended(0).stdout == first.stdout,
            "{threads} {locale} {zone}"
        );
    }
}
