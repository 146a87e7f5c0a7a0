//! `GET /api/jobs/{id}/report`: what `logclass report` says of a job's file.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

use super::job_routes::finished;
use super::problem::Problem;
use super::state::ServerState;

/// Characters of a title.
const TITLE: usize = 200;

/// How it is written.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportFormat {
    /// One page that needs nothing else.
    #[default]
    Html,
    /// Text.
    Markdown,
}

/// What a report is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    format: ReportFormat,
    title: Option<String>,
    #[allow(dead_code, reason = "the guard reads it")]
    key: Option<String>,
}

/// The report, to be saved.
pub async fn report(
    Extract(state): Extract<Arc<ServerState>>,
    Path(id): Path<String>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let finished = finished(&state, &id, "report")?;
    let title: String = wanted.title.as_deref().unwrap_or("uploaded file").chars().take(TITLE).collect();
    let (kind, text) = match wanted.format {
        ReportFormat::Html => ("text/html; charset=utf-8", finished.report.html(&title)),
        ReportFormat::Markdown => ("text/markdown; charset=utf-8", finished.report.markdown(&title)),
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, "attachment"),
        // Should a browser show it all the same, it is a page of no site.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ];
    Ok((headers, text).into_response())
}
