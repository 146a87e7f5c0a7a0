//! Which URLs may be spoken with: a key or a log line must not travel in the clear.

use anyhow::Result;
use std::net::IpAddr;

use crate::error::usage;

/// Host of a URL, without port, user or brackets.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    if let Some(bracketed) = authority.strip_prefix('[') {
        return bracketed.split(']').next();
    }
    authority.split(':').next()
}

/// Whether the URL leads to this machine, by its literal: a name is not looked up, because what it means can
/// change.
pub fn is_loopback(url: &str) -> bool {
    host(url).is_some_and(|host| {
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// Refuses URLs that are none, carry a password, or would send in the clear over a network.
///
/// # Errors
/// [`crate::error::UsageError`] with the remedy.
pub fn check_url(url: &str, allow_http: bool) -> Result<()> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    let authority =
        url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or("");
    if authority.contains('@') {
        // The URL itself is not printed: it holds the password.
        return Err(usage(
            "[llm] base_url holds a user or password: put the key into the variable that api_key_env names",
        ));
    }
    match scheme.as_str() {
        _ if host(url).is_none_or(str::is_empty) => {
            Err(usage(format!("[llm] base_url = {url:?} is no URL: expected https://HOST/PATH")))
        }
        "https" => Ok(()),
        "http" if allow_http || is_loopback(url) => Ok(()),
        "http" => Err(usage(format!(
            "[llm] base_url = {url:?} would send log messages and the key in the clear: use https://, \
             or allow_http = true in a network that you trust"
        ))),
        _ => Err(usage(format!("[llm] base_url = {url:?}: expected https:// or, on this machine, http://"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (url, allowed) in [
            ("https://api.example/v1", true),
            ("http://localhost:8080/v1", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080/v1", true),
            ("http://127.0.0.1.example.org/v1", false),
            ("http://localhost.example.org/v1", false),
            ("http://10.0.0.1/v1", false),
            ("http://127.0.0.1@example.org/v1", false),
            ("https://user:pass@example.org/v1", false),
            ("ftp://127.0.0.1/", false),
            ("http:///v1", false),
            ("api.example/v1", false),
            ("", false),
        ] {
            assert_eq!(check_url(url, false).is_ok(), allowed, "{url}");
        }
        assert!(check_url("http://10.0.0.1/v1", true).is_ok());
    }
}
