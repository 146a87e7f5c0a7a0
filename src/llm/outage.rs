//! An endpoint that is down, seen by all workers as one.
//!
//! Requests that were under way when it went down fail together, and say no more than one of them would: only the
//! failure of a request that began after the last one that counted counts again. From then on nothing is sent for a
//! while that grows with each step, and then one request alone, to see: a short outage loses no answer, and a long one
//! costs few requests, however many workers there are.

use std::time::{Duration, Instant};

use super::pace::{after, backoff};

/// What is known of an outage; at first that there is none.
#[derive(Debug, Default)]
pub struct Outage {
    /// Failures that counted, since the endpoint was last heard of.
    steps: u32,
    /// When the last one that counted became known.
    counted: Option<Instant>,
    not_before: Option<Instant>,
    /// The request that is to see whether it is over is under way.
    probing: bool,
}

/// A request as the outage knows it.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    began: Instant,
    probe: bool,
}

impl Outage {
    /// How long nothing may be sent.
    pub fn delay(&self, now: Instant) -> Duration {
        self.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// Whether the request that is to see is awaited.
    pub const fn is_probing(&self) -> bool {
        self.probing
    }

    /// A request goes out.
    pub const fn send(&mut self, now: Instant) -> Sent {
        let probe = self.steps > 0;
        self.probing |= probe;
        Sent { began: now, probe }
    }

    /// The endpoint answered, whatever it said; returns whether that is news. What was under way when the
    /// last failure came is none.
    pub fn heard(&mut self, sent: Sent) -> bool {
        self.probe_ended(sent);
        let news = self.counts(sent);
        if news {
            (self.steps, self.not_before) = (0, None);
        }
        news
    }

    /// A request failed; returns whether that counts.
    pub fn failed(&mut self, sent: Sent, now: Instant) -> bool {
        self.probe_ended(sent);
        let news = self.counts(sent);
        if news {
            self.steps = self.steps.saturating_add(1);
            self.counted = Some(now);
            self.not_before = Some(after(now, backoff(self.steps)));
        }
        news
    }

    /// The stage was off for longer than that, and may see at once.
    pub const fn skip_wait(&mut self) {
        self.not_before = None;
    }

    fn probe_ended(&mut self, sent: Sent) {
        self.probing &= !sent.probe;
    }

    /// Whether a request tells something new: it began after the last failure that counted.
    fn counts(&self, sent: Sent) -> bool {
        self.counted.is_none_or(|counted| sent.began > counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_moment_count_once_and_make_all_wait() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut outage = Outage::default();
        let together: Vec<Sent> = (0..8).map(|number| outage.send(at(number))).collect();
        let counted = together.iter().filter(|sent| outage.failed(**sent, at(10))).count();
        assert_eq!(counted, 1);
        assert!(outage.delay(at(10)) >= Duration::from_millis(250));
        assert!(!outage.is_probing());
    }

    #[test]
    fn one_request_alone_sees_whether_it_is_over_and_waits_grow_until_it_is() {
        let start = Instant::now();
        let mut outage = Outage::default();
        let mut now = start;
        let late = outage.send(now);
        let mut longest = Duration::ZERO;
        for _ in 0..5 {
            let sent = outage.send(now);
            now += Duration::from_millis(1);
            assert!(outage.failed(sent, now));
            assert!(!outage.is_probing());
            assert!(outage.delay(now) >= longest / 2);
            longest = longest.max(outage.delay(now));
            now += outage.delay(now);
        }
        // An answer that was under way since before says nothing.
        assert!(!outage.heard(late));
        let sent = outage.send(now);
        assert!(outage.is_probing());
        assert!(outage.heard(sent));
        assert_eq!((outage.is_probing(), outage.delay(now)), (false, Duration::ZERO));
        outage.send(now);
        assert!(!outage.is_probing());
    }
}
