//! The verdicts that all threads of a process share. A template is encoded once, however many threads meet it at once.

use anyhow::Result;
use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use super::table::{Key, KeyMap, Table};
use crate::prehashed::Prehashed;
use crate::template::Template;
use crate::verdict::Verdict;

/// What the model said of a template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// Its verdict.
    pub verdict: Verdict,
    /// Whether the reason was looked for, which costs a search.
    pub explained: bool,
}

type Keys = HashSet<Key, BuildHasherDefault<Prehashed>>;

/// What the model has said of templates. Threads share it.
#[derive(Debug)]
pub struct Verdicts {
    table: RwLock<Table<Learned>>,
    /// Templates that a thread has taken to the model and not yet brought back.
    under_way: Mutex<Keys>,
    /// Some of them were brought back, or given up.
    changed: Condvar,
    encoded: AtomicU64,
    early: AtomicU64,
}

impl Verdicts {
    /// Nothing yet, with room for `size` templates at the least.
    pub fn new(size: usize) -> Self {
        Self::with(KeyMap::default(), size)
    }

    /// What was `learned` before, with room for that and for `size` templates at the least.
    pub fn with(learned: KeyMap<Learned>, size: usize) -> Self {
        let mut table = Table::new(size.max(learned.len()));
        table.insert(learned);
        Self {
            table: RwLock::new(table),
            under_way: Mutex::default(),
            changed: Condvar::new(),
            encoded: AtomicU64::new(0),
            early: AtomicU64::new(0),
        }
    }

    /// The verdicts on `templates`, by key. Those that nobody has met yet are handed to `encode`, which answers in
    /// their order; those that another thread has just handed to it are waited for.
    ///
    /// # Errors
    /// Those of `encode`. Who waited for the same templates tries them again.
    pub fn settle<'a>(
        &self,
        templates: impl IntoIterator<Item = (Key, &'a Template)>,
        explain: bool,
        encode: impl Fn(&[&Template]) -> Result<Vec<Verdict>>,
    ) -> Result<KeyMap<Verdict>> {
        let mut found = KeyMap::default();
        let mut missing: Vec<(Key, &Template)> = templates.into_iter().collect();
        while !missing.is_empty() {
            let (claimed, others) = self.claim(&missing, explain, &mut found);
            if claimed.is_empty() {
                self.wait_for(&others);
            } else {
                let claim = Claim { verdicts: self, keys: claimed.iter().map(|(key, _)| *key).collect() };
                let templates: Vec<&Template> = claimed.iter().map(|(_, template)| *template).collect();
                let verdicts = encode(&templates)?;
                let early = verdicts.iter().filter(|verdict| verdict.reason.is_early()).count() as u64;
                self.early.fetch_add(early, Ordering::Relaxed);
                self.encoded.fetch_add(verdicts.len() as u64 - early, Ordering::Relaxed);
                let fresh = claim.keys.iter().copied().zip(verdicts);
                found.extend(fresh.clone());
                let learned = fresh.map(|(key, verdict)| (key, Learned { verdict, explained: explain }));
                self.table.write().unwrap_or_else(PoisonError::into_inner).insert(learned);
            }
            missing = others;
        }
        Ok(found)
    }

    /// Puts what is known of `missing` into `found`; of the rest, gives what this thread is to encode and what another one
    /// is encoding.
    #[allow(clippy::type_complexity)] // two parts of what came in
    fn claim<'a>(
        &self,
        missing: &[(Key, &'a Template)],
        explain: bool,
        found: &mut KeyMap<Verdict>,
    ) -> (Vec<(Key, &'a Template)>, Vec<(Key, &'a Template)>) {
        let (mut claimed, mut others) = (Vec::new(), Vec::new());
        let mut mine = Keys::default();
        // A template enters the table before it leaves `under_way`, so in this order none is missed in both.
        let mut under_way = self.under_way();
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        for &(key, template) in missing {
            if let Some(known) = table.get(key).filter(|known| known.explained || !explain) {
                found.insert(key, known.verdict);
            } else if mine.contains(&key) {
                // Came twice.
            } else if under_way.insert(key) {
                mine.insert(key);
                claimed.push((key, template));
            } else {
                others.push((key, template));
            }
        }
        (claimed, others)
    }

    fn wait_for(&self, others: &[(Key, &Template)]) {
        let waits = |under_way: &mut Keys| others.iter().any(|(key, _)| under_way.contains(key));
        drop(self.changed.wait_while(self.under_way(), waits));
    }

    fn under_way(&self) -> MutexGuard<'_, Keys> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Templates that had to be encoded.
    pub fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    /// Templates that the lexical path settled.
    pub fn early(&self) -> u64 {
        self.early.load(Ordering::Relaxed)
    }

    /// Templates that were forgotten because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.table.read().unwrap_or_else(PoisonError::into_inner).dropped()
    }

    /// Everything that is known.
    pub fn learned(&self) -> KeyMap<Learned> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).iter().collect()
    }
}

/// Templates that a thread encodes. Others may have them when this is dropped, also by an error or a panic.
struct Claim<'a> {
    verdicts: &'a Verdicts,
    keys: Vec<Key>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut under_way = self.verdicts.under_way();
        for key in &self.keys {
            under_way.remove(key);
        }
        drop(under_way);
        self.verdicts.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Reason;
    use crate::verdicts::key;
    use std::sync::Barrier;
    use std::time::Duration;

    fn template(index: usize) -> Template {
        Template { text: format!("template {index}"), severity: None }
    }

    /// A verdict that tells the length of its template.
    #[allow(clippy::cast_precision_loss)]
    fn verdict(template: &Template) -> Verdict {
        Verdict::unclassified(template.text.len() as f32, Reason::NoStage)
    }

    #[test]
    fn threads_that_meet_the_same_templates_at_once_encode_each_of_them_once() {
        let verdicts = Verdicts::new(1_000);
        let templates: Vec<Template> = (0..200).map(template).collect();
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (verdicts, templates, start) = (&verdicts, &templates, &start);
                scope.spawn(move || {
                    start.wait();
                    // Each begins elsewhere, so that each waits for the others.
                    let mut mine: Vec<_> = templates.iter().map(|one| (key(one, false), one)).collect();
                    mine.rotate_left(thread * 25);
                    for part in mine.chunks(37) {
                        let encode = |asked: &[&Template]| {
                            std::thread::sleep(Duration::from_millis(1));
                            Ok(asked.iter().map(|one| verdict(one)).collect())
                        };
                        let found = verdicts.settle(part.iter().copied(), false, encode).unwrap();
                        assert!(part.iter().all(|(key, one)| found[key] == verdict(one)));
                    }
                });
            }
        });
        assert_eq!(verdicts.encoded(), 200);
        assert_eq!(verdicts.learned().len(), 200);
    }

    #[test]
    fn who_waits_for_a_thread_that_fails_tries_for_itself() {
        let verdicts = Verdicts::new(10);
        let one = template(1);
        let begun = Barrier::new(2);
        std::thread::scope(|scope| {
            let failing = scope.spawn(|| {
                verdicts.settle([(key(&one, false), &one)], false, |_| {
                    begun.wait();
                    std::thread::sleep(Duration::from_millis(20));
                    anyhow::bail!("no memory")
                })
            });
            begun.wait();
            let encode = |asked: &[&Template]| Ok(asked.iter().map(|one| verdict(one)).collect());
            let found = verdicts.settle([(key(&one, false), &one)], false, encode).unwrap();
            assert_eq!(found[&key(&one, false)], verdict(&one));
            assert!(failing.join().unwrap().is_err());
        });
    }

    #[test]
    fn a_table_that_is_too_small_still_answers_and_a_reason_is_looked_for_only_once() {
        let verdicts = Verdicts::new(1);
        let templates: Vec<Template> = (0..9).map(template).collect();
        let encode = |asked: &[&Template]| Ok(asked.iter().map(|one| verdict(one)).collect());
        let all = || templates.iter().chain(&templates).map(|one| (key(one, false), one));
        assert_eq!(verdicts.settle(all(), false, encode).unwrap().len(), 9);
        assert_eq!(verdicts.forgotten(), 7);
        let last = || std::iter::once((key(&templates[8], false), &templates[8]));
        for (explain, encoded) in [(false, 9), (true, 10), (true, 10), (false, 10)] {
            verdicts.settle(last(), explain, encode).unwrap();
            assert_eq!(verdicts.encoded(), encoded);
        }
    }
}
