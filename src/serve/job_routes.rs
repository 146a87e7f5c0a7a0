//! `/api/jobs`: upload, progress, result, cancel.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State as Extract};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::Value;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

use super::classify::{Patience, format_of, options};
use super::engine::QueryOptions;
use super::job_view::{Collector, view};
use super::jobs::JobReader;
use super::jobs::{Finished, Job, Phase, SharedFile, SharedReader};
use super::problem::Problem;
use super::safe_cells;
use super::state::{DOWNLOADS, ServerState};
use super::upload::Upload;
use crate::history::report::Report;
use crate::history::{Run, now};
use crate::session::Format;

/// Entries that are held of a job, for its report.
const ENTRIES: usize = 20_000;
/// Time between two words on a job's progress.
const PACE: Duration = Duration::from_millis(200);

/// Ends a job whose upload is dropped before it is complete.
struct Unfinished<'a> {
    state: &'a ServerState,
    job: Option<Arc<Job>>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            self.state.jobs.remove(&job.id);
        }
    }
}

/// Takes an upload and starts on it.
pub async fn create(
    Extract(state): Extract<Arc<ServerState>>,
    query: Result<Query<QueryOptions>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let mut options = options(query)?;
    if format_of(&request, &mut options)? == Format::Ndjson {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a job takes CSV: POST /classify takes NDJSON",
        ));
    }
    options.explain = true;
    let upload = Upload::of(request, state.body_limits()).await?;
    let job = state.jobs.open(options)?;
    let mut unfinished = Unfinished { state: &state, job: Some(Arc::clone(&job)) };
    let place = state.upload_permit().await?;
    let mut reader = upload.begin();
    let engine = Arc::clone(&state.engine);
    let uploaded = Arc::clone(&job);
    let taken = tokio::task::spawn_blocking(move || {
        // Held for as long as the thread works, also when the client has gone.
        let _place = place;
        let mut file = tempfile::tempfile()?;
        let bytes = io::copy(&mut reader, &mut file)?;
        file.rewind()?;
        // Says at once what is wrong with the header.
        let opened = engine.open(Box::new(file.try_clone()?), Format::Csv, &uploaded.options)?;
        let _ = uploaded.delimiter.set(opened.delimiter().unwrap_or(b','));
        file.rewind()?;
        Ok::<_, anyhow::Error>((file, bytes))
    });
    let (file, bytes) = taken.await.map_err(|_| lost())?.map_err(|error| Problem::of(&error))?;
    unfinished.job = None;
    job.total.store(bytes, Ordering::Relaxed);
    job.enter(Phase::Queued);
    tokio::spawn(work(Arc::clone(&state), Arc::clone(&job), file));
    let place = format!("/api/jobs/{}", job.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view(&job, false))).into_response())
}

fn lost() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the classification stopped unexpectedly")
}

/// Classifies a job's file when there is a place.
async fn work(state: Arc<ServerState>, job: Arc<Job>, file: File) {
    let mut phase = job.phase.subscribe();
    let permit = tokio::select! {
        biased;
        // Cancelled: its file goes now, not when its turn would have come.
        _ = phase.wait_for(Phase::is_final) => return,
        permit = Arc::clone(&state.permits).acquire_owned() => permit,
    };
    let Ok(permit) = permit else { return };
    job.enter(Phase::Running);
    let (shared, worker) = (Arc::clone(&state), Arc::clone(&job));
    let start = Instant::now();
    let result = tokio::task::spawn_blocking(move || {
        let result = run(&shared, &worker, file, start);
        drop(permit);
        result
    });
    let result = result.await;
    let counts =
        result.as_ref().ok().and_then(|result| result.as_ref().ok()).map(|finished| &finished.counts);
    state.counters.classified(counts, start.elapsed());
    job.enter(match result {
        Ok(Ok(finished)) => Phase::Done(Arc::new(finished)),
        Ok(Err(error)) => Phase::Failed(Problem::of(&error)),
        Err(_) => Phase::Failed(lost()),
    });
}

fn run(state: &ServerState, job: &Arc<Job>, file: File, start: Instant) -> anyhow::Result<Finished> {
    let engine = &state.engine;
    let opened = engine.open(Box::new(JobReader::new(file, Arc::clone(job))), Format::Csv, &job.options)?;
    job.begin(opened.stopper());
    let delimiter = opened.delimiter().unwrap_or(b',');
    let columns = engine.columns(&job.options);
    let names = [columns.source, Some(columns.message), Some(columns.label)];
    let collector = Collector::new(tempfile::tempfile()?, delimiter, names, Arc::clone(job));
    let mut observer = state.counters.observer(ENTRIES);
    let counts = engine.classify(opened, Box::new(collector.clone()), "the result", &mut observer)?;
    let (file, samples) = collector.finish()?;
    let time = start.elapsed();
    let mut seen = observer.finish();
    seen.runs.push(Run {
        time: now(),
        rows: counts.rows,
        seconds: time.as_secs_f64(),
        templates: seen.ids().len() as u64,
        labels: counts.labels.clone(),
        ..Run::default()
    });
    let report = Report::of(&seen, None, now());
    Ok(Finished { counts, samples, report, file: SharedFile::new(file), delimiter, time })
}

/// What the job with this number has made: its `what`, as who asks for it calls it.
///
/// # Errors
/// When there is no such job, or it is not done.
pub fn finished(state: &ServerState, id: &str, what: &str) -> Result<Arc<Finished>, Problem> {
    let phase = find(state, id)?.phase.borrow().clone();
    let Phase::Done(finished) = phase else {
        let detail = format!("the job has no {what}: it is {}", phase.name());
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    Ok(finished)
}

/// The job with this number.
///
/// # Errors
/// When there is none.
fn find(state: &ServerState, id: &str) -> Result<Arc<Job>, Problem> {
    state.jobs.get(id).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "there is no such job: it has expired, or never was")
    })
}

/// Tells how far a job is, and shows its result.
pub async fn show(
    Extract(state): Extract<Arc<ServerState>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(view(&*find(&state, &id)?, true)))
}

/// Ends and forgets a job.
pub async fn remove(
    Extract(state): Extract<Arc<ServerState>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    find(&state, &id)?;
    state.jobs.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

/// Tells how far a job is again and again, until it is final or the server ends.
pub async fn events(
    Extract(state): Extract<Arc<ServerState>>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let job = find(&state, &id)?;
    let stream = stream::unfold((job, state, false, true), async |(job, state, over, first)| {
        if over {
            return None;
        }
        if !first {
            let mut changes = job.phase.subscribe();
            // A final phase that came since the last word is told at once.
            if !changes.borrow_and_update().is_final() {
                let _ = tokio::time::timeout(PACE, changes.changed()).await;
            }
        }
        let over = job.phase.borrow().is_final() || *state.ending.borrow();
        let event = Event::default().data(view(&job, false).to_string());
        Some((Ok(event), (job, state, over, false)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// What a download holds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Download {
    explain: bool,
    #[allow(dead_code, reason = "the guard reads it")]
    key: Option<String>,
}

/// The result as a file for spreadsheets.
pub async fn result(
    Extract(state): Extract<Arc<ServerState>>,
    Path(id): Path<String>,
    query: Result<Query<Download>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(download) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let finished = finished(&state, &id, "result")?;
    // Each holds a thread for as long as its client takes.
    let place = Arc::clone(&state.downloads).try_acquire_owned();
    let Ok(place) = place else {
        return Err(Problem::busy(format!("{DOWNLOADS} results are being downloaded already: try again")));
    };
    let (sender, pieces) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let reader = SharedReader::new(Arc::clone(&finished.file));
        let copied = safe_cells::copy(reader, Pieces(sender.clone()), finished.delimiter, download.explain);
        if let Err(error) = copied {
            let _ = sender.blocking_send(Err(error));
        }
    });
    let patience = Patience::new(state.settings.timeout);
    let body =
        Body::from_stream(stream::try_unfold((pieces, patience), async |(mut pieces, mut patience)| {
            patience.taken()?;
            let Some(piece) = pieces.recv().await else { return Ok::<_, io::Error>(None) };
            let piece: Bytes = piece?;
            patience.given(piece.len());
            Ok(Some((piece, (pieces, patience))))
        }));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        // The page gives the name; none that a client sent is repeated here.
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, body).into_response())
}

/// Hands what is written to a response's body.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone");
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
