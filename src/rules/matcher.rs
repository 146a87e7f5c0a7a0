//! Matching: which rules concern a record, and which of them match it first.

use anyhow::{Result, anyhow};
use std::collections::HashMap;
use std::sync::Arc;

use super::bundle::{Bundle, Subjects};
use super::group::{Found, Group};
use super::packs;
use super::pattern::{check_pattern, last_line};
use super::rule::{Rule, Scope};
use crate::envelope::Envelope;

/// Compiled rules.
#[derive(Debug, Clone)]
#[allow(clippy::struct_field_names)] // they are the rules
pub struct Rules {
    rules: Vec<Rule>,
    /// What every record meets.
    everywhere: Bundle,
    by_source: HashMap<Vec<u8>, Bundle>,
    by_program: HashMap<Vec<u8>, Bundle>,
    /// A bit for each length that the name of a program has.
    lengths: u128,
}

/// Longest name of a program that rules can be for.
const LONGEST_PROGRAM: usize = 64;

impl Rules {
    /// Compiles `rules`, which keep their order.
    ///
    /// # Errors
    /// Names the first rule whose pattern is no regular expression, or says that some together are too large.
    pub fn new(rules: Vec<Rule>) -> Result<Self> {
        let mut groups: Vec<(&Scope, Group)> = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            // The bundled packs are compiled when needed, and all of them by a test.
            let is_bundled = rule.pack.as_deref().is_some_and(packs::is_bundled);
            if !is_bundled {
                check_pattern(&rule.pattern)
                    .map_err(|error| anyhow!("line {}: rule {:?}: {error}", rule.line, rule.name))?;
            }
            let found = groups
                .iter_mut()
                .find(|(scope, group)| **scope == rule.scope && group.subject == rule.subject);
            let group = if let Some((_, group)) = found {
                group
            } else {
                groups.push((&rule.scope, Group::new(rule.subject)));
                &mut groups.last_mut().expect("pushed above").1
            };
            group.places.push(place);
            group.patterns.push(rule.pattern.clone());
            group.literals.push(rule.literals);
            group.of_user |= !is_bundled;
        }
        let mut everywhere = Bundle::default();
        let mut by_source: HashMap<Vec<u8>, Bundle> = HashMap::new();
        let mut by_program: HashMap<Vec<u8>, Bundle> = HashMap::new();
        let mut lengths = 0;
        for (scope, group) in groups {
            let of_user = group.places.iter().any(|&place| rules[place].pack.is_none());
            if of_user {
                group.compile().map_err(|error| anyhow!("rules: {}", last_line(&error.to_string())))?;
            }
            let group = Arc::new(group);
            match scope {
                Scope::Any => everywhere.push(group),
                Scope::Source(source) => {
                    by_source.entry(source.clone().into_bytes()).or_default().push(group);
                }
                Scope::Programs(programs) => {
                    for program in programs.iter().filter(|program| program.len() <= LONGEST_PROGRAM) {
                        lengths |= 1 << program.len();
                        by_program.entry(program.clone().into_bytes()).or_default().push(Arc::clone(&group));
                    }
                }
            }
        }
        Ok(Self { rules, everywhere, by_source, by_program, lengths })
    }

    /// The rules in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Index of the first rule that matches a record, whose message has this envelope.
    pub fn first_match(&self, source: &[u8], message: &[u8], envelope: &Envelope<'_>) -> Option<usize> {
        let mut found = Found { first: None, all: None };
        self.search(source, message, envelope, &mut found);
        found.first
    }

    /// Indices of all rules that match, in order.
    pub fn all_matches(&self, source: &[u8], message: &[u8], envelope: &Envelope<'_>) -> Vec<usize> {
        let mut found = Found { first: None, all: Some(Vec::new()) };
        self.search(source, message, envelope, &mut found);
        let mut all = found.all.unwrap_or_default();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Tries the rules that concern a record.
    fn search(&self, source: &[u8], message: &[u8], envelope: &Envelope<'_>, found: &mut Found) {
        let subjects = Subjects::of(message, envelope);
        self.everywhere.search(&subjects, found);
        if let Some(bundle) = self.by_source.get(source) {
            bundle.search(&subjects, found);
        }
        if self.by_program.is_empty() {
            return;
        }
        let of_program = envelope.program.as_deref().and_then(|program| self.of_program(program));
        // A program that is known leaves no doubt; the column beside it may be a team's or a host's name.
        if let Some(bundle) = of_program.or_else(|| self.of_program(source)) {
            bundle.search(&subjects, found);
        }
    }

    /// The rules of a program, or of what it is a part of: `postfix` for `postfix/smtpd`, `nginx` for `/usr/sbin/nginx`.
    fn of_program(&self, program: &[u8]) -> Option<&Bundle> {
        let mut lower = [0; LONGEST_PROGRAM];
        let name = lower.get_mut(..program.len())?;
        name.copy_from_slice(program);
        name.make_ascii_lowercase();
        let name = &*name;
        let slash = memchr::memchr(b'/', name);
        // Few names need to be hashed to know that they are no program's.
        let find = |name: &[u8]| {
            if self.lengths >> name.len() & 1 == 0 { None } else { self.by_program.get(name) }
        };
        find(name).or_else(|| match slash? {
            0 => find(&name[memchr::memrchr(b'/', name)? + 1..]),
            slash => find(&name[..slash]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope;
    use crate::rules::Subject;

    fn rule(name: &str, pattern: &str, scope: Scope) -> Rule {
        Rule {
            name: name.to_owned(),
            label: name.to_owned(),
            pattern: pattern.to_owned(),
            scope,
            line: 1,
            ..Rule::default()
        }
    }

    fn first(rules: &Rules, source: &[u8], message: &[u8]) -> Option<usize> {
        rules.first_match(source, message, &envelope::open(message))
    }

    #[test]
    fn the_first_rule_in_file_order_wins() {
        let rules =
            Rules::new(vec![rule("a", "disk", Scope::Any), rule("b", "disk full", Scope::Any)]).unwrap();
        assert_eq!(first(&rules, b"x", b"the disk full"), Some(0));
        assert_eq!(first(&rules, b"x", b"all well"), None);
    }

    #[test]
    fn a_rule_with_a_source_leaves_other_sources_alone() {
        let router = Scope::Source("Router".to_owned());
        let rules = Rules::new(vec![rule("a", "up", router), rule("b", "(?i)UP", Scope::Any)]).unwrap();
        assert_eq!(first(&rules, b"Router", b"link up"), Some(0));
        assert_eq!(first(&rules, b"Switch", b"link up"), Some(1));
    }

    #[test]
    fn a_pack_is_tried_on_its_program_by_envelope_or_source() {
        let scope = Scope::Programs(Arc::from(vec!["postfix".to_owned()]));
        let mut own = rule("a", "^disconnect ", scope);
        own.subject = Subject::Body;
        let rules = Rules::new(vec![own]).unwrap();
        let wrapped = b"Nov 24 10:00:00 mx1 postfix/smtpd[17]: disconnect from mail.example.net";
        assert_eq!(first(&rules, b"", wrapped), Some(0));
        assert_eq!(first(&rules, b"Postfix", b"disconnect from mail.example.net"), Some(0));
        assert_eq!(first(&rules, b"sshd", b"disconnect from mail.example.net"), None);
        let other = b"Nov 24 10:00:00 mx1 sshd[17]: disconnect from mail.example.net";
        assert_eq!(
            first(&rules, b"postfix", other),
            Some(0),
            "no pack knows sshd here, so the source decides"
        );
    }

    /// A rule that is tried only on texts with a literal of its own.
    fn literal_rule(pattern: &str, literals: &'static [&'static str], subject: Subject) -> Rule {
        Rule { subject, literals, ..rule(pattern, pattern, Scope::Any) }
    }

    #[test]
    fn rules_of_message_and_body_find_their_literals_wherever_the_body_lies() {
        let rules = Rules::new(vec![
            literal_rule("^disk full", &["disk full"], Subject::Body),
            literal_rule("web1 app.*disk full on", &["disk full on", "disk all gone"], Subject::Message),
            literal_rule("full on /srv$", &["full on /srv"], Subject::Body),
            literal_rule("^Jan", &["web1 app"], Subject::Body),
            literal_rule("\"host\"", &["\"host\": \"web1\""], Subject::Message),
        ])
        .unwrap();
        let all = |message: &[u8]| rules.all_matches(b"", message, &envelope::open(message));
        let syslog = b"Jan  2 03:04:05 web1 app[7]: disk full on /srv";
        assert_eq!(all(syslog), [0, 1, 2], "the body is a piece of the message");
        assert_eq!(rules.first_match(b"", syslog, &envelope::open(syslog)), Some(0));
        assert_eq!(
            all(b"Jan  2 03:04:05 web1 app[7]:\tdisk\tfull on /srv"),
            [0, 1, 2],
            "with tabs for spaces"
        );
        assert_eq!(all(b"{\"msg\": \"disk full on /srv\", \"host\": \"web1\"}"), [0, 2, 4], "unpacked");
        assert_eq!(all(b"\x1b[31mdisk full on /srv\x1b[0m"), [0, 2], "without its colours");
        assert_eq!(all(b"DISK FULL ON /SRV"), [0; 0], "a literal in another case is none of a pattern's");
    }

    #[test]
    fn messages_that_are_not_utf8_are_matched() {
        let rules = Rules::new(vec![rule("a", "link down$", Scope::Any)]).unwrap();
        assert_eq!(first(&rules, b"", b"\xff\xfe link\tdown"), Some(0));
        assert_eq!(first(&rules, b"", "caf\u{e9} link\u{a0}down".as_bytes()), Some(0));
        assert_eq!(first(&rules, b"", b"caf\xe9 link\xa0down"), Some(0));
    }

    #[test]
    fn a_letter_in_another_encoding_is_a_letter() {
        let rules = Rules::new(vec![rule("a", r"^user \w+ logged in$", Scope::Any)]).unwrap();
        for message in
            ["user j\u{f6}rg logged in".as_bytes(), b"user j\xf6rg logged in", b"user \x8aana logged in"]
        {
            assert_eq!(first(&rules, b"", message), Some(0));
        }
        let rules = Rules::new(vec![rule("a", "^user J\u{f6}rg", Scope::Any)]).unwrap();
        assert_eq!(first(&rules, b"", b"user J\xf6rg"), Some(0));
    }

    #[test]
    fn a_pattern_of_ones_own_may_name_a_tab_or_a_byte_as_it_stands() {
        let own = vec![rule("tab", r"^\tat ", Scope::Any), rule("byte", r"(?-u)\xf6", Scope::Any)];
        let rules = Rules::new(own).unwrap();
        assert_eq!(first(&rules, b"", b"\tat main"), Some(0));
        assert_eq!(first(&rules, b"", b"j\xf6rg"), Some(1));
        let message = b"\tat j\xf6rg";
        assert_eq!(rules.all_matches(b"", message, &envelope::open(message)), [0, 1]);
        let rules = Rules::new(vec![rule("a", "at main", Scope::Any)]).unwrap();
        let message = b"\tat main";
        assert_eq!(rules.all_matches(b"", message, &envelope::open(message)), [0]);
    }

    #[test]
    fn control_characters_in_front_hide_no_beginning() {
        let rules = Rules::new(vec![rule("a", "^disk", Scope::Any)]).unwrap();
        for message in [&b"\0\0disk full"[..], b"\x01 disk full", b"\xef\xbb\xbfdisk full"] {
            assert_eq!(first(&rules, b"", message), Some(0));
        }
        assert_eq!(first(&rules, b"", b" disk full"), None);
    }

    #[test]
    fn a_broken_pattern_is_named_with_its_line() {
        let error = Rules::new(vec![rule("broken", "a(b", Scope::Any)]).unwrap_err().to_string();
        assert!(error.starts_with("line 1: rule \"broken\": unclosed group"), "{error}");
    }
}
