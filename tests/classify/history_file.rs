//! The file of a history: who may read it, what stays in it, and the room it takes.

use std::process::{Command, Stdio};

use crate::harness::{Folder, Ran, run};

fn logclass(folder: &Folder, arguments: &[&str]) -> Ran {
    run(&mut folder.logclass(arguments), b"")
}

/// A folder with a log and a history of it.
fn desk() -> Folder {
    let folder = Folder::new();
    folder.write("in.log", "2026-11-01T01:00:00Z user 1 logged in\n2026-11-01T02:00:00Z backup 7 done\n");
    folder.run(["in.log", "--history", "h", "-o", "out.csv"]).ended(0);
    folder
}

/// A word of letters for each number, so that each is a template.
fn word(number: u32) -> String {
    number.to_string().bytes().map(|digit| char::from(digit + 49)).collect()
}

#[test]
fn reading_a_history_does_not_change_its_file() {
    let folder = desk();
    let before = folder.read("h");
    let time = std::fs::metadata(folder.path("h")).unwrap().modified().unwrap();
    for command in [&["history", "info", "h"][..], &["history", "export", "h"], &["report", "h"]] {
        logclass(&folder, command).ended(0);
    }
    logclass(&folder, &["diff", "h", "h"]).ended(0);
    logclass(&folder, &["history", "merge", "h", "h", "-o", "both"]).ended(0);
    assert!(folder.read("h") == before, "the file has changed");
    assert_eq!(std::fs::metadata(folder.path("h")).unwrap().modified().unwrap(), time);
}

#[test]
fn a_history_whose_writer_was_killed_is_read_without_being_mended() {
    let folder = desk();
    let exported = logclass(&folder, &["history", "export", "h"]).ended(0).text();
    // As a process that dies leaves it: committed, and not closed.
    let database = redb::Database::create(folder.path("h")).unwrap();
    let writing = database.begin_write().unwrap();
    writing.open_table(redb::TableDefinition::<&str, u64>::new("logclass_history")).unwrap();
    writing.commit().unwrap();
    let bytes = folder.read("h");
    folder.write("killed", &bytes);
    drop(database);
    assert_eq!(logclass(&folder, &["history", "export", "killed"]).ended(0).text(), exported);
    assert!(folder.read("killed") == bytes, "the file has changed");
    // The next run mends it.
    folder.run(["in.log", "--history", "killed", "-o", "out.csv"]).ended(0);
    assert!(logclass(&folder, &["history", "info", "killed"]).text().contains("runs       2"));
}

#[test]
fn a_history_where_nothing_can_be_written_is_read_and_refused_before_a_run() {
    let folder = desk();
    std::fs::create_dir(folder.path("fixed")).unwrap();
    std::fs::copy(folder.path("h"), folder.path("fixed/h")).unwrap();
    let mount = |arguments: &[&str]| {
        let mut command = Command::new("mount");
        let status = command.args(arguments).arg(folder.path("fixed")).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let path = folder.path("fixed");
    if !mount(&["--bind", path.to_str().unwrap()]) {
        println!("skipped: a read-only mount needs root");
        return;
    }
    let fixed = mount(&["-o", "remount,bind,ro"]);
    let read = [
        logclass(&folder, &["history", "info", "fixed/h"]),
        logclass(&folder, &["report", "fixed/h"]),
        logclass(&folder, &["diff", "fixed/h", "in.log", "--config", "rules.toml", "-q"]),
    ];
    let runs = [
        folder.run(["in.log", "--history", "fixed/h", "-o", "o"]),
        folder.run(["in.log", "--history", "fixed/h", "--fail-on", "more:any", "-o", "o"]),
        folder.run(["in.log", "--history", "fixed/new", "-o", "o"]),
    ];
    let _ = Command::new("umount").arg(&path).status();
    if !fixed {
        println!("skipped: no read-only mount here");
        return;
    }
    for ran in read {
        ran.ended(0);
    }
    for ran in runs {
        ran.refused(1, &["fixed/", "Read-only file system", "the history is as it was"]);
    }
    assert!(!folder.path("o").exists());
}

#[test]
fn what_a_wrong_clock_dates_to_come_is_forgotten_as_if_it_were_from_now() {
    let folder = Folder::new();
    let mut log = "9999-12-31T23:59:59Z backup of x\n".to_owned();
    for minute in 0..4 {
        log.push_str(&format!(
            "2026-11-01T01:0{minute}:00Z backup of a\n2026-11-01T01:0{minute}:30Z backup of b\n"
        ));
    }
    folder.write("in.log", log);
    let mut command = folder.command(["in.log", "--history", "h", "--history-size", "2", "-o", "out.csv"]);
    run(command.env("SOURCE_DATE_EPOCH", "1793500000"), b"").ended(0);
    let kept = logclass(&folder, &["history", "export", "h"]).ended(0).text();
    assert!(kept.contains("of a,4,") && kept.contains("of b,4,") && !kept.contains("9999"), "{kept}");
    // Nor does it stay once it is in a history.
    folder.write("one.log", "9999-12-31T23:59:59Z backup of x\n");
    folder.write("two.log", "2026-11-01T01:00:00Z backup of a\n".repeat(4));
    for input in ["one.log", "two.log"] {
        let mut command = folder.command([input, "--history", "g", "--history-size", "1", "-o", "out.csv"]);
        run(command.env("SOURCE_DATE_EPOCH", "1793500000"), b"").ended(0);
    }
    let kept = logclass(&folder, &["history", "export", "g"]).ended(0).text();
    assert!(kept.contains("of a,4,") && !kept.contains("9999"), "{kept}");
}

#[test]
fn rows_of_templates_that_are_given_up_are_counted_all_the_same() {
    let folder = Folder::new();
    let log: String = (0..50).map(|number| format!("WARN backup of {}\n", word(number))).collect();
    folder.write("in.log", log);
    let flags = ["--history-size", "10", "--config", "rules.toml", "-q"];
    let ran = logclass(&folder, &[&["report", "in.log", "-o", "r.html"][..], &flags].concat());
    ran.ended(0);
    let page = String::from_utf8(folder.read("r.html")).unwrap();
    assert!(page.contains("50 rows of 10 templates"), "{page}");
    assert!(page.contains("40 templates were given up"), "{page}");
    for name in ["System Notification", "warn"] {
        let row = page.split("<tr>").find(|row| row.contains(&format!("</span>{name}</th>"))).unwrap();
        assert!(row.contains(">50<") && row.contains("100.0 %"), "{row}");
    }
    let counted = ["diff", "in.log", "in.log", "--fail-on", "count:System Notification>=50"];
    let ran = logclass(&folder, &[&counted[..], &flags].concat()).ended(4);
    assert!(ran.text().contains("in.log: 50 rows"), "{}", ran.text());
}

#[test]
fn a_large_history_takes_no_room_that_it_does_not_need() {
    let folder = Folder::new();
    let log: String = (0..6_000).map(|number| format!("backup of {} done\n", word(number))).collect();
    folder.write("in.log", log);
    folder.run(["in.log", "--history", "h", "-o", "out.csv"]).ended(0);
    let made = folder.read("h").len();
    folder.run(["in.log", "--history", "h", "-o", "out.csv"]).ended(0);
    let changed = folder.read("h").len();
    drop(redb::Database::open(folder.path("h")).unwrap());
    let least = folder.read("h").len();
    assert!(made * 4 < least * 5 && changed * 4 < least * 5, "{made}, {changed}, {least}");
}

#[test]
fn a_report_shows_each_source_over_time_and_the_first_line_of_a_template() {
    let folder = Folder::new();
    let mut csv = "when,source,log_message\n".to_owned();
    for (hour, source) in [(1, "web"), (1, "app"), (2, "app"), (3, "app")] {
        csv.push_str(&format!("2026-11-01T0{hour}:00:00Z,{source},backup {hour} done\n"));
    }
    folder.write("in.csv", csv);
    let timed = ["in.csv", "--time-column", "when", "--report", "r.html", "-o", "out.csv"];
    folder.run(timed).ended(0);
    let page = String::from_utf8(folder.read("r.html")).unwrap();
    let sources = page.split("<h2 id=\"sources\">").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(sources.matches("<svg class=\"spark\"").count(), 2, "{sources}");
    assert!(page.contains("<bdi>in.csv:2</bdi> from"), "{page}");
    folder.run(["in.csv", "--report", "r.html", "-o", "out.csv"]).ended(0);
    let page = String::from_utf8(folder.read("r.html")).unwrap();
    assert!(page.contains("<code>--time-column</code>") && !page.contains("Over time"), "{page}");
}

#[test]
fn a_history_is_not_written_over_by_what_is_made_of_it() {
    let folder = desk();
    let before = folder.read("h");
    for command in [
        &["history", "export", "h", "-o", "h"][..],
        &["report", "h", "-o", "h"],
        &["diff", "h", "h", "-o", "h"],
    ] {
        logclass(&folder, command).refused(2, &["h: is the input, too"]);
    }
    assert!(folder.read("h") == before, "the history is lost");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_history_and_is_not_waited_for() {
    let folder = desk();
    assert!(Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    folder.run(["in.log", "--history", "pipe", "-o", "o"]).refused(1, &["pipe: is no history"]);
    folder.run(["in.log", "--history", ".", "-o", "o"]).refused(1, &[": is no history"]);
    logclass(&folder, &["history", "info", "pipe"]).refused(1, &["pipe: is no history"]);
}
