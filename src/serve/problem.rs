//! Errors as problem details (RFC 9457), in the words of the command line.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::upload::UploadError;
use crate::error::{find, one_line};
use crate::input::InputError;
use crate::llm::NoAnswer;

/// An answer that is an error.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    /// Line of the file that is meant.
    line: Option<u64>,
    /// Parameters of the query that help.
    parameters: Vec<&'static str>,
    retry_after: Option<u32>,
}

impl Problem {
    /// `status`, and what is wrong.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), line: None, parameters: Vec::new(), retry_after: None }
    }

    /// The client may try again in a while.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(2), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// What stopped a classification: the client's upload or its file, the LLM, or else ourselves.
    pub fn of(error: &anyhow::Error) -> Self {
        if let Some(upload) = find::<UploadError>(error) {
            return upload.clone().into();
        }
        let detail = one_line(error);
        if let Some(input) = find::<InputError>(error) {
            let status = match input {
                InputError::Oversize { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            let parameters = input.flags().iter().filter_map(|flag| parameter(flag)).collect();
            return Self { line: input.line(), parameters, ..Self::new(status, detail) };
        }
        let status = if find::<NoAnswer>(error).is_some() {
            // With `on_error = "fail"`: neither the client's fault nor ours.
            StatusCode::BAD_GATEWAY
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Self::new(status, detail)
    }

    /// The body, as JSON.
    pub fn json(&self) -> Value {
        let mut members = Map::new();
        members.insert("type".to_owned(), "about:blank".into());
        members.insert("title".to_owned(), self.status.canonical_reason().unwrap_or("Error").into());
        members.insert("status".to_owned(), self.status.as_u16().into());
        members.insert("detail".to_owned(), self.detail.clone().into());
        if let Some(line) = self.line {
            members.insert("line".to_owned(), line.into());
        }
        if !self.parameters.is_empty() {
            members.insert("parameters".to_owned(), self.parameters.clone().into());
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

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

/// The parameter of a query that does what a flag of the command line does, where there is one.
fn parameter(flag: &str) -> Option<&'static str> {
    match flag {
        "source-column" => Some("source_column"),
        "no-source" => Some("no_source"),
        "message-column" => Some("message_column"),
        "severity-column" => Some("severity_column"),
        "time-column" => Some("time_column"),
        "label-column" => Some("label_column"),
        "overwrite" => Some("overwrite"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Column, RecordError};
    use anyhow::Context;

    fn problem(error: impl Into<anyhow::Error>) -> Value {
        let error = Err::<(), _>(error.into()).context("export.csv").unwrap_err();
        Problem::of(&error).json()
    }

    #[test]
    fn line_and_parameters_come_from_the_error_whatever_the_file_says() {
        let wanted = "line 99 --overwrite".to_owned();
        let missing =
            |there| InputError::MissingColumn { column: Column::Source, wanted: wanted.clone(), there };
        let json = problem(missing(vec!["line 7 --label-column".to_owned()]));
        assert_eq!(json["status"], 422);
        assert_eq!(json.get("line"), None);
        assert_eq!(json["parameters"], serde_json::json!(["source_column", "no_source"]));
        let error = RecordError::Ragged { fields: 3, expected: 2 };
        let json = problem(InputError::Record { line: 7, offset: 90, error });
        assert_eq!(json["line"], 7);
        assert_eq!(json.get("parameters"), None);
        let detail = json["detail"].as_str().unwrap();
        assert!(detail.starts_with("export.csv: line 7 (byte 90): 3 fields, header has 2"), "{detail}");
    }

    #[test]
    fn the_status_says_whose_fault_it_is() {
        let status = |error: anyhow::Error| problem(error)["status"].clone();
        let damaged = InputError::Damaged("corrupt deflate stream".to_owned());
        assert_eq!(status(std::io::Error::other(damaged).into()), 422);
        assert_eq!(status(std::io::Error::other(InputError::Oversize { limit: 1 }).into()), 413);
        assert_eq!(status(std::io::Error::other(UploadError::Broken).into()), 400);
        assert_eq!(status(NoAnswer { why: "timeout".to_owned() }.into()), 502);
        assert_eq!(status(std::io::Error::from(std::io::ErrorKind::StorageFull).into()), 500);
    }
}
