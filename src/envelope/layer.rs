//! One wrapping that was taken off: what it said, and what was in it.

use std::borrow::Cow;

use super::severity::Severity;

/// What one wrapping says, and what is in it.
#[derive(Debug, Default)]
pub(super) struct Layer<'a> {
    pub time: Option<Cow<'a, [u8]>>,
    /// Whether that time has a date.
    pub dated: bool,
    pub severity: Option<Severity>,
    /// What syslog's priority says, which counts only where nothing else says anything.
    pub priority: Option<Severity>,
    pub program: Option<Cow<'a, [u8]>>,
    pub logger: Option<Cow<'a, [u8]>>,
    pub body: Cow<'a, [u8]>,
}

impl<'a> Layer<'a> {
    /// A wrapping around `body`, which is trimmed.
    pub fn around(body: &'a [u8]) -> Self {
        Self { body: Cow::Borrowed(body.trim_ascii()), ..Self::default() }
    }

    /// With a time; an empty one is none.
    pub fn time(mut self, time: &'a [u8], dated: bool) -> Self {
        self.time = some(time);
        self.dated = dated;
        self
    }

    /// With a severity, where there is one.
    pub fn severity(mut self, severity: Option<Severity>) -> Self {
        self.severity = severity.or(self.severity);
        self
    }

    /// With a program; an empty one is none.
    pub fn program(mut self, program: &'a [u8]) -> Self {
        self.program = some(program);
        self
    }

    /// With a logger; an empty one is none.
    pub fn logger(mut self, logger: &'a [u8]) -> Self {
        self.logger = some(logger);
        self
    }

    /// The same, on its own.
    pub fn into_owned(self) -> Layer<'static> {
        let own = |text: Option<Cow<'_, [u8]>>| text.map(|text| Cow::Owned(text.into_owned()));
        Layer {
            time: own(self.time),
            dated: self.dated,
            severity: self.severity,
            priority: self.priority,
            program: own(self.program),
            logger: own(self.logger),
            body: Cow::Owned(self.body.into_owned()),
        }
    }
}

fn some(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let text = text.trim_ascii();
    (!text.is_empty() && text != b"-").then_some(Cow::Borrowed(text))
}
