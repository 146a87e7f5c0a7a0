//! Who is served: Host and Origin against other sites' pages, a token against other people.
//!
//! A page elsewhere can make a browser send requests here in two ways. Across sites it sends its `Origin`,
//! which is not ours. By DNS rebinding it calls us by its own name, which `Host` shows. Neither gets past the
//! door.

use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

use super::problem::Problem;
use super::settings::ServerSettings;
use super::state::ServerState;

/// Paths that need no token: the page itself, so that it can ask for one, and what a load balancer asks.
const OPEN: [&str; 7] = ["/", "/app.css", "/app.js", "/file.js", "/figures.js", "/icon.svg", "/health"];

/// Lets a request through, or refuses it.
pub async fn check(Extract(state): Extract<Arc<ServerState>>, request: Request, next: Next) -> Response {
    if let Err(problem) = admit(&state, &request) {
        return problem.into_response();
    }
    next.run(request).await
}

fn admit(state: &ServerState, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let host =
        host_of(request).ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "the request names no host"))?;
    if !knows(&state.settings, name_of(&host)) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "the server is not known by this host name (--allow-host adds one)",
        ));
    }
    if from_elsewhere(request.method(), headers, &host) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "the request comes from another site's page"));
    }
    let path = request.uri().path();
    let has_key = request.uri().query().is_some_and(|query| state.jobs.opens(path, query));
    if OPEN.contains(&path) || has_key || may_see(&state.settings, headers) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNAUTHORIZED,
        "the token is missing or wrong: send Authorization: Bearer TOKEN",
    ))
}

/// Whether the client has shown the token, or none is asked for.
pub fn may_see(settings: &ServerSettings, headers: &HeaderMap) -> bool {
    settings.token.as_ref().is_none_or(|token| shows(headers, token))
}

fn host_of(request: &Request) -> Option<String> {
    let authority = request.uri().authority().map(ToString::to_string);
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    authority.or(header).filter(|host| !host.is_empty())
}

/// The name without the port.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Rebinding needs a name, so an address is as good as `localhost`. Where a token is asked for, a page that
/// came in under a strange name does not have it, so any name will do unless names were given.
fn knows(settings: &ServerSettings, name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || settings.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
        || (settings.token.is_some() && settings.hosts.is_empty())
}

fn from_elsewhere(method: &Method, headers: &HeaderMap, host: &str) -> bool {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let ours =
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(scheme, rest)| {
                matches!(scheme, "http" | "https") && rest.eq_ignore_ascii_case(host)
            });
        return !ours;
    }
    let is =
        |name: &str, value: &str| headers.get(name).is_some_and(|found| found.as_bytes() == value.as_bytes());
    // Following a link to the page is no attack; a page that embeds or fetches us is.
    let navigation =
        method == Method::GET && is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document");
    is("sec-fetch-site", "cross-site") && !navigation
}

/// Compares hashes, which have one length, in constant time.
fn shows(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    shown.is_some_and(|shown| Sha256::digest(shown).as_slice().ct_eq(Sha256::digest(token).as_slice()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_without_its_port() {
        for (host, name) in
            [("a.b:80", "a.b"), ("a.b", "a.b"), ("[::1]:5000", "::1"), ("127.0.0.1:1", "127.0.0.1")]
        {
            assert_eq!(name_of(host), name);
        }
    }
}
