//! The questions of a stage: which wait, which are under way, what became of them, and who waits for them.
//!
//! All of it is bounded. Questions that wait have a limit in bytes, and whoever hands in the next one waits for room.
//! Templates met before are kept in two generations, as large as those of the pipeline's table. Answers by number take four
//! bytes each and go when nobody can ask for them any more, the oldest at the latest when there are too many.

use std::collections::{HashMap, VecDeque};

use super::prompt::{Key, Subject};
use super::results::{Answer, Unanswered};

/// Somebody who asks: a run, or one request to a server.
pub type Asker = u64;

/// Most bytes of questions that wait.
const MAX_WAITING_BYTES: usize = 32 << 20;

/// Answers that are remembered by number beside those of the templates in the pipeline's table: for the rows on their way to
/// the output.
const ANSWERS_UNDER_WAY: usize = 1 << 22;

/// Templates in each of the two generations, unless the pipeline says what its table has.
const GENERATION: usize = 200_000;

/// Fewest templates in each of them: to ask again costs money, and these take two megabytes.
const LEAST_GENERATION: usize = 1 << 14;

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Answered when it was handed in.
    Answered(Answer),
    /// In the queue, with this number.
    Queued(usize),
}

/// A question that waits or is under way.
#[derive(Debug)]
pub struct Question {
    /// Counted from 0.
    pub number: usize,
    /// What it is known by.
    pub key: Key,
    /// What it is about.
    pub subject: Subject,
    /// Who waits for it, while it waits.
    askers: Vec<Asker>,
}

impl Question {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.subject.text.len() + self.subject.template.len()
    }
}

/// Limits, which tests make small.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    waiting_bytes: usize,
    answers: usize,
    generation: usize,
}

impl Bounds {
    /// For a pipeline whose table has two generations of `templates`, all of which may have a number.
    fn of(templates: usize) -> Self {
        let generation = templates.max(LEAST_GENERATION);
        let answers = generation.saturating_mul(2).saturating_add(ANSWERS_UNDER_WAY);
        Self { waiting_bytes: MAX_WAITING_BYTES, answers, generation }
    }
}

/// The questions of one stage.
#[derive(Debug)]
pub struct Questions {
    waiting: VecDeque<Question>,
    waiting_bytes: usize,
    /// Who waits for each question that a worker has.
    under_way: HashMap<usize, Vec<Asker>>,
    answers: VecDeque<Option<Answer>>,
    /// The number of the first of `answers`.
    first: usize,
    young: HashMap<Key, Place>,
    old: HashMap<Key, Place>,
    /// Of who has a number: the smallest.
    holders: HashMap<Asker, usize>,
    askers: Asker,
    /// Who has lost an answer that must not be lost, and why.
    lost: HashMap<Asker, Unanswered>,
    /// Whether anybody has, also one who has gone since.
    lost_any: bool,
    /// A question without an answer ends what asked it.
    required: bool,
    /// A failure is of its time, and what failed may be asked again.
    retryable: bool,
    bounds: Bounds,
}

impl Questions {
    /// None yet. `required` and `retryable` are told at the fields.
    pub fn new(required: bool, retryable: bool) -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            under_way: HashMap::new(),
            answers: VecDeque::new(),
            first: 0,
            young: HashMap::new(),
            old: HashMap::new(),
            holders: HashMap::new(),
            askers: 0,
            lost: HashMap::new(),
            required,
            retryable,
            lost_any: false,
            bounds: Bounds::of(GENERATION),
        }
    }

    /// Makes the generations as large as those of a pipeline's table of `templates`.
    pub fn remember_templates(&mut self, templates: usize) {
        self.bounds = Bounds::of(templates);
    }

    /// A number for somebody who will ask.
    pub fn new_asker(&mut self) -> Asker {
        self.askers = self.askers.saturating_add(1);
        self.askers
    }

    /// Whether another question may wait.
    pub fn has_room(&self) -> bool {
        self.waiting_bytes < self.bounds.waiting_bytes
    }

    /// The place of a question that was handed in before; from now on `asker` waits for it, too.
    pub fn find(&mut self, key: Key, asker: Asker) -> Option<Place> {
        let place = match self.young.get(&key) {
            Some(&place) => place,
            None => *self.old.get(&key)?,
        };
        let Place::Queued(number) = place else {
            self.remember(key, place);
            if let Place::Answered(Answer::Failed(reason)) = place {
                self.lose(asker, reason);
            }
            return Some(place);
        };
        // One that is not found any more was forgotten before its answer came.
        let askers = match self.under_way.get_mut(&number) {
            Some(askers) => askers,
            // Questions wait in the order of their numbers.
            None => match self.waiting.binary_search_by_key(&number, |question| question.number) {
                Ok(index) => &mut self.waiting[index].askers,
                Err(_) => return None,
            },
        };
        if !askers.contains(&asker) {
            askers.push(asker);
        }
        self.hold(asker, number);
        Some(place)
    }

    /// Puts a question at the end of the queue.
    pub fn push(&mut self, key: Key, subject: Subject, asker: Asker) -> Place {
        while self.answers.len() >= self.bounds.answers && matches!(self.answers.front(), Some(Some(_))) {
            self.answers.pop_front();
            self.first += 1;
        }
        let number = self.first + self.answers.len();
        self.answers.push_back(None);
        let question = Question { number, key, subject, askers: vec![asker] };
        self.waiting_bytes += question.bytes();
        self.waiting.push_back(question);
        self.hold(asker, number);
        self.remember(key, Place::Queued(number));
        Place::Queued(number)
    }

    fn hold(&mut self, asker: Asker, number: usize) {
        let smallest = self.holders.entry(asker).or_insert(number);
        *smallest = number.min(*smallest);
    }

    /// Remembers what became of a template.
    pub fn remember(&mut self, key: Key, place: Place) {
        self.young.insert(key, place);
        if self.young.len() >= self.bounds.generation {
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// The next question for a worker.
    pub fn take(&mut self) -> Option<Question> {
        let mut question = self.waiting.pop_front()?;
        self.waiting_bytes -= question.bytes();
        self.under_way.insert(question.number, std::mem::take(&mut question.askers));
        Some(question)
    }

    /// Whether nobody waits any more for a question that is under way: then it is not repeated.
    pub fn is_abandoned(&self, number: usize) -> bool {
        self.under_way
            .get(&number)
            .is_none_or(|askers| askers.iter().all(|asker| self.lost.contains_key(asker)))
    }

    /// A question under way has its answer, or none.
    pub fn settle(&mut self, question: &Question, answer: Answer) {
        let askers = self.under_way.remove(&question.number).unwrap_or_default();
        self.conclude(question.number, question.key, &askers, answer);
        self.forget_answers();
    }

    /// What waits has no answer.
    pub fn fail_waiting(&mut self, reason: Unanswered) {
        self.waiting_bytes = 0;
        for question in std::mem::take(&mut self.waiting) {
            self.conclude(question.number, question.key, &question.askers, Answer::Failed(reason));
        }
        self.forget_answers();
    }

    fn conclude(&mut self, number: usize, key: Key, askers: &[Asker], answer: Answer) {
        if let Some(place) = number.checked_sub(self.first).and_then(|index| self.answers.get_mut(index)) {
            *place = Some(answer);
        }
        match answer {
            // What was not asked after all, because whoever wanted to know has gone or the stage is switched off, says nothing
            // of the question: another input of the run may ask it.
            Answer::Failed(reason)
                if self.retryable || matches!(reason, Unanswered::SwitchedOff | Unanswered::BudgetSpent) =>
            {
                self.young.remove(&key);
                self.old.remove(&key);
            }
            _ => self.remember(key, Place::Answered(answer)),
        }
        if let Answer::Failed(reason) = answer {
            askers.iter().for_each(|&asker| self.lose(asker, reason));
        }
    }

    /// `asker` has a question without an answer. Where each is required, what it asked besides is not asked any more.
    pub fn lose(&mut self, asker: Asker, reason: Unanswered) {
        if self.required && !self.lost.contains_key(&asker) {
            self.lost.insert(asker, reason);
            self.lost_any = true;
            self.take_back(asker);
        }
    }

    /// Why `asker` cannot succeed any more, if it cannot.
    pub fn loss(&self, asker: Asker) -> Option<Unanswered> {
        self.lost.get(&asker).copied()
    }

    /// Whether anybody could not succeed.
    pub fn has_lost_any(&self) -> bool {
        self.lost_any
    }

    /// `asker` has gone: what waits for it alone is taken back, and its numbers are asked for no more.
    pub fn withdraw(&mut self, asker: Asker) {
        self.take_back(asker);
        self.under_way.values_mut().for_each(|askers| askers.retain(|&other| other != asker));
        self.holders.remove(&asker);
        self.lost.remove(&asker);
        self.forget_answers();
    }

    /// Takes what waits for `asker` alone out of the queue.
    fn take_back(&mut self, asker: Asker) {
        let Self { waiting, waiting_bytes, answers, first, young, old, .. } = self;
        waiting.retain_mut(|question| {
            question.askers.retain(|&other| other != asker);
            if question.askers.is_empty() {
                if let Some(place) =
                    question.number.checked_sub(*first).and_then(|index| answers.get_mut(index))
                {
                    *place = Some(Answer::Failed(Unanswered::SwitchedOff));
                }
                *waiting_bytes -= question.bytes();
                young.remove(&question.key);
                old.remove(&question.key);
            }
            !question.askers.is_empty()
        });
    }

    /// Forgets answers that nobody has a number of.
    fn forget_answers(&mut self) {
        let Some(&smallest) = self.holders.values().min() else {
            if self.waiting.is_empty() && self.under_way.is_empty() {
                self.first += self.answers.len();
                self.answers.clear();
            }
            return;
        };
        while self.first < smallest && matches!(self.answers.front(), Some(Some(_))) {
            self.answers.pop_front();
            self.first += 1;
        }
    }

    /// The answer to the question with this number, once there is one. One that was forgotten counts as failed.
    pub fn answer(&self, number: usize) -> Option<Answer> {
        match number.checked_sub(self.first) {
            Some(index) => {
                self.answers.get(index).copied().unwrap_or(Some(Answer::Failed(Unanswered::Failed)))
            }
            None => Some(Answer::Failed(Unanswered::Failed)),
        }
    }
}

#[cfg(test)]
mod tests;
