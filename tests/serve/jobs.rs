//! Jobs: what the page uses.

use crate::harness::{Server, rows, sample, sample_rows};
use serde_json::Value;
use std::time::Duration;

fn finished(server: &Server, id: &str) -> Value {
    let events = server.get(&format!("/api/jobs/{id}/events"));
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let last = events
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: ").map(str::to_owned))
        .last()
        .unwrap();
    serde_json::from_str(&last).unwrap()
}

#[test]
fn a_job_goes_from_upload_to_download() {
    let server = Server::start(&[]);
    let created = server.post_csv("/api/jobs", &sample());
    assert_eq!(created.status, 201, "{}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let last = finished(&server, &id);
    assert_eq!((&last["state"], &last["rows"]), (&"done".into(), &sample_rows().into()));
    let view = server.get(&format!("/api/jobs/{id}")).json();
    let labels = view["counts"]["labels"].as_object().unwrap();
    assert_eq!(labels.values().map(|rows| rows.as_u64().unwrap()).sum::<u64>(), sample_rows() as u64);
    assert_eq!(view["samples"]["first"].as_array().unwrap().len(), 100);
    let uncertain = view["samples"]["uncertain"].as_array().unwrap();
    let confidences: Vec<f64> = uncertain.iter().map(|row| row["confidence"].as_f64().unwrap()).collect();
    assert!(confidences.is_sorted() && !confidences.is_empty());
    let result = server.get(view["result"].as_str().unwrap());
    assert_eq!(result.header("content-disposition"), Some("attachment"));
    assert!(result.text().starts_with("timestamp,source,log_message,target_label\n"));
    assert_eq!(csv::Reader::from_reader(&result.body[..]).records().count(), sample_rows());
    let explained = server.get(&format!("{}&explain=true", view["result"].as_str().unwrap()));
    assert!(explained.text().starts_with("timestamp,source,log_message,target_label,label_stage,"));
    assert_eq!(server.send(&format!("DELETE /api/jobs/{id}"), &[], b"").status, 204);
    assert_eq!(server.get(&format!("/api/jobs/{id}")).status, 404);
}

#[test]
fn a_job_has_the_figures_and_the_report_of_its_file() {
    let server = Server::start(&[]);
    let created = server.post_csv("/api/jobs?time_column=timestamp", &sample()).json();
    let id = created["id"].as_str().unwrap();
    assert_eq!(finished(&server, id)["state"], "done");
    let view = server.get(&format!("/api/jobs/{id}")).json();
    let figures = &view["figures"];
    assert_eq!((&figures["rows"], &figures["has_times"]), (&sample_rows().into(), &true.into()));
    let in_chart = |bands: &Value| -> u64 {
        let counts = bands.as_array().unwrap().iter().flat_map(|band| band["counts"].as_array().unwrap());
        counts.map(|count| count.as_u64().unwrap()).sum()
    };
    assert_eq!(in_chart(&figures["labels"]), sample_rows() as u64);
    assert_eq!(in_chart(&figures["severities"]), sample_rows() as u64);
    assert!(figures["top"][0]["templates"][0]["template"].is_string(), "{figures}");
    // The report is what the command line makes of the same file, whatever a client calls it.
    let path = view["report"].as_str().unwrap();
    let report = server.get(&format!("{path}&title=%3Cscript%3Ealert(1)%3C/script%3E"));
    assert_eq!((report.status, report.header("content-disposition")), (200, Some("attachment")));
    assert!(report.header("content-security-policy").unwrap().contains("sandbox"));
    let page = report.text();
    assert!(page.contains("Log report: &lt;script&gt;alert(1)") && !page.contains("<script"), "{page}");
    assert!(page.contains("id=\"chart-labels-t\"") && page.ends_with("</html>\n"));
    let markdown = server.get(&format!("{path}&format=markdown")).text();
    assert!(markdown.starts_with("# Log report: uploaded file"), "{markdown}");
    assert_eq!(server.get(&format!("{path}&format=pdf")).status, 400);
    let refused = server.post_csv("/api/jobs?time_column=when", &sample());
    assert_eq!((refused.status, &refused.json()["parameters"][0]), (422, &"time_column".into()));
}

#[test]
fn a_downloaded_cell_is_no_formula() {
    let server = Server::start(&[]);
    let created = server.post_csv("/api/jobs", b"source,log_message\n=cmd(),-1\n");
    let id = created.json()["id"].as_str().unwrap().to_owned();
    finished(&server, &id);
    assert!(server.get(&format!("/api/jobs/{id}/result")).text().contains("\n'=cmd(),-1,"));
}

#[test]
fn a_bad_file_is_refused_and_a_bad_row_fails_the_job() {
    let server = Server::start(&[]);
    let refused = server.post_csv("/api/jobs", b"source,text\na,b\n");
    assert_eq!(refused.status, 422);
    assert!(refused.problem().contains("no column \"log_message\""));
    let created = server.post_csv("/api/jobs", b"source,log_message\na,b\na\n");
    let last = finished(&server, created.json()["id"].as_str().unwrap());
    assert_eq!(last["state"], "failed");
    assert_eq!(last["problem"]["line"], 3);
}

#[test]
fn a_job_that_waits_can_be_cancelled() {
    let server = Server::start(&["--max-concurrent", "1", "--threads", "1"]);
    let first = server.post_csv("/api/jobs", &rows(400_000)).json();
    let second = server.post_csv("/api/jobs", &rows(10)).json();
    let second = second["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/jobs/{second}/result")).status, 409);
    assert_eq!(server.send(&format!("DELETE /api/jobs/{second}"), &[], b"").status, 204);
    let first = first["id"].as_str().unwrap();
    assert_eq!(server.send(&format!("DELETE /api/jobs/{first}"), &[], b"").status, 204);
    // Its place is free soon, although its file is far from done.
    let next = server.post_csv("/api/jobs", &rows(10)).json();
    assert_eq!(finished(&server, next["id"].as_str().unwrap())["state"], "done");
}

#[test]
fn a_result_expires() {
    let server = Server::start(&["--keep-results", "1"]);
    let id = server.post_csv("/api/jobs", &rows(10)).json()["id"].as_str().unwrap().to_owned();
    for _ in 0..100 {
        if server.get(&format!("/api/jobs/{id}")).status == 404 {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the job is still there");
}

#[cfg(target_os = "linux")]
#[test]
fn a_job_that_is_cancelled_while_it_waits_leaves_no_file() {
    let server = Server::start(&["--max-concurrent", "1", "--threads", "1"]);
    let files = || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap();
        let names = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        names.filter(|name| name.to_string_lossy().ends_with(" (deleted)")).count()
    };
    // A request holds the only place for as long as its upload goes on.
    let mut holds = server.connect();
    let head = "POST /classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: 99999\r\n\r\n";
    std::io::Write::write_all(&mut holds, format!("{head}source,log_message\n").as_bytes()).unwrap();
    while server.get("/health").json()["running"] != 1 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let ids: Vec<String> = (0..5)
        .map(|_| server.post_csv("/api/jobs", &rows(1_000)).json()["id"].as_str().unwrap().to_owned())
        .collect();
    for id in &ids {
        assert_eq!(server.get(&format!("/api/jobs/{id}")).json()["state"], "queued");
    }
    assert!(files() >= 5, "{}", files());
    for id in &ids {
        assert_eq!(server.send(&format!("DELETE /api/jobs/{id}"), &[], b"").status, 204);
    }
    for _ in 0..100 {
        if files() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{} files are still open", files());
}

#[test]
fn no_more_uploads_of_jobs_come_in_at_once_than_files_are_classified() {
    let server = Server::start(&["--max-concurrent", "2", "--timeout", "2"]);
    let slow = || {
        let mut stream = server.connect();
        let head = "POST /api/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: 99999\r\n\r\n";
        std::io::Write::write_all(&mut stream, format!("{head}source,log_message\n").as_bytes()).unwrap();
        stream
    };
    let mut waiting: Vec<_> = (0..2).map(|_| slow()).collect();
    std::thread::sleep(Duration::from_millis(200));
    let third = std::thread::scope(|scope| {
        let third = scope.spawn(|| server.post_csv("/api/jobs", &rows(10)));
        // They keep sending, so that their silence does not free their places.
        for _ in 0..28 {
            waiting.iter_mut().for_each(|stream| drop(std::io::Write::write_all(stream, &[b'a'; 300])));
            std::thread::sleep(Duration::from_millis(100));
        }
        third.join().unwrap()
    });
    assert_eq!((third.status, third.header("retry-after")), (503, Some("2")), "{}", third.text());
    drop(waiting);
    let created = server.post_csv("/api/jobs", &rows(10));
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(finished(&server, created.json()["id"].as_str().unwrap())["state"], "done");
}
