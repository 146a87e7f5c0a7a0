//! What the fields of structured records are for, by their names. Names are compared in lower case and
//! without `_` and `-`, so that `request_id`, `requestId` and `request-id` are one.

use super::scan::{byte, part};

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// When it happened.
    Time,
    /// How grave it is, as a word or a number.
    Level,
    /// How grave it is, as `OpenTelemetry` numbers it.
    LevelNumber,
    /// How grave it is, or something else: the value decides.
    MaybeLevel,
    /// The part of the program.
    Logger,
    /// The program.
    Program,
    /// What is said; the lowest rank wins.
    Message(u8),
    /// Where, in which request, in which version: nothing that tells what happened.
    Noise,
    /// What happened, in one word: stands in front where no message is.
    Event,
    /// Anything else.
    Other,
}

/// Names that some collector puts in front of all paths.
const AROUND: [&[u8]; 6] = [
    b"resourceLogs.scopeLogs.logRecords.",
    b"jsonPayload.",
    b"fields.",
    b"_source.",
    b"Properties.",
    b"eventData.",
];

/// Names of objects that only tell where something happened.
const NOISY: [&[u8]; 18] = [
    b"kubernetes",
    b"docker",
    b"container",
    b"agent",
    b"ecs",
    b"host",
    b"process",
    b"cloud",
    b"resource",
    b"orchestrator",
    b"observer",
    b"log",
    b"input",
    b"useragent",
    b"instant",
    b"labels",
    b"span",
    b"spans",
];

/// A path without what a collector put in front.
pub(super) fn inner(path: &[u8]) -> &[u8] {
    AROUND
        .iter()
        .find_map(|around| path.strip_prefix(*around))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(path)
}

/// A name in lower case, without `_` and `-`.
struct Plain {
    bytes: [u8; 40],
    length: usize,
}

impl Plain {
    fn new(name: &[u8]) -> Option<Self> {
        let mut plain = Self { bytes: [0; 40], length: 0 };
        for byte in name.iter().filter(|byte| !matches!(byte, b'_' | b'-')) {
            *plain.bytes.get_mut(plain.length)? = byte.to_ascii_lowercase();
            plain.length += 1;
        }
        Some(plain)
    }

    fn text(&self) -> &[u8] {
        part(&self.bytes, 0, self.length)
    }
}

/// The last name of a path.
pub(super) fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'.').next().unwrap_or(path)
}

/// What the field with this path is for.
pub(super) fn role(path: &[u8]) -> Role {
    let path = inner(path);
    if byte(path, 0) == b'_'
        && path.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'0'..=b'9'))
    {
        return Role::Noise; // journald's own
    }
    if let Some(found) = Plain::new(path).and_then(|plain| known(plain.text())) {
        return found;
    }
    let name = last(path);
    if name.len() == path.len() {
        return Role::Other;
    }
    let first = path.split(|&byte| byte == b'.').next().unwrap_or_default();
    if Plain::new(first).is_some_and(|plain| NOISY.contains(&plain.text())) {
        return Role::Noise;
    }
    match Plain::new(name).and_then(|plain| known(plain.text())) {
        Some(role @ (Role::Noise | Role::Event)) => role,
        _ => Role::Other,
    }
}

fn known(name: &[u8]) -> Option<Role> {
    envelope(name).or_else(|| said(name)).or_else(|| is_noise(name).then_some(Role::Noise))
}

/// The fields of the envelope.
fn envelope(name: &[u8]) -> Option<Role> {
    Some(match name {
        b"time"
        | b"ts"
        | b"timestamp"
        | b"@timestamp"
        | b"t"
        | b"t.$date"
        | b"@t"
        | b"date"
        | b"datetime"
        | b"asctime"
        | b"eventtime"
        | b"realtimetimestamp"
        | b"timeunixnano"
        | b"observedtimeunixnano"
        | b"receivetimestamp"
        | b"timemillis"
        | b"logtime"
        | b"instant.epochsecond"
        | b"instant.nanoofsecond"
        | b"localtime"
        | b"eventtimestamp"
        | b"created"
        | b"timestampms"
        | b"sourcerealtimetimestamp"
        | b"timegenerated"
        | b"timestmp" => Role::Time,
        b"level" | b"lvl" | b"severity" | b"levelname" | b"loglevel" | b"log.level" | b"priority" | b"@l"
        | b"@level" | b"severitytext" | b"levelstr" | b"pri" | b"logseverity" | b"syslog.severity"
        | b"severitylabel" | b"levelname_" => Role::Level,
        b"severitynumber" => Role::LevelNumber,
        b"s" | b"at" | b"status" => Role::MaybeLevel,
        b"logger"
        | b"loggername"
        | b"log.logger"
        | b"target"
        | b"c"
        | b"component"
        | b"sourcecontext"
        | b"channel"
        | b"category"
        | b"@logger"
        | b"loggerfqcn"
        | b"log.origin.file.name"
        | b"@module" => Role::Logger,
        b"syslogidentifier" | b"appname" | b"app" | b"application" | b"service" | b"service.name"
        | b"program" | b"process.name" | b"ident" | b"programname" | b"servicename" => Role::Program,
        _ => return None,
    })
}

/// The message, and what stands for one.
fn said(name: &[u8]) -> Option<Role> {
    Some(match name {
        b"msg" => Role::Message(0),
        b"message" | b"@message" | b"@m" | b"message.text" => Role::Message(1),
        b"shortmessage" | b"textpayload" | b"eventmessage" | b"body.stringvalue" | b"renderedmessage" => {
            Role::Message(2)
        }
        b"log" | b"body" | b"text" | b"@mt" | b"logmessage" | b"messagetemplate" => Role::Message(3),
        b"fullmessage" | b"event.original" => Role::Message(4),
        b"event" | b"description" => Role::Message(5),
        b"error.message" | b"err.message" | b"err.msg" | b"exception.message" | b"errormessage" => {
            Role::Message(6)
        }
        b"eventname" | b"eventtype" | b"action" | b"operation" | b"operationname" | b"detailtype"
        | b"type" | b"name" | b"result" | b"outcome" | b"reason" | b"error" | b"err" | b"exception"
        | b"cause" | b"errorcode" | b"statuscode" | b"code" | b"event.action" | b"event.outcome"
        | b"event.type" | b"event.kind" | b"verb" | b"method" | b"state" | b"desc" => Role::Event,
        _ => return None,
    })
}

/// Names that tell where, in which request or in which version.
fn is_noise(name: &[u8]) -> bool {
    matches!(
        name,
        b"caller"
            | b"file"
            | b"line"
            | b"lineno"
            | b"linenumber"
            | b"pathname"
            | b"filename"
            | b"funcname"
            | b"func"
            | b"function"
            | b"source"
            | b"src"
            | b"module"
            | b"host"
            | b"hostname"
            | b"pid"
            | b"process"
            | b"processid"
            | b"processname"
            | b"thread"
            | b"threadname"
            | b"threadid"
            | b"threadpriority"
            | b"tid"
            | b"ctx"
            | b"version"
            | b"@version"
            | b"v"
            | b"traceid"
            | b"spanid"
            | b"requestid"
            | b"correlationid"
            | b"parentid"
            | b"trace"
            | b"traceflags"
            | b"spankind"
            | b"span"
            | b"stack"
            | b"stacktrace"
            | b"errorverbose"
            | b"excinfo"
            | b"exctext"
            | b"uuid"
            | b"guid"
            | b"id"
            | b"insertid"
            | b"logname"
            | b"stream"
            | b"env"
            | b"environment"
            | b"region"
            | b"facility"
            | b"levelno"
            | b"levelvalue"
            | b"msecs"
            | b"relativecreated"
            | b"stackinfo"
            | b"tags"
            | b"@x"
            | b"@i"
            | b"@tr"
            | b"@sp"
            | b"goroutine"
            | b"callstack"
            | b"backtrace"
            | b"clientrequestid"
            | b"sessionid"
            | b"transactionid"
            | b"messageid"
            | b"eventid"
            | b"sequence"
            | b"seq"
            | b"useragent"
            | b"cursor"
            | b"bootid"
            | b"endofbatch"
            | b"dyno"
            | b"fwd"
            | b"monotonictimestamp"
            | b"xrequestid"
            | b"reqid"
            | b"txid"
            | b"userid"
            | b"accountid"
            | b"devid"
            | b"tz"
            | b"logid"
            | b"auditid"
            | b"apiversion"
            | b"eventversion"
            | b"awsregion"
    )
}

/// Whether a field tells what happened so well that it stands behind the message.
pub(super) fn tells(name: &[u8]) -> bool {
    Plain::new(name).is_some_and(|plain| {
        matches!(
            plain.text(),
            b"err"
                | b"error"
                | b"exception"
                | b"reason"
                | b"cause"
                | b"status"
                | b"statuscode"
                | b"code"
                | b"errorcode"
                | b"errno"
                | b"method"
                | b"path"
                | b"uri"
                | b"url"
                | b"event"
                | b"action"
                | b"outcome"
                | b"result"
                | b"type"
                | b"operation"
                | b"user"
                | b"username"
                | b"signal"
                | b"exitcode"
                | b"eventname"
                | b"eventtype"
                | b"state"
                | b"errormessage"
                | b"phase"
                | b"verb"
                | b"object"
        )
    })
}
