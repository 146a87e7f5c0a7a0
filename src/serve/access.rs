//! One line on stderr for each request, and its number.
//!
//! Only what the server itself knows is written: no query, no header, no word of a body or of an error, which
//! may quote the body.

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State as Extract};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use super::randomness::random_hex;
use super::settings::LogFormat;
use super::state::ServerState;
use crate::console::tell;

/// The client's address.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Name of the header with a request's number.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Numbers the request, and writes its line when its answer has been sent or dropped.
pub async fn log(Extract(state): Extract<Arc<ServerState>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = random_hex::<8>();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip().to_string()).unwrap_or_default();
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("other", |path| path.as_str()).to_owned();
    // A job's path holds its secret number, so the line has the route.
    let path = if route.contains('{') { route.clone() } else { printable(request.uri().path()) };
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID.clone(), value);
    }
    let status = response.status().as_u16();
    state.counters.request(&route, status);
    let line = Line { state, id, peer, method, path, status, start, bytes: 0, complete: false };
    response.map(|body| Body::new(Logged { body, line }))
}

/// At most 200 characters that cannot forge a line.
fn printable(path: &str) -> String {
    path.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { '?' }).take(200).collect()
}

struct Line {
    state: Arc<ServerState>,
    id: String,
    peer: String,
    method: String,
    path: String,
    status: u16,
    start: Instant,
    bytes: u64,
    complete: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        let Self { id, peer, method, path, status, bytes, complete, .. } = self;
        match self.state.settings.log {
            LogFormat::Text => {
                let broken = if *complete { "" } else { " broken off" };
                tell(&format!(
                    "{time} {peer} {method} {path} {status} {bytes} B {seconds:.3} s {id}{broken}\n"
                ));
            }
            LogFormat::Json => {
                let line = serde_json::json!({
                    "time": time.to_string(), "id": id, "client": peer, "method": method, "path": path,
                    "status": status, "bytes": bytes, "seconds": (seconds * 1e6).round() / 1e6,
                    "complete": complete,
                });
                tell(&format!("{line}\n"));
            }
        }
    }
}

/// A body that counts itself.
struct Logged {
    body: Body,
    line: Line,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                self.line.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                self.line.complete |= self.body.is_end_stream();
            }
            Poll::Ready(None) => self.line.complete = true,
            _ => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
