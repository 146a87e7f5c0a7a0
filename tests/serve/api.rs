//! Classification over HTTP, beside the command line's.

use crate::harness::{Server, by_command_line, command, rows, sample, sample_rows};
use std::io::{Read, Write};

#[test]
fn a_file_comes_back_as_from_the_command_line() {
    let server = Server::start(&[]);
    let expected = by_command_line(&sample(), &[]);
    let by_form = server.post_form("/classify", "file", "sample.csv", &sample());
    assert_eq!((by_form.status, by_form.header("x-rows")), (200, Some(&*sample_rows().to_string())));
    assert_eq!(by_form.body, expected);
    assert_eq!(server.post_csv("/classify", &sample()).body, expected);
    let explained = server.post_csv("/classify?explain=true", &sample()).body;
    assert_eq!(explained, by_command_line(&sample(), &["--explain"]));
}

#[test]
fn a_request_can_have_the_encoder_asked_about_every_template() {
    let server = Server::start(&[]);
    let thorough = server.post_csv("/classify?explain=true&thorough=true", &sample()).body;
    assert_eq!(thorough, by_command_line(&sample(), &["--explain", "--thorough"]));
    // What one request has learned is no answer to another kind.
    let early = server.post_csv("/classify?explain=true", &sample()).body;
    assert_eq!(early, by_command_line(&sample(), &["--explain"]));
    assert_ne!(early, thorough);
}

#[test]
fn a_large_file_streams_through() {
    let server = Server::start(&["--max-concurrent", "1"]);
    let file = rows(300_000);
    let answer = server.post_csv("/classify", &file);
    assert!(answer.whole);
    assert_eq!(answer.body, by_command_line(&file, &[]));
}

#[test]
fn errors_have_the_words_of_the_command_line() {
    let server = Server::start(&[]);
    let cases: [&[u8]; 4] =
        [b"source,message\na,b\n", b"", b"source,log_message\na,b\na,b,c\n", b"source,log_message\na,\"b\n"];
    for file in cases {
        let answer = server.post_csv("/classify", file);
        assert_eq!(answer.status, 422);
        let expected = String::from_utf8(by_command_line(file, &[])).unwrap();
        assert_eq!(expected.trim(), format!("logclass: standard input: {}", answer.problem()));
    }
    let ragged = server.post_csv("/classify", cases[2]).json();
    assert_eq!(ragged["line"], 3);
    let missing = server.post_csv("/classify", cases[0]).json();
    assert_eq!(missing["parameters"], serde_json::json!(["message_column"]));
}

#[test]
fn an_error_far_into_a_file_breaks_the_answer_off() {
    let server = Server::start(&[]);
    let mut file = rows(100_000);
    file.extend_from_slice(b"one,two,three\n");
    let answer = server.post_csv("/classify", &file);
    assert_eq!(answer.status, 200);
    assert!(!answer.whole, "a client must not take it for the whole file");
    server.wait_for_log("broken off");
}

#[test]
fn columns_and_delimiter_can_be_named() {
    let server = Server::start(&[]);
    let file = b"app;text;target_label\nx;User 1 logged out;old\n";
    let path = "/classify?source_column=app&message_column=text&delimiter=;&overwrite=true";
    assert_eq!(
        server.post_csv(path, file).text(),
        "app;text;target_label\nx;User 1 logged out;User Action\n"
    );
    let tabs = server.send(
        "POST /classify?no_source=true",
        &["content-type: text/tab-separated-values"],
        b"log_message\tx\na\tb\n",
    );
    assert!(tabs.text().starts_with("log_message\tx\ttarget_label\n"), "{}", tabs.text());
    assert_eq!(server.post_csv("/classify?explan=true", file).status, 400);
    assert_eq!(server.post_csv("/classify?delimiter=ab", file).status, 400);
    assert_eq!(server.send("POST /classify", &["content-type: text/plain"], file).status, 415);
    assert_eq!(server.send("POST /classify", &[], file).status, 415);
    let other = server.post_form("/classify", "upload", "x.csv", file);
    assert_eq!(other.status, 400);
    assert!(other.problem().contains("no field `file`"), "{}", other.text());
}

#[test]
fn a_delimiter_that_the_header_shows_is_taken_and_told() {
    let server = Server::start(&[]);
    for (delimiter, name) in [(",", ","), (";", ";"), ("\t", "tab"), ("|", "|")] {
        let file =
            format!("log_message{delimiter}n{delimiter}source\nUser 1 logged out{delimiter}2{delimiter}a\n");
        let answer = server.post_csv("/classify", file.as_bytes());
        assert_eq!((answer.status, answer.header("x-delimiter")), (200, Some(name)), "{}", answer.text());
        assert_eq!(answer.body, by_command_line(file.as_bytes(), &[]));
        assert!(answer.text().ends_with(&format!("{delimiter}User Action\n")), "{}", answer.text());
        let job = server.post_csv("/api/jobs", file.as_bytes()).json();
        assert_eq!(job["delimiter"], name);
    }
    // What the client says holds, and a header in doubt is read with commas.
    assert_eq!(server.post_csv("/classify?delimiter=,", b"source;log_message\na;b\n").status, 422);
    let doubt = b"source;log_message;|source|log_message\n";
    let expected = String::from_utf8(by_command_line(doubt, &[])).unwrap();
    let answer = server.post_csv("/classify", doubt);
    assert_eq!(expected.trim(), format!("logclass: standard input: {}", answer.problem()));
}

#[test]
fn ndjson_comes_back_as_from_the_command_line() {
    let server = Server::start(&[]);
    let kind = ["content-type: application/x-ndjson"];
    let odd = b"\xef\xbb\xbf{ \"log_message\" : \"User 4711 logged out\", \"n\": 1.50, \"n\": 2 } \r\n\n  \n{\"source\":\"b\",\"log_message\":\"x \\\"y\\\"\\n\\ud83d\\ude00\"}\n{\"log_message\":[72,105]}\n{\"log_message\":null}\n{\"log_message\":{\"a\":1}}";
    let nested =
        b"{\"log\":{\"text\":\"User 1 logged out\"},\"host\":{\"name\":\"a\"},\"target_label\":\"old\"}\n";
    let wrong = b"{\"log_message\":\"b\"}\n{\"source\":\"a\"}\n";
    let cases: [(&[u8], &str, &[&str]); 7] = [
        (odd, "", &[]),
        (odd, "?explain=true", &["--explain"]),
        (
            nested,
            "?message_column=log.text&source_column=host.name&overwrite=true",
            &["--message-column", "log.text", "--source-column", "host.name", "--overwrite"],
        ),
        (nested, "?message_column=log.text", &["--message-column", "log.text"]),
        (wrong, "", &[]),
        (b"[1]\n", "", &[]),
        (b"", "", &[]),
    ];
    for (body, query, flags) in cases {
        let answer = server.send(&format!("POST /classify{query}"), &kind, body);
        let flags: Vec<&str> = ["--format", "ndjson"].iter().chain(flags).copied().collect();
        let expected = by_command_line(body, &flags);
        if answer.status == 200 {
            assert_eq!(answer.text(), String::from_utf8_lossy(&expected), "{query}");
            assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        } else {
            assert_eq!(answer.status, 422);
            let told = format!("logclass: standard input: {}", answer.problem());
            assert_eq!(String::from_utf8_lossy(&expected).trim(), told);
        }
    }
    let many: Vec<u8> = (0..50_000)
        .flat_map(|row| format!("{{\"log_message\":\"User {row} logged out\",\"row\":{row}}}\n").into_bytes())
        .collect();
    let answer = server.send("POST /classify", &kind, &many);
    assert!(answer.whole && answer.body == by_command_line(&many, &["--format", "ndjson"]));
}

#[test]
fn compressed_and_utf_16_files_are_read_and_bombs_are_not() {
    let server = Server::start(&["--max-decompressed-bytes", "1000000"]);
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let answer = server.post_form("/classify", "file", "sample.csv.gz", &packed(&sample()));
    assert_eq!(answer.body, by_command_line(&sample(), &[]));
    let wide: Vec<u8> = "\u{feff}source;log_message\na;User 1 logged out\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(server.post_csv("/classify", &wide).text().ends_with("a;User 1 logged out;User Action\n"));
    let bomb = server.post_csv("/classify", &packed(&rows(100_000)));
    assert!(bomb.status != 200 || !bomb.whole);
    let sheet = server.post_csv("/classify", b"PK\x03\x04");
    assert!(sheet.status == 422 && sheet.problem().contains("spreadsheet"));
}

#[test]
fn messages_are_answered_with_their_reason() {
    let server = Server::start(&[]);
    let one = server.post_json("/classify/message", "{\"message\": \"User 4711 logged out\"}");
    assert_eq!(one.status, 200, "{}", one.text());
    assert_eq!(one.json()["results"][0]["label"], "User Action");
    assert_eq!(one.json()["results"][0]["reason"], "rule general/user logged in or out");
    let many =
        "{\"messages\": [{\"message\": \"=1, \\\"2\\\"\\n\"}, {\"message\": \"\", \"source\": \"x\"}]}";
    let many = server.post_json("/classify/message", many).json();
    assert_eq!(many["results"].as_array().unwrap().len(), 2);
    assert_eq!(many["results"][1]["reason"], "empty message");
    for wrong in
        ["{}", "[]", "{\"messages\": []}", "{\"message\": 1}", "{\"message\": \"a\", \"label\": \"b\"}"]
    {
        let answer = server.post_json("/classify/message", wrong);
        assert_eq!(answer.status, 422, "{wrong}");
        answer.problem();
    }
    assert_eq!(server.post_json("/classify/message", "{").status, 400);
    let long = format!("{{\"message\": \"{}\"}}", "a".repeat(5 << 20));
    assert_eq!(server.post_json("/classify/message", &long).status, 413);
}

#[test]
fn health_metrics_and_description_tell_what_runs() {
    let server = Server::start(&[]);
    let health = server.get("/health").json();
    assert_eq!((&health["status"], &health["llm"]), (&"ok".into(), &false.into()));
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    server.post_csv("/classify", &sample());
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("logclass_files_total 1\n"), "{metrics}");
    assert!(metrics.contains("logclass_requests_total{route=\"/classify\",status=\"200\"} 1\n"), "{metrics}");
    let total = |metrics: &str, name: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{label=")));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    assert_eq!(total(&metrics, "logclass_rows_total"), sample_rows() as u64, "{metrics}");
    let new = total(&metrics, "logclass_new_templates_total");
    assert!(new > 50, "{metrics}");
    // What was met before is not new, whoever sends it; severities are told apart.
    server.post_csv("/classify", &sample());
    server.post_json("/classify/message", "{\"message\": \"ERROR gear of the third wheel is stuck\"}");
    let metrics = server.get("/metrics").text();
    assert_eq!(total(&metrics, "logclass_new_templates_total"), new + 1, "{metrics}");
    assert_eq!(metrics.matches("severity=\"error\"} 1\n").count(), 2, "{metrics}");
    let description = server.get("/api/openapi.json").json();
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_client_that_reads_nothing_until_it_has_sent_everything_is_served() {
    let server = Server::start(&[]);
    let file = rows(600_000);
    let mut stream = server.connect();
    let head = format!(
        "POST /classify HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: text/csv\r\ncontent-length: {}\r\n\r\n",
        file.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&file).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.len() > file.len() && answer.ends_with(b"0\r\n\r\n"));
}

#[test]
fn a_server_that_begins_with_verdicts_answers_as_one_that_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (log, file) = (folder.path().join("sample.csv"), folder.path().join("sample.verdicts"));
    std::fs::write(&log, sample()).unwrap();
    let learn = |output: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_logclass"));
        let status = command.args(["learn", "--quiet"]).arg(&log).arg("-o").arg(output).status().unwrap();
        assert!(status.success());
    };
    learn(&file);
    let server = Server::start(&["--verdicts", file.to_str().unwrap()]);
    let explained = server.post_csv("/classify?explain=true", &sample()).body;
    assert_eq!(explained, by_command_line(&sample(), &["--explain"]));
    // Refused before it serves anything, with the command line's words and status.
    let start = |flags: &[&str]| {
        let ran =
            command(&["--port", "0", "--verdicts", file.to_str().unwrap()]).args(flags).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let (status, said) = start(&["--min-confidence", "0.99"]);
    assert!(status == Some(2) && said.contains("min_confidence") && said.lines().count() == 1, "{said}");
    std::fs::write(&file, b"logclass verdicts 1\n").unwrap();
    let (status, said) = start(&[]);
    assert!(status == Some(1) && said.contains("damaged"), "{said}");
}
