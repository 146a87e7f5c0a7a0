//! `--only`, `--except`, `--history`, `--fail-on` and `--report`, and the commands `history`, `diff` and `report`.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{Folder, RULES, Ran, SMALL, run};

/// Rules that need no model, beside those of every folder.
const ROUTES: &str = r#"
[[rule]]
label = "Critical Error"
pattern = "(?i)out of memory|<script>"

[[rule]]
label = "Error"
pattern = "failed"

[[rule]]
label = "HTTP Status"
pattern = "^GET "
"#;

fn desk() -> Folder {
    let folder = Folder::new();
    folder.write("rules.toml", format!("{RULES}{ROUTES}"));
    folder
}

/// A night's log: users, backups, a rare failure, and what is `extra`.
fn night(day: u32, extra: &[&str]) -> String {
    let mut log = String::new();
    for minute in 0..600 {
        let time = format!("2026-11-{day:02}T{:02}:{:02}:00Z", minute / 60, minute % 60);
        log.push_str(&format!("{time} user {minute} logged in\n{time} backup of disk {minute} done\n"));
        if minute % 200 == 0 {
            log.push_str(&format!("{time} copy of {minute} failed\n"));
        }
    }
    for line in extra {
        log.push_str(&format!("2026-11-{day:02}T09:59:00Z {line}\n"));
    }
    log
}

fn logclass(folder: &Folder, arguments: &[&str]) -> Ran {
    run(&mut folder.logclass(arguments), b"")
}

#[test]
fn rows_of_unwanted_labels_are_left_out_and_counted() {
    let folder = desk();
    folder.write("in.csv", SMALL);
    let ran = folder.run(["in.csv", "--only", "User Action", "--summary", "s.json"]).ended(0);
    assert_eq!(ran.text(), "source,log_message,id,target_label\nApp,user 1 logged in,1,User Action\n");
    let summary: serde_json::Value = serde_json::from_slice(&folder.read("s.json")).unwrap();
    assert_eq!((&summary["rows"], &summary["filtered"]), (&3.into(), &2.into()));
    assert_eq!(summary["labels"]["System Notification"], 1);
    let ran = folder.run(["in.csv", "--except", "User Action", "--except", "HTTP Status"]).ended(0);
    assert_eq!(ran.text().lines().count(), 2, "{}", ran.text());
    // NDJSON and text; what is rejected is neither written nor filtered.
    let objects = "{\"log_message\":\"user 1 logged in\"}\n\n{\"log_message\":\"backup\"}\nnone\n";
    folder.write("in.ndjson", objects);
    let skip = ["in.ndjson", "--no-source", "--only", "System Notification", "--on-bad-row", "skip"];
    let ran = folder.run(skip.into_iter().chain(["--rejects", "bad.csv", "--summary", "s.json"])).ended(3);
    assert!(ran.text().contains("backup") && !ran.text().contains("logged"), "{}", ran.text());
    let summary: serde_json::Value = serde_json::from_slice(&folder.read("s.json")).unwrap();
    assert_eq!(
        (&summary["rows"], &summary["filtered"], &summary["rejects"]),
        (&2.into(), &1.into(), &1.into())
    );
    folder.write("in.log", "user 1 logged in\nbackup\n");
    let ran = folder.run(["in.log", "--except", "User Action"]).ended(0);
    assert_eq!(ran.text(), "log_message,target_label\nbackup,System Notification\n");
}

#[test]
fn a_label_that_cannot_be_given_is_refused_with_those_that_can() {
    let folder = desk();
    folder.write("in.csv", SMALL);
    folder.run(["in.csv", "--only", "Eror"]).refused(2, &["--only", "\"Eror\"", "Critical Error"]);
    folder.run(["in.csv", "--except", "x"]).refused(2, &["--except", "\"x\""]);
    folder.run(["in.csv", "--fail-on", "count:x>1"]).refused(2, &["--fail-on", "\"x\""]);
    folder.run(["in.csv", "--fail-on", "new:any"]).refused(2, &["--history FILE"]);
    let both = folder.run(["in.csv", "--only", "Error", "--except", "Error"]);
    assert_eq!(both.status, Some(2));
}

#[test]
fn the_second_night_tells_of_an_unknown_error_and_the_third_of_nothing() {
    let folder = desk();
    folder.write("1.log", night(1, &[]));
    folder.write("2.log", night(2, &["Out of memory: killed process 4711", "user 5 logged out"]));
    folder.write("3.log", night(3, &["Out of memory: killed process 4712"]));
    let nightly = |input: &str| {
        folder.run([
            input,
            "--history",
            "h.history",
            "--fail-on",
            "new:Critical Error",
            "--fail-on",
            "new:\"Error\"",
            "--report",
            "report.html",
            "--summary",
            "s.json",
            "-o",
            "out.csv",
        ])
    };
    let first = nightly("1.log").ended(0);
    assert!(first.stderr.contains("no earlier run in the history"), "{}", first.stderr);
    let second = nightly("2.log").ended(4);
    assert_eq!(
        second.stderr,
        "logclass: alert: new:Critical Error: 1 new template of Critical Error: Out of memory: killed process # (1 row, 2.log:1204)\n"
    );
    let summary: serde_json::Value = serde_json::from_slice(&folder.read("s.json")).unwrap();
    assert_eq!(summary["alerts"][0]["condition"], "new:Critical Error");
    assert_eq!(summary["history"]["run"], 2);
    assert_eq!(summary["history"]["new_templates"], 2);
    let report = String::from_utf8(folder.read("report.html")).unwrap();
    let new = report.split("<h2 id=\"new\">").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(new.contains("killed process #") && new.contains("logged out"), "{new}");
    assert!(!new.contains("logged in"), "{new}");
    assert_eq!(nightly("3.log").ended(0).stderr, "");
    // What was seen when comes from the messages.
    let exported = logclass(&folder, &["history", "export", "h.history"]).ended(0).text();
    assert!(
        exported.contains(
            "Critical Error,,Out of memory: killed process #,2,2026-11-02T09:59:00Z,2026-11-03T09:59:00Z,2,3,"
        ),
        "{exported}"
    );
    let info = logclass(&folder, &["history", "info", "h.history"]).ended(0).text();
    assert!(info.contains("runs       3") && info.contains("1,205 rows, 8 templates, 2 new"), "{info}");
}

#[test]
fn more_than_chance_allows_and_counts_are_conditions_too() {
    let folder = desk();
    for day in 1..6 {
        folder.write("in.log", night(day, &[]));
        let ran = folder.run(["in.log", "--history", "h", "--fail-on", "more:any", "-o", "out.csv"]);
        ran.ended(0);
    }
    let flood = vec!["copy of 7 failed"; 300];
    folder.write("in.log", night(6, &flood));
    let ran = folder.run(["in.log", "--history", "h", "--fail-on", "more:Error", "-o", "out.csv"]).ended(4);
    assert!(
        ran.stderr.contains("more often than chance allows: copy of # failed (302 instead of"),
        "{}",
        ran.stderr
    );
    folder.run(["in.log", "--fail-on", "count:Error>303", "-o", "out.csv"]).ended(0);
    folder.run(["in.log", "--fail-on", "count:Error>=303", "-o", "out.csv"]).ended(4);
    folder.run(["in.log", "--fail-on", "count:any<100", "-o", "out.csv"]).ended(0);
}

#[test]
fn the_order_of_threads_changes_nothing_in_a_history() {
    let folder = desk();
    let log: String = (1..9).map(|day| night(day, &[])).collect();
    folder.write("in.log", log);
    let exported = |threads: &str| {
        let name = format!("h{threads}");
        folder.run(["in.log", "--history", &name, "--threads", threads, "-o", "out.csv"]).ended(0);
        logclass(&folder, &["history", "export", &name, "--format", "ndjson"]).ended(0).stdout
    };
    assert_eq!(exported("1"), exported("4"));
}

#[test]
fn a_run_that_fails_leaves_the_history_as_it_was() {
    let folder = desk();
    folder.write("good.csv", SMALL);
    folder.write("bad.csv", format!("{SMALL}a,b,c,d,e\n"));
    folder.run(["good.csv", "--history", "h", "-o", "out.csv"]).ended(0);
    let exported = |name: &str| logclass(&folder, &["history", "export", name]).ended(0).text();
    let before = exported("h");
    folder.run(["bad.csv", "--history", "h", "-o", "out.csv"]).ended(1);
    assert!(exported("h") == before, "the history has changed");
    std::fs::create_dir(folder.path("all")).unwrap();
    let ran = folder.run(["good.csv", "bad.csv", "--history", "h", "-o", "all/"]).ended(1);
    assert!(ran.stderr.contains("the history is as it was"), "{}", ran.stderr);
    assert!(logclass(&folder, &["history", "info", "h"]).text().contains("runs       1"));
    folder.run(["good.csv", "--history", "h", "--dry-run"]).ended(0);
    assert!(logclass(&folder, &["history", "info", "h"]).text().contains("runs       1"));
    folder.run(["bad.csv", "--history", "new", "-o", "out.csv"]).ended(1);
    assert!(!folder.path("new").exists());
}

#[test]
fn no_secret_is_kept_in_a_history_or_a_report() {
    let folder = desk();
    folder.write(
        "in.log",
        "user bob logged in with password=hunter2 now\nuser eve logged in with password=qwertz now\n",
    );
    folder.run(["in.log", "--history", "h", "--report", "r.html", "-o", "out.csv"]).ended(0);
    let exported = logclass(&folder, &["history", "export", "h"]).ended(0).text();
    assert!(exported.contains("password=<redacted>"), "{exported}");
    for name in ["h", "r.html"] {
        let bytes = folder.read(name);
        for secret in [&b"hunter2"[..], b"qwertz"] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{name}");
        }
    }
}

#[test]
fn a_history_that_cannot_be_used_is_told_before_any_work() {
    let folder = desk();
    folder.write("in.csv", SMALL);
    folder.write("text", "not a history");
    folder
        .run(["in.csv", "--history", "text", "-o", "out.csv"])
        .refused(1, &["text: is no history", "name another"]);
    let other = folder.path("other.redb");
    drop(redb::Database::create(&other).unwrap());
    folder.run(["in.csv", "--history", "other.redb", "-o", "o"]).refused(1, &["other.redb: is no history"]);
    folder.run(["in.csv", "--history", "h", "-o", "out.csv"]).ended(0);
    let sound = folder.read("h");
    // A later version.
    let meta = redb::TableDefinition::<&str, u64>::new("logclass_history");
    let database = redb::Database::create(folder.path("h")).unwrap();
    let writing = database.begin_write().unwrap();
    writing.open_table(meta).unwrap().insert("format", 7).unwrap();
    writing.commit().unwrap();
    drop(database);
    folder
        .run(["in.csv", "--history", "h", "-o", "o"])
        .refused(1, &["newer version", "format 7", "update logclass"]);
    logclass(&folder, &["history", "export", "h"]).refused(1, &["newer version"]);
    // Damage anywhere is told, or was in a part that is not used; the history is never changed by it.
    for place in (0..sound.len()).step_by(sound.len() / 60) {
        let mut bytes = sound.clone();
        bytes[place..(place + 32).min(sound.len())].fill(0xa5);
        folder.write("h", &bytes);
        let ran = logclass(&folder, &["history", "export", "h"]);
        if ran.status == Some(0) {
            assert_eq!(ran.text().lines().count(), 4, "damage at {place}");
        } else {
            let damaged = ran.refused(1, &["h: "]);
            assert!(
                ["is damaged", "is no history"].iter().any(|word| damaged.stderr.contains(word)),
                "{}",
                damaged.stderr
            );
        }
    }
    folder.write("h", &sound[..sound.len() / 2]);
    logclass(&folder, &["history", "info", "h"]).refused(1, &["is damaged", "restore a copy"]);
    logclass(&folder, &["history", "info", "none"]).refused(1, &["no such history", "--history none"]);
    logclass(&folder, &["report", "none"]).refused(1, &["none"]);
    assert_eq!(folder.names().into_iter().filter(|name| name == "o").count(), 0);
}

#[test]
fn runs_at_the_same_time_take_turns_and_all_are_counted() {
    let folder = desk();
    folder.write("in.log", night(1, &[]));
    let start = || {
        let mut command = folder.command(["in.log", "--history", "h", "-o", "/dev/null"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs: Vec<_> = (0..6).map(|_| start()).collect();
    for child in runs {
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let info = logclass(&folder, &["history", "info", "h"]).ended(0).text();
    assert!(info.contains("rows       7,218") && info.contains("runs       6"), "{info}");
}

#[test]
fn a_run_that_is_killed_leaves_the_history_as_before_or_as_after() {
    let folder = desk();
    folder.write("in.log", night(1, &[]));
    folder.run(["in.log", "--history", "h", "-o", "out.csv"]).ended(0);
    let mut runs = 1;
    for pause in 0..25 {
        let mut command = folder.command(["in.log", "--history", "h", "-o", "/dev/null"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(4 * pause));
        let _ = child.kill();
        let _ = child.wait();
        let info = logclass(&folder, &["history", "info", "h"]).ended(0).text();
        let now = [runs, runs + 1].into_iter().find(|runs| {
            info.contains(&format!("runs       {runs}\n"))
                && info.contains(&format!("rows       {}\n", grouped(1_203 * runs)))
        });
        runs = now.unwrap_or_else(|| panic!("after {pause}: {info}"));
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

#[test]
fn a_full_disk_leaves_the_history_as_it_was() {
    let folder = desk();
    std::fs::create_dir(folder.path("small")).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=640k", "tmpfs"])
        .arg(folder.path("small"))
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: a small file system needs root");
        return;
    }
    folder.write("in.log", night(1, &[]));
    let begun = folder.run(["in.log", "--history", "small/h", "-o", "out.csv"]);
    let before = logclass(&folder, &["history", "export", "small/h"]);
    let words: String = (0..20_000_u32)
        .map(|number| {
            let word: String = number.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
            format!("backup of {word} {}\n", "done ".repeat(20))
        })
        .collect();
    folder.write("many.log", words);
    let full = folder.run(["many.log", "--history", "small/h", "-o", "out.csv"]);
    let after = logclass(&folder, &["history", "export", "small/h"]);
    let fresh = folder.run(["many.log", "--history", "small/other", "-o", "out.csv"]);
    let names: Vec<_> =
        std::fs::read_dir(folder.path("small")).unwrap().map(|one| one.unwrap().file_name()).collect();
    let _ = Command::new("umount").arg(folder.path("small")).status();
    begun.ended(0);
    full.refused(1, &["small/h", "the history is as it was"]);
    assert_eq!((before.status, before.stdout), (Some(0), after.ended(0).stdout));
    fresh.refused(1, &["small/other", "No space left"]);
    assert_eq!(names, ["h"]);
}

#[test]
fn a_history_of_many_nights_takes_the_room_of_one() {
    let folder = desk();
    let words =
        |number: u32| -> String { number.to_string().bytes().map(|digit| char::from(digit + 49)).collect() };
    let log: String = (0..4_000).map(|number| format!("backup of {} done\n", words(number))).collect();
    folder.write("in.log", log);
    let mut sizes = Vec::new();
    for _ in 0..8 {
        folder.run(["in.log", "--history", "h", "-o", "/dev/null"]).ended(0);
        sizes.push(folder.read("h").len());
    }
    assert!(sizes.iter().all(|size| *size < 2 * sizes[0]), "{sizes:?}");
}

#[test]
fn a_history_stays_within_its_size_and_says_so() {
    let folder = desk();
    let many: String =
        ["a", "b", "c", "d", "e", "f"].iter().map(|word| format!("backup of {word}\n")).collect();
    folder.write("in.log", format!("{many}{}", "backup of f\n".repeat(5)));
    let ran = folder.run(["in.log", "--history", "h", "--history-size", "2", "-o", "out.csv"]).ended(0);
    assert!(ran.stderr.contains("4 templates forgotten to stay within --history-size"), "{}", ran.stderr);
    let exported = logclass(&folder, &["history", "export", "h"]).ended(0).text();
    assert!(exported.lines().nth(1).unwrap().contains("backup of f,6,"), "{exported}");
    assert_eq!(exported.lines().count(), 3);
}

#[test]
fn histories_are_merged_and_pruned() {
    let folder = desk();
    folder.write("1.log", night(1, &[]));
    folder.write("2.log", night(2, &["out of memory"]));
    folder.run(["1.log", "--history", "a", "-o", "out.csv"]).ended(0);
    folder.run(["2.log", "--history", "b", "-o", "out.csv"]).ended(0);
    logclass(&folder, &["history", "merge", "a", "b", "-o", "both"]).ended(0);
    logclass(&folder, &["history", "merge", "a", "b", "-o", "both"]).refused(2, &["both: exists already"]);
    let info = logclass(&folder, &["history", "info", "both"]).ended(0).text();
    assert!(info.contains("rows       2,407") && info.contains("runs       2"), "{info}");
    let gone = logclass(&folder, &["history", "forget", "both", "--label", "Critical Error"]).ended(0).text();
    assert_eq!(gone, "1 template forgotten\n");
    let gone = logclass(&folder, &["history", "forget", "both", "--before", "2026-11-02"]).ended(0).text();
    assert_eq!(gone, "0 templates forgotten\n");
    assert_eq!(logclass(&folder, &["history", "forget", "both"]).status, Some(2));
    assert!(!logclass(&folder, &["history", "export", "both"]).text().contains("memory"));
}

#[test]
fn the_time_of_a_row_is_its_columns_or_its_messages_or_the_runs() {
    let folder = desk();
    folder.write(
        "in.csv",
        "when,source,log_message\n2026-01-02 03:04:05,A,user 1 logged in\n,A,\"Jan  9 01:00:00 h app: backup\"\n,B,copy failed\n",
    );
    let mut command = folder.command(["in.csv", "--time-column", "when", "--history", "h", "-o", "out.csv"]);
    run(command.env("SOURCE_DATE_EPOCH", "1770000000"), b"").ended(0);
    let exported = logclass(&folder, &["history", "export", "h"]).ended(0).text();
    for part in ["2026-01-02T03:04:05Z", "2026-01-09T01:00:00Z", "2026-02-02T02:40:00Z"] {
        assert!(exported.contains(part), "{part}: {exported}");
    }
    folder.run(["in.csv", "--time-column", "then"]).refused(1, &["then", "--time-column"]);
    folder.write("in.log", "x\n");
    folder.run(["in.log", "--time-column", "when"]).refused(2, &["--time-column", "text"]);
    let line = "{\"t\":{\"at\":1767323045},\"log_message\":\"user 1 logged in\"}\n";
    folder.write("in.ndjson", line);
    folder
        .run(["in.ndjson", "--no-source", "--time-column", "t.at", "--history", "j", "-o", "out.ndjson"])
        .ended(0);
    assert!(logclass(&folder, &["history", "export", "j"]).text().contains("2026-01-02T03:04:05Z"));
}
