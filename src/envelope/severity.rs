//! How grave a line says it is: the words, letters and numbers that formats use for that, on one scale.

/// How grave a message is, by the names of OpenTelemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Finer than what one debugs with.
    Trace,
    /// Of use while one looks for a fault.
    Debug,
    /// Things go as they should.
    Info,
    /// Something may go wrong.
    Warn,
    /// Something went wrong.
    Error,
    /// The program, or the machine, cannot go on.
    Fatal,
}

/// The longest word of [`Severity::parse`].
const LONGEST: usize = 13;

impl Severity {
    /// All of them, the least grave first: the place of each is its value.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// Reads a severity word, in any case: `warn`, `WARNING`, `crit`, `Information`, ...
    pub fn parse(word: &[u8]) -> Option<Self> {
        // No word of these starts with another letter; most words of messages end their search here.
        let first = word.first()?.to_ascii_lowercase();
        if !matches!(first, b'a' | b'c'..=b'f' | b'i' | b'l' | b'n' | b'p' | b's'..=b't' | b'v'..=b'w') {
            return None;
        }
        let mut lower = [0; LONGEST];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word);
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"trace" | b"trce" | b"trc" | b"trac" | b"finest" | b"finer" | b"verbose" | b"vrb" | b"silly" => {
                Self::Trace
            }
            b"fine" | b"debug" | b"dbg" | b"dbug" | b"debu" | b"config" | b"debug1" | b"debug2"
            | b"debug3" | b"debug4" | b"debug5" => Self::Debug,
            b"info" | b"inf" | b"information" | b"informational" | b"notice" | b"noti" | b"note" | b"log" => {
                Self::Info
            }
            b"warn" | b"wrn" | b"warning" => Self::Warn,
            b"error" | b"err" | b"eror" | b"erro" | b"fail" | b"severe" => Self::Error,
            b"crit" | b"critical" | b"alert" | b"emerg" | b"emergency" | b"fatal" | b"fata" | b"ftl"
            | b"panic" | b"pani" | b"dpanic" => Self::Fatal,
            _ => return None,
        })
    }

    /// Reads the value of a field that holds nothing but the severity: a word, or a number of bunyan, pino or syslog.
    pub fn of_field(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let number = || std::str::from_utf8(value).ok()?.parse().ok().and_then(Self::number);
        Self::parse(value).or_else(number)
    }

    /// The name in lower case: `trace`, `debug`, `info`, `warn`, `error` or `fatal`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// Reads the single letter of formats that have one.
    pub(super) fn letter(letter: u8) -> Option<Self> {
        Some(match letter {
            b'V' | b'T' => Self::Trace,
            b'D' => Self::Debug,
            b'I' | b'N' => Self::Info,
            b'W' => Self::Warn,
            b'E' => Self::Error,
            b'F' | b'C' => Self::Fatal,
            _ => return None,
        })
    }

    /// Reads a number of syslog: 0 is an emergency, 7 is for debugging.
    pub(super) fn syslog(number: u32) -> Option<Self> {
        Some(match number {
            0..=2 => Self::Fatal,
            3 => Self::Error,
            4 => Self::Warn,
            5 | 6 => Self::Info,
            7 => Self::Debug,
            _ => return None,
        })
    }

    /// Reads a number of a level field: bunyan's and pino's 10 to 60, or else syslog's.
    pub(super) fn number(number: u32) -> Option<Self> {
        Some(match number {
            0..=7 => return Self::syslog(number),
            10 => Self::Trace,
            20 => Self::Debug,
            30 | 35 => Self::Info,
            40 => Self::Warn,
            50 => Self::Error,
            60 => Self::Fatal,
            _ => return None,
        })
    }

    /// Reads OpenTelemetry's severity number, 1 to 24.
    pub(super) fn open_telemetry(number: u32) -> Option<Self> {
        Some(match number {
            1..=4 => Self::Trace,
            5..=8 => Self::Debug,
            9..=12 => Self::Info,
            13..=16 => Self::Warn,
            17..=20 => Self::Error,
            21..=24 => Self::Fatal,
            _ => return None,
        })
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
