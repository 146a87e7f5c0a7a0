//! Messages of several lines: leaves out the frames of stacks, and puts exceptions on the line that they
//! explain.

use memchr::memchr;

use super::scan::{byte, digits, has, is_blank, part, rest, run};

/// What a line behind the first is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Frame,
    Exception,
    Other,
}

/// The text without frames; `None` where that changes nothing, or where nothing would be left.
pub(super) fn clean(text: &[u8]) -> Option<Vec<u8>> {
    memchr(b'\n', text)?;
    let mut kept: Vec<u8> = Vec::new();
    let mut changed = false;
    let mut in_python = false;
    let mut first = true;
    for line in text.split(|&byte| byte == b'\n') {
        let kind = kind(line, &mut in_python);
        if kind == Line::Frame {
            changed = true;
            continue;
        }
        if !first {
            let joins = kind == Line::Exception && !kept.trim_ascii().is_empty();
            changed |= joins;
            if joins {
                kept.truncate(kept.trim_ascii_end().len());
            }
            kept.push(if joins { b' ' } else { b'\n' });
        }
        kept.extend_from_slice(if kind == Line::Exception && !first { line.trim_ascii() } else { line });
        first = false;
    }
    let trimmed = kept.trim_ascii();
    (changed && !trimmed.is_empty()).then(|| trimmed.to_vec())
}

fn kind(line: &[u8], in_python: &mut bool) -> Line {
    let text = line.trim_ascii();
    let indent = line.iter().take_while(|&&byte| is_blank(byte)).count();
    if std::mem::take(in_python) && indent >= 4 {
        // The source of the frame above, and the marks under it.
        *in_python = text.iter().any(|&byte| !matches!(byte, b'^' | b'~' | b' '));
        return Line::Frame;
    }
    let frame = match byte(text, 0) {
        b'a' if has(text, 0, b"at ") => {
            indent > 0 && (text.contains(&b'(') || text.contains(&b':') || text.contains(&b'/'))
        }
        b'F' if has(text, 0, b"File \"") => {
            *in_python = memchr::memmem::find(text, b"\", line ").is_some();
            *in_python
        }
        b'.' if has(text, 0, b"... ") => {
            let end = digits(text, 4);
            end > 4 && (has(text, end, b" more") || has(text, end, b" common frames"))
        }
        b'g' if has(text, 0, b"goroutine ") => digits(text, 10) > 10 && text.ends_with(b":"),
        b'f' if has(text, 0, b"from ") => indent > 0 && memchr::memmem::find(text, b":in ").is_some(),
        b'#' => {
            let end = digits(text, 1);
            end > 1
                && byte(text, end) == b' '
                && (text.contains(&b'(') || has(text, end, b"  0x") || has(text, end, b" {main}"))
        }
        b'/' => indent > 0 && memchr::memmem::find(text, b".go:").is_some(),
        b'-' => has(text, 0, b"--- End of stack trace") || has(text, 0, b"--- End of inner exception"),
        _ => false,
    };
    if frame {
        Line::Frame
    } else if is_exception(text) {
        Line::Exception
    } else {
        Line::Other
    }
}

/// `java.io.IOException: ...`, `Caused by: ...`, `ValueError: ...`
fn is_exception(text: &[u8]) -> bool {
    if has(text, 0, b"Caused by: ") || has(text, 0, b"Suppressed: ") {
        return true;
    }
    let text = text.strip_prefix(b"Exception in thread ").map_or(text, |rest| rest.trim_ascii());
    let end = run(text, 0, 160, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'));
    let name = part(text, 0, end);
    let fault = [
        &b"Exception"[..],
        b"Error",
        b"Throwable",
        b"KeyboardInterrupt",
        b"Warning",
        b"Interrupt",
        b"Failure",
    ]
    .iter()
    .any(|ending| name.ends_with(ending));
    fault && name.len() > 5 && (rest(text, end).is_empty() || byte(text, end) == b':')
}
