//! The page's files, which are part of the binary.

use axum::http::{HeaderName, header};
use axum::response::IntoResponse;

type Kind = [(HeaderName, &'static str); 2];

/// Browsers ask again each time; the files are small and change with the binary.
const fn kind(content_type: &'static str) -> Kind {
    [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")]
}

/// The page.
pub async fn page() -> impl IntoResponse {
    (kind("text/html; charset=utf-8"), include_str!("page/index.html"))
}

/// Its looks.
pub async fn style() -> impl IntoResponse {
    (kind("text/css; charset=utf-8"), include_str!("page/app.css"))
}

/// Its behaviour.
pub async fn script() -> impl IntoResponse {
    (kind("text/javascript; charset=utf-8"), include_str!("page/app.js"))
}

/// How it looks at a file.
pub async fn file_script() -> impl IntoResponse {
    (kind("text/javascript; charset=utf-8"), include_str!("page/file.js"))
}

/// How it shows the figures of a result.
pub async fn figures_script() -> impl IntoResponse {
    (kind("text/javascript; charset=utf-8"), include_str!("page/figures.js"))
}

/// Its icon.
pub async fn icon() -> impl IntoResponse {
    (kind("image/svg+xml"), include_str!("page/icon.svg"))
}

/// The API's description.
pub async fn openapi() -> impl IntoResponse {
    (kind("application/json"), include_str!("openapi.json").replace("VERSION", env!("CARGO_PKG_VERSION")))
}
