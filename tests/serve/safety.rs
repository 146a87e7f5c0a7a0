//! What strangers, other sites' pages and bad connections get.

use crate::harness::{Response, Server, by_command_line, command, rows, sample};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn beyond_this_machine_a_token_is_needed() {
    let refused = command(&["--host", "0.0.0.0", "--port", "0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("set LOGCLASS_TOKEN"));
    for token in ["short", "a token with spaces in it"] {
        let refused = command(&["--port", "0"]).env("LOGCLASS_TOKEN", token).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{token:?}");
    }
}

#[test]
fn a_folder_that_takes_no_temporary_file_is_told_at_the_start() {
    let refused = command(&["--port", "0"]).env("TMPDIR", "/nowhere/at/all").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("set TMPDIR"));
}

#[test]
fn a_token_opens_what_is_closed_without_it() {
    let server = Server::with_token(TOKEN, &[]);
    for open in ["/", "/app.js", "/health"] {
        assert_eq!(server.get(open).status, 200, "{open}");
    }
    for closed in ["/metrics", "/api/openapi.json", "/api/jobs/x", "/nothing"] {
        assert_eq!(server.get(closed).status, 401, "{closed}");
    }
    let right = format!("authorization: Bearer {TOKEN}");
    let wrong = format!("authorization: Bearer {}", TOKEN.replace('0', "1"));
    assert_eq!(server.send("GET /metrics", &[&wrong], b"").status, 401);
    assert_eq!(server.send("GET /metrics", &[&right], b"").status, 200);
    let created = server.send("POST /api/jobs", &[&right, "content-type: text/csv"], &sample()).json();
    let id = created["id"].as_str().unwrap();
    server.send(&format!("GET /api/jobs/{id}/events"), &[&right], b"");
    let view = server.send(&format!("GET /api/jobs/{id}"), &[&right], b"").json();
    assert_eq!(server.get(view["result"].as_str().unwrap()).status, 200, "the key opens it");
    assert_eq!(server.get(&format!("/api/jobs/{id}/result?key=0")).status, 401);
    assert_eq!(server.get(view["report"].as_str().unwrap()).status, 200, "the key opens that, too");
    assert_eq!(server.get(&format!("/api/jobs/{id}/report?key=0")).status, 401);
}

#[test]
fn another_host_or_site_is_refused() {
    let server = Server::start(&["--allow-host", "logs.example"]);
    for (header, status) in [
        ("host: evil.example", 403),
        ("host: localhost:5000", 200),
        ("host: [::1]:5000", 200),
        ("host: logs.example", 200),
    ] {
        assert_eq!(server.send("GET /health", &[header], b"").status, status, "{header}");
    }
    for (headers, status) in [
        (vec!["host: localhost", "origin: http://evil.example"], 403),
        (vec!["host: localhost", "origin: null"], 403),
        (vec!["host: localhost", "sec-fetch-site: cross-site", "sec-fetch-mode: no-cors"], 403),
        (vec!["host: localhost", "origin: http://localhost"], 422),
    ] {
        let headers: Vec<&str> = headers.into_iter().chain(["content-type: text/csv"]).collect();
        assert_eq!(server.send("POST /classify", &headers, b"x\n").status, status, "{headers:?}");
    }
    let link = ["sec-fetch-site: cross-site", "sec-fetch-mode: navigate", "sec-fetch-dest: document"];
    assert_eq!(server.send("GET /", &link, b"").status, 200);
}

#[test]
fn a_body_without_a_length_is_cut_at_the_limit() {
    let server = Server::start(&["--max-body-bytes", "3000000"]);
    let mut stream = server.connect();
    stream
        .write_all(b"POST /classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ntransfer-encoding: chunked\r\n\r\n")
        .unwrap();
    let mut chunk = format!("{:x}\r\n", 65_536).into_bytes();
    chunk.resize(chunk.len() + 65_536, b'a');
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..200 {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    let answer = Response::read(stream);
    assert_eq!(answer.status, 413);
    assert!(answer.problem().contains("--max-body-bytes"));
    let announced = server.post_csv("/classify", &rows(100_000));
    assert_eq!(announced.status, 413);
}

#[test]
fn a_file_name_goes_nowhere() {
    let server = Server::start(&[]);
    let expected = by_command_line(&sample(), &[]);
    for name in ["../../x.csv", "<script>alert(1)</script>", "/etc/passwd"] {
        let answer = server.post_form("/classify", "file", name, &sample());
        assert_eq!(answer.body, expected);
        assert!(!answer.head.contains("passwd") && !answer.head.contains("script>"));
    }
}

#[test]
fn slow_heads_bodies_and_idle_connections_are_closed() {
    let server = Server::start(&["--timeout", "1"]);
    let starts: [&[u8]; 6] = [
        b"POST /classify/message HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
        b"DELETE /nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\nx",
        b"",
        b"GET /health HTTP/1.1\r\nho",
        b"POST /classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: 99\r\n\r\nsource,",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ];
    for start in starts {
        let mut stream = server.connect();
        stream.write_all(start).unwrap();
        let begun = Instant::now();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", String::from_utf8_lossy(start));
        if start.starts_with(b"POST") {
            assert!(answer.starts_with(b"HTTP/1.1 408"), "{:?}", String::from_utf8_lossy(&answer));
        }
    }
}

#[test]
fn health_answers_at_once_among_five_hundred_slow_connections() {
    let server = Server::start(&["--timeout", "20"]);
    let mut slow: Vec<TcpStream> = (0..500)
        .map(|number| {
            let mut stream = server.connect();
            let start: &[u8] = if number % 2 == 0 {
                b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: "
            } else {
                b"POST /classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: 9999\r\n\r\nsource,"
            };
            stream.write_all(start).unwrap();
            stream
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        slow.iter_mut().for_each(|stream| drop(stream.write_all(b"a")));
        let begun = Instant::now();
        assert_eq!(server.get("/health").status, 200);
        slowest = slowest.max(begun.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("slowest /health: {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[test]
fn of_many_uploads_at_once_each_is_right_or_refused() {
    let server = Server::start(&["--max-concurrent", "3"]);
    let file = rows(3_000);
    let expected = by_command_line(&file, &[]);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let uploads: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(|| {
                    let answer = server.post_csv("/classify", &file);
                    match answer.status {
                        200 => assert!(answer.whole && answer.body == expected),
                        503 => assert!(answer.header("retry-after").is_some()),
                        other => panic!("{other}: {}", answer.text()),
                    }
                    answer.status
                })
            })
            .collect();
        uploads.into_iter().map(|upload| upload.join().unwrap()).collect()
    });
    assert!(statuses.contains(&200));
    println!(
        "{} served, {} refused",
        statuses.iter().filter(|&&status| status == 200).count(),
        statuses.iter().filter(|&&status| status == 503).count()
    );
}

#[test]
fn every_answer_has_the_headers_that_keep_it_safe() {
    let server = Server::start(&[]);
    for path in ["/", "/nothing", "/health"] {
        let answer = server.get(path);
        for name in ["content-security-policy", "x-content-type-options", "x-frame-options", "x-request-id"] {
            assert!(answer.header(name).is_some(), "{path}: {name}");
        }
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    let wrong = server.get("/classify");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("post")));
    wrong.problem();
}

#[test]
fn the_log_has_a_line_for_each_request_and_no_word_of_it() {
    let server = Server::start(&["--log-format", "json"]);
    server.post_csv("/classify?message_column=Geheimnis", b"Geheimnis,Geheimnis2\n");
    server.send("POST /classify", &["content-type: text/csv"], b"Geheimnis,b\nc,d\n");
    server.get("/health?Geheimnis");
    let line: serde_json::Value = serde_json::from_str(&server.wait_for_log("/health")).unwrap();
    assert_eq!(
        (&line["status"], &line["method"], &line["path"]),
        (&200.into(), &"GET".into(), &"/health".into())
    );
    assert!(!server.log.lock().unwrap().iter().any(|line| line.contains("Geheimnis")));
}

#[cfg(unix)]
#[test]
fn a_server_told_to_end_finishes_what_runs() {
    let mut server = Server::start(&[]);
    let file = rows(1_000);
    let mut stream = server.connect();
    let head = format!(
        "POST /classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: {}\r\n\r\n",
        file.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&file[..500]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let told =
        std::process::Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    assert!(told.success());
    server.wait_for_log("ending");
    assert!(TcpStream::connect(server.address).is_err(), "nobody new is let in");
    stream.write_all(&file[500..]).unwrap();
    let answer = Response::read(stream);
    assert!(answer.status == 200 && answer.whole);
    assert_eq!(answer.body, by_command_line(&file, &[]));
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

/// The most memory that a process has held, in MiB.
#[cfg(target_os = "linux")]
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[cfg(target_os = "linux")]
#[test]
fn a_form_that_never_comes_to_its_file_is_cut() {
    let server = Server::start(&[]);
    let before = peak(&server);
    let starts = ["", "--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\""];
    for start in starts {
        let mut stream = server.connect();
        let head = format!(
            "POST /classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XX\r\ncontent-length: 300000000\r\n\r\n{start}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let piece = vec![b'a'; 1 << 20];
        // What is sent after the refusal is thrown away.
        (0..250).take_while(|_| stream.write_all(&piece).is_ok()).for_each(drop);
        let answer = Response::read(stream);
        assert_eq!(answer.status, 400);
        assert!(answer.problem().contains("beside its fields"), "{}", answer.text());
        assert!(peak(&server) < before + 80, "{before} MiB, then {}", peak(&server));
    }
    // What lies beside the fields is counted, not the file.
    let file = rows(600_000);
    assert!(file.len() > 20 << 20);
    assert_eq!(server.post_form("/classify", "file", "x.csv", &file).body, by_command_line(&file, &[]));
}

#[test]
fn downloads_that_nobody_takes_leave_room_for_the_rest() {
    let server = Server::start(&[]);
    let id = server.post_csv("/api/jobs", &rows(400_000)).json()["id"].as_str().unwrap().to_owned();
    server.get(&format!("/api/jobs/{id}/events"));
    let request = format!("GET /api/jobs/{id}/result HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..40 {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        refused += usize::from(&status[9..] == b"503");
        held.push(stream);
    }
    assert_eq!(refused, 8);
    assert_eq!(server.post_csv("/classify", &sample()).status, 200);
    drop(held);
}

#[test]
fn a_server_whose_stderr_is_closed_goes_on() {
    let mut child = command(&["--port", "0"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.take().unwrap()), &mut line)
        .unwrap();
    let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let answer = Response::read(stream);
        assert!(answer.status == 200 && answer.body.ends_with(b"}"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
