//! Connections: accepted up to a number, timed in every state, ended in good order.
//!
//! A client that is slow costs a socket and nothing else: the head has a deadline, an idle connection too,
//! bodies are timed where they are read ([`super::upload`]), and an answer that nobody takes is dropped.

use anyhow::Result;
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use super::access::Peer;
use super::router::router;
use super::state::ServerState;
use crate::console::tell;

/// How long an answer given before the request was read whole may take to reach a client that is still
/// sending.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;
/// What a connection beyond the limit is told.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves `listener` until a signal comes, then finishes what runs.
pub async fn serve(listener: TcpListener, state: Arc<ServerState>) -> Result<()> {
    let address = listener.local_addr()?;
    tell(&format!("logclass: serving on http://{address} (Ctrl-C ends it)\n"));
    let router = router(&state);
    let limit = state.settings.connections;
    let places = Arc::new(Semaphore::new(limit));
    tokio::spawn(expire(Arc::clone(&state)));
    let mut signal = std::pin::pin!(signal());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut signal => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, say: what runs must end before more can come.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            let _ = stream.try_write(FULL);
            continue;
        };
        let (router, state) = (router.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            Box::pin(converse(stream, peer, router, &state)).await;
            drop(place);
        });
    }
    drop(listener);
    tell("logclass: ending: finishing what runs (a second signal ends at once)\n");
    state.ending.send_replace(true);
    let all = u32::try_from(limit).unwrap_or(u32::MAX);
    tokio::select! {
        _ = timeout(state.settings.grace, places.acquire_many(all)) => {}
        () = self::signal() => {}
    }
    Ok(())
}

/// Forgets jobs whose time is over, for as long as the server runs.
async fn expire(state: Arc<ServerState>) {
    let lifetime = state.settings.job_lifetime;
    loop {
        sleep((lifetime / 4).clamp(Duration::from_millis(100), Duration::from_secs(10))).await;
        state.jobs.expire(lifetime);
    }
}

/// One connection, from its first request to its last.
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, state: &ServerState) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(state.settings.timeout));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let router = router.clone();
        let answer: Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>> =
            Box::pin(async move { router.oneshot(request.map(axum::body::Body::new) as Request).await });
        answer
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(state.settings.timeout)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut ending = state.ending.subscribe();
    let ended = tokio::select! {
        result = poll_fn(|context| connection.poll_without_shutdown(context)) => Some(result),
        _ = ending.wait_for(|&ending| ending) => None,
    };
    let result = if let Some(result) = ended {
        result
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        poll_fn(|context| connection.poll_without_shutdown(context)).await
    };
    if result.is_ok() {
        linger(connection.into_parts().io.into_inner()).await;
    }
}

/// Closes so that the answer arrives: a socket closed with bytes unread resets the connection, and a client
/// that is still sending would see that instead of the answer.
async fn linger(mut stream: Pin<Box<TimeoutStream<TcpStream>>>) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut unread = vec![0; 16 << 10];
    let _ = timeout(LINGER, async { while matches!(stream.read(&mut unread).await, Ok(1..)) {} }).await;
}

/// Comes back when the process is told to end.
async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::SignalKind;
        tokio::select! {
            () = heard(SignalKind::interrupt()) => {}
            () = heard(SignalKind::terminate()) => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the system's own way of ending a process remains.
        std::future::pending::<()>().await;
    }
}

/// Comes back when this signal comes; never, if it is to be ignored, or has no handler and so the system's own effect.
#[cfg(unix)]
async fn heard(kind: tokio::signal::unix::SignalKind) {
    if !crate::signals::is_ignored(kind.as_raw_value())
        && let Ok(mut signal) = tokio::signal::unix::signal(kind)
    {
        signal.recv().await;
    } else {
        std::future::pending::<()>().await;
    }
}
