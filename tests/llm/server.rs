//! A chat completion server over plain sockets, whose every reply a test decides.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Request line and headers.
    pub head: String,
    /// The body as text.
    pub body: String,
    /// When it came.
    pub at: Instant,
}

impl Captured {
    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The log message asked about.
    pub fn message(&self) -> String {
        let content = self.json()["messages"][1]["content"].as_str().unwrap_or_default().to_owned();
        let content: Value = serde_json::from_str(&content).unwrap_or(Value::Null);
        content["log_message"].as_str().unwrap_or_default().to_owned()
    }

    /// `json_schema`, `json_object` or nothing.
    pub fn format(&self) -> String {
        self.json()["response_format"]["type"].as_str().unwrap_or_default().to_owned()
    }
}

/// What the server does with a request.
pub enum Reply {
    /// A status, further headers, a body.
    Http(u16, Vec<(&'static str, String)>, String),
    /// Nothing, for ever.
    Hang,
    /// A valid answer, a byte at a time, slower than anybody waits.
    Drip,
    /// The connection ends in the middle of the request.
    Reset,
    /// A body without end.
    Endless,
}

impl Reply {
    /// A completion with this content.
    pub fn content(content: &str) -> Self {
        Self::message(&json!({"role": "assistant", "content": content}), "stop")
    }

    /// A completion with this label.
    pub fn label(label: &str) -> Self {
        Self::content(&json!({"label": label}).to_string())
    }

    /// A completion with this message.
    pub fn message(message: &Value, finish: &str) -> Self {
        let body = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        });
        Self::Http(200, Vec::new(), body.to_string())
    }

    /// An error as `OpenAI` words it.
    pub fn error(status: u16, message: &str, code: &str) -> Self {
        let body = json!({"error": {"message": message, "type": "invalid_request_error", "code": code}});
        Self::Http(status, Vec::new(), body.to_string())
    }

    /// An error with this body, as other servers word it.
    pub fn refusal(status: u16, body: &Value) -> Self {
        Self::Http(status, Vec::new(), body.to_string())
    }

    /// The same with a header more.
    pub fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Http(status, mut headers, body) => {
                headers.push((name, value.to_owned()));
                Self::Http(status, headers, body)
            }
            other => other,
        }
    }
}

/// A running server; it ends with the test.
pub struct Server {
    /// For `base_url`.
    pub url: String,
    captured: Arc<Mutex<Vec<Captured>>>,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Answers the request with this number, from 0, as `reply` says.
    pub fn new(reply: impl Fn(usize, &Captured) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let captured = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let reply = Arc::new(reply);
        {
            let (captured, ended) = (Arc::clone(&captured), Arc::clone(&ended));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                    let (captured, ended, reply) =
                        (Arc::clone(&captured), Arc::clone(&ended), Arc::clone(&reply));
                    std::thread::spawn(move || serve(&stream.unwrap(), &captured, &ended, &*reply));
                }
            });
        }
        Self { url, captured, ended }
    }

    /// What came so far.
    pub fn captured(&self) -> Vec<Captured> {
        self.captured.lock().unwrap().clone()
    }

    /// How many requests came so far.
    pub fn count(&self) -> usize {
        self.captured.lock().unwrap().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://").trim_end_matches("/v1"));
    }
}

fn serve(
    stream: &TcpStream,
    captured: &Mutex<Vec<Captured>>,
    ended: &AtomicBool,
    reply: &(impl Fn(usize, &Captured) -> Reply + ?Sized),
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream.try_clone().ok()?;
    loop {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let request =
            Captured { head, body: String::from_utf8_lossy(&body).into_owned(), at: Instant::now() };
        let number = {
            let mut captured = captured.lock().unwrap();
            captured.push(request.clone());
            captured.len() - 1
        };
        match reply(number, &request) {
            Reply::Http(status, headers, body) => {
                let mut text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    text.extend([name, ": ", &value, "\r\n"]);
                }
                text.extend(["\r\n", &body]);
                writer.write_all(text.as_bytes()).ok()?;
            }
            Reply::Hang => wait_until(ended),
            Reply::Drip => {
                writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").ok()?;
                while !ended.load(Ordering::Relaxed) {
                    writer.write_all(b" ").ok()?;
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            Reply::Reset => {
                writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").ok()?;
                stream.shutdown(std::net::Shutdown::Both).ok()?;
                return None;
            }
            Reply::Endless => {
                writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n").ok()?;
                let piece = vec![b' '; 1 << 20];
                for _ in 0..1024 {
                    writer.write_all(&piece).ok()?;
                }
            }
        }
    }
}

fn wait_until(ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
}
