//! When the next request may be sent: what the endpoint says of its limits is obeyed before it has to refuse.

use std::time::{Duration, Instant, SystemTime};

/// Longest time that is reckoned with. What an endpoint or a configuration asks for can be any number; whatever is
/// longer than this is never waited out.
pub const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

/// The moment `wait` after `now`, for any `wait`.
pub fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait.min(LONGEST)).unwrap_or(now)
}

/// A length of time as somebody wrote it: a number of any size, or none at all.
fn seconds(value: f64) -> Option<Duration> {
    if value.is_nan() || value < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(value).map_or(LONGEST, |wait| wait.min(LONGEST)))
}

/// What a response says of limits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LimitHeaders {
    /// Wait this long.
    pub retry_after: Option<Duration>,
    /// Requests left, and when they are refilled.
    pub requests: Option<(f64, Duration)>,
    /// Tokens left, and when they are refilled.
    pub tokens: Option<(f64, Duration)>,
}

impl LimitHeaders {
    /// From the headers of a response, looked up by name.
    pub fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let window = |kind: &str| {
            let left = header(&format!("x-ratelimit-remaining-{kind}"))?.trim().parse::<f64>().ok()?;
            if !left.is_finite() {
                return None;
            }
            let reset = span(header(&format!("x-ratelimit-reset-{kind}"))?)?;
            Some((left, reset))
        };
        let milliseconds = || {
            let value = header("retry-after-ms")?.trim().parse::<f64>().ok()?;
            seconds(value / 1000.0)
        };
        // Against the endpoint's own clock where it tells it: ours may be off.
        let now = || {
            header("date")
                .and_then(|date| httpdate::parse_http_date(date).ok())
                .unwrap_or_else(SystemTime::now)
        };
        let retry_after = milliseconds().or_else(|| {
            let value = header("retry-after")?.trim();
            match value.parse::<f64>() {
                Ok(value) => seconds(value),
                Err(_) => httpdate::parse_http_date(value)
                    .ok()
                    .map(|date| date.duration_since(now()).unwrap_or_default().min(LONGEST)),
            }
        });
        Self { retry_after, requests: window("requests"), tokens: window("tokens") }
    }
}

/// `7.66s`, `2m59.56s`, `1h2m`, `120ms`, `30`: how endpoints write a length of time.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let value: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        sum += value
            * match &rest[..unit_end] {
                "" | "s" => 1.0,
                "ms" => 1e-3,
                "us" | "\u{b5}s" => 1e-6,
                "ns" => 1e-9,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    seconds(sum)
}

/// What is left of a limit until it is refilled.
#[derive(Debug, Clone, Copy)]
struct Window {
    left: f64,
    refilled: Instant,
}

/// The endpoint's limits, as far as it has told them.
#[derive(Debug, Default)]
pub struct Pace {
    not_before: Option<Instant>,
    requests: Option<Window>,
    tokens: Option<Window>,
}

impl Pace {
    /// How long a request of about `tokens` has to wait.
    pub fn delay(&mut self, tokens: u64, now: Instant) -> Duration {
        let mut wait = self.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        for (window, needed) in self.windows(tokens) {
            match window {
                Some(Window { refilled, .. }) if *refilled <= now => *window = None,
                Some(Window { left, refilled }) if *left < needed => {
                    wait = wait.max(refilled.saturating_duration_since(now));
                }
                _ => {}
            }
        }
        wait
    }

    /// Takes a request's share of what is left.
    pub fn take(&mut self, tokens: u64) {
        for (window, needed) in self.windows(tokens) {
            if let Some(window) = window {
                window.left -= needed;
            }
        }
    }

    #[allow(clippy::cast_precision_loss)] // a request has few tokens
    fn windows(&mut self, tokens: u64) -> [(&mut Option<Window>, f64); 2] {
        [(&mut self.requests, 1.0), (&mut self.tokens, tokens as f64)]
    }

    /// Takes in what a response said, while `others` more requests are under way that it may not have counted.
    pub fn learn(&mut self, headers: &LimitHeaders, others: usize, usual_tokens: u64, now: Instant) {
        #[allow(clippy::cast_precision_loss)] // both are small
        let (others, usual_tokens) = (others as f64, usual_tokens as f64);
        if let Some(wait) = headers.retry_after {
            let at = after(now, wait);
            self.not_before = Some(self.not_before.map_or(at, |before| before.max(at)));
        }
        if let Some((left, reset)) = headers.requests {
            self.requests = Some(Window { left: left - others, refilled: after(now, reset) });
        }
        if let Some((left, reset)) = headers.tokens {
            self.tokens = Some(Window { left: left - others * usual_tokens, refilled: after(now, reset) });
        }
    }
}

/// How long to wait before a request is repeated for the `attempt`th time, from 1: exponential, with jitter, so that
/// clients that failed together do not come back together.
pub fn backoff(attempt: u32) -> Duration {
    const FIRST: f64 = 0.25;
    const LONGEST: f64 = 20.0;
    let ceiling = (FIRST * f64::from(2_u32.saturating_pow(attempt.min(16)))).min(LONGEST);
    Duration::from_secs_f64(ceiling * (0.5 + 0.5 * fastrand::f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &'static str)]) -> LimitHeaders {
        LimitHeaders::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value))
    }

    #[test]
    fn waits_are_read_in_every_form_they_come_in() {
        for (text, seconds) in [
            ("7.66s", 7.66),
            ("2m59.5s", 179.5),
            ("1h2m", 3_720.0),
            ("120ms", 0.12),
            ("30", 30.0),
            ("0s", 0.0),
        ] {
            assert_eq!(span(text).map(|span| span.as_secs_f64()), Some(seconds), "{text}");
        }
        assert_eq!(span("soon"), None);
        assert_eq!(read(&[("retry-after", "2")]).retry_after, Some(Duration::from_secs(2)));
        assert_eq!(read(&[("retry-after-ms", "250")]).retry_after, Some(Duration::from_millis(250)));
        let date =
            [("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), ("date", "Sun, 06 Nov 1994 08:49:30 GMT")];
        assert_eq!(read(&date).retry_after, Some(Duration::from_secs(7)));
        assert_eq!(read(&date[..1]).retry_after, Some(Duration::ZERO));
        assert_eq!(read(&[("retry-after", "whenever")]), LimitHeaders::default());
    }

    #[test]
    fn a_wait_of_any_length_is_reckoned_with() {
        let now = Instant::now();
        for zeros in [1, 10, 19, 20, 40, 400] {
            let long = format!("1{}", "0".repeat(zeros));
            let leaked: &'static str = long.leak();
            for name in ["retry-after", "retry-after-ms"] {
                let mut pace = Pace::default();
                pace.learn(&read(&[(name, leaked)]), 0, 0, now);
                assert!(pace.delay(1, now) > Duration::ZERO, "{name}: {leaked}");
            }
            for kind in ["requests", "tokens"] {
                let reset: &'static str = format!("x-ratelimit-reset-{kind}").leak();
                let left: &'static str = format!("x-ratelimit-remaining-{kind}").leak();
                let mut pace = Pace::default();
                pace.learn(&read(&[(reset, leaked), (left, "0")]), 0, 0, now);
                assert!(pace.delay(1, now) >= Duration::from_secs(10), "{kind}: {leaked}");
            }
        }
        for nonsense in ["-1", "nan", "-inf", "-99999999999999999999"] {
            assert_eq!(read(&[("retry-after", nonsense)]).retry_after, None, "{nonsense}");
        }
        let window = [("x-ratelimit-reset-tokens", "1s"), ("x-ratelimit-remaining-tokens", "nan")];
        assert_eq!(read(&window).tokens, None);
        for wait in [Duration::ZERO, LONGEST, Duration::from_secs(i64::MAX as u64), Duration::MAX] {
            assert!(after(now, wait) >= now);
        }
    }

    #[test]
    fn a_used_up_limit_is_waited_for_and_then_forgotten() {
        let now = Instant::now();
        let mut pace = Pace::default();
        pace.learn(
            &read(&[("x-ratelimit-remaining-requests", "1"), ("x-ratelimit-reset-requests", "10s")]),
            0,
            0,
            now,
        );
        assert_eq!(pace.delay(100, now), Duration::ZERO);
        pace.take(100);
        assert_eq!(pace.delay(100, now), Duration::from_secs(10));
        assert_eq!(pace.delay(100, now + Duration::from_secs(10)), Duration::ZERO);
    }

    #[test]
    fn tokens_left_are_held_against_what_the_next_request_takes() {
        let now = Instant::now();
        let mut pace = Pace::default();
        let headers = read(&[("x-ratelimit-remaining-tokens", "500"), ("x-ratelimit-reset-tokens", "2s")]);
        pace.learn(&headers, 1, 300, now);
        assert_eq!(pace.delay(200, now), Duration::ZERO);
        pace.take(200);
        assert_eq!(pace.delay(200, now), Duration::from_secs(2));
    }

    #[test]
    fn repeats_come_ever_later_and_never_too_late() {
        for attempt in 1..40 {
            let wait = backoff(attempt);
            assert!(wait >= Duration::from_millis(250) && wait <= Duration::from_secs(20));
        }
    }
}
