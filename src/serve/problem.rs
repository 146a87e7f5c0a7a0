//! Errors as problem details (RFC 9457), in the words of the command line.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::upload::UploadError;

/// An answer that is an error.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<u32>,
}

impl Problem {
    /// `status`, and what is wrong.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    /// The client may try again in a while.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(2), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// What stopped a classification.
    pub fn of(error: &anyhow::Error) -> Self {
        if let Some(upload) = UploadError::find(error) {
            return Self::new(upload.status(), upload.to_string());
        }
        let internal = error.chain().any(|cause| {
            cause.is::<crate::error::UsageError>()
                || cause
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(|io| io.kind() != std::io::ErrorKind::InvalidData)
        });
        let detail = crate::error::one_line(error);
        if detail.starts_with("the LLM did not answer") {
            // With `on_error = "fail"`: neither the client's fault nor ours.
            Self::new(StatusCode::BAD_GATEWAY, detail)
        } else if internal {
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        } else {
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// The body, as JSON.
    pub fn json(&self) -> Value {
        let mut members = Map::new();
        members.insert("type".to_owned(), "about:blank".into());
        members.insert("title".to_owned(), self.status.canonical_reason().unwrap_or("Error").into());
        members.insert("status".to_owned(), self.status.as_u16().into());
        members.insert("detail".to_owned(), self.detail.clone().into());
        if let Some(line) = line_in(&self.detail) {
            members.insert("line".to_owned(), line.into());
        }
        let parameters = parameters_in(&self.detail);
        if !parameters.is_empty() {
            members.insert("parameters".to_owned(), parameters.into());
        }
        members.into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.json().to_string();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The line that an error names.
fn line_in(detail: &str) -> Option<u64> {
    let rest = &detail[detail.find("line ")? + 5..];
    let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// The command line's flags that an error names, as the query parameters that do the same.
fn parameters_in(detail: &str) -> Vec<String> {
    const KNOWN: [&str; 5] = ["source_column", "no_source", "message_column", "label_column", "overwrite"];
    detail
        .split("--")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|letter: char| !letter.is_ascii_lowercase() && letter != '-');
            rest[..end.unwrap_or(rest.len())].replace('-', "_")
        })
        .filter(|name| KNOWN.contains(&name.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_line_and_the_parameters() {
        let problem = Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "line 7 (byte 90): 3 fields; see --source-column (or --no-source) or --max-record-bytes",
        );
        let json = problem.json();
        assert_eq!(json["line"], 7);
        assert_eq!(json["parameters"], serde_json::json!(["source_column", "no_source"]));
    }
}
