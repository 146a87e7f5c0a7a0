//! `POST /classify`: a file in, the same file with its labels out, while it is still coming in.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State as Extract};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Instant;

use super::engine::Options;
use super::ndjson;
use super::problem::Problem;
use super::spool::{SpoolReader, spool};
use super::state::State;
use super::upload::{Upload, content_type};

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV, or a form that holds one.
    Csv,
    /// A JSON object a line.
    Ndjson,
}

impl Format {
    /// The format that the content type names; sets the delimiter it implies.
    pub fn of(request: &Request, options: &mut Options) -> Result<Self, Problem> {
        match content_type(request).as_str() {
            "text/csv" | "multipart/form-data" => Ok(Self::Csv),
            "text/tab-separated-values" => {
                options.delimiter.get_or_insert_with(|| "tab".to_owned());
                Ok(Self::Csv)
            }
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Self::Ndjson),
            _ => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "expected multipart/form-data with a field `file`, or a body of text/csv, \
                 text/tab-separated-values or application/x-ndjson",
            )),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// The options in a query.
pub fn options(query: Result<Query<Options>, QueryRejection>) -> Result<Options, Problem> {
    let Query(options) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    options.delimiter().map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(options)
}

/// Classifies the body.
pub async fn classify(
    Extract(state): Extract<Arc<State>>,
    query: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let mut options = options(query)?;
    let format = Format::of(&request, &mut options)?;
    let permit = state.permit()?;
    let upload = Upload::of(request, state.body_limits()).await?;
    let (input, output, finisher, reader) = spool(upload.begin());
    let worker = Arc::clone(&state);
    tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        let (input, output, options): (Box<dyn Read + Send>, Box<dyn Write + Send>, Options) = match format {
            Format::Csv => (Box::new(input), Box::new(output), options),
            Format::Ndjson => {
                ndjson::around(input, output, &worker.engine.columns(&options), options.explain)
            }
        };
        let result = worker.engine.classify(input, output, "the response", &options);
        worker.metrics.classified(result.as_ref().ok(), start.elapsed());
        drop(permit);
        finisher.finish(result);
    });
    answer(reader, format).await
}

async fn answer(reader: SpoolReader, format: Format) -> Result<Response, Problem> {
    let counts = reader.begin().await.map_err(|error| Problem::of(&error))?;
    let body = Body::from_stream(stream::try_unfold(reader, async |reader| {
        Ok::<_, std::io::Error>(reader.next().await?.map(|bytes| (bytes, reader)))
    }));
    let mut response = ([(header::CONTENT_TYPE, format.content_type())], body).into_response();
    if let Some(counts) = counts {
        response.headers_mut().insert("x-rows", HeaderValue::from(counts.rows));
        if counts.unanswered_rows > 0 {
            response.headers_mut().insert("x-unanswered-rows", HeaderValue::from(counts.unanswered_rows));
        }
    }
    Ok(response)
}
