//! Masking: from a message to its template, the form that is embedded, cached and sent to an LLM.
//!
//! Real logs repeat themselves but for identifiers, addresses, times and numbers. With those masked, a
//! million lines are a few thousand templates, and only those need an encoder. The scan is one pass over the
//! bytes without a regex engine: it looks closely only where a word holds a digit or stands before one of `-
//! : . @`.
//!
//! | variable part | becomes |
//! | --- | --- |
//! | numbers, also inside words (`user42`, `v2.3.1`) | `#` |
//! | dates and times, with zones | `<time>` |
//! | IPv4 and IPv6 addresses, with port or prefix length | `<ip>` |
//! | names of machines on the network, with their port | `<host>` |
//! | UUIDs | `<uuid>` |
//! | hexadecimal of 8 digits or more, `0x..`, MAC addresses | `<hex>` |
//! | e-mail addresses | `<email>` |
//! | words that mix letters and digits like keys and tokens do | `<id>` |
//!
//! Numbers that decide stay: `0`, exit and return codes (`exit status 137`, `returned -#`), and of an HTTP
//! status its class (`4xx`). White space and control characters fold to one space. The mask is idempotent: a
//! template is its own template.

mod address;
mod bytes;
mod moment;
mod number;
mod scan;

use std::borrow::Cow;

use crate::envelope::{self, Envelope, Severity};

/// Version of the masking rules. A model remembers the one it was trained with; any change of the output of
/// [`mask_into`] must raise it.
pub const MASKER_VERSION: u32 = 3;

/// Longest template in bytes. The encoder reads 256 tokens at most, which this holds with room to spare.
pub const MAX_TEMPLATE_BYTES: usize = 4096;

/// What the model sees of a message: the template of its body, and the severity that its envelope states.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Template {
    /// The masked body.
    pub text: String,
    /// The severity, where the message states one.
    pub severity: Option<Severity>,
}

impl Template {
    /// Opens the envelope of `message` and masks what is inside.
    pub fn of(message: &[u8]) -> Self {
        let envelope = open_front(message);
        Self { text: mask(&envelope.body), severity: envelope.severity }
    }

    /// Stable 64-bit hash, as kept in model files to recognise training data.
    pub fn hash(&self) -> u64 {
        let severity = self.severity.map_or(0, |severity| 1 + severity as u64);
        xxhash_rust::xxh3::xxh3_64_with_seed(self.text.as_bytes(), severity)
    }
}

/// The envelope of as much of `message` as can reach its template: what rules, model and output look at.
pub fn open_front(message: &[u8]) -> Envelope<'_> {
    let message = envelope::front(message);
    envelope::open(&message[..message.len().min(READ_BYTES)])
}

/// What lies beyond in a message cannot reach the template: masking shortens a text to no less than a
/// fraction of this.
const READ_BYTES: usize = 16 * MAX_TEMPLATE_BYTES;

/// The template of `message`. Bytes that are not UTF-8 become U+FFFD.
pub fn mask(message: &[u8]) -> String {
    let mut template = String::new();
    mask_into(message, &mut template);
    template
}

/// Like [`mask`], into a buffer that is cleared first and can be used again.
pub fn mask_into(message: &[u8], template: &mut String) {
    let head = &message[..message.len().min(READ_BYTES)];
    let text: Cow<'_, str> = match std::str::from_utf8(head) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(head),
    };
    scan::mask_text(&text, template, MAX_TEMPLATE_BYTES);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(message: &str) -> String {
        mask(message.as_bytes())
    }

    #[test]
    fn every_kind_of_variable_part_is_masked() {
        for (message, template) in [
            ("User42 logged in", "User# logged in"),
            ("took 12.5ms, 1,234,567 rows (3%)", "took #ms, # rows (#%)"),
            ("temperature -5 of [-3, +4]", "temperature # of [#, #]"),
            ("Upgraded to v2.3.1-rc4", "Upgraded to v#-rc#"),
            ("from 10.0.3.7:5432 to 192.168.0.0/16.", "from <ip> to <ip>."),
            ("version 1.2.3.4.5 and 300.1.1.1", "version # and #"),
            ("peer fe80::1ff:fe23:4567:890a up, ::1 too", "peer <ip> up, <ip> too"),
            ("2001:db8:0:1:1:1:1:1 joined", "<ip> joined"),
            ("link 00:1A:2b:3c:4D:5e down", "link <hex> down"),
            ("req-3f2b8c1e-94d7-4d2a-9a8e-0c1d2e3f4a5b done", "req-<uuid> done"),
            ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "commit <hex>"),
            ("at 0x7fff5fbff8c0: fault", "at <hex>: fault"),
            ("mail from jane.doe+x@mail.example.org refused", "mail from <email> refused"),
            ("root@localhost ran", "root@localhost ran"),
            ("db3.example.com:5432 close, proxy.lab.uni.edu.hk:70 open", "<host> close, <host> open"),
            ("rhost=example.com user=eve", "rhost=<host> user=eve"),
            (
                "10.10.34.11proxy.example.com:5070 and 10.0.0.1-a.example.com, 10.0.0.1a",
                "<host> and <host>, #a",
            ),
            ("one two  three 4 five \t six", "one two three # five six"),
            ("from adsl-70-242-7.dsl.isp.example.net", "from <host>"),
            ("GET https://shop.example.com/cart/7", "GET https://<host>/cart/#"),
            (
                "at main.rs:12, app.views.py:7, java.net and org.acme.pay.Job:9",
                "at main.rs:#, app.views.py:#, java.net and org.acme.pay.Job:#",
            ),
            ("2026-11-22T21:20:29.123Z start", "<time> start"),
            ("2026-11-22 21:20:29,123 +0200 start", "<time> start"),
            ("[10/Oct/2000:13:55:36 -0700] \"GET /\"", "[<time>] \"GET /\""),
            ("Sun Dec  4 04:47:44 2005 notice", "<time> notice"),
            ("Nov 22 21:20:29 host", "<time> host"),
            ("2005-06-03-15.42.50.675872 R02", "<time> R#"),
            ("due 22.11.2026 or 11/22/2026 at 9:05 PM", "due <time> or <time> at <time>"),
            ("k8s pod web-7d4f9c6b8f-x2x9z ready", "k8s pod web-<hex>-<id> ready"),
            ("token AKb83xQ92mZ1 used", "token <id> used"),
            ("a\tb\r\n  c\u{0}d ", "a b c d"),
            ("std::fmt and a::b", "std::fmt and a::b"),
            ("a.co.uk.2026-01-02 a.co.uk.7", "a.co.uk.<time> a.co.uk.#"),
            ("may contain 5 items in May 2026", "may contain # items in <time>"),
            ("Jan 0 was no day, K7May 0 and Jan\u{19} 0 too", "Jan 0 was no day, K#May 0 and Jan 0 too"),
            ("0 failures, 312 failures", "0 failures, # failures"),
            ("exit status 0, exit status 137", "exit status 0, exit status 137"),
            ("exited with code -1 (errno 2)", "exited with code -# (errno 2)"),
            ("job 17 exited with status 1/FAILURE", "job # exited with status 1/FAILURE"),
            ("GET /a HTTP/1.1\" 404 512", "GET /a HTTP/#\" 4xx #"),
            ("status=503 code: 200 responded with 301", "status=5xx code: 200 responded with 3xx"),
            ("0.5 of 10:0:0:1 and 0x0 00", "# of #:#:#:# and <hex> #"),
            ("", ""),
        ] {
            assert_eq!(masked(message), template, "{message:?}");
        }
    }

    #[test]
    fn words_that_only_look_like_hexadecimal_stay() {
        assert_eq!(
            masked("the facade was defaced by a beadedcafe"),
            "the facade was defaced by a beadedcafe"
        );
    }

    #[test]
    fn invalid_utf8_becomes_replacement_characters() {
        assert_eq!(mask(b"caf\xe9 7"), "caf\u{fffd} #");
    }

    #[test]
    fn a_huge_message_is_cut_and_stays_a_template() {
        for message in
            ["word7 ".repeat(5_000), "x".repeat(100_000), "é1".repeat(50_000), "k8s-".repeat(9_000)]
        {
            let once = masked(&message);
            assert!(once.len() <= MAX_TEMPLATE_BYTES, "{}", once.len());
            assert_eq!(masked(&once), once);
        }
    }

    #[test]
    fn a_message_that_is_cut_inside_a_character_is_no_trouble() {
        for length in 1..12 {
            let message = format!("{}{}", "x".repeat(length), "\u{1f525}".repeat(3_000));
            assert!(masked(&message).len() <= MAX_TEMPLATE_BYTES);
        }
    }

    /// Text that is dense in the shapes the scanner looks for.
    fn log_like() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[0-9]{1,5}",
            "[a-f0-9]{1,12}",
            "[A-Za-z0-9]{1,10}",
            "[-:./@ ,_=+#<>\\[\\]T]{1,2}",
            Just("Nov".to_owned()),
            Just("Sun".to_owned()),
            Just("PM".to_owned()),
            Just("::".to_owned()),
            Just("2026-01-02".to_owned()),
            Just("12:34:56".to_owned()),
            Just("10.0.0.1".to_owned()),
            Just("a@b.example".to_owned()),
            Just("db3.example.com".to_owned()),
            Just(".co.uk".to_owned()),
            "\\PC",
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn masking_is_idempotent_and_bounded(text in log_like()) {
            let once = masked(&text);
            prop_assert_eq!(masked(&once), once.clone(), "from {:?}", text);
            prop_assert!(once.len() <= 2 * text.len() + 8);
        }

        #[test]
        fn any_bytes_give_a_template_of_bounded_size(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let once = mask(&bytes);
            prop_assert!(once.len() <= 3 * bytes.len() + 8);
            prop_assert_eq!(masked(&once), once);
        }

        #[test]
        fn a_cut_template_is_still_its_own_template(text in log_like(), limit in 1_usize..60) {
            let mut once = String::new();
            scan::mask_text(&text, &mut once, limit);
            let mut twice = String::new();
            scan::mask_text(&once, &mut twice, limit);
            prop_assert!(once.len() <= limit);
            prop_assert_eq!(once, twice, "from {:?}", text);
        }

        #[test]
        fn digits_never_decide_the_template(number in 1_000_u32..9_999, other in 1_000_u32..9_999) {
            prop_assert_eq!(masked(&format!("job {number} of node{number}")), masked(&format!("job {other} of node{other}")));
        }
    }
}
