//! From a request's body to the engine's reader, through a bounded queue.
//!
//! The body is counted and timed as it comes: too much, silence and a trickle end it, whoever waits for it. A
//! body that breaks off is an error for the reader, never the end of the file.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Why a body was not taken to its end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UploadError {
    /// Longer than this many bytes.
    #[error("the upload is larger than {0} bytes (--max-body-bytes sets the limit)")]
    TooLarge(u64),
    /// It came too slowly.
    #[error("the upload came too slowly: {} seconds without progress", .0.as_secs())]
    Slow(Duration),
    /// It broke off.
    #[error("the upload broke off before its end")]
    Broken,
    /// It is no form, or a form without a file.
    #[error("{0}: send the file as the form field `file`, as `curl -F file=@x.csv` does")]
    NoFile(String),
    /// The client took it back.
    #[error("cancelled")]
    Cancelled,
}

impl UploadError {
    /// The status that a client gets for it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::NoFile(_) | Self::Cancelled => StatusCode::BAD_REQUEST,
        }
    }
}

enum Piece {
    Data(Bytes),
    End,
    Failed(UploadError),
}

/// Pieces that may wait for the engine.
const QUEUE: usize = 8;

/// The engine's side of an upload.
pub struct UploadReader {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

impl Read for UploadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            if self.ended {
                return Ok(0);
            }
            match self.pieces.blocking_recv() {
                Some(Piece::Data(bytes)) => self.current = bytes,
                Some(Piece::End) => self.ended = true,
                Some(Piece::Failed(error)) => return Err(io::Error::other(error)),
                None => return Err(io::Error::other(UploadError::Broken)),
            }
        }
        let length = buffer.len().min(self.current.len());
        buffer[..length].copy_from_slice(&self.current.split_to(length));
        Ok(length)
    }
}

/// What a body may take.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Longest body, in bytes.
    pub bytes: u64,
    /// Longest silence; over longer times also the time in which [`TRICKLE`] bytes a second must come.
    pub silence: Duration,
}

/// Bytes a second below which a body is a trickle.
pub const TRICKLE: u64 = 1 << 10;
/// Bytes of a form that may come without being a field's content. Its reader holds what stands before a
/// boundary or in a field's head in memory, however long it is.
const FORM_BYTES: u64 = 16 << 20;

/// A body, as a file or as a form that holds one.
pub struct Upload {
    source: Source,
    limits: BodyLimits,
    taken: u64,
    waited: Duration,
}

enum Source {
    Plain(axum::body::BodyDataStream),
    Form(Box<Multipart>, Arc<AtomicU64>),
}

impl Upload {
    /// The upload in `request`: a form when its content type says so.
    ///
    /// # Errors
    /// When its length is said to be too much, or the form has no boundary.
    pub async fn of(request: Request, limits: BodyLimits) -> Result<Self, UploadError> {
        let kind = content_type(&request);
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        // A form's own lines are not counted to the file; a form that says more than that is too large for
        // sure.
        let room = if kind == "multipart/form-data" { 64 << 10 } else { 0 };
        if length
            .and_then(|length| length.parse::<u64>().ok())
            .is_some_and(|length| length > limits.bytes.saturating_add(room))
        {
            return Err(UploadError::TooLarge(limits.bytes));
        }
        let source = if kind == "multipart/form-data" {
            let idle = Arc::new(AtomicU64::new(0));
            let request = counted(request, Arc::clone(&idle));
            let form = Multipart::from_request(request, &()).await;
            let form = form.map_err(|error| UploadError::NoFile(error.body_text()))?;
            Source::Form(Box::new(form), idle)
        } else {
            Source::Plain(Body::into_data_stream(request.into_body()))
        };
        Ok(Self { source, limits, taken: 0, waited: Duration::ZERO })
    }

    /// Begins to take the body; what comes can be read at once.
    pub fn begin(self) -> UploadReader {
        let (sender, pieces) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let mut upload = self;
            let last = match upload.pump(&sender).await {
                Ok(()) => Piece::End,
                Err(error) => Piece::Failed(error),
            };
            // A reader that is gone needs no word.
            let _ = sender.send(last).await;
        });
        UploadReader { pieces, current: Bytes::new(), ended: false }
    }

    /// Hands over piece by piece; ends early, and well, when nobody reads any more.
    async fn pump(&mut self, sender: &mpsc::Sender<Piece>) -> Result<(), UploadError> {
        let Self { source, limits, taken, waited } = self;
        let mut meter = Meter { limits: *limits, taken, waited };
        match source {
            Source::Plain(stream) => {
                while let Some(bytes) = meter.wait(stream.next()).await? {
                    let bytes = bytes.map_err(|_| UploadError::Broken)?;
                    meter.count(bytes.len())?;
                    if sender.send(Piece::Data(bytes)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            Source::Form(form, idle) => {
                let mut found = false;
                while let Some(mut field) =
                    meter.wait(form.next_field()).await?.map_err(|error| form_error(&error, idle))?
                {
                    let wanted = !found && field.name() == Some("file");
                    found |= wanted;
                    while let Some(bytes) =
                        meter.wait(field.chunk()).await?.map_err(|error| form_error(&error, idle))?
                    {
                        meter.count(bytes.len())?;
                        idle.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
                        if wanted && sender.send(Piece::Data(bytes)).await.is_err() {
                            return Ok(());
                        }
                    }
                }
                if !found {
                    return Err(UploadError::NoFile("the form has no field `file`".to_owned()));
                }
            }
        }
        Ok(())
    }
}

/// The request, whose body fails when more than [`FORM_BYTES`] of it lie idle.
fn counted(request: Request, idle: Arc<AtomicU64>) -> Request {
    request.map(|body| {
        Body::from_stream(body.into_data_stream().map(move |bytes| {
            let bytes = bytes.map_err(io::Error::other)?;
            let length = bytes.len() as u64;
            let lies = idle.fetch_add(length, Ordering::Relaxed) + length;
            if lies > FORM_BYTES { Err(io::Error::other("too much beside the fields")) } else { Ok(bytes) }
        }))
    })
}

fn form_error(error: &axum::extract::multipart::MultipartError, idle: &AtomicU64) -> UploadError {
    if idle.load(Ordering::Relaxed) > FORM_BYTES {
        return UploadError::NoFile("the form has too much beside its fields".to_owned());
    }
    let text = error.body_text();
    if text.contains("incomplete") || text.contains("Incomplete") || text.contains("body") {
        UploadError::Broken
    } else {
        UploadError::NoFile(text)
    }
}

/// The content type without its parameters, in small letters; empty when there is none.
pub fn content_type(request: &Request) -> String {
    let value =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Counts and times a body. Only the time spent waiting for the client counts, not that in which it waits for
/// us.
struct Meter<'a> {
    limits: BodyLimits,
    taken: &'a mut u64,
    waited: &'a mut Duration,
}

impl Meter<'_> {
    async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Result<T, UploadError> {
        let start = Instant::now();
        let slow = UploadError::Slow(self.limits.silence);
        let item = timeout(self.limits.silence, next).await.map_err(|_| slow.clone())?;
        *self.waited += start.elapsed();
        if *self.waited > self.limits.silence && *self.taken < TRICKLE * self.waited.as_secs() {
            return Err(slow);
        }
        Ok(item)
    }

    fn count(&mut self, bytes: usize) -> Result<(), UploadError> {
        *self.taken = self.taken.saturating_add(bytes as u64);
        if *self.taken > self.limits.bytes {
            return Err(UploadError::TooLarge(self.limits.bytes));
        }
        Ok(())
    }
}
