//! `GET /health` and `GET /metrics`: what runs here, for how long, and what it did.

use axum::Json;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::Serialize;
use std::sync::Arc;

use super::counters::Gauges;
use super::engine::Description;
use super::guard::may_see;
use super::state::ServerState;
use crate::llm::Unanswered;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
    version: &'static str,
    /// Names of model, encoder, labels and columns; absent where a token is asked for and was not shown.
    #[serde(flatten)]
    engine: Option<Description>,
    /// Whether an LLM is configured.
    llm: bool,
    /// Why the LLM is not asked at the moment; absent when it is, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    llm_off: Option<&'static str>,
    uptime_seconds: u64,
    running: usize,
    max_concurrent: usize,
    max_body_bytes: u64,
    token_required: bool,
    job_minutes: u64,
}

/// Tells what runs.
pub async fn health(Extract(state): Extract<Arc<ServerState>>, headers: HeaderMap) -> Json<Health> {
    let settings = &state.settings;
    let status = if *state.ending.borrow() { "ending" } else { "ok" };
    Json(Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        engine: may_see(settings, &headers).then(|| state.engine.describe()),
        llm: state.engine.has_llm(),
        llm_off: state.engine.llm_report().and_then(|llm| llm.off).map(Unanswered::name),
        uptime_seconds: state.started.elapsed().as_secs(),
        running: state.running(),
        max_concurrent: settings.concurrency,
        max_body_bytes: settings.body_bytes,
        token_required: settings.token.is_some(),
        job_minutes: settings.job_lifetime.as_secs() / 60,
    })
}

/// Tells the counts.
pub async fn metrics(Extract(state): Extract<Arc<ServerState>>) -> impl IntoResponse {
    let gauges = Gauges { running: state.running(), jobs: state.jobs.len(), uptime: state.started.elapsed() };
    let page = state.counters.page(&gauges, state.engine.llm_report().as_ref());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page)
}
