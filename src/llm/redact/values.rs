//! Where a secret begins and ends, whatever stands around it.
//!
//! The end of a value is where its own syntax ends it. Where that leaves a doubt, more is taken rather than less.

use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

use super::names::Kind;

/// A name with its separator, as what follows a value in a list.
static NEXT_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\s*[\\"'{\[]*[\p{L}_][\p{L}\p{N}_.-]*[\\"'\]]*\s*(?:=|:|->)"#).expect("fixed, and tested")
});
/// What stands between the name of one member and its value, where the name is a value itself.
static VALUE_MEMBER: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#"(?i)^,?\s*\\*["']?(?:value|val|content|string_?value)\\*["']?\s*[=:]\s*"#;
    Regex::new(text).expect("fixed, and tested")
});
/// A person between a name and its separator.
static PERSON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\s+(?:for|of)\s+(?:(?:user|account|role)\s+)?[^\s=:]+").expect("fixed, and tested")
});
/// Words that say what a secret is.
static VERB: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"(?i)^\s+(?:is|was|to|(?:is |was )?(?:set|changed|reset) to)\s*:?\s+";
    Regex::new(text).expect("fixed, and tested")
});
/// Schemes in front of a token.
static SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"(?i)^(?:bearer|basic|token|digest|negotiate|apikey)\s+";
    Regex::new(text).expect("fixed, and tested")
});

const SEPARATORS: [&str; 13] =
    ["=>", "->", ":=", "==", "=", "::", ":", "\u{2192}", "\u{ff1a}", "%3D", "%3d", "%3A", "%3a"];

/// The value that belongs to the name at `name`, without the signs around it.
pub fn value_of(text: &str, name: Range<usize>, kind: Kind) -> Option<Range<usize>> {
    if let Some(range) = element(text, &name) {
        return (!range.is_empty()).then_some(range);
    }
    let mut at = name.end;
    let quote = quote_at(text, at);
    at += quote.map_or(0, str::len);
    if text[at..].starts_with(']') && text[..name.start].trim_end_matches(['"', '\'', '\\']).ends_with('[') {
        at += 1; // PHP's way to name a member
    }
    let gap = if quote.is_some() { skip_space(text, at) } else { skip_blanks(text, at) };
    if let Some(separator) = separator_at(text, gap) {
        return after_separator(text, gap, separator, kind);
    }
    if quote.is_some() {
        if let Some(member) = VALUE_MEMBER.find(&text[gap..]) {
            return value_at(text, gap + member.end(), kind, false, false);
        }
        if let Some(list) = text[gap..].strip_prefix(',') {
            // A pair in a list, unless the next string is a name itself.
            let start = skip_space(text, text.len() - list.len());
            let token = quote_at(text, start)?;
            let inner = quoted(text, start, token);
            let behind = skip_space(text, behind(text, inner.end, token));
            return separator_at(text, behind).is_none().then_some(inner);
        }
        return None;
    }
    let rest = &text[gap..];
    if rest.starts_with(['[', '{']) || (rest.starts_with('<') && !rest.starts_with("</")) {
        return value_at(text, gap, kind, false, false);
    }
    if gap == at && rest.starts_with('(') {
        return value_at(text, gap, kind, false, false);
    }
    if gap > at && quote_at(text, gap).is_some() {
        return value_at(text, gap, kind, false, false);
    }
    if let Some(person) = PERSON.find(&text[at..]) {
        let gap = skip_blanks(text, at + person.end());
        if let Some(separator) = separator_at(text, gap) {
            return after_separator(text, gap, separator, kind);
        }
    }
    if let Some(verb) = VERB.find(&text[at..])
        && quote_at(text, at + verb.end()).is_some()
    {
        return value_at(text, at + verb.end(), kind, false, false);
    }
    let is_flag = text[..name.start].ends_with('-');
    (is_flag && gap > at && !rest.starts_with('-'))
        .then(|| value_at(text, gap, Kind::Token, false, false))
        .flatten()
}

fn after_separator(text: &str, at: usize, separator: &str, kind: Kind) -> Option<Range<usize>> {
    let after = at + separator.len();
    let mut start = skip_blanks(text, after);
    if text[start..].starts_with(['\n', '\r']) {
        // On the next line only what is marked as a value.
        let next = skip_space(text, start);
        if quote_at(text, next).is_none() && !text[next..].starts_with(['[', '{']) {
            return None;
        }
        start = next;
    }
    let is_spaced = start > after || matches!(separator, "->" | "\u{2192}" | "\u{ff1a}");
    let in_words = kind == Kind::Words && is_spaced && separator != "=";
    value_at(text, start, kind, in_words, separator.starts_with('%'))
}

/// What is inside `<password>...</password>`; nothing inside a closing tag. None when it is no element at all.
fn element(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let before = &text[..name.start];
    let prefix = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
    let is_open = before.ends_with('<')
        || (before.ends_with(':')
            && before[..before.len() - 1].trim_end_matches(|c: char| c.is_alphanumeric()).ends_with('<'));
    if before.ends_with("</") || prefix.ends_with("</") {
        return Some(name.end..name.end);
    }
    if !is_open || !text[name.end..].starts_with(|c: char| c == '>' || c.is_whitespace()) {
        return None;
    }
    let start = name.end + text[name.end..].find('>')? + 1;
    if text[..start].ends_with("/>") {
        return None;
    }
    let close = format!("{}>", text[name.clone()].to_lowercase());
    let lower = text[start..].to_ascii_lowercase();
    let end = match lower.rfind(&close).filter(|_| close.is_ascii()) {
        Some(end) => lower[..end].rfind("</").unwrap_or(end),
        None => lower.find(['<', '\n']).unwrap_or(lower.len()),
    };
    Some(start..start + end)
}

/// The value that begins at `start`, without the signs around it.
fn value_at(text: &str, start: usize, kind: Kind, in_words: bool, encoded: bool) -> Option<Range<usize>> {
    let rest = &text[start..];
    let word = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
    let range = if let Some(token) = quote_at(text, start) {
        quoted(text, start, token)
    } else if word > 0 && word <= 2 && quote_at(text, start + word).is_some_and(|token| token.len() == 1) {
        // Python's b'...' and its like.
        quoted(text, start + word, &text[start + word..=start + word])
    } else if rest.starts_with(['[', '{', '(', '<']) {
        bracketed(text, start)
    } else if word > 0 && rest[word..].starts_with('(') {
        // Some("...") and its like, unless it is the value's own sign.
        match bracketed(text, start + word) {
            inner if text[inner.end..].starts_with(')') => inner,
            _ => start..end_of_word(text, start, in_words, encoded),
        }
    } else {
        let scheme = SCHEME.find(rest).map_or(0, |scheme| scheme.end());
        start..end_of_word(text, start + scheme, in_words, encoded)
    };
    let value = &text[range.clone()];
    let is_count =
        kind == Kind::Count && value.bytes().all(|byte| byte.is_ascii_digit() || b".,/#".contains(&byte));
    (!value.is_empty() && !is_count).then_some(range)
}

/// The quotation mark at `at`, escaped or not.
fn quote_at(text: &str, at: usize) -> Option<&str> {
    let rest = &text[at..];
    for mark in [
        "&quot;", "&#34;", "&#39;", "&apos;", "%22", "%27", "\\u0022", "\\u0027", "\u{201c}", "\u{2018}", "`",
    ] {
        if rest.starts_with(mark) {
            return Some(&rest[..mark.len()]);
        }
    }
    let escapes = rest.len() - rest.trim_start_matches('\\').len();
    let mark = rest[escapes..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    // CSV doubles them.
    let ends = |c: char| c.is_whitespace() || ",;)]}".contains(c);
    let doubled = escapes == 0
        && mark == '"'
        && rest[1..].starts_with('"')
        && rest[2..].chars().next().is_some_and(|next| !ends(next));
    Some(&rest[..escapes + 1 + usize::from(doubled)])
}

/// What is between the mark at `start` and the one that closes it, or to the end of the line.
fn quoted(text: &str, start: usize, mark: &str) -> Range<usize> {
    let begin = start + mark.len();
    let line = text[begin..].find('\n').map_or(text.len(), |end| begin + end);
    let end = match mark {
        "\u{201c}" => text[begin..].find('\u{201d}').map(|end| begin + end),
        "\u{2018}" => text[begin..].find('\u{2019}').map(|end| begin + end),
        _ if mark.ends_with(['"', '\'']) && mark != "\"\"" => closing(text, begin, mark),
        _ => text[begin..].find(mark).map(|end| begin + end),
    };
    begin..end.unwrap_or(line)
}

/// One past the mark that closes a value ending at `end`, if it is there.
fn behind(text: &str, end: usize, mark: &str) -> usize {
    let closing = match mark {
        "\u{201c}" => "\u{201d}",
        "\u{2018}" => "\u{2019}",
        same => same,
    };
    if text[end..].starts_with(closing) { end + closing.len() } else { end }
}

/// Where the mark is that closes one with so many backslashes: as many stand there, or as many more as backslashes that
/// are part of the value have.
fn closing(text: &str, begin: usize, mark: &str) -> Option<usize> {
    let escapes = mark.len() - 1;
    let sign = &mark[escapes..];
    let mut at = begin;
    loop {
        let found = at + text[at..].find(sign)?;
        let run = text[begin..found].len() - text[begin..found].trim_end_matches('\\').len();
        if run >= escapes && (run - escapes).is_multiple_of(2 * (escapes + 1)) {
            if sign == "'" && escapes == 0 && text[found + 1..].starts_with('\'') {
                at = found + 2; // SQL doubles them
                continue;
            }
            return Some(found - escapes);
        }
        at = found + 1;
    }
}

/// What is between the bracket at `start` and the one that closes it, or all there is.
fn bracketed(text: &str, start: usize) -> Range<usize> {
    let (open, close) = match text.as_bytes()[start] {
        b'[' => ('[', ']'),
        b'{' => ('{', '}'),
        b'(' => ('(', ')'),
        _ => ('<', '>'),
    };
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(sign) = text[at..].chars().next() {
        if sign == open {
            depth += 1;
        } else if sign == close {
            depth -= 1;
            if depth == 0 {
                return start + 1..at;
            }
        } else if let Some(mark) = quote_at(text, at)
            && text[..at].ends_with(|c: char| c.is_whitespace() || "[{(,:=<".contains(c))
        {
            at = behind(text, quoted(text, at, mark).end, mark);
            continue;
        }
        at += sign.len_utf8();
    }
    start + 1..text.len()
}

/// Where a value without marks ends. `in_words` says that it may hold spaces, `encoded` that it is part of a URL that
/// was encoded whole.
fn end_of_word(text: &str, start: usize, in_words: bool, encoded: bool) -> usize {
    let mut end = text.len();
    for (offset, sign) in text[start..].char_indices() {
        let at = start + offset;
        let rest = &text[at + sign.len_utf8()..];
        let next = rest.chars().next();
        let before = |signs: &str| next.is_none_or(|c| c.is_whitespace() || signs.contains(c));
        let ends = match sign {
            '\n' | '\r' => true,
            _ if sign.is_whitespace() => {
                !in_words
                    || NEXT_NAME.is_match(rest)
                    || rest.trim_start().starts_with(['(', '[', '<', '{', '"', '|'])
            }
            '"' | '\'' | '`' => before(",;:)]}&<>\\|"),
            ',' | ';' | '&' | '|' => {
                NEXT_NAME.is_match(rest)
                    || rest.starts_with("quot;")
                    || next.is_none_or(|c| c.is_whitespace() && !in_words)
                    || next.is_some_and(|c| "\"'".contains(c))
            }
            ')' | ']' | '}' => before(",;:)]}\"'&<>\\.|"),
            '<' => rest.starts_with('/'),
            '%' => encoded && ["26", "22", "27", "2C", "7D", "5D"].iter().any(|code| rest.starts_with(code)),
            _ => false,
        };
        if ends {
            end = at;
            break;
        }
    }
    // What escapes the mark that ended it.
    let kept = text[start..end].trim_end_matches('\\');
    start + if text[end..].starts_with(['"', '\'']) { kept.len() } else { end - start }
}

fn separator_at(text: &str, at: usize) -> Option<&'static str> {
    SEPARATORS.into_iter().find(|separator| text[at..].starts_with(separator))
}

fn skip_blanks(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches([' ', '\t', '\u{a0}']).len()
}

fn skip_space(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}
