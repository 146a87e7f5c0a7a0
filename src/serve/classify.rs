//! `POST /classify`: a file in, the same file with its labels out, while it is still coming in.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State as Extract};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engine::QueryOptions;
use super::problem::Problem;
use super::spool::{Begun, SpoolReader, spool};
use super::state::ServerState;
use super::upload::{TRICKLE, Upload, content_type};
use crate::session::Format;

/// Entries that are held of a request whose rows are only counted.
pub const ENTRIES: usize = 2_000;

/// The format that the content type names; sets the delimiter it implies.
pub fn format_of(request: &Request, options: &mut QueryOptions) -> Result<Format, Problem> {
    match content_type(request).as_str() {
        "text/csv" | "multipart/form-data" => Ok(Format::Csv),
        "text/tab-separated-values" => {
            options.delimiter.get_or_insert_with(|| "tab".to_owned());
            Ok(Format::Csv)
        }
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Format::Ndjson),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected multipart/form-data with a field `file`, or a body of text/csv, \
             text/tab-separated-values or application/x-ndjson",
        )),
    }
}

/// The options in a query.
pub fn options(query: Result<Query<QueryOptions>, QueryRejection>) -> Result<QueryOptions, Problem> {
    let Query(options) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    options.delimiter().map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(options)
}

/// Classifies the body.
pub async fn classify(
    Extract(state): Extract<Arc<ServerState>>,
    query: Result<Query<QueryOptions>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let mut options = options(query)?;
    let format = format_of(&request, &mut options)?;
    let permit = state.permit()?;
    let upload = Upload::of(request, state.body_limits()).await?;
    let (input, output, finisher, reader) = spool(upload.begin());
    let worker = Arc::clone(&state);
    tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        let engine = &worker.engine;
        let result = engine.open(Box::new(input), format, &options).and_then(|opened| {
            finisher.opened(&opened);
            let mut observer = worker.counters.observer(ENTRIES);
            engine.classify(opened, Box::new(output), "the response", &mut observer)
        });
        worker.counters.classified(result.as_ref().ok(), start.elapsed());
        drop(permit);
        finisher.finish(result);
    });
    answer(reader, format, Patience::new(state.settings.timeout)).await
}

/// Header with the byte between a CSV's fields: the client may not have said it.
const DELIMITER: HeaderName = HeaderName::from_static("x-delimiter");

/// A delimiter as the parameter of the same name takes it.
pub fn delimiter_name(delimiter: u8) -> String {
    if delimiter == b'\t' { "tab".to_owned() } else { char::from(delimiter).to_string() }
}

async fn answer(reader: SpoolReader, format: Format, patience: Patience) -> Result<Response, Problem> {
    let Begun { counts, delimiter } = reader.begin().await.map_err(|error| Problem::of(&error))?;
    let body = Body::from_stream(stream::try_unfold((reader, patience), async |(reader, mut patience)| {
        patience.taken()?;
        let Some(bytes) = reader.next().await? else { return Ok::<_, io::Error>(None) };
        patience.given(bytes.len());
        Ok(Some((bytes, (reader, patience))))
    }));
    let kind = match format {
        Format::Csv | Format::Text => "text/csv; charset=utf-8",
        Format::Ndjson => "application/x-ndjson",
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    if let Some(delimiter) = delimiter {
        let value = HeaderValue::from_str(&delimiter_name(delimiter));
        response.headers_mut().extend(value.ok().map(|value| (DELIMITER, value)));
    }
    if let Some(counts) = counts {
        response.headers_mut().insert("x-rows", HeaderValue::from(counts.rows));
        if counts.unanswered_rows > 0 {
            response.headers_mut().insert("x-unanswered-rows", HeaderValue::from(counts.unanswered_rows));
        }
    }
    Ok(response)
}

/// Ends an answer that its client takes at a trickle: work that waits for the client holds one of few places.
pub struct Patience {
    silence: Duration,
    waited: Duration,
    bytes: u64,
    since: Option<Instant>,
}

impl Patience {
    /// For a client that may be silent for `silence` before it must have taken [`TRICKLE`] bytes a second.
    pub fn new(silence: Duration) -> Self {
        Self { silence, waited: Duration::ZERO, bytes: 0, since: None }
    }

    /// Bytes are on their way to the client.
    pub fn given(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.since = Some(Instant::now());
    }

    /// The client has taken what was given.
    ///
    /// # Errors
    /// When it took too long.
    pub fn taken(&mut self) -> io::Result<()> {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        if self.waited > self.silence && self.bytes < TRICKLE * self.waited.as_secs() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes the answer too slowly"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_takes_at_a_trickle_is_given_up_and_one_that_waits_for_us_is_not() {
        let mut patience = Patience::new(Duration::from_secs(30));
        patience.given(100);
        patience.waited = Duration::from_secs(40);
        assert_eq!(patience.taken().unwrap_err().kind(), io::ErrorKind::TimedOut);
        patience.given(1 << 20);
        patience.taken().unwrap();
        let mut ours = Patience::new(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(5));
        ours.taken().unwrap();
    }
}
