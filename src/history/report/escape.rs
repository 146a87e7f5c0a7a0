//! Text that came from a log, made harmless for what it is put into.

/// Characters that would turn the direction of what follows, or hide in it.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// For a terminal or a mail: one line that steers nothing.
pub fn plain(text: &str) -> String {
    text.chars().map(|letter| if steers(letter) { ' ' } else { letter }).collect()
}

/// At most this many characters of a text.
pub fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// For HTML, between tags and in quoted attributes. What steers the direction becomes visible.
pub fn html(text: &str) -> String {
    escaped(text, |letter, out| match letter {
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        letter => out.push(letter),
    })
}

/// For a line or a table's cell of Markdown: nothing of it is markup, HTML or a link.
pub fn markdown(text: &str) -> String {
    escaped(text, |letter, out| match letter {
        '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '@' => {
            out.extend(['\\', letter]);
        }
        // Not a link, where addresses become one by themselves.
        ':' => out.push_str("&#58;"),
        letter => out.push(letter),
    })
}

/// On one line, without tags and what steers; the `other` characters as the format asks for.
fn escaped(text: &str, other: impl Fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\r' => out.push(' '),
            letter if steers(letter) => out.push('\u{fffd}'),
            letter => other(letter, &mut out),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        assert_eq!(
            html("<script>alert('a&b')</script>\u{202e}\"\n"),
            "&lt;script&gt;alert(&#39;a&amp;b&#39;)&lt;/script&gt;\u{fffd}&quot; "
        );
        assert_eq!(markdown("a|b [x](http://y) <b>"), "a\\|b \\[x\\]\\(http&#58;//y\\) &lt;b&gt;");
    }
}
