//! Groups of rules that the same records meet, which have one search for all their literals; and what they are searched for in.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::group::{Found, Group};
use super::readable::readable;
use super::rule::Subject;
use super::search::Search;
use crate::envelope::{self, Envelope};

/// The texts of a record that rules are tried on.
#[derive(Debug)]
pub(super) struct Subjects<'a> {
    message: Text<'a>,
    body: Text<'a>,
    /// The body is a piece of the message, in the same memory: whatever stands in the one stands in the other.
    nested: bool,
}

/// A text as it stands, and as a person reads it.
#[derive(Debug)]
struct Text<'a> {
    raw: &'a [u8],
    readable: Cow<'a, [u8]>,
}

impl<'a> Subjects<'a> {
    /// Those of a message with this envelope.
    pub fn of(message: &'a [u8], envelope: &'a Envelope<'_>) -> Self {
        let (message, body) = (envelope::front(message), envelope::front(&envelope.body));
        let (whole, part) = (message.as_ptr_range(), body.as_ptr_range());
        let lies_in = whole.start <= part.start && part.end <= whole.end;
        let message = Text { raw: message, readable: readable(message) };
        let nested = lies_in && matches!(message.readable, Cow::Borrowed(_));
        let body = Text { raw: body, readable: if nested { Cow::Borrowed(body) } else { readable(body) } };
        Self { message, body, nested }
    }

    fn get(&self, subject: Subject) -> &Text<'a> {
        match subject {
            Subject::Message => &self.message,
            Subject::Body => &self.body,
        }
    }
}

/// Groups that the same records meet.
#[derive(Debug, Clone, Default)]
pub(super) struct Bundle {
    groups: Vec<Arc<Group>>,
    literals: OnceLock<Option<Arc<Literals>>>,
}

/// The literals of a bundle's groups.
#[derive(Debug)]
struct Literals {
    search: Search,
    /// Of each, the group and which of its patterns.
    of: Vec<(usize, usize)>,
}

impl Bundle {
    /// Adds a group.
    pub fn push(&mut self, group: Arc<Group>) {
        self.groups.push(group);
    }

    /// Tries the rules on a record: on its text as a person reads it, or, where a user's own patterns ask for it, as it stands.
    pub fn search(&self, subjects: &Subjects<'_>, found: &mut Found) {
        for group in &self.groups {
            group.try_others(&subjects.get(group.subject).readable, found);
        }
        let readable = |subject| &*subjects.get(subject).readable;
        if subjects.nested {
            self.try_literals(readable(Subject::Message), found, |group| Some(readable(group.subject)));
        } else {
            for subject in [Subject::Message, Subject::Body] {
                let text = readable(subject);
                self.try_literals(text, found, |group| (group.subject == subject).then_some(text));
            }
        }
        for group in self.groups.iter().filter(|group| group.of_user) {
            let Text { raw, readable } = subjects.get(group.subject);
            if matches!(readable, Cow::Owned(_)) {
                group.try_others(raw, found);
                self.try_literals(raw, found, |other| {
                    std::ptr::eq(other, &raw const **group).then_some(*raw)
                });
            }
        }
    }

    /// Tries the patterns of which `text` has a literal, on what `subject` says is to be searched for those of a group.
    fn try_literals<'t>(&self, text: &[u8], found: &mut Found, subject: impl Fn(&Group) -> Option<&'t [u8]>) {
        let Some(literals) = self.literals.get_or_init(|| Literals::of(&self.groups).map(Arc::new)) else {
            return;
        };
        // A pattern may have many literals in a text; the last few that were tried need not be tried again.
        let mut tried = [usize::MAX; 8];
        let mut next = 0;
        literals.search.each(text, |literal| {
            let (group, index) = literals.of[literal];
            let group = &*self.groups[group];
            let Some(text) = subject(group) else { return };
            if !tried.contains(&group.places[index]) {
                tried[next % tried.len()] = group.places[index];
                next += 1;
                group.try_single(index, text, found);
            }
        });
    }
}

impl Literals {
    /// Those of `groups`, if they have any.
    fn of(groups: &[Arc<Group>]) -> Option<Self> {
        let of_group = |(group, has): (usize, &Arc<Group>)| {
            let patterns = has.literals.iter().enumerate();
            patterns
                .flat_map(|(index, texts)| texts.iter().map(move |text| ((group, index), *text)))
                .collect::<Vec<_>>()
        };
        let all: Vec<_> = groups.iter().enumerate().flat_map(of_group).collect();
        let search = Search::new(all.iter().map(|(_, text)| *text))?;
        Some(Self { search, of: all.into_iter().map(|(of, _)| of).collect() })
    }
}
