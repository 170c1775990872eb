//! Threads, contexts and a store in every mood: what is told to the service is what the store ends with.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use convert_sdk::{
    Context, Core, DataStore, ExperienceResult, ManualClock, Merged, RecordDelta, RefreshConfig,
    RunOptions, SdkConfig, StoreConfig, StoreError, StoreErrorKind, TrackingConfig, VisitorRecord,
    WriteMode, attributes,
};
use convert_tests::live::KEY;
use serde_json::Value;
use test_support::{ConfigAnswer, RecordingStore, RecordingTransport, StoreAnswer, wait_until};

/// A config that gives everybody one variation of the menu.
fn config_with(menu: &str) -> String {
    let share = |id| if id == menu { 100 } else { 0 };
    let (wide, narrow) = (share("40"), share("41"));
    format!(
        r#"{{"account_id": "1", "project": {{"id": "2"}},
        "goals": [{{"id": "91", "key": "purchase"}}, {{"id": "92", "key": "signup"}}],
        "experiences": [
            {{"id": "3", "key": "hero", "variations": [{{"id": "30", "key": "blue"}}]}},
            {{"id": "4", "key": "menu", "variations": [
                {{"id": "40", "key": "wide", "traffic_allocation": {wide}}},
                {{"id": "41", "key": "narrow", "traffic_allocation": {narrow}}}]}}]}}"#
    )
}

const PATIENCE: Duration = Duration::from_secs(30);
const VISITORS: [&str; 3] = ["v0", "v1", "v2"];
const THREADS: usize = 4;
const TURNS: usize = 12;
/// How many games are played with each kind of store, unless the environment says otherwise.
const ROUNDS: u64 = 10;
const ENV_ROUNDS: &str = "CONVERT_STORE_RACES_ROUNDS";

/// When a [`Late`] store holds a change up, and whether its answer is lost.
#[derive(Clone, Copy)]
enum Holds {
    Before,
    After,
    AfterAndLoses,
}

/// A store that holds up its first changes until a test lets them go.
struct Late {
    store: RecordingStore,
    calls: AtomicUsize,
    holds: Vec<Holds>,
    /// Met when a change is held up, and when it is let go.
    gates: Vec<[Barrier; 2]>,
}

impl Late {
    fn new(holds: &[Holds]) -> Arc<Self> {
        let gates = holds.iter().map(|_| [Barrier::new(2), Barrier::new(2)]).collect();
        let (store, calls) = (RecordingStore::default(), AtomicUsize::new(0));
        Arc::new(Late { store, calls, holds: holds.to_vec(), gates })
    }

    /// Waits until a change is held up.
    fn wait_for(&self, change: usize) {
        self.gates[change][0].wait();
    }

    fn let_go(&self, change: usize) {
        self.gates[change][1].wait();
    }
}

impl DataStore for Late {
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
        self.store.load(key)
    }

    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
        let change = self.calls.fetch_add(1, Ordering::SeqCst);
        let Some(holds) = self.holds.get(change) else { return self.store.merge(key, delta) };
        let hold = || {
            for gate in &self.gates[change] {
                gate.wait();
            }
        };
        if let Holds::Before = holds {
            hold();
            return self.store.merge(key, delta);
        }
        let answer = self.store.merge(key, delta);
        hold();
        if let Holds::After = holds { answer } else { Err(failed(StoreErrorKind::Contended)) }
    }
}

fn failed(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "the dice say so")
}

impl DataStore for Moody {
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
        self.dawdle();
        let answer = match self.roll(8) {
            Some(0) => Err(failed(StoreErrorKind::Contended)),
            _ => self.store.load(key),
        };
        self.dawdle();
        answer
    }

    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
        self.dawdle();
        let answer = match self.roll(12) {
            Some(0) => Err(failed(StoreErrorKind::Timeout)),
            Some(1 | 2) => Err(failed(StoreErrorKind::Contended)),
            Some(3 | 4) if self.rules.loses_answers => {
                self.store.merge(key, delta).and(Err(failed(StoreErrorKind::Contended)))
            }
            Some(5) if self.rules.refuses => Err(failed(StoreErrorKind::Refused)),
            _ => self.store.merge(key, delta),
        };
        self.dawdle();
        answer
    }
}

/// A core with one context for the config before, and one for the config since.
struct Machine {
    core: Core,
    service: Arc<RecordingTransport>,
    clock: ManualClock,
}

impl Machine {
    fn new(store: Option<(Arc<dyn DataStore>, StoreConfig)>) -> Self {
        let (service, clock) = (Arc::new(RecordingTransport::default()), ManualClock::new());
        service.script_configs(["40", "41"].map(|menu| ConfigAnswer::body(config_with(menu))));
        let tracking = TrackingConfig::builder().batch_size(1).build().unwrap();
        let config = SdkConfig::from_sdk_key(KEY).unwrap().refresh(RefreshConfig::default());
        let config = config.transport_impl(Arc::clone(&service)).tracking_config(tracking);
        let mut config = config.manual_clock(clock.clone());
        if let Some((store, settings)) = store {
            config = config.data_store(store).store_config(settings);
        }
        Machine { core: Core::initialize(config).unwrap(), service, clock }
    }

    /// Gives contexts that are made from now on the other variation of the menu.
    fn refresh(&self) {
        let before = self.core.current_config();
        self.core.refresh_now();
        assert!(wait_until(PATIENCE, || !Arc::ptr_eq(&self.core.current_config(), &before)));
    }

    /// Waits until everything is written and delivered, and returns what was told of whom.
    fn settle(&self) -> Told {
        let is_settled = wait_until(PATIENCE, || {
            self.clock.advance(Duration::from_secs(5));
            self.core.flush(Duration::from_millis(100)).is_ok()
        });
        assert!(is_settled, "{:?}", self.core.stats());
        told(&self.service)
    }
}

fn menu(context: &Context) -> String {
    context.run_experience("menu").unwrap().variation_id().to_owned()
}

/// Returns whether a context remembers this variation of the menu.
fn sees(context: &Context, variation_id: &str) -> bool {
    context.visitor_record().assignment("4") == Some(variation_id)
}

fn waiting() -> StoreConfig {
    StoreConfig::default().assignments(WriteMode::Wait)
}

/// Has another change of the same context bring the outcome of one whose own answer is lost.
fn lose_answer(settings: StoreConfig, change: impl Fn(&Context) + Sync) -> Told {
    let store = Late::new(&[Holds::Before, Holds::AfterAndLoses]);
    let machine = Machine::new(Some((Arc::clone(&store) as Arc<_>, settings)));
    let visitor = machine.core.create_context("v");
    std::thread::scope(|scope| {
        let other = scope.spawn(|| visitor.track_conversion("signup"));
        store.wait_for(0);
        let own = scope.spawn(|| change(&visitor));
        store.let_go(0);
        assert!(other.join().unwrap().is_queued());
        store.wait_for(1);
        store.let_go(1);
        own.join().unwrap();
    });
    machine.settle()
}

#[test]
fn a_goal_that_another_answer_tells_of_counts_although_its_own_answer_is_lost() {
    for settings in [StoreConfig::default(), waiting()] {
        let told = lose_answer(settings, |visitor| {
            assert!(visitor.track_conversion("purchase").is_queued());
        });
        assert_eq!(told.get(&("v".into(), "goal".into(), "91".into())), Some(&1), "{told:?}");
    }
}

#[test]
fn an_assignment_that_another_answer_tells_of_is_exposed_although_its_own_answer_is_lost() {
    let told = lose_answer(waiting(), |visitor| assert_eq!(menu(visitor), "40"));
    assert_eq!(told.get(&("v".into(), "4".into(), "40".into())), Some(&1), "{told:?}");
}

#[test]
fn a_context_that_waits_behind_another_shows_what_the_store_keeps_although_its_own_call_fails() {
    let store = Late::new(&[Holds::After]);
    let machine = Machine::new(Some((Arc::clone(&store) as Arc<_>, waiting())));
    let early = machine.core.create_context("v");
    machine.refresh();
    let late = machine.core.create_context("v");
    std::thread::scope(|scope| {
        let shown = scope.spawn(|| menu(&late));
        store.wait_for(0);
        store.store.script([StoreAnswer::Failure(StoreErrorKind::Contended)]);
        let other = scope.spawn(|| menu(&early));
        // Its change waits beside the one that is under way, and nobody is shown what is not confirmed.
        assert!(wait_until(PATIENCE, || machine.core.stats().store_waiting == 2));
        assert!(early.visitor_record().is_empty());
        store.let_go(0);
        assert_eq!(shown.join().unwrap(), "41");
        assert_eq!(other.join().unwrap(), "41");
    });
    let told = machine.settle();
    assert_eq!(menu(&machine.core.create_context("v")), "41");
    assert_eq!(told, [(("v".into(), "4".into(), "41".into()), 1)].into());
}

#[test]
fn contexts_that_would_choose_differently_while_a_call_is_under_way_agree() {
    let store = Late::new(&[Holds::Before, Holds::After]);
    let machine = Machine::new(Some((Arc::clone(&store) as Arc<_>, waiting())));
    let early = machine.core.create_context("v");
    machine.refresh();
    let late = machine.core.create_context("v");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| late.track_conversion("signup"));
        store.wait_for(0);
        let shown = scope.spawn(|| menu(&early));
        assert!(wait_until(PATIENCE, || machine.core.stats().store_waiting == 2));
        let other = scope.spawn(|| menu(&late));
        // A change in the background waits for both.
        early.set_segments(attributes! { "country" => "DE" });
        store.let_go(0);
        assert!(first.join().unwrap().is_queued());
        store.wait_for(1);
        store.let_go(1);
        assert_eq!(shown.join().unwrap(), "40");
        assert_eq!(other.join().unwrap(), "40");
    });
    let told = machine.settle();
    for context in [&early, &machine.core.create_context("v")] {
        assert_eq!(menu(context), "40");
    }
    assert_eq!(told.get(&("v".into(), "4".into(), "40".into())), Some(&1), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_forced_variation_is_exposed_although_another_change_takes_it_along() {
    let store = Late::new(&[Holds::Before, Holds::Before]);
    let machine = Machine::new(Some((Arc::clone(&store) as Arc<_>, waiting())));
    let (visitor, other) = (machine.core.create_context("v"), machine.core.create_context("v"));
    let options = RunOptions::new().force_variation("41");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| other.track_conversion("signup"));
        store.wait_for(0);
        let forced = scope.spawn(|| {
            visitor.run_experience_with("menu", &options).map(|one| one.variation_id().to_owned())
        });
        assert!(wait_until(PATIENCE, || sees(&visitor, "41")));
        // Whichever of the two makes the call, it carries both.
        let second = scope.spawn(|| other.track_conversion("purchase"));
        assert!(wait_until(PATIENCE, || sees(&other, "41")));
        store.let_go(0);
        assert!(first.join().unwrap().is_queued());
        store.wait_for(1);
        store.let_go(1);
        assert!(second.join().unwrap().is_queued());
        assert_eq!(forced.join().unwrap().as_deref(), Some("41"));
    });
    let told = machine.settle();
    assert_eq!(told.get(&("v".into(), "4".into(), "41".into())), Some(&1), "{told:?}");
}

type Told = BTreeMap<(String, String, String), usize>;

/// Returns how often each exposure and each conversion was sent of each visitor.
fn told(service: &RecordingTransport) -> Told {
    let mut told = Told::new();
    for request in service.batch_requests() {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        for visitor in body["visitors"].as_array().unwrap() {
            let id = visitor["visitorId"].as_str().unwrap();
            for event in visitor["events"].as_array().unwrap() {
                let data = &event["data"];
                let of = data["experienceId"].as_str().unwrap_or("goal");
                let what = data["variationId"].as_str().or(data["goalId"].as_str()).unwrap();
                *told.entry((id.into(), of.into(), what.into())).or_default() += 1;
            }
        }
    }
    told
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.roll(all.len() as u64)).unwrap()]
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }
}

/// A store that fails, dawdles and loses answers as the dice say.
struct Moody {
    store: RecordingStore,
    dice: Mutex<Option<Dice>>,
    rules: Rules,
}

impl Moody {
    fn new(seed: u64, rules: Rules) -> Self {
        let dice = Mutex::new(Some(Dice::new(seed)));
        Moody { store: RecordingStore::default(), dice, rules }
    }

    /// Lets everything succeed from now on.
    fn calm_down(&self) {
        *self.dice.lock().unwrap() = None;
    }

    fn roll(&self, sides: u64) -> Option<u64> {
        self.dice.lock().unwrap().as_mut().map(|dice| dice.roll(sides))
    }

    fn dawdle(&self) {
        for _ in 0..self.roll(30).unwrap_or(0) {
            std::thread::yield_now();
        }
    }
}

/// What may happen in a game.
#[derive(Clone, Copy, Default)]
struct Rules {
    /// Whether threads force variations.
    forces: bool,
    /// Whether the store may make a change and not say so.
    loses_answers: bool,
    /// Whether the store may refuse a change.
    refuses: bool,
}

/// Threads that use contexts of a few visitors, old ones and new ones, as the dice say.
struct Game {
    seed: u64,
    rules: Rules,
    store: Option<Arc<Moody>>,
    machine: Machine,
    contexts: Vec<Context>,
}

impl Game {
    fn new(seed: u64, rules: Rules, settings: Option<StoreConfig>) -> Self {
        let store = settings.is_some().then(|| Arc::new(Moody::new(seed, rules)));
        let shared = store.clone().zip(settings);
        let machine = Machine::new(shared.map(|(store, settings)| (store as Arc<_>, settings)));
        let all = || VISITORS.map(|id| machine.core.create_context(id));
        let mut contexts = Vec::from(all());
        machine.refresh();
        contexts.extend(all());
        Game { seed, rules, store, machine, contexts }
    }

    /// Returns the visitors that were shown variations of experiences.
    fn play(&self) -> Vec<(String, String, String)> {
        let start = Barrier::new(THREADS);
        let turns = |thread: usize| {
            let mut dice = Dice::new(self.seed * 100 + thread as u64);
            let mut shown = Vec::new();
            start.wait();
            for _ in 0..TURNS {
                let fresh = self.machine.core.create_context(*dice.pick(&VISITORS));
                let is_fresh = dice.roll(3) == 0;
                let context = if is_fresh { &fresh } else { dice.pick(&self.contexts) };
                for _ in 0..=u8::from(is_fresh) {
                    let results = self.act(context, &mut dice);
                    shown.extend(results.into_iter().map(|one| {
                        let ids = [one.experience_id(), one.variation_id()].map(str::to_owned);
                        (context.visitor_id().to_owned(), ids[0].clone(), ids[1].clone())
                    }));
                }
            }
            shown
        };
        std::thread::scope(|scope| {
            let turns = &turns;
            let players: Vec<_> =
                (0..THREADS).map(|thread| scope.spawn(move || turns(thread))).collect();
            players.into_iter().flat_map(|player| player.join().unwrap()).collect()
        })
    }

    fn act<'c>(&self, context: &'c Context, dice: &mut Dice) -> Vec<ExperienceResult<'c>> {
        match dice.roll(10) {
            0 => return context.run_experience("hero").into_iter().collect(),
            1..=4 => return context.run_experience("menu").into_iter().collect(),
            5 => drop(context.track_conversion("purchase")),
            6 => drop(context.track_conversion("signup")),
            7 => context.set_segments(attributes! { "country" => dice.roll(100).to_string() }),
            8 if self.rules.forces => {
                let id = if dice.roll(2) == 0 { "40" } else { "41" };
                let options = RunOptions::new().force_variation(id);
                return context.run_experience_with("menu", &options).into_iter().collect();
            }
            8 => return context.run_experiences(),
            _ => {
                self.machine.clock.advance(Duration::from_millis(300 * dice.roll(6)));
                let _ = self.machine.core.flush(Duration::ZERO);
            }
        }
        Vec::new()
    }

    /// Compares what the service was told with what the store has in the end.
    fn check(&self, shown: &[(String, String, String)]) {
        self.store.iter().for_each(|store| store.calm_down());
        let (told, seed) = (self.machine.settle(), self.seed);
        let is_once = |of: &str| of == "goal" || !self.rules.forces;
        let twice = told.iter().find(|((_, of, _), times)| **times > 1 && is_once(of));
        assert!(twice.is_none(), "seed {seed}: {twice:?}");
        let shows_one = !(self.rules.forces || self.rules.refuses);
        for id in VISITORS {
            let view = self.machine.core.create_context(id).visitor_record();
            let stored = self.store.as_ref().map(|store| store.store.record(&format!("1-2-{id}")));
            let stored = stored.map_or_else(|| view.clone(), Option::unwrap_or_default);
            assert!(view == stored || self.rules.refuses, "seed {seed}: {view:?}, not {stored:?}");
            for goal in stored.goals() {
                let goal = if goal == "purchase" { "91" } else { "92" };
                let is_told = told.contains_key(&(id.into(), "goal".into(), goal.into()));
                assert!(is_told, "seed {seed}: {id} {goal}");
            }
            for (of, what) in stored.assignments() {
                let is_told = told.contains_key(&(id.into(), of.into(), what.into()));
                assert!(is_told, "seed {seed}: {id} {what}, {told:?}");
                let other = shown.iter().find(|one| one.0 == id && one.1 == of && one.2 != what);
                assert!(other.is_none() || !shows_one, "seed {seed}: {other:?}, not {what}");
            }
            for context in self.contexts.iter().filter(|one| one.visitor_id() == id) {
                let view = context.visitor_record();
                let mut all = view.assignments();
                let is_so = all.all(|(of, what)| stored.assignment(of) == Some(what));
                assert!(is_so || !shows_one, "seed {seed}: {view:?}, not {stored:?}");
            }
        }
    }
}

/// Plays with every kind of store.
fn play(rules: Rules) {
    let optimistic = StoreConfig::default().conversions(WriteMode::Background);
    let rounds = std::env::var(ENV_ROUNDS).map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    for seed in 1..=rounds {
        let settings = [Some(StoreConfig::default()), Some(waiting()), Some(optimistic.clone())];
        for settings in settings.into_iter().chain([None]) {
            let game = Game::new(seed, rules, settings);
            game.check(&game.play());
        }
    }
}

#[test]
fn whatever_threads_do_while_a_store_fails_what_it_keeps_is_told_once() {
    play(Rules::default());
}

#[test]
fn whatever_threads_do_while_answers_get_lost_what_the_store_keeps_is_told_once() {
    play(Rules { loses_answers: true, ..Rules::default() });
}

#[test]
fn whatever_threads_force_while_a_store_fails_what_it_keeps_is_told() {
    play(Rules { forces: true, loses_answers: true, ..Rules::default() });
}

#[test]
fn whatever_a_store_refuses_what_it_keeps_is_told_once() {
    play(Rules { refuses: true, ..Rules::default() });
}
