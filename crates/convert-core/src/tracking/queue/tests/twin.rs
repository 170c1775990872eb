//! Beside a slow twin, whatever happens.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Act {
    Push { project: u8 },
    Work,
    Answer(u8),
    Flush,
    Enable(bool),
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0u8..2).prop_map(|project| Act::Push { project }),
        4 => Just(Act::Work),
        3 => (0u8..6).prop_map(Act::Answer),
        1 => Just(Act::Flush),
        1 => any::<bool>().prop_map(Act::Enable),
        2 => (0u64..3_000).prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 0..400)
}

/// The slow twin: plain lists of event numbers.
#[derive(Default)]
struct Twin {
    pushed: Vec<u64>,
    parcels: VecDeque<(Vec<u64>, bool)>,
    delivered: Vec<u64>,
    refused: Vec<u64>,
}

impl Twin {
    /// Does what a step asks of the spool, which fails now and then.
    fn spool(&mut self, queue: &mut Queue, step: Step, now: Duration, lasts: bool) {
        let fails = now.as_millis() % 7 == 0;
        let taken = if step == Step::Spill { queue.take() } else { Vec::new() };
        assert!(of_one_project(&taken));
        if fails {
            queue.not_stored(taken, now);
            return;
        }
        queue.stored(lasts);
        match step {
            Step::Spill => {
                assert!(self.parcels.iter().all(|(_, is_stored)| *is_stored), "in order");
                self.parcels.push_back((taken.iter().map(number_of).collect(), true));
            }
            _ => self.parcels[0].1 = true,
        }
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
        let (mut twin, mut now, mut sending) = (Twin::default(), Duration::ZERO, false);
        for act in acts {
            match act {
                Act::Push { project } => {
                    let number = twin.pushed.len() as u64;
                    let project = if project == 0 { "2" } else { "3" };
                    let pushed = queue.push(numbered(number, project, now));
                    prop_assert!(pushed.is_queued && (spools || !pushed.is_over));
                    twin.pushed.push(number);
                    while let Some(step) = queue.relief(now).filter(|_| pushed.is_over) {
                        twin.spool(&mut queue, step, now, false);
                    }
                }
                Act::Work => match queue.step(now) {
                    Step::Release(_) => {
                        let taken = queue.take_first();
                        prop_assert!(!taken.is_empty() && of_one_project(&taken));
                        twin.parcels.push_back((taken.iter().map(number_of).collect(), false));
                    }
                    step @ (Step::Store | Step::Spill) => twin.spool(&mut queue, step, now, true),
                    Step::Send => {
                        prop_assert!(!sending, "one at a time");
                        sending = true;
                    }
                    Step::Sync => queue.synced(),
                    Step::Report(losses) => prop_assert!(losses.dropped() > 0),
                    Step::Rest(at) => {
                        prop_assert!(at.is_none_or(|at| at > now || sending), "{at:?} at {now:?}");
                    }
                    Step::Stop => prop_assert!(false, "nobody stopped it"),
                },
                Act::Answer(answer) if sending => {
                    sending = false;
                    let (numbers, is_stored) = twin.parcels[0].clone();
                    let outcome = match answer {
                        0 => Outcome::Lost(DropReason::Refused),
                        1 | 2 => Outcome::Failed(None),
                        _ => Outcome::Delivered,
                    };
                    let settled = queue.settle(outcome, now, 0.5);
                    match outcome {
                        Outcome::Failed(_) => {
                            prop_assert_eq!(settled, None);
                            continue;
                        }
                        Outcome::Delivered => twin.delivered.extend(numbers.clone()),
                        Outcome::Lost(_) => twin.refused.extend(numbers.clone()),
                    }
                    twin.parcels.pop_front();
                    let parcel = settled.unwrap();
                    prop_assert_eq!((parcel.events, parcel.is_spooled), (numbers.len() as u64, is_stored));
                }
                Act::Answer(_) => {}
                Act::Flush => {
                    queue.flush(ReleaseReason::Explicit);
                }
                Act::Enable(is_enabled) => queue.enable(is_enabled),
                Act::Wait(milliseconds) => now += Duration::from_millis(milliseconds),
            }
            prop_assert!(queue.depth().waiting <= capacity as u64);
        }
        let pushed = twin.pushed.len() as u64;
        let in_parcels: usize = twin.parcels.iter().map(|(numbers, _)| numbers.len()).sum();
        let tally = *queue.tally();
        prop_assert!(!spools || tally.spool_failures > 0 || tally.queue_full == 0);
        let depth = queue.depth();
        let there = depth.waiting + in_parcels as u64;
        prop_assert_eq!(depth.under_way + depth.spooled, in_parcels as u64);
        prop_assert_eq!(tally.delivered + tally.dropped() + there, pushed);
        prop_assert_eq!(queue.left_before(u64::MAX), there);
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for number in twin.delivered.iter().chain(&twin.refused) {
            *counts.entry(*number).or_default() += 1;
        }
        prop_assert!(counts.values().all(|count| *count == 1), "nothing twice");
        prop_assert!(twin.delivered.is_sorted(), "{:?}", twin.delivered);
        let on_the_way: Vec<u64> =
            twin.parcels.iter().flat_map(|(numbers, _)| numbers.iter().copied()).collect();
        prop_assert!(on_the_way.is_sorted() && twin.delivered.last() < on_the_way.first().or(Some(&u64::MAX)));
    }
}
