//! Opens every line of the table and compares with what it says there.

use logclass::envelope::{Severity, open};

const TABLE: &str = include_str!("table.txt");

fn plain(text: &str) -> Vec<u8> {
    let text = text.replace('⏎', "\n").replace('⇥', "\t").replace('␛', "\u{1b}").replace('␀', "\0");
    text.replace('␢', "\u{feff}").into_bytes()
}

/// What is wrong with the opened message, if anything is.
fn complaint(message: &[u8], severity: &str, program: &str, body: &[u8]) -> Option<String> {
    let found = open(message);
    let show = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let found_severity = found.severity.map_or("-", Severity::as_str);
    let found_program = found.program.as_deref().map_or("-".into(), show);
    let again = open(&found.body).body == found.body;
    let right = found_severity == severity && found_program == program && *found.body == *body && again;
    (!right).then(|| {
        format!(
            "{}\n  wanted {severity} {program} {:?}\n  found  {found_severity} {found_program} {:?}{}\n",
            show(message),
            show(body),
            show(&found.body),
            if again { "" } else { " (unstable)" }
        )
    })
}

#[test]
fn lines_open_as_the_table_says() {
    let mut complaints = Vec::new();
    let (mut wrapped, mut whole) = (0, 0);
    let (mut message, mut said) = (Vec::new(), "");
    for line in TABLE.lines() {
        let (mark, text) = line.split_at_checked(2).unwrap_or_default();
        match mark {
            "< " => message = plain(text),
            "> " => said = text,
            "= " => {
                wrapped += 1;
                let (severity, program) = said.split_once(' ').expect("severity and program");
                complaints.extend(complaint(&message, severity, program, &plain(text)));
            }
            "! " => {
                whole += 1;
                complaints.extend(complaint(&plain(text), "-", "-", &plain(text)));
            }
            _ => assert!(line.is_empty() || line.starts_with('#'), "unknown line: {line}"),
        }
    }
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), wrapped + whole, complaints.join("\n"));
    assert!(wrapped >= 150 && whole >= 40, "{wrapped} wrapped, {whole} whole");
}
