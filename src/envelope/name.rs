//! Tells the name of a logger, or of a place in the source, from the first word of a message.

use super::scan::{blanks, byte, digits, has, is_blank, is_gap, part, rest, run};

/// A name that was found.
pub(super) struct Name {
    /// Where it ends.
    pub end: usize,
    /// Whether it is part of the header even if nothing else follows.
    pub sure: bool,
    /// Whether it names a logger.
    pub logger: bool,
}

/// What the letters of a word tell.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "four answers of one pass, none of which excludes another")]
struct Build {
    /// Built as names of classes and modules are.
    structured: bool,
    /// Made of what such names are made of, and nothing else.
    plain: bool,
    /// With `://`, as addresses have.
    address: bool,
    /// With a dot.
    dotted: bool,
}

impl Build {
    fn of(word: &[u8]) -> Self {
        let mut build = Self { plain: true, ..Self::default() };
        let (mut before, mut last) = (0_u8, 0_u8);
        for &byte in word {
            build.structured |= match byte {
                b'A'..=b'Z' => last.is_ascii_lowercase() || (last == b'.' && before.is_ascii_alphanumeric()),
                b'a'..=b'z' => last == b'.' && before.is_ascii_alphanumeric(),
                b':' => last == b':',
                byte => byte == b'$',
            };
            build.plain &= byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'$' | b':');
            build.address |= byte == b'/' && last == b'/' && before == b':';
            build.dotted |= byte == b'.';
            (before, last) = (last, byte);
        }
        build
    }
}

/// Whether a word is built as names of classes and modules are: `com.acme.Foo`, `a::b`, `BlockManager`,
/// `Foo$1`.
pub(super) fn is_structured(word: &[u8]) -> bool {
    byte(word, 0).is_ascii_alphabetic()
        && !word.contains(&b' ')
        && !is_fault(word)
        && Build::of(word).structured
}

/// Whether a word names an exception, which belongs to the message.
fn is_fault(word: &[u8]) -> bool {
    word.ends_with(b"Exception")
        || word.ends_with(b"Error")
        || word.ends_with(b"Throwable")
        || word.ends_with(b"Failure")
        || word.ends_with(b"Warning")
        || word.ends_with(b"Interrupt")
        || word.ends_with(b"Fault")
        || is_file(word)
}

/// Whether a word names a file that programs read and complain about.
fn is_file(word: &[u8]) -> bool {
    let ending = word.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    ending.len() < word.len()
        && matches!(
            ending,
            b"yaml"
                | b"yml"
                | b"json"
                | b"conf"
                | b"cfg"
                | b"ini"
                | b"txt"
                | b"xml"
                | b"html"
                | b"sh"
                | b"exe"
                | b"dll"
                | b"properties"
                | b"toml"
                | b"csv"
                | b"pid"
                | b"sock"
                | b"service"
                | b"com"
                | b"org"
                | b"net"
        )
}

/// Whether a place in the source stands at `at`: `file.go:12`.
pub(super) fn is_place(text: &[u8], at: usize) -> bool {
    let end = run(text, at, 120, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b'@')
    });
    if byte(text, end) != b':' || !byte(text, end + 1).is_ascii_digit() {
        return false;
    }
    let dot = part(text, at, end).iter().rev().take(6).position(|&byte| byte == b'.');
    let after = digits(text, end + 1);
    dot.is_some_and(|letters| is_source(part(text, end - letters, end)))
        && byte(text, end) == b':'
        && after > end + 1
        && (is_gap(byte(text, after)) || matches!(byte(text, after), b']' | b'}' | b':' | b',' | b'|'))
}

/// Whether files with this ending hold source, so that a number behind one is a line and no port.
fn is_source(ending: &[u8]) -> bool {
    matches!(
        ending,
        b"go"
            | b"java"
            | b"py"
            | b"rb"
            | b"js"
            | b"ts"
            | b"rs"
            | b"c"
            | b"cc"
            | b"cpp"
            | b"cxx"
            | b"h"
            | b"hpp"
            | b"cs"
            | b"kt"
            | b"scala"
            | b"php"
            | b"swift"
            | b"m"
            | b"mm"
            | b"lua"
            | b"ex"
            | b"exs"
            | b"erl"
            | b"pl"
            | b"clj"
            | b"groovy"
            | b"jsx"
            | b"tsx"
            | b"mjs"
            | b"inc"
            | b"hh"
    )
}

/// The name of a logger or a place in the source at `at`, if what is behind it shows that it is one.
pub(super) fn logger(text: &[u8], at: usize, dashes: bool, lenient: bool) -> Option<Name> {
    let first = byte(text, at);
    if !(first.is_ascii_alphabetic() || matches!(first, b'_' | b'<')) {
        return None;
    }
    if is_place(text, at) {
        let end = run(text, at, 140, |byte| !is_gap(byte) && !matches!(byte, b']' | b'|' | b','));
        let end = if byte(text, end.saturating_sub(1)) == b':' { end - 1 } else { end };
        return Some(Name { end, sure: true, logger: true });
    }
    let mut end = run(text, at, 120, |byte| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'.' | b'_'
                    | b'$'
                    | b'/'
                    | b'-'
                    | b'@'
                    | b'#'
                    | b':'
                    | b'('
                    | b')'
                    | b'<'
                    | b'>'
                    | b'['
                    | b']'
            )
    });
    if byte(text, end.saturating_sub(1)) == b':' {
        end -= 1;
    }
    let word = part(text, at, end);
    let build = Build::of(word);
    if word.is_empty() || build.address || is_fault(word) {
        return None;
    }
    let Build { structured, plain, .. } = build;
    let behind = blanks(text, end);
    let colon = byte(text, end) == b':' && is_gap(byte(text, end + 1));
    let apart = behind > end
        && (has(text, behind, b"- ")
            || has(text, behind, b": ")
            || has(text, behind, b"| ")
            || has(text, behind, b"> "))
        || byte(text, end) == b'|';
    let tabbed = byte(text, end) == b'\t' && dashes;
    let sure = (colon && (structured || (lenient && plain)))
        || (apart && (structured || dashes || has(text, behind, b": ")))
        || tabbed
        || (structured
            && plain
            && is_java(word)
            && is_blank(byte(text, end))
            && !rest(text, behind).is_empty());
    let maybe = apart || tabbed || (structured && plain);
    let bracket = structured && plain && build.dotted && byte(text, behind) == b'[' && behind > end;
    (sure || maybe || bracket).then_some(Name { end, sure: sure || bracket, logger: true })
}

/// `o.a.k.c.Foo`, `com.acme.Foo`, `org.acme.core.Foo.start`: packages in lower case, then a class.
fn is_java(word: &[u8]) -> bool {
    let mut parts = word.split(|&byte| byte == b'.');
    let first = parts.next().unwrap_or_default();
    let depth = parts.clone().count();
    let is_class = |part: &[u8]| byte(part, 0).is_ascii_uppercase();
    byte(first, 0).is_ascii_lowercase()
        && !word.contains(&b'/')
        && (parts.clone().next_back().is_some_and(is_class) || (depth >= 3 && parts.any(is_class)))
}
