//! `diff`, `report` and the counters of a live run.
#![cfg(feature = "bundled")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use crate::harness::{Folder, Ran, run};

fn logclass(folder: &Folder, arguments: &[&str]) -> Ran {
    run(&mut folder.logclass(arguments), b"")
}

/// A labelled file: three templates, each as often as is said.
fn labelled(counts: [usize; 3], extra: &[(&str, &str)]) -> String {
    let mut csv = String::from("source,log_message,target_label\n");
    // Evenly, as a healthy system has it.
    for round in 0..400 {
        for (index, name) in ["user logged in", "disk checked", "copy failed"].iter().enumerate() {
            if round * counts[index] / 400 != (round + 1) * counts[index] / 400 {
                let label = ["User Action", "System Notification", "Error"][index];
                csv.push_str(&format!("app,{name} {round}1,{label}\n"));
            }
        }
    }
    for (message, label) in extra {
        csv.push_str(&format!("app,{message},{label}\n"));
    }
    csv
}

#[test]
fn the_same_system_twice_gives_no_differences() {
    let folder = Folder::new();
    folder.write("a.csv", labelled([400, 300, 50], &[]));
    folder.write("b.csv", labelled([380, 310, 55], &[]));
    let text = logclass(&folder, &["diff", "a.csv", "b.csv"]).ended(0).text();
    assert!(text.contains("0 new, 0 gone, 0 more frequent, 0 less frequent than chance allows"), "{text}");
}

#[test]
fn what_is_new_gone_and_more_is_told_in_every_format() {
    let folder = Folder::new();
    folder.write("a.csv", labelled([400, 300, 20], &[("old way of doing it", "Deprecation Warning")]));
    folder.write("b.csv", labelled([400, 300, 200], &[("disk sda died | <b>now</b>", "Critical Error")]));
    let text = logclass(&folder, &["diff", "a.csv", "b.csv"]).ended(0).text();
    assert!(text.contains("1 new, 1 gone, 1 more frequent, 0 less"), "{text}");
    let critical = text.find("Critical Error").unwrap();
    assert!(critical < text.find("\nError").unwrap() && text.contains("b.csv:902: disk sda died"), "{text}");
    assert!(text.contains("more  200 times instead of about 20: copy failed #"), "{text}");
    let json =
        logclass(&folder, &["diff", "a.csv", "b.csv", "--format", "json", "--limit", "2"]).ended(0).text();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["changes"][0]["kind"], &json["not_shown"]), (&"new".into(), &1.into()), "{json}");
    let csv = logclass(&folder, &["diff", "a.csv", "b.csv", "--format", "csv"]).ended(0).text();
    assert_eq!(csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).count(), 3);
    let markdown = logclass(&folder, &["diff", "a.csv", "b.csv", "--format", "markdown"]).ended(0).text();
    assert!(markdown.contains("disk sda died \\| &lt;b&gt;now&lt;/b&gt;"), "{markdown}");
    let ran = logclass(
        &folder,
        &["diff", "a.csv", "b.csv", "--fail-on", "new:Critical Error", "--fail-on", "count:any>9999"],
    );
    let ran = ran.ended(4);
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("logclass: alert: ")).count(), 1);
    logclass(&folder, &["diff", "a.csv", "a.csv", "--fail-on", "new:any"]).ended(0);
}

#[test]
fn sides_may_be_logs_histories_and_labelled_objects() {
    let folder = Folder::new();
    let log: String =
        (1..51).map(|number| format!("user {number} logged in\nbackup {number} done\n")).collect();
    folder.write("a.log", &log);
    folder.write("b.log", format!("{log}backup could not be read\n"));
    folder.run(["a.log", "--history", "a.history", "-o", "a.ndjson"]).ended(0);
    folder.run(["b.log", "-o", "b.ndjson"]).ended(0);
    let config = ["--config", "rules.toml"];
    for old in ["a.log", "a.history", "a.ndjson"] {
        for new in ["b.log", "b.ndjson"] {
            let ran = logclass(&folder, &["diff", old, new, "-q", config[0], config[1]]).ended(0);
            assert!(ran.text().contains("1 new, 0 gone, 0 more"), "{old} {new}: {}", ran.text());
        }
    }
    let mut command =
        folder.logclass(["diff", "a.log", "-", "--input-format", "text", "-q", "--config", "rules.toml"]);
    assert!(run(&mut command, log.as_bytes()).ended(0).text().contains("0 new, 0 gone"));
    logclass(&folder, &["diff", "a.log", "none.log"]).refused(1, &["none.log"]);
}

#[test]
fn what_one_cause_prints_is_told_at_once() {
    let folder = Folder::new();
    let old = labelled([400, 300, 50], &[]);
    folder.write("a.csv", &old);
    let parts: Vec<String> =
        "abcdefghijklmnop".chars().map(|part| format!("kernel starts part {part}")).collect();
    let parts: Vec<(&str, &str)> = parts.iter().map(|part| (part.as_str(), "System Notification")).collect();
    folder.write("b.csv", labelled([400, 300, 50], &parts));
    let text = logclass(&folder, &["diff", "a.csv", "b.csv"]).ended(0).text();
    assert!(text.contains("16 new (in 1 place), 0 gone"), "{text}");
    let with = "15 more templates in the same place: kernel starts part b; kernel starts part c; kernel starts \
                part d; and 12 more";
    assert!(text.contains(with) && text.matches("  new ").count() == 1, "{text}");
    // Whoever reads it by machine gets each, and --limit counts what belongs together once.
    let json =
        logclass(&folder, &["diff", "a.csv", "b.csv", "--format", "json", "--limit", "1"]).ended(0).text();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["changes"].as_array().unwrap().len(), &json["not_shown"]), (16, &0.into()), "{json}");
    assert_eq!(json["changes"][15]["incident"], 1);
}

#[test]
fn comparing_what_has_labels_needs_no_model() {
    let folder = Folder::new();
    folder.write("a.csv", labelled([400, 300, 50], &[]));
    folder.write("in.csv", labelled([40, 30, 5], &[]).replace("target_label", "label"));
    folder.run(["in.csv", "--history", "h", "-o", "out.csv"]).ended(0);
    folder.write("broken.safetensors", "no model");
    for sides in [["h", "h"], ["a.csv", "h"], ["a.csv", "a.csv"]] {
        let diff = ["diff", sides[0], sides[1], "--model", "broken.safetensors"];
        logclass(&folder, &diff).ended(0);
    }
    logclass(&folder, &["report", "h", "--model", "broken.safetensors"]).ended(0);
    logclass(&folder, &["diff", "a.csv", "in.csv", "--model", "broken.safetensors"]).refused(1, &["broken"]);
}

#[cfg(unix)]
#[test]
fn a_side_is_read_once_so_it_may_be_a_pipe() {
    let folder = Folder::new();
    let csv = labelled([400, 300, 50], &[]);
    folder.write("a.csv", &csv);
    let objects = "{\"log_message\":\"user 1 logged in\",\"target_label\":\"User Action\"}\n".repeat(3);
    let unlabelled = csv.replace("target_label", "other").replace("source,", "program,");
    for (bytes, flags) in [(&csv, &[][..]), (&objects, &["--input-format", "ndjson"]), (&unlabelled, &[])] {
        let pipe = folder.path("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (bytes, path) = (bytes.clone(), pipe.clone());
        let feeder = std::thread::spawn(move || std::fs::write(path, bytes));
        let ran = run(&mut folder.logclass(["report", "pipe"].iter().chain(flags)), b"").ended(0);
        feeder.join().unwrap().unwrap();
        assert!(ran.text().contains("</html>"));
        std::fs::remove_file(pipe).unwrap();
    }
}

#[test]
fn places_and_labels_are_written_in_one_way() {
    let folder = Folder::new();
    let csv = "source,log_message,target_label\napp,disk sda died,unclassified\napp,disk sdb is late, Unclassified \n";
    folder.write("a.csv", csv);
    let exported = |format: &str| logclass(&folder, &["report", "a.csv", "--format", format]).ended(0).text();
    assert!(exported("markdown").contains("| a.csv&#58;2: disk sda died |"), "{}", exported("markdown"));
    // No two regions of a page have one name.
    let page = exported("html");
    let mut names: Vec<&str> =
        page.split(" aria-label=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    names.retain(|name| !name.starts_with("in "));
    names.extend(page.split("<h2 id=").skip(1).filter_map(|rest| rest.split(['>', '<']).nth(1)));
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
    assert!(exported("html").contains("<bdi>a.csv:2</bdi>"), "{}", exported("html"));
    assert!(exported("markdown").contains("| Unclassified | 2 | 100.0 % | 2 |"), "{}", exported("markdown"));
    folder.write("b.csv", "source,log_message,target_label\n");
    let text = logclass(&folder, &["diff", "b.csv", "a.csv"]).ended(0).text();
    assert!(text.contains("a.csv:2: disk sda died"), "{text}");
}

#[test]
fn a_report_of_thousands_of_labels_stays_small() {
    let folder = Folder::new();
    let mut csv = String::from("source,log_message,target_label\n");
    for number in 0..3_000 {
        csv.push_str(&format!("s{number},disk died,label {number}\n"));
    }
    folder.write("a.csv", csv);
    let page = logclass(&folder, &["report", "a.csv"]).ended(0).text();
    assert!(page.contains("2960 others") && page.len() < 200_000, "{}", page.len());
    let markdown = logclass(&folder, &["report", "a.csv", "--format", "markdown"]).ended(0).text();
    assert!(markdown.contains("| 2960 others | 2,960 |") && markdown.len() < 60_000, "{}", markdown.len());
}

#[test]
fn hostile_messages_are_harmless_in_a_report() {
    let folder = Folder::new();
    let huge = "x".repeat(1 << 20);
    let hostile = [
        ("<script>alert(1)</script>", "</td><script>Label"),
        ("\"><img src=x onerror=alert(1)>", "Error"),
        ("\u{202e}gnihsif \u{2066}javascript:alert(1)", "Error"),
        ("&lt;b&gt; ![p](http://e.example/p.png) [l](javascript:x)", "Error"),
        (huge.as_str(), "Error"),
    ];
    let mut csv = Vec::new();
    {
        let mut writer = csv::Writer::from_writer(&mut csv);
        writer.write_record(["source", "log_message", "target_label"]).unwrap();
        for (message, label) in hostile {
            writer.write_record(["<svg onload=alert(2)>", message, label]).unwrap();
        }
        writer.flush().unwrap();
    }
    folder.write("<img src=y>.csv", csv);
    logclass(&folder, &["report", "<img src=y>.csv", "-o", "r.html"]).ended(0);
    logclass(&folder, &["report", "<img src=y>.csv", "-o", "r.md"]).ended(0);
    let page = String::from_utf8(folder.read("r.html")).unwrap();
    assert!(page.len() < 100_000, "{}", page.len());
    for part in ["<script", "<img", "<svg onload", "\u{202e}", "\u{2066}", " src=\"", "url(", "@import"] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("&lt;script&gt;alert(#)") && page.contains("default-src 'none'"));
    // Every element is closed, in order: nothing of a message is taken for one.
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(2) {
        let inside = tag.split('>').next().unwrap();
        let name = inside.split([' ', '\n', '/']).next().unwrap();
        if let Some(closed) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{tag}");
        } else if !inside.ends_with('/') && !["meta", "!DOCTYPE"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let text = String::from_utf8(folder.read("r.md")).unwrap();
    for part in ["<script", "<img", "](http", "](java", "\u{202e}"] {
        assert!(!text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_report_of_nothing_is_a_report() {
    let folder = Folder::new();
    folder.write("in.csv", "source,log_message,target_label\n");
    let page = logclass(&folder, &["report", "in.csv"]).ended(0).text();
    assert!(page.contains("0 rows of 0 templates") && page.ends_with("</html>\n"), "{page}");
}

#[test]
fn a_live_run_shows_its_counters() {
    let folder = Folder::new();
    let mut command =
        folder.command(["--follow", "--format", "text", "--metrics", "127.0.0.1:0", "--multiline", "off"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    let address = said.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"ERROR backup 1 done\nERROR backup 2 done\nuser 1 logged in\n").unwrap();
    let mut rows = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    for _ in 0..4 {
        rows.next().unwrap().unwrap();
    }
    let ask = |head: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(format!("{head} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let page = ask("GET /metrics");
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    assert!(
        page.contains("logclass_rows_total{label=\"System Notification\",severity=\"error\"} 2\n"),
        "{page}"
    );
    assert!(
        page.contains("logclass_new_templates_total{label=\"System Notification\",severity=\"error\"} 1\n"),
        "{page}"
    );
    assert!(ask("GET /").starts_with("HTTP/1.1 404") && ask("POST /metrics").starts_with("HTTP/1.1 405"));
    drop(stdin);
    assert!(child.wait().unwrap().success());
    folder.run(["--metrics", "127.0.0.1:0"]).status.filter(|status| *status == 2).unwrap();
    folder.run(["--follow", "--history", "h"]).refused(2, &["--follow with --history"]);
}
