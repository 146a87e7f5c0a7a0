//! `GET /health`: what runs here, and for how long.

use axum::Json;
use axum::extract::State as Extract;
use serde::Serialize;
use std::sync::Arc;

use super::engine::Description;
use super::state::State;
use crate::llm::Unanswered;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
    version: &'static str,
    #[serde(flatten)]
    engine: Description,
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
pub async fn health(Extract(state): Extract<Arc<State>>) -> Json<Health> {
    let settings = &state.settings;
    let status = if *state.ending.borrow() { "ending" } else { "ok" };
    Json(Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        engine: state.engine.describe(),
        llm_off: state.engine.llm_report().and_then(|llm| llm.off).map(Unanswered::name),
        uptime_seconds: state.started.elapsed().as_secs(),
        running: settings.concurrency - state.permits.available_permits(),
        max_concurrent: settings.concurrency,
        max_body_bytes: settings.body_bytes,
        token_required: settings.token.is_some(),
        job_minutes: settings.job_lifetime.as_secs() / 60,
    })
}
