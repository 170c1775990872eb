//! Beside a slow reference, whatever happens.

use std::ops::Range;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Act {
    Push {
        project: u8,
    },
    Work,
    Answer(u8),
    Flush,
    Enable(bool),
    Wait(u64),
    /// Files of the spool disappear: of its batches those whose bit is set.
    Lose {
        bits: u8,
        is_head_held: bool,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0u8..2).prop_map(|project| Act::Push { project }),
        4 => Just(Act::Work),
        3 => (0u8..7).prop_map(Act::Answer),
        1 => Just(Act::Flush),
        1 => any::<bool>().prop_map(Act::Enable),
        2 => (0u64..3_000).prop_map(Act::Wait),
        1 => any::<(u8, bool)>()
            .prop_map(|(bits, is_head_held)| Act::Lose { bits: bits & bits >> 4, is_head_held }),
    ];
    proptest::collection::vec(act, 0..400)
}

/// The slow reference: plain lists of event numbers.
#[derive(Default)]
struct Reference {
    pushed: Vec<u64>,
    batches: VecDeque<(Vec<u64>, bool)>,
    delivered: Vec<u64>,
    refused: Vec<u64>,
    lost: u64,
}

impl Reference {
    /// Does what a step asks of the spool, which fails now and then.
    fn spool(&mut self, queue: &mut Queue, step: Step, now: Duration, lasts: bool) {
        let fails = now.as_millis() % 7 == 0;
        let taken = if step == Step::Spill { queue.take() } else { Vec::new() };
        assert!(of_one_project(&taken));
        if fails {
            queue.not_stored(taken, now);
            return;
        }
        queue.stored(step, lasts);
        match step {
            Step::Spill => {
                assert_eq!(self.next_to_store(), None, "in order");
                self.batches.push_back((taken.iter().map(number_of).collect(), true));
            }
            _ => {
                let index = self.next_to_store().unwrap();
                self.batches[index].1 = true;
            }
        }
    }

    /// Which batch must be stored before others are: the first that is not, with none behind it.
    fn next_to_store(&self) -> Option<usize> {
        let first = self.batches.iter().position(|(_, is_stored)| !is_stored)?;
        self.batches.iter().skip(first).all(|(_, is_stored)| !is_stored).then_some(first)
    }

    /// Loses batches of the spool, and returns which events of it these are.
    fn lose(&mut self, bits: u8, held: usize) -> Vec<Range<u64>> {
        let mut missing = Vec::new();
        let mut at = 0;
        let mut bits = (0..).map(|bit| bits >> (bit % 8) & 1 == 1);
        let batches = std::mem::take(&mut self.batches);
        for (index, (numbers, is_stored)) in batches.into_iter().enumerate() {
            let count = numbers.len() as u64;
            if !is_stored || !bits.next().unwrap() {
                at += if is_stored { count } else { 0 };
                self.batches.push_back((numbers, is_stored));
                continue;
            }
            missing.push(at..at + count);
            at += count;
            if index < held {
                self.batches.push_back((numbers, false));
            } else {
                self.lost += count;
            }
        }
        missing
    }
}

fn of_one_project(events: &[Event]) -> bool {
    events.windows(2).all(|pair| pair[0].origin == pair[1].origin)
}

proptest! {
    /// Whatever happens, each event is delivered, refused, dropped or still there, exactly once,
    /// and those delivered are in the order they came.
    #[test]
    fn nothing_is_lost_doubled_or_reordered(
        acts in acts(), capacity in 1usize..40, spools in any::<bool>()
    ) {
        let limits = Limits { events: capacity, batch_size: 4, spools, ..limits() };
        let mut queue = queue(limits);
        let (mut reference, mut now, mut sending) = (Reference::default(), Duration::ZERO, false);
        for act in acts {
            match act {
                Act::Push { project } => {
                    let number = reference.pushed.len() as u64;
                    let project = if project == 0 { "2" } else { "3" };
                    let pushed = queue.push(numbered(number, project, now));
                    prop_assert!(pushed.is_queued && (spools || !pushed.is_over));
                    reference.pushed.push(number);
                    while let Some(step) = queue.next_spill(now).filter(|_| pushed.is_over) {
                        reference.spool(&mut queue, step, now, false);
                    }
                }
                Act::Work => match queue.step(now) {
                    Step::Release(_) => {
                        let taken = queue.take_first();
                        prop_assert!(!taken.is_empty() && of_one_project(&taken));
                        reference.batches.push_back((taken.iter().map(number_of).collect(), false));
                    }
                    step @ (Step::Store | Step::Spill) => reference.spool(&mut queue, step, now, true),
                    Step::Send => {
                        prop_assert!(!sending, "one at a time");
                        sending = true;
                    }
                    Step::Sync => queue.synced(),
                    Step::Report(losses) => prop_assert!(losses.dropped() > 0),
                    Step::Rest(at) => {
                        prop_assert!(at.is_none_or(|at| at > now || sending), "{at:?} at {now:?}");
                    }
                    Step::Stop => prop_assert!(false, "it was not stopped"),
                },
                Act::Answer(answer) if sending => {
                    sending = false;
                    let (numbers, is_stored) = reference.batches[0].clone();
                    if answer == 6 {
                        if numbers.len() > 1 {
                            queue.split(0, &[1, numbers.len() as u64 - 1]);
                            reference.batches[0].0.truncate(1);
                            reference.batches.insert(1, (numbers[1..].to_vec(), is_stored));
                        }
                        queue.send_parts(None, now);
                        continue;
                    }
                    let outcome = match answer {
                        0 => Outcome::Lost(DropReason::Refused),
                        1 | 2 => Outcome::Failed(None),
                        _ => Outcome::Delivered,
                    };
                    let settled = queue.acknowledge(outcome, now, 0.5);
                    match outcome {
                        Outcome::Failed(_) | Outcome::TooLarge(_) => {
                            prop_assert_eq!(settled, None);
                            continue;
                        }
                        Outcome::Delivered => reference.delivered.extend(numbers.clone()),
                        Outcome::Lost(_) => reference.refused.extend(numbers.clone()),
                    }
                    reference.batches.pop_front();
                    let batch = settled.unwrap();
                    prop_assert_eq!((batch.events, batch.is_spooled), (numbers.len() as u64, is_stored));
                }
                Act::Answer(_) => {}
                Act::Flush => {
                    queue.flush(ReleaseReason::Explicit);
                }
                Act::Enable(is_enabled) => queue.enable(is_enabled),
                Act::Lose { bits, is_head_held } => {
                    let held = usize::from(is_head_held || sending);
                    let before = queue.counters().spool_damaged;
                    let missing = reference.lose(bits, held);
                    let lost = queue.lose_spooled(&missing, held, now);
                    prop_assert_eq!(queue.counters().spool_damaged - before, lost);
                    prop_assert_eq!(queue.counters().spool_damaged, reference.lost);
                }
                Act::Wait(milliseconds) => now += Duration::from_millis(milliseconds),
            }
            prop_assert!(queue.depth().waiting <= capacity as u64);
        }
        let pushed = reference.pushed.len() as u64;
        let in_batches: usize = reference.batches.iter().map(|(numbers, _)| numbers.len()).sum();
        let tally = *queue.counters();
        prop_assert!(!spools || tally.spool_failures > 0 || tally.queue_full == 0);
        let depth = queue.depth();
        let there = depth.waiting + in_batches as u64;
        prop_assert_eq!(depth.under_way + depth.spooled, in_batches as u64);
        prop_assert_eq!(tally.delivered + tally.dropped() + there, pushed);
        prop_assert_eq!(queue.left_before(u64::MAX), there);
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for number in reference.delivered.iter().chain(&reference.refused) {
            *counts.entry(*number).or_default() += 1;
        }
        prop_assert!(counts.values().all(|count| *count == 1), "nothing twice");
        prop_assert!(reference.delivered.is_sorted(), "{:?}", reference.delivered);
        let on_the_way: Vec<u64> =
            reference.batches.iter().flat_map(|(numbers, _)| numbers.iter().copied()).collect();
        prop_assert!(on_the_way.is_sorted() && reference.delivered.last() < on_the_way.first().or(Some(&u64::MAX)));
    }
}
