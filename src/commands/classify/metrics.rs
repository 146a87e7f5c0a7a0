//! Counters of a live run, in the text format of Prometheus, over plain HTTP.
//!
//! One thread answers one request after another. It needs no more: a scraper asks every few seconds.

use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::console::tell;
use crate::history::LiveCounts;
use crate::prometheus::Page;

/// How long a client may take to ask, and to read.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest head of a request.
const HEAD: usize = 8 << 10;

/// Begins to answer at `address` with what is counted.
///
/// # Errors
/// When it cannot be listened at.
pub fn serve(address: SocketAddr, counts: LiveCounts) -> Result<()> {
    let listener = TcpListener::bind(address)
        .with_context(|| format!("--metrics {address}: choose another port, or stop what listens there"))?;
    tell(&format!("logclass: counters at http://{}/metrics\n", listener.local_addr()?));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => drop(answer(stream, &counts)),
                // Out of file descriptors, most likely: they come back.
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    });
    Ok(())
}

fn answer(mut stream: TcpStream, counts: &LiveCounts) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    let begun = std::time::Instant::now();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece)?;
        if read == 0 || head.len() > HEAD || begun.elapsed() > PATIENCE {
            return Ok(());
        }
        head.extend_from_slice(&piece[..read]);
    }
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split(|&byte| byte == b'?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        (b"GET" | b"HEAD", b"/metrics") => {
            let mut page = Page::default();
            counts.write(&mut page);
            ("200 OK", page.finish())
        }
        (b"GET" | b"HEAD", _) => ("404 Not Found", "The counters are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "GET /metrics\n".to_owned()),
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    if method != b"HEAD" {
        answer.push_str(&body);
    }
    stream.write_all(answer.as_bytes())
}
