//! Secrets do not leave the machine: what looks like one is replaced before anything is sent, kept or printed.
//!
//! Better one word too many than one secret: a label rarely hangs on the value behind `password=`.

mod names;
mod values;

use regex::{Captures, Regex};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

/// What stands for a secret. Letters only, so that masking leaves it as it is.
pub const REDACTED: &str = "<redacted>";

/// Names whose value is a secret if it looks like one, though nothing stands between them.
const NAMES: &str = r"(?:password|passwd|passphrase|passwort|passcode|pwd|pass|secret|token|api[_. -]?key|access[_. -]?key|private[_. -]?key|secret[_. -]?key|credentials?|session[_. -]?id|signature|otp|cvv|pin)";

/// A word that may be a name, or two that are one together.
static WORD: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"(?i)\b(?:api|access|private|secret|account|shared|auth|signing|encryption|session|recovery|seed|backup) (?:keys?|id|phrase|words|codes?)\b|[\p{L}\p{N}_][\p{L}\p{N}_.$-]*";
    Regex::new(text).expect("fixed, and tested")
});

/// What stands where a secret would, and is none.
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"(?i)^\s*(?:null|none|nil|undefined|true|false|\*+|#|[<\[(](?:redacted|filtered|hidden|masked|removed|none|null|nil)[>\])]|<(?:ip|time|host|uuid|hex|email|id)>)\s*$";
    Regex::new(text).expect("fixed, and tested")
});

struct Pattern {
    regex: Regex,
    /// Whether a match is a secret only if its last group looks like one rather than like a word.
    if_random: bool,
}

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    // Group `keep` stays in front of the replacement, and `tail` behind it.
    let always = [
        r"(?s)-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE|PGP MESSAGE)[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*-----|$)".to_owned(),
        r#"(?P<keep>\b[A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s:/@"'<>]*:[^\s"'<>]+?|[^\s/?#@]+)(?P<tail>@[\w.\-\[\]:%]*(?:[^\w.\-\[\]:%@]|$))"#.to_owned(),
        // user:secret@tcp(host)/db as Go has it, user:secret@host:port, and Oracle's user/secret@db.
        r#"[^\s"'/:=(]+:\S+(?P<tail>@\w*\()"#.to_owned(),
        r#"(?P<keep>(?:^|[\s"'=(]))[\w.%+-]+:[^\s/"'][^\s"']*(?P<tail>@[A-Za-z0-9][\w.-]*(?::\d|/))"#.to_owned(),
        r"(?i)(?P<keep>\b(?:sqlplus|exp|imp|expdp|impdp)\s+(?:-\w+\s+)*)[^\s/]+/\S+".to_owned(),
        r#"(?i)(?P<keep>\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+|values\s+)?)(?:'(?:[^'\\]|\\.|'')*'?|"(?:[^"\\]|\\.|"")*"?|\\+'[^']*'|\\+"[^"]*"|[^\s;,]+)"#.to_owned(),
        // A member whose name comes last.
        format!(r#"(?i)(?P<keep>\\*"val(?:ue)?\\*"\s*:\s*\\*")(?:[^"\\]|\\[^"]|\\")*?(?P<tail>\\*"\s*,\s*\\*"(?:name|key)\\*"\s*:\s*\\*"[\w.-]*{NAMES})"#),
        r"\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,4}".to_owned(),
        r#"(?i)(?P<keep>\b(?:proxy-)?authorization\\*["']?\s*[:=]\s*\\*["']?)(?:(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)\s+)?[^\\"'\s][^\\"'\r\n]*"#.to_owned(),
        r#"(?i)(?P<keep>\b(?:set-)?cookie2?\\*["']?\s*[:=]\s*\\*["']?)[^\\"'\r\n]+"#.to_owned(),
        r"(?i)https?://hooks\.[^\s]+".to_owned(),
        r"(?i)(?P<keep>(?:^|\s)(?:-u|--user|--proxy-user)[=\s]\s*)[^\s:]+:\S+".to_owned(),
        r"(?P<keep>\b(?:mysql|mysqldump|mysqladmin|mariadb|sshpass)\b.*?\s-p\s?)[^\s-]\S*".to_owned(),
        // Keys by their makers' prefixes.
        r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{12,}".to_owned(),
        r"\b(?:gh[pousr]_|github_pat_|glpat-|gldt-|xox[a-z]-|xapp-|gsk_|hf_|npm_|pypi-|dop_v1_|shp(?:at|ss|ca|pa)_|whsec_|EAAC|ya29\.|SG\.|AIza|AGE-SECRET-KEY-|hvs\.|nvapi-|sq0[a-z]{3}-|key-|lin_api_|rpa_|dckr_pat_)[A-Za-z0-9_.-]{8,}".to_owned(),
        r"\b(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA)[A-Za-z0-9]{12,}".to_owned(),
    ];
    let if_random = [
        r"(?i)(?P<keep>\b(?:bearer|basic|digest|negotiate)\s+)(?P<value>[A-Za-z0-9._~+/=-]{6,})".to_owned(),
        format!(
            r"(?i)(?P<keep>\b{NAMES}(?:\s+(?:is|was|(?:for\s+\S+\s+)?(?:is|was|set\s+to|changed\s+to|reset\s+to)))?\s+)(?P<value>[^\s,;]{{4,}})"
        ),
        r#"(?i)(?P<keep>\bkey\\*["']?\s*[=:]\s*\\*["']?)(?P<value>[^\s"',;&]{8,})"#.to_owned(),
        r"(?P<value>[A-Za-z0-9+/_=-]{24,})".to_owned(),
    ];
    let compile = |text: &String, if_random| Pattern {
        regex: Regex::new(text).expect("the patterns are fixed, and tested"),
        if_random,
    };
    always
        .iter()
        .map(|text| compile(text, false))
        .chain(if_random.iter().map(|text| compile(text, true)))
        .collect()
});

/// The text without what looks like a secret.
pub fn redact(text: &str) -> Cow<'_, str> {
    let text = by_patterns(text);
    match by_names(&text) {
        Some(redacted) => Cow::Owned(redacted),
        None => text,
    }
}

/// Without the values of names that say that they have a secret.
fn by_names(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(word) = WORD.find_at(text, at) {
        at = word.end();
        // A sentence or a flag may end in these.
        let name = word.as_str().trim_end_matches(['.', '-']);
        let range = word.start()..word.start() + name.len();
        let Some(value) = names::kind(name).and_then(|kind| values::value_of(text, range, kind)) else {
            continue;
        };
        at = at.max(value.end);
        if !is_placeholder(text, &value) && value.start >= copied {
            out.extend([&text[copied..value.start], REDACTED]);
            copied = value.end;
        }
    }
    (copied > 0).then(|| out + &text[copied..])
}

/// Whether a value is none, by itself or with the brackets around it.
fn is_placeholder(text: &str, value: &Range<usize>) -> bool {
    let bracketed =
        text[..value.start].ends_with(['<', '[', '(']) && text[value.end..].starts_with(['>', ']', ')']);
    PLACEHOLDER.is_match(&text[value.clone()])
        || bracketed && PLACEHOLDER.is_match(&text[value.start - 1..=value.end])
}

fn by_patterns(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for pattern in PATTERNS.iter() {
        let replaced = pattern.regex.replace_all(&text, |found: &Captures<'_>| {
            if pattern.if_random && !found.name("value").is_some_and(|value| looks_random(value.as_str())) {
                return found[0].to_owned();
            }
            let part = |name| found.name(name).map_or("", |part| part.as_str());
            format!("{}{REDACTED}{}", part("keep"), part("tail"))
        });
        if let Cow::Owned(replaced) = replaced {
            text = Cow::Owned(replaced);
        }
    }
    text
}

/// Whether a word is more like a key than like a word, a path or a number.
fn looks_random(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.bytes().any(|byte| kind(&byte));
    let digit = has(u8::is_ascii_digit);
    let letter = has(u8::is_ascii_alphabetic);
    if word.len() < 24 {
        let mixed = has(u8::is_ascii_lowercase) && word.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
        let symbol = word.bytes().any(|byte| b"!$%^&*+=~?#@".contains(&byte));
        let number = word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_digit());
        return number || letter && (digit || mixed || symbol);
    }
    let hexadecimal = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hexadecimal && digit && letter && word.len() >= 32)
        || (letter && entropy(word) > if digit { 3.9 } else { 4.4 } && !has_many_parts(word))
}

/// Paths and dotted or hyphenated names are made of short parts.
fn has_many_parts(word: &str) -> bool {
    let parts = word.split(['/', '_', '-', '=', '+']).filter(|part| !part.is_empty()).count();
    parts >= 3 && word.len() < 11 * parts
}

/// Bits for each byte of `word`, by how often its bytes are in it.
#[allow(clippy::cast_precision_loss)] // words are short
fn entropy(word: &str) -> f64 {
    let mut counts = [0_u32; 256];
    word.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = word.len() as f64;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| f64::from(count) / length)
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
mod shapes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_every_kind_are_replaced() {
        for (text, secret) in [
            ("login with password=hunter2 ok", "hunter2"),
            (r#"{"user":"x","password":"correct horse"}"#, "correct horse"),
            (r#"body {\"db_password\":\"s3 cret\"}"#, "s3 cret"),
            ("api_key: abcdefgh rejected", "abcdefgh"),
            ("DB_PASSWORD=letmein", "letmein"),
            ("Authorization: Bearer abc.def", "abc.def"),
            ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
            ("got bearer Zx81kk2L09 for it", "Zx81kk2L09"),
            ("postgres://app:pa55/w@db:5432/x", "pa55"),
            ("https://ghp@host/x", "ghp"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sflKxwRJSM seen", "sflKxwRJSM"),
            ("aws AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "bPxRfiCYEXAMPLEKEY"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY----- end", "MIIabc"),
            ("-----BEGIN PRIVATE KEY----- MIIabc", "MIIabc"),
            ("ran mysql -u root -pTopSecret db", "TopSecret"),
            ("curl -u admin:opensesame http://x", "opensesame"),
            ("tool --api-key opensesame run", "opensesame"),
            ("Set-Cookie: sid=opensesame; Path=/", "opensesame"),
            ("<password>opensesame</password>", "opensesame"),
            ("the password is Tr0ub4dor", "Tr0ub4dor"),
            ("Password for bob changed to Hunter2!", "Hunter2"),
            ("set password 'open sesame' for bob", "sesame"),
            ("sent OTP 493817 to bob", "493817"),
            ("GET /maps?key=x81kk2L09zz&q=1", "x81kk2L09zz"),
            ("Server=db;User Id=sa;Password=opensesame;Encrypt=1", "opensesame"),
            ("X-Api-Key: opensesame", "opensesame"),
            ("PGPASSWORD=opensesame psql", "opensesame"),
            ("https://s3.example/x?X-Amz-Signature=opensesame&y=1", "opensesame"),
            ("digest 9e107d9d372bb6826bd81d3542a419d6 x", "9e107d9d"),
        ] {
            let redacted = redact(text);
            assert!(!redacted.contains(secret), "{redacted}");
            assert!(redacted.contains(REDACTED), "{redacted}");
        }
    }

    #[test]
    fn ordinary_lines_stay_as_they_are() {
        for text in [
            "User 42 logged out after 35 minutes",
            "Basic authentication failed for admin",
            "password expired for user bob",
            "Invalid token received from client",
            "GET /v1/servers/detail HTTP/1.1 status 200",
            "/usr/lib/python3/dist-packages/urllib3/connectionpool.py loaded",
            "https://docs.example.org/path?email=a@b.example",
            "org.apache.hadoop.mapreduce.v2.app.rm.RMContainerAllocator ready",
            "session opened for user root by (uid=0)",
            "tests passed: 12, shipping: delayed, signal: 9",
            "max_tokens=512 prompt_tokens: 90",
            "password=null token: none",
            "mailto:bob@example.org sent",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn what_is_redacted_stays_so() {
        let once = redact("password=hunter2 postgres://a:b@c Authorization: Basic abcd").into_owned();
        assert_eq!(redact(&once), once);
    }
}
