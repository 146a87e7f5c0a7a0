//! Secrets of every shape in every syntax: all of them together, generated.

use super::redact;

/// Shapes of secrets; what a syntax cannot hold without escapes is escaped or left out there.
const SECRETS: [&str; 12] = [
    "opensesame",
    "Open.Sesame",
    "op3nSesame!",
    "open,sesame",
    "open\"sesame",
    "open'sesame",
    "open sesame now",
    "open\\sesame",
    "open]sesame",
    "open}sesame",
    "open&sesame",
    "open=sesame",
];

/// Names, each with `passwords` and `credentials` among them.
const NAMES: [&str; 12] = [
    "password",
    "passwords",
    "pw",
    "dbPassword",
    "DB_PASSWORD",
    "passphrase",
    "secret",
    "client_secret",
    "api_key",
    "accessToken",
    "credentials",
    "X-Auth-Token",
];

/// How a syntax writes a secret down.
#[derive(Clone, Copy)]
enum Escape {
    /// As JSON text, this many times over.
    Json(u32),
    /// In single quotes, which are doubled.
    Sql,
    /// Without blanks.
    Word,
    /// Of letters and signs that have no meaning there.
    Plain,
}

/// `{n}` is the name, `{s}` the secret.
const SYNTAXES: [(&str, Escape); 38] = [
    (r#"{"{n}":"{s}","user":"bob"}"#, Escape::Json(1)),
    (r#"{"user": "bob", "{n}" : "{s}"}"#, Escape::Json(1)),
    (r#"{"{n}":["{s}","{s}"],"user":"bob"}"#, Escape::Json(1)),
    (r#"{"{n}": [ {"v": "{s}"}, {"v": "{s}"} ] }"#, Escape::Json(1)),
    (r#"{"{n}":{"a":"{s}","b":{"c":["{s}"]}},"user":"bob"}"#, Escape::Json(1)),
    (r#"{"name":"{n}","value":"{s}"}"#, Escape::Json(1)),
    (r#"["{n}", "{s}"]"#, Escape::Json(1)),
    (r#"body {\"{n}\":\"{s}\",\"user\":\"bob\"} sent"#, Escape::Json(2)),
    (r#"body {\"{n}\":[\"{s}\",\"{s}\"]} sent"#, Escape::Json(2)),
    (r#"body {\\\"{n}\\\":\\\"{s}\\\"} sent"#, Escape::Json(3)),
    (r#"{n}="{s}" user=bob"#, Escape::Json(1)),
    (r#"{n}: "{s}""#, Escape::Json(1)),
    (r#"cut off: {"{n}":"{s}"#, Escape::Json(1)),
    (r#"Config { {n}: Some("{s}"), user: "bob" }"#, Escape::Json(1)),
    (r#"{n}("{s}")"#, Escape::Json(1)),
    (r#"ran tool --{n} "{s}" --now"#, Escape::Json(1)),
    ("{n} = '{s}'", Escape::Sql),
    ("{n} '{s}' for bob", Escape::Sql),
    ("{'{n}': '{s}', 'user': 'bob'}", Escape::Sql),
    ("ALTER USER bob IDENTIFIED BY '{s}' ({n})", Escape::Sql),
    ("IDENTIFIED WITH mysql_native_password BY '{s}' # {n}", Escape::Sql),
    ("['{n}' => '{s}']", Escape::Sql),
    ("{n}={s} user=bob", Escape::Word),
    ("{n}={s}", Escape::Word),
    ("{n} -> {s}", Escape::Word),
    ("{n} => {s}", Escape::Word),
    ("{n}:={s}", Escape::Word),
    ("[{n}] => {s}", Escape::Word),
    ("ran tool --{n}={s} --now", Escape::Word),
    ("ran tool --{n} {s} --now", Escape::Word),
    ("{User:bob {n}:{s} Host:x}", Escape::Word),
    ("bob:{s}@tcp(db:3306)/main {n}", Escape::Plain),
    ("mysql://bob:{s}@db/main {n}", Escape::Plain),
    ("{n} [{s}]", Escape::Plain),
    ("{n} <{s}>", Escape::Plain),
    ("<{n}>{s}</{n}>", Escape::Plain),
    ("<ns:{n} type=\"x\">{s}</ns:{n}>", Escape::Plain),
    ("<property name=\"{n}\" value=\"{s}\"/>", Escape::Plain),
];

fn written(secret: &str, escape: Escape) -> Option<String> {
    match escape {
        Escape::Json(times) => {
            let mut text = secret.to_owned();
            for _ in 0..times {
                let json = serde_json::Value::from(text).to_string();
                text = json[1..json.len() - 1].to_owned();
            }
            Some(text)
        }
        Escape::Sql => (!secret.contains('\\')).then(|| secret.replace('\'', "''")),
        Escape::Word => (!secret.contains(' ')).then(|| secret.to_owned()),
        Escape::Plain => (!secret.contains([' ', '"', '\'', ']', '}', '<', '>'])).then(|| secret.to_owned()),
    }
}

#[test]
fn no_secret_of_any_shape_gets_through_in_any_syntax() {
    let mut wrong = Vec::new();
    for (syntax, escape) in SYNTAXES {
        for name in NAMES {
            for secret in SECRETS {
                let Some(secret) = written(secret, escape) else { continue };
                let line = syntax.replace("{n}", name).replace("{s}", &secret);
                let redacted = redact(&line).into_owned();
                // Not even its second half.
                if redacted.to_lowercase().contains("sesame") || redact(&redacted) != redacted {
                    wrong.push(format!("{line}\n    {redacted}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} get through:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn several_words_behind_a_name_go_together() {
    for (line, redacted) in [
        ("passphrase: open sesame now", "passphrase: <redacted>"),
        ("password: open sesame now, user: bob", "password: <redacted>, user: bob"),
        ("password -> open sesame (typed twice)", "password -> <redacted> (typed twice)"),
        (
            "{\"msg\":\"passphrase: open sesame\",\"user\":\"bob\"}",
            "{\"msg\":\"passphrase: <redacted>\",\"user\":\"bob\"}",
        ),
        ("password=hunter2 user=bob action=login", "password=<redacted> user=bob action=login"),
        ("password [x]", "password [<redacted>]"),
        ("pw=x", "pw=<redacted>"),
        ("{\"passwords\":[\"one\",\"two\"]}", "{\"passwords\":[<redacted>]}"),
        ("set password for bob: open", "set password for bob: <redacted>"),
    ] {
        assert_eq!(redact(line), redacted);
    }
}

#[test]
fn text_of_any_kind_is_survived() {
    let pieces = [
        "password", "\"", "\\", "'", "[", "{", "(", "<", ":", "=", "->", "é", "\u{201c}", " ", "\n", "</",
        "%22", "x", ",",
    ];
    for length in [1, 2, 3, 5, 9, 30] {
        for _ in 0..2_000 {
            let text: String = (0..length).map(|_| pieces[fastrand::usize(..pieces.len())]).collect();
            let once = redact(&text).into_owned();
            drop(redact(&once));
        }
    }
}
