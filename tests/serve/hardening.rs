//! What strangers are told, what the environment says, and uploads that are too large or damaged.

use crate::harness::{Server, by_command_line, command, rows, sample};
use std::io::Write;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn an_empty_token_is_none_and_beyond_this_machine_that_is_refused() {
    for blank in ["", " "] {
        let mut beyond = command(&["--host", "0.0.0.0", "--port", "0"]);
        let refused = beyond.env("LOGCLASS_TOKEN", blank).output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("set LOGCLASS_TOKEN"));
        // Taken on this machine, and told: whoever set it may have meant more.
        let mut here = command(&["--port", "abc"]);
        let refused = here.env("LOGCLASS_TOKEN", blank).output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
    }
    let server = Server::with_token("", &[]);
    assert_eq!(server.get("/metrics").status, 200);
}

#[test]
fn a_variable_of_the_server_that_is_wrong_is_named_and_an_empty_one_is_none() {
    for (variable, value) in [("PORT", "abc"), ("PORT", "70000"), ("LOGCLASS_HOST", "nowhere")] {
        let refused = command(&[]).env(variable, value).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!((refused.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(&format!("environment variable {variable}")) && said.contains(value), "{said}");
    }
    // The flag is to blame, whatever the variable has.
    let refused = command(&["--port", "abc"]).env("PORT", "5000").output().unwrap();
    assert!(!String::from_utf8(refused.stderr).unwrap().contains("variable"));
    let mut blank = command(&["--port", "0"]);
    for variable in
        ["PORT", "LOGCLASS_HOST", "LOGCLASS_ALLOW_HOST", "LOGCLASS_CONFIG", "LOGCLASS_MODEL", "TMPDIR"]
    {
        blank.env(variable, "");
    }
    let server = Server::spawn(&mut blank);
    assert_eq!(server.post_csv("/classify", &sample()).status, 200);
    assert_eq!(server.post_csv("/api/jobs", &sample()).status, 201);
}

#[test]
fn health_tells_no_names_to_who_has_not_shown_the_token() {
    let server = Server::with_token(TOKEN, &[]);
    let names =
        ["model", "encoder", "encoder_sha256", "labels", "source_column", "message_column", "label_column"];
    let right = format!("authorization: Bearer {TOKEN}");
    for (header, told) in [("x: y", false), ("authorization: Bearer wrong", false), (&*right, true)] {
        let answer = server.send("GET /health", &[header], b"");
        let health = answer.json();
        assert_eq!(
            (answer.status, &health["status"], &health["token_required"]),
            (200, &"ok".into(), &true.into())
        );
        for name in names {
            assert_eq!(health.get(name).is_some(), told, "{name} with {header}");
        }
        assert_eq!(answer.text().contains("MiniLM") || answer.text().contains("Security Alert"), told);
    }
}

#[test]
fn limits_without_end_are_limits() {
    let most = u64::MAX.to_string();
    let server = Server::start(&["--max-body-bytes", &most, "--max-decompressed-bytes", &most]);
    let expected = by_command_line(&sample(), &[]);
    assert_eq!(server.post_csv("/classify", &sample()).body, expected);
    assert_eq!(server.post_form("/classify", "file", "sample.csv", &sample()).body, expected);
    let packed = gzip(&sample());
    assert_eq!(server.post_csv("/classify", &packed).body, expected);
    assert_eq!(server.post_csv("/api/jobs", &packed).status, 201);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_damaged_upload_is_the_clients_fault_whatever_it_is_packed_with() {
    let server = Server::start(&["--max-decompressed-bytes", "100000"]);
    let packed_gzip = gzip(&rows(100));
    let mut writer = logclass::output::ZstdWriter::new(Vec::new());
    writer.write_all(&rows(100)).unwrap();
    let packed_zstd = writer.finish().unwrap();
    let large = gzip(&rows(100_000));
    let mut writer = logclass::output::ZstdWriter::new(Vec::new());
    writer.write_all(&rows(100_000)).unwrap();
    let large_zstd = writer.finish().unwrap();
    let mut cases: Vec<(Vec<u8>, u16)> = vec![(large, 413), (large_zstd, 413)];
    for whole in [&packed_gzip, &packed_zstd] {
        for cut in [4, 8, whole.len() / 2, whole.len() - 5, whole.len() - 1] {
            cases.push((whole[..cut].to_vec(), 422));
        }
        for place in [3, 12, whole.len() / 2, whole.len() - 2] {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x55;
            cases.push((damaged, 422));
        }
        cases.push(([whole, b"junk".as_slice()].concat(), 422));
    }
    cases.push((b"PK\x03\x04and so on".to_vec(), 422));
    for (body, expected) in cases {
        let answers = [
            server.post_csv("/classify", &body),
            server.post_form("/classify", "file", "x.csv.gz", &body),
            server.send("POST /classify", &["content-type: application/x-ndjson"], &body),
        ];
        for answer in answers {
            // Some damage is none: a header has fields that nobody reads.
            let fine = expected == 422 && answer.status == 200;
            let start = body[..body.len().min(12)].to_vec();
            assert!(fine || answer.status == expected, "{start:02x?}: {} {}", answer.status, answer.text());
        }
        let job = server.post_csv("/api/jobs", &body);
        assert!(job.status == 201 || (400..500).contains(&job.status), "{}", job.text());
        if job.status == 201 {
            let id = job.json()["id"].as_str().unwrap().to_owned();
            server.get(&format!("/api/jobs/{id}/events"));
            let view = server.get(&format!("/api/jobs/{id}")).json();
            let status = view["problem"]["status"].as_u64().unwrap_or(200);
            assert!(status == 200 && expected == 422 || (400..500).contains(&status), "{view}");
        }
    }
}
