//! Which path leads where, and what surrounds them all.

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use std::any::Any;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::problem::Problem;
use super::state::ServerState;
use super::{access, asset, classify, guard, health, job_report, job_routes, messages};

/// Longest JSON body, in bytes.
const JSON_BYTES: usize = 4 << 20;

/// Headers that every answer has: nothing is guessed, framed, embedded or sent on.
const SAFE: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Every route of the server.
pub fn router(state: &Arc<ServerState>) -> Router {
    let mut router = Router::new()
        .route("/", get(asset::page))
        .route("/app.css", get(asset::style))
        .route("/app.js", get(asset::script))
        .route("/file.js", get(asset::file_script))
        .route("/figures.js", get(asset::figures_script))
        .route("/icon.svg", get(asset::icon))
        .route("/api/openapi.json", get(asset::openapi))
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/classify", post(classify::classify))
        .route("/classify/message", post(messages::messages).layer(DefaultBodyLimit::max(JSON_BYTES)))
        .route("/api/jobs", post(job_routes::create))
        .route("/api/jobs/{id}", get(job_routes::show).delete(job_routes::remove))
        .route("/api/jobs/{id}/events", get(job_routes::events))
        .route("/api/jobs/{id}/result", get(job_routes::result))
        .route("/api/jobs/{id}/report", get(job_report::report))
        .layer(DefaultBodyLimit::disable()) // bodies that may be large are counted where they are read
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the method does not fit the path")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(state), guard::check))
        .layer(CatchPanicLayer::custom(panicked));
    for (name, value) in SAFE {
        router = router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)));
    }
    router
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(middleware::from_fn_with_state(Arc::clone(state), access::log))
        .with_state(Arc::clone(state))
}

/// The panic's words are on stderr; a client needs only to know that it was not its fault.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed unexpectedly").into_response()
}
