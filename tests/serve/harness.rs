//! A server for a test, and an HTTP client that can misbehave.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A running `logclass serve`, ended with the test.
pub struct Server {
    pub address: SocketAddr,
    pub child: Child,
    pub log: Arc<Mutex<Vec<String>>>,
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logclass"));
    command.arg("serve").args(arguments);
    for name in [
        "LOGCLASS_TOKEN",
        "LOGCLASS_HOST",
        "LOGCLASS_ALLOW_HOST",
        "LOGCLASS_CONFIG",
        "LOGCLASS_MODEL",
        "PORT",
        "GROQ_API_KEY",
    ] {
        command.env_remove(name);
    }
    command
}

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(command(arguments).args(["--port", "0"]))
    }

    pub fn with_token(token: &str, arguments: &[&str]) -> Self {
        Self::spawn(command(arguments).args(["--port", "0"]).env("LOGCLASS_TOKEN", token))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("http://") || !line.contains("warning"))
            .expect("the server says where it is");
        let address = first.split("http://").nth(1).unwrap_or_else(|| panic!("{first}"));
        let address = address.split(' ').next().unwrap().parse().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&log);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| sink.lock().unwrap().push(line));
        });
        Self { address, child, log }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends a request with these lines in its head; the length is added.
    pub fn send(&self, request: &str, headers: &[&str], body: &[u8]) -> Response {
        let mut stream = self.connect();
        let mut head =
            format!("{request} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        if !headers.iter().any(|header| header.starts_with("host:")) {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        headers.iter().for_each(|header| head.push_str(&format!("{header}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // A server that refuses may close before it has everything; its answer is read all the same.
        let _ = stream.write_all(body);
        Response::read(stream)
    }

    pub fn get(&self, path: &str) -> Response {
        self.send(&format!("GET {path}"), &[], b"")
    }

    pub fn post_csv(&self, path: &str, body: &[u8]) -> Response {
        self.send(&format!("POST {path}"), &["content-type: text/csv"], body)
    }

    pub fn post_json(&self, path: &str, body: &str) -> Response {
        self.send(&format!("POST {path}"), &["content-type: application/json"], body.as_bytes())
    }

    /// As `curl -F file=@NAME`.
    pub fn post_form(&self, path: &str, field: &str, name: &str, body: &[u8]) -> Response {
        let mut form = format!(
            "--XX\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\ncontent-type: text/csv\r\n\r\n"
        )
        .into_bytes();
        form.extend_from_slice(body);
        form.extend_from_slice(b"\r\n--XX--\r\n");
        self.send(&format!("POST {path}"), &["content-type: multipart/form-data; boundary=XX"], &form)
    }

    pub fn wait_for_log(&self, word: &str) -> String {
        for _ in 0..100 {
            if let Some(line) = self.log.lock().unwrap().iter().find(|line| line.contains(word)) {
                return line.clone();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no line with {word:?} in {:?}", self.log.lock().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// The body has its end, not only a last byte.
    pub whole: bool,
}

impl Response {
    pub fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        let mut piece = [0; 64 << 10];
        while let Ok(read @ 1..) = stream.read(&mut piece) {
            bytes.extend_from_slice(&piece[..read]);
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            panic!("no answer: {:?}", String::from_utf8_lossy(&bytes));
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let raw = &bytes[end + 4..];
        let (body, whole) =
            if head.contains("transfer-encoding: chunked") { dechunk(raw) } else { (raw.to_vec(), true) };
        Self { status: head[9..12].parse().unwrap(), head, body, whole }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The words of a problem, whose form is checked.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let json = self.json();
        assert_eq!(json["status"], self.status);
        json["detail"].as_str().unwrap().to_owned()
    }
}

fn dechunk(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let chunk = &raw[end + 2..];
        if chunk.len() < size + 2 {
            break;
        }
        body.extend_from_slice(&chunk[..size]);
        raw = &chunk[size + 2..];
    }
    (body, false)
}

/// What the command line makes of the same file.
pub fn by_command_line(input: &[u8], arguments: &[&str]) -> Vec<u8> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_logclass"))
        .args(["classify", "--quiet", "--no-llm"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    if output.status.success() { output.stdout } else { output.stderr }
}

pub fn sample() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/resources/sample.csv")).unwrap()
}

/// Records of the sample; some span lines.
pub fn sample_rows() -> usize {
    csv::Reader::from_reader(&sample()[..]).records().count()
}

/// A file of this many rows, most of them alike.
pub fn rows(count: usize) -> Vec<u8> {
    let mut file = b"source,log_message\n".to_vec();
    for row in 0..count {
        file.extend_from_slice(
            format!("BillingSystem,User {row} logged out after {} minutes\n", row % 90).as_bytes(),
        );
    }
    file
}
