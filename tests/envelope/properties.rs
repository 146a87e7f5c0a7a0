//! What holds for any message, on random bytes and on random pieces of real formats.

use std::time::Instant;

use logclass::envelope::open;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const PIECES: &[&str] = &[
    "<34>",
    "1 ",
    "Oct 11 22:14:15",
    "2024-01-02T03:04:05Z",
    "2024-01-02 03:04:05,678",
    "[2024-01-02 03:04:05]",
    " host ",
    "sshd[42]: ",
    "kernel: ",
    "INFO",
    "ERROR",
    "error",
    "Error: ",
    "WARN ",
    "[warn]",
    "[main]",
    "<info>",
    " - ",
    " | ",
    ": ",
    "com.acme.Foo",
    "file.go:12",
    "] ",
    "[",
    "(",
    ")",
    "{",
    "}",
    "\"",
    "\\",
    "=",
    "a=1 ",
    "b=\"x y\" ",
    "level=warn ",
    "msg=\"hello\" ",
    "msg=",
    "err=x ",
    "time=",
    "{\"level\":\"info\",",
    "\"msg\":\"",
    "\"a\":",
    "null",
    ",",
    "\n",
    "\tat x.y(z)",
    "Caused by: x",
    "java.io.IOException: y",
    "\u{1b}[31m",
    "\u{1b}",
    "[0m",
    "I1124 10:00:00.1 1 f.go:1] ",
    "W/Tag( 1): ",
    "12:M ",
    "01 Jan 2024 10:00:00.123 * ",
    "%SYS-5-X: ",
    "CEF:0|a|b|c|d|e|5|",
    "stdout F ",
    "web-1  | ",
    "[pod/x/c] ",
    "- ",
    "LOG:  ",
    " [21793] ",
    "ü",
    "😀",
    "\0",
    "  ",
    "\t",
    "word",
    "10:00:00",
    "##[error]",
    "name",
    "type=a ",
    "\\u001b",
    "\\n",
    "::",
    ".",
    "@cee:",
    "uuid=2f3a0000-1111-2222-3333-444455556666 ",
    "event=",
    "status=error ",
    "@t=",
    "info: A.B[1]\n",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        vec(select(PIECES), 0..14).prop_map(|pieces| pieces.concat().into_bytes()),
        vec(prop_oneof![8 => select(PIECES).prop_map(str::to_owned), 1 => "[ -~]{0,12}"], 0..12)
            .prop_map(|pieces| pieces.concat().into_bytes()),
        json(),
        changed(),
    ]
}

/// Lines of the table, cut, with a piece of another format put in, and perhaps wrapped.
fn changed() -> impl Strategy<Value = Vec<u8>> {
    let lines: Vec<&str> =
        include_str!("table.txt").lines().filter_map(|line| line.strip_prefix("< ")).collect();
    (select(lines), select(PIECES), any::<u16>(), any::<u16>(), 0..6_u8).prop_map(
        |(line, piece, at, end, wrap)| {
            let line = line.replace('⏎', "\n").replace('⇥', "\t").replace('␛', "\u{1b}");
            let mut text = line.clone().into_bytes();
            let at = usize::from(at) % (text.len() + 1);
            text.splice(at..at, piece.bytes());
            if wrap < 3 {
                text.truncate(usize::from(end) % (text.len() + 1));
            }
            match wrap {
                0 | 3 => [b"2026-01-02T03:04:05.678901234Z stdout F ", &*text].concat(),
                1 => format!("{{\"log\":{},\"stream\":\"stdout\"}}", quoted(&line)).into_bytes(),
                2 => [b"<11>Jan  2 03:04:05 host app[1]: ", &*text].concat(),
                _ => text,
            }
        },
    )
}

/// Documents with names that mean something.
fn json() -> impl Strategy<Value = Vec<u8>> {
    let names = select(vec![
        "msg", "level", "time", "error", "err", "event", "a", "b c", "log", "fields", "type", "status", "s=",
        "x\"",
    ]);
    let field = (
        names,
        prop_oneof![
            "[ -~]{0,20}",
            select(PIECES).prop_map(str::to_owned),
            vec(select(PIECES), 0..5).prop_map(|all| all.concat())
        ],
    );
    vec(field, 0..8).prop_map(|fields| {
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name:?}:{}", quoted(value))).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    })
}

fn quoted(text: &str) -> String {
    let mut all = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => all.extend(['\\', letter]),
            letter if letter < ' ' => all.extend(format!("\\u{:04x}", u32::from(letter)).chars()),
            letter => all.push(letter),
        }
    }
    all + "\""
}

fn holds(whole: &[u8], inner: &[u8]) -> bool {
    inner.is_empty() || whole.windows(inner.len()).any(|window| window == inner)
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn opening_a_body_changes_nothing(message in bytes()) {
        let body = open(&message).body.into_owned();
        let again = open(&body).body.into_owned();
        prop_assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&body));
        prop_assert_eq!(again, body);
    }

    #[test]
    fn bodies_of_plain_text_are_parts_of_it(message in bytes()) {
        let plain = |byte: &u8| !matches!(byte, b'{' | b'=' | b'\n' | 0x1b);
        let message: Vec<u8> = message.into_iter().filter(plain).collect();
        let envelope = open(&message);
        prop_assert!(holds(&message, &envelope.body));
        for text in [envelope.time, envelope.program, envelope.logger].into_iter().flatten() {
            prop_assert!(holds(&message, &text));
        }
    }
}

#[test]
fn long_messages_take_linear_time() {
    let limit = if cfg!(debug_assertions) { 1000 } else { 50 };
    for piece in [
        "[",
        "<1>",
        "{\"a\":",
        " ",
        "\\",
        "=",
        "a=",
        "a=1 ",
        "{\"a\":\"\\",
        "\n",
        "\tat x(y)\n",
        "\u{1b}",
        "\u{1b}]",
        "INFO ",
        "{\"msg\":\"",
        "a=\"",
        "\"",
        "|",
        "2024-01-02 03:04:05 ",
        "{\"a\":1,",
        "CEF:",
        "msg=a ",
        "- ",
        "ValueError: x\n",
        "{\"a\":[1,",
    ] {
        let message = piece.repeat(1_000_000 / piece.len());
        let start = Instant::now();
        let envelope = open(message.as_bytes());
        let taken = start.elapsed().as_millis();
        assert!(taken < limit, "{piece:?}: {taken} ms, {} bytes of body", envelope.body.len());
    }
}
