//! What the bookkeeping promises.

use super::*;

fn subject() -> Subject {
    Subject { text: "a".to_owned(), template: "a".to_owned() }
}

fn key(number: usize) -> Key {
    (number as u128).to_le_bytes()
}

fn push(questions: &mut Questions, number: usize, asker: Asker) -> usize {
    match questions.push(key(number), subject(), asker) {
        Place::Queued(number) => number,
        Place::Answered(_) => unreachable!("what is pushed waits"),
    }
}

#[test]
fn nothing_grows_with_the_questions_of_a_server() {
    let mut questions = Questions::new(false, true);
    questions.bounds = Bounds { waiting_bytes: 1_000, answers: 50, generation: 20 };
    for number in 0..10_000 {
        let asker = questions.new_asker();
        push(&mut questions, number, asker);
        let question = questions.take().unwrap();
        questions.settle(&question, Answer::Declined);
        assert_eq!(questions.answer(question.number), Some(Answer::Declined));
        questions.withdraw(asker);
    }
    assert!(questions.answers.len() <= 1 && questions.young.len() + questions.old.len() <= 40);
    assert!(questions.under_way.is_empty() && questions.holders.is_empty() && questions.lost.is_empty());
}

#[test]
fn a_run_without_end_forgets_its_oldest_answers_and_never_waits_for_them() {
    let mut questions = Questions::new(false, false);
    questions.bounds = Bounds { waiting_bytes: 1_000, answers: 50, generation: 20 };
    for number in 0..10_000 {
        push(&mut questions, number, 0);
        let question = questions.take().unwrap();
        questions.settle(&question, Answer::Label(7));
    }
    assert!(questions.answers.len() <= 50 && questions.young.len() + questions.old.len() <= 40);
    assert_eq!(questions.answer(9_999), Some(Answer::Label(7)));
    assert_eq!(questions.find(key(9_999), 0), Some(Place::Answered(Answer::Label(7))));
    assert_eq!(questions.answer(1), Some(Answer::Failed(Unanswered::Failed)));
    assert_eq!(questions.find(key(1), 0), None);
}

#[test]
fn the_table_of_the_pipeline_bounds_what_is_remembered() {
    let mut questions = Questions::new(false, false);
    questions.remember_templates(1);
    for number in 0..100_000 {
        questions.remember(key(number), Place::Answered(Answer::Declined));
    }
    assert!(questions.young.len() + questions.old.len() <= 2 * LEAST_GENERATION);
    // Whatever the table still holds a number of must have its answer.
    questions.remember_templates(30_000_000);
    assert!(questions.bounds.answers >= 2 * 30_000_000);
    questions.remember_templates(usize::MAX);
}

#[test]
fn what_was_not_asked_after_all_may_be_asked_by_another() {
    let mut questions = Questions::new(true, false);
    let (first, second) = (questions.new_asker(), questions.new_asker());
    push(&mut questions, 0, first);
    let question = questions.take().unwrap();
    questions.withdraw(first);
    questions.settle(&question, Answer::Failed(Unanswered::SwitchedOff));
    assert_eq!((questions.find(key(0), second), questions.loss(second)), (None, None));
    // What has failed fails for everybody, and at once.
    push(&mut questions, 1, second);
    let question = questions.take().unwrap();
    questions.settle(&question, Answer::Failed(Unanswered::Invalid));
    let third = questions.new_asker();
    assert!(questions.find(key(1), third).is_some());
    assert_eq!(questions.loss(third), Some(Unanswered::Invalid));
    questions.withdraw(second);
    assert!(questions.has_lost_any());
}

#[test]
fn the_queue_has_an_end() {
    let mut questions = Questions::new(false, false);
    questions.bounds.waiting_bytes = 2_000;
    let mut pushed = 0;
    while questions.has_room() {
        push(&mut questions, pushed, 0);
        pushed += 1;
    }
    assert!(pushed < 30, "{pushed}");
    questions.take();
    assert!(questions.has_room());
}

#[test]
fn who_loses_a_required_answer_asks_no_more_and_others_go_on() {
    let mut questions = Questions::new(true, true);
    let (first, second) = (questions.new_asker(), questions.new_asker());
    push(&mut questions, 0, first);
    let both = push(&mut questions, 1, first);
    push(&mut questions, 2, first);
    assert_eq!(questions.find(key(1), second), Some(Place::Queued(both)));
    let question = questions.take().unwrap();
    questions.settle(&question, Answer::Failed(Unanswered::Invalid));
    assert_eq!((questions.loss(first), questions.loss(second)), (Some(Unanswered::Invalid), None));
    assert_eq!(questions.take().map(|question| question.number), Some(both));
    assert!(questions.take().is_none() && !questions.is_abandoned(both));
    questions.withdraw(second);
    assert!(questions.is_abandoned(both));
}
