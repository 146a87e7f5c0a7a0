//! Matching: rules in groups of one scope and subject, each group compiled together when it is first needed.

use anyhow::{Result, anyhow};
use regex::bytes::{Regex, RegexSet, RegexSetBuilder};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::packs;
use super::pattern::{check_pattern, last_line};
use super::rule::{Rule, Scope, Subject};
use super::search::Search;
use crate::envelope::{self, Envelope};

/// Compiled rules.
#[derive(Debug, Clone)]
#[allow(clippy::struct_field_names)] // they are the rules
pub struct Rules {
    rules: Vec<Rule>,
    /// Groups that every record meets.
    everywhere: Vec<Arc<Group>>,
    by_source: HashMap<Vec<u8>, Vec<Arc<Group>>>,
    by_program: HashMap<Vec<u8>, Vec<Arc<Group>>>,
}

/// Rules of one scope and subject, compiled together when they are first needed.
#[derive(Debug)]
struct Group {
    /// Their places among all rules, ascending.
    places: Vec<usize>,
    patterns: Vec<String>,
    literals: Vec<&'static [&'static str]>,
    subject: Subject,
    /// Some of them are a user's own, whose pattern may name a tab or a byte as it stands in the message.
    of_user: bool,
    compiled: OnceLock<Compiled>,
}

/// The patterns of a group, ready to match. Those with literals are tried, and compiled, only when a text has one of them.
#[derive(Debug)]
struct Compiled {
    /// The other patterns, and which of the group they are.
    others: RegexSet,
    others_of: Vec<usize>,
    /// Searches for all literals at once, and whose each is.
    search: Option<Search>,
    literal_of: Vec<usize>,
    singles: Vec<OnceLock<Regex>>,
}

/// Memory the lazy automaton may take per thread before it starts over, in bytes. The default of 2 MiB thrashes
/// on a hundred patterns.
const AUTOMATON_BYTES: usize = 32 << 20;

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
        let mut everywhere = Vec::new();
        let mut by_source: HashMap<Vec<u8>, Vec<Arc<Group>>> = HashMap::new();
        let mut by_program: HashMap<Vec<u8>, Vec<Arc<Group>>> = HashMap::new();
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
                    for program in &**programs {
                        by_program.entry(program.clone().into_bytes()).or_default().push(Arc::clone(&group));
                    }
                }
            }
        }
        Ok(Self { rules, everywhere, by_source, by_program })
    }

    /// The rules in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Index of the first rule that matches a record, whose message has this envelope.
    pub fn first_match(&self, source: &[u8], message: &[u8], envelope: &Envelope<'_>) -> Option<usize> {
        let mut first = None;
        self.each_group(source, envelope, |group| {
            if let Some(place) = group.matches_record(message, envelope).into_iter().min() {
                first = Some(first.map_or(place, |first: usize| first.min(place)));
            }
        });
        first
    }

    /// Indices of all rules that match, in order.
    pub fn all_matches(&self, source: &[u8], message: &[u8], envelope: &Envelope<'_>) -> Vec<usize> {
        let mut all = Vec::new();
        self.each_group(source, envelope, |group| {
            all.extend(group.matches_record(message, envelope));
        });
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Visits the groups that concern a record.
    fn each_group(&self, source: &[u8], envelope: &Envelope<'_>, mut visit: impl FnMut(&Group)) {
        self.everywhere.iter().for_each(|group| visit(group));
        if let Some(groups) = self.by_source.get(source) {
            groups.iter().for_each(|group| visit(group));
        }
        if self.by_program.is_empty() {
            return;
        }
        let of_program = envelope.program.as_deref().and_then(|program| self.program_groups(program));
        // A program that is known leaves no doubt; the column beside it may be a team's or a host's name.
        for group in of_program.or_else(|| self.program_groups(source)).into_iter().flatten() {
            visit(group);
        }
    }

    /// The groups of a program, or of what it is a part of: `postfix` for `postfix/smtpd`, `nginx` for `/usr/sbin/nginx`.
    fn program_groups(&self, program: &[u8]) -> Option<&Vec<Arc<Group>>> {
        let mut lower = [0; LONGEST_PROGRAM];
        let name = lower.get_mut(..program.len())?;
        name.copy_from_slice(program);
        name.make_ascii_lowercase();
        let name = &*name;
        let slash = memchr::memchr(b'/', name);
        let find = |name: &[u8]| self.by_program.get(name);
        find(name).or_else(|| match slash? {
            0 => find(&name[memchr::memrchr(b'/', name)? + 1..]),
            slash => find(&name[..slash]),
        })
    }
}

impl Group {
    fn new(subject: Subject) -> Self {
        let (places, patterns, literals) = Default::default();
        Self { places, patterns, literals, subject, of_user: false, compiled: OnceLock::new() }
    }

    fn compile(&self) -> Result<&Compiled, regex::Error> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        let texts = || {
            self.literals.iter().enumerate().flat_map(|(index, of)| of.iter().map(move |text| (index, *text)))
        };
        let search = Search::new(texts().map(|(_, text)| text));
        let is_other = |index: &usize| self.literals[*index].is_empty();
        let others_of: Vec<usize> = (0..self.patterns.len()).filter(is_other).collect();
        let others = RegexSetBuilder::new(others_of.iter().map(|&index| &self.patterns[index]))
            .size_limit(64 << 20)
            .dfa_size_limit(AUTOMATON_BYTES)
            .build()?;
        let literal_of = texts().map(|(index, _)| index).collect();
        let singles = self.patterns.iter().map(|_| OnceLock::new()).collect();
        Ok(self.compiled.get_or_init(|| Compiled { others, others_of, search, literal_of, singles }))
    }

    /// Places of the rules that match, in no order.
    fn matches(&self, text: &[u8]) -> Vec<usize> {
        const TESTED: &str = "a user's rules were compiled by `Rules::new`, the bundled ones by a test";
        let compiled = self.compile().expect(TESTED);
        let mut found = Vec::new();
        // Most records match no rule of a group, which is found out faster than which one they match.
        if !compiled.others_of.is_empty() && compiled.others.is_match(text) {
            let matches = compiled.others.matches(text);
            found.extend(matches.into_iter().map(|index| self.places[compiled.others_of[index]]));
        }
        let Some(search) = &compiled.search else { return found };
        let mut tried: Vec<usize> = Vec::new();
        search.each(text, |literal| {
            let index = compiled.literal_of[literal];
            if tried.contains(&index) {
                return;
            }
            tried.push(index);
            let single =
                compiled.singles[index].get_or_init(|| Regex::new(&self.patterns[index]).expect(TESTED));
            if single.is_match(text) {
                found.push(self.places[index]);
            }
        });
        found
    }

    /// Places of the rules that match a record: its text as a person reads it, or, where a user's own patterns ask
    /// for it, as it stands.
    fn matches_record(&self, message: &[u8], envelope: &Envelope<'_>) -> Vec<usize> {
        let text = envelope::front(match self.subject {
            Subject::Message => message,
            Subject::Body => &envelope.body,
        });
        let readable = readable(text);
        let mut found = self.matches(&readable);
        if self.of_user && matches!(readable, Cow::Owned(_)) {
            found.extend(self.matches(text));
        }
        found
    }
}

/// The text as a person reads it: white space of any kind is a space, and a byte that is no UTF-8 the letter that it is in
/// Windows-1252. So a tab, a no-break space or a letter in another encoding does not hide a line from a rule.
fn readable(text: &[u8]) -> Cow<'_, [u8]> {
    // Piece by piece without a branch, so that many bytes are looked at at once.
    let is_plain =
        |piece: &[u8]| piece.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~' | b'\n'));
    if text.chunks(32).all(is_plain) {
        return Cow::Borrowed(text);
    }
    let spaced = |letter: char| match letter {
        // The two letters beside ASCII's own that a pattern which ignores case takes for letters of ASCII.
        'ſ' => 's',
        '\u{212a}' => 'K',
        '\n' => '\n',
        '\0' => ' ',
        space if space.is_whitespace() => ' ',
        _ => letter,
    };
    let mut readable = String::with_capacity(text.len() + text.len() / 8);
    for piece in text.utf8_chunks() {
        readable.extend(piece.valid().chars().map(spaced));
        readable.extend(piece.invalid().iter().map(|&byte| spaced(windows_1252(byte))));
    }
    Cow::Owned(readable.into_bytes())
}

/// Where Windows-1252 is not Latin-1: 0x80 to 0x9f.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope;

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
