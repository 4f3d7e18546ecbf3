//! The scheduler stepped through whole days: no clock, no screen, no waiting.

use deskreel_capture::core::sampling::{Before, Input, Next, Now, Pace, Plan, Sampler};
use deskreel_format::{Absence, AbsenceKind};
use proptest::prelude::*;

const START: u64 = 1_763_900_000_000;
const PACE: Pace =
    Pace { interval_ms: 10_000, idle_after_ms: Some(300_000), idle_interval_ms: 60_000 };
const HOUR: u64 = 3_600_000;

fn at(ms: u64) -> Now {
    Now { wall_ms: START + ms, mono_ms: ms, boot_ms: ms }
}

/// A machine whose clocks can be moved, with a sampler that is asked as the shell asks it.
struct Machine {
    now: Now,
    sampler: Sampler,
    idle_ms: Option<u64>,
    shots: Vec<(Now, bool, u32)>,
    absences: Vec<Absence>,
    fails: Option<Input>,
}

impl Machine {
    fn new(before: Option<Before>) -> Self {
        let now = at(0);
        let sampler = Sampler::new(PACE, now, before);
        let (shots, absences) = (Vec::new(), Vec::new());
        Self { now, sampler, idle_ms: Some(0), shots, absences, fails: None }
    }

    fn pass(&mut self, ms: u64) {
        self.now.wall_ms += ms;
        self.now.mono_ms += ms;
        self.now.boot_ms += ms;
    }

    fn sleep(&mut self, ms: u64) {
        self.now.wall_ms += ms;
        self.now.boot_ms += ms;
    }

    fn input(&mut self, input: Input) {
        self.sampler.handle(self.now, input);
    }

    /// Lives through `ms` of awake time.
    fn run(&mut self, ms: u64) {
        let end = self.now.mono_ms + ms;
        while self.now.mono_ms < end {
            match self.sampler.next(self.now) {
                Next::Wait(wait) => {
                    assert!(wait > 0);
                    let step = wait.min(end - self.now.mono_ms);
                    self.pass(step);
                }
                Next::Look => {
                    if let Plan::Shoot { idle, interval_ms } =
                        self.sampler.plan(self.now, self.idle_ms)
                    {
                        match self.fails {
                            Some(failure) => self.sampler.handle(self.now, failure),
                            None => {
                                let time_ms = self.now.wall_ms;
                                self.sampler.handle(self.now, Input::Shot { time_ms });
                                self.shots.push((self.now, idle, interval_ms));
                            }
                        }
                    }
                }
            }
            self.absences.extend(self.sampler.take_ended());
        }
    }

    fn only(&self) -> Absence {
        assert_eq!(self.absences.len(), 1, "{:?}", self.absences);
        self.absences[0]
    }
}

#[test]
fn a_day_has_a_screenshot_in_every_slot() {
    let mut machine = Machine::new(None);
    machine.run(24 * HOUR);
    assert_eq!(machine.shots.len(), 8_640);
    for (index, (now, idle, interval_ms)) in machine.shots.iter().enumerate() {
        assert_eq!(now.mono_ms, index as u64 * 10_000);
        assert_eq!((*idle, *interval_ms), (false, 10_000));
    }
    assert_eq!((machine.sampler.missed(), machine.absences.len()), (0, 0));
}

#[test]
fn the_pace_slows_down_when_nobody_is_there_and_at_once_recovers() {
    let mut machine = Machine::new(None);
    machine.run(60_000);
    machine.idle_ms = Some(300_000);
    machine.run(600_000);
    let resting = &machine.shots[6..];
    assert_eq!(resting.len(), 10);
    // The first of them says that the next one is a minute away, so that no hole is seen.
    assert!(resting.iter().all(|(_, idle, interval)| *idle && *interval == 60_000), "{resting:?}");
    let gaps: Vec<_> = resting.windows(2).map(|w| w[1].0.mono_ms - w[0].0.mono_ms).collect();
    assert!(gaps.iter().all(|gap| *gap == 60_000), "{gaps:?}");
    let before = machine.shots.len();
    machine.idle_ms = Some(3_000);
    machine.run(20_000);
    let back: Vec<_> = machine.shots[before..].iter().map(|(_, i, n)| (*i, *n)).collect();
    assert_eq!(back, [(false, 10_000); 2]);
}

#[test]
fn a_pause_ends_by_itself_whatever_the_clock_on_the_wall_does() {
    let mut machine = Machine::new(None);
    machine.run(25_000);
    let paused_at = machine.now.wall_ms;
    machine.input(Input::Pause { until_ms: Some(paused_at + 600_000) });
    machine.run(100_000);
    assert_eq!(machine.sampler.paused_until(), Some(paused_at + 600_000));
    machine.now.wall_ms += HOUR;
    machine.run(700_000);
    let first = machine.shots[3].0;
    assert_eq!(first.mono_ms, 25_000 + 600_000);
    let pause = machine.only();
    assert_eq!((pause.kind, pause.to_ms - pause.from_ms), (AbsenceKind::Paused, 600_000));
    assert_eq!(pause.to_ms, first.wall_ms);
    assert_eq!(machine.sampler.missed(), 0);
}

#[test]
fn locking_within_a_pause_is_told_as_what_the_person_did_first() {
    let mut machine = Machine::new(None);
    machine.run(5_000);
    machine.input(Input::Pause { until_ms: None });
    machine.run(50_000);
    machine.input(Input::Locked(true));
    machine.run(50_000);
    machine.input(Input::Resume);
    machine.run(50_000);
    assert_eq!(machine.sampler.blocked(), Some(AbsenceKind::Locked));
    machine.input(Input::Locked(false));
    machine.run(50_000);
    let told: Vec<_> =
        machine.absences.iter().map(|a| (a.kind, a.from_ms - START, a.to_ms - START)).collect();
    assert_eq!(
        told,
        [(AbsenceKind::Paused, 5_000, 105_000), (AbsenceKind::Locked, 105_000, 155_000)]
    );
}

#[test]
fn suspend_is_asleep_with_and_without_a_warning() {
    for warned in [false, true] {
        let mut machine = Machine::new(None);
        machine.run(95_000);
        if warned {
            machine.input(Input::Sleeping(true));
        }
        machine.sleep(8 * HOUR);
        if warned {
            machine.input(Input::Sleeping(false));
        }
        machine.run(60_000);
        let asleep = machine.only();
        assert_eq!(asleep.kind, AbsenceKind::Offline);
        assert_eq!(asleep.from_ms, START + 95_000);
        assert_eq!(asleep.to_ms, START + 95_000 + 8 * HOUR);
        assert_eq!(machine.sampler.missed(), 0);
    }
}

#[test]
fn a_machine_that_did_not_sleep_after_all_is_recorded_again() {
    let mut machine = Machine::new(None);
    machine.run(15_000);
    machine.input(Input::Sleeping(true));
    machine.run(300_000);
    assert!(machine.sampler.blocked().is_none());
    assert!(machine.shots.len() > 20);
}

#[test]
fn a_clock_that_jumps_is_no_absence_and_moves_no_slot() {
    for jump in [-2 * HOUR as i64, -5_000, 5_000, 2 * HOUR as i64] {
        let mut machine = Machine::new(None);
        machine.run(100_000);
        machine.now.wall_ms = machine.now.wall_ms.saturating_add_signed(jump);
        machine.run(100_000);
        assert_eq!(machine.sampler.take_jump(), jump);
        assert_eq!(machine.absences, []);
        let slots: Vec<_> = machine.shots.iter().map(|(now, ..)| now.mono_ms).collect();
        assert_eq!(slots, (0..20).map(|n| n * 10_000).collect::<Vec<_>>(), "{jump}");
    }
}

#[test]
fn an_agent_that_was_stopped_says_that_it_did_not_run() {
    let mut machine = Machine::new(None);
    machine.run(95_000);
    machine.pass(HOUR);
    machine.run(30_000);
    let gap = machine.only();
    assert_eq!(gap.kind, AbsenceKind::NotRunning);
    assert_eq!((gap.from_ms, gap.to_ms), (START + 100_000, START + 95_000 + HOUR));
}

#[test]
fn slots_lost_to_a_slow_machine_are_counted() {
    let mut machine = Machine::new(None);
    machine.run(5_000);
    machine.pass(25_000);
    machine.run(30_000);
    assert_eq!(machine.sampler.missed(), 2);
    assert_eq!(machine.shots.iter().map(|s| s.0.mono_ms).collect::<Vec<_>>()[1], 30_000);
}

#[test]
fn a_failing_screen_is_offline_and_an_unreadable_one_excluded() {
    for (failure, kind) in
        [(Input::Failed, AbsenceKind::Offline), (Input::Excluded, AbsenceKind::Excluded)]
    {
        let mut machine = Machine::new(None);
        machine.run(15_000);
        machine.fails = Some(failure);
        machine.run(30_000);
        machine.fails = None;
        machine.run(30_000);
        let absence = machine.only();
        assert_eq!(absence.kind, kind);
        assert_eq!((absence.from_ms - START, absence.to_ms - START), (20_000, 50_000));
    }
}

#[test]
fn what_an_earlier_run_left_is_told_by_its_kinds() {
    let end = START - HOUR;
    let before = Before { end_ms: end, absence: None };
    let mut machine = Machine::new(Some(before));
    machine.run(1_000);
    let gap = machine.only();
    assert_eq!((gap.kind, gap.from_ms, gap.to_ms), (AbsenceKind::NotRunning, end, START));

    let absence = Some((AbsenceKind::Paused, end + 1_000, end + 60_000));
    let mut machine = Machine::new(Some(Before { end_ms: end, absence }));
    machine.run(1_000);
    let kinds: Vec<_> = machine.absences.iter().map(|a| (a.kind, a.from_ms, a.to_ms)).collect();
    assert_eq!(
        kinds,
        [
            (AbsenceKind::Paused, end + 1_000, end + 60_000),
            (AbsenceKind::NotRunning, end + 60_000, START)
        ]
    );
    // Restarted within what the last screenshot covers: there is no gap.
    let mut machine = Machine::new(Some(Before { end_ms: START + 4_000, absence: None }));
    machine.run(1_000);
    assert_eq!(machine.absences, []);
}

/// The shell's calls while it waits for the display: one each second.
fn wait(machine: &mut Machine, seconds: u64) {
    for _ in 0..seconds {
        machine.pass(1_000);
        machine.sampler.next(machine.now);
        machine.absences.extend(machine.sampler.take_ended());
    }
}

#[test]
fn a_display_that_does_not_answer_is_offline_from_the_question_on() {
    // Silent to the question how long nobody was there, or while it is photographed.
    for photographs in [false, true] {
        let mut machine = Machine::new(None);
        machine.run(25_000);
        assert_eq!(machine.sampler.next(machine.now), Next::Wait(5_000));
        machine.pass(5_000);
        machine.input(Input::Asked);
        if photographs {
            machine.pass(200);
            machine.input(Input::Answered);
            machine.sampler.plan(machine.now, Some(0));
            machine.input(Input::Asked);
        }
        let asked = machine.now.wall_ms;
        wait(&mut machine, 9);
        assert_eq!(machine.sampler.hung_since(), None);
        wait(&mut machine, 291);
        assert_eq!(machine.sampler.hung_since(), Some(asked));
        assert_eq!(machine.sampler.absence(), Some((AbsenceKind::Offline, asked)));
        machine.input(Input::Answered);
        let before = machine.shots.len();
        if photographs {
            let time_ms = machine.now.wall_ms;
            machine.input(Input::Shot { time_ms });
        }
        machine.run(30_000);
        let gap = machine.only();
        assert_eq!(gap, Absence { from_ms: asked, to_ms: asked + 300_000, kind: gap.kind });
        assert_eq!(gap.kind, AbsenceKind::Offline);
        assert_eq!(machine.sampler.missed(), 0);
        // At once, and from then on each 10 s.
        let slots: Vec<_> = machine.shots[before..]
            .iter()
            .map(|(now, ..)| START + now.mono_ms - gap.to_ms)
            .collect();
        let expected = if photographs { vec![10_000, 20_000] } else { vec![0, 10_000, 20_000] };
        assert_eq!(slots, expected);
    }
}

#[test]
fn a_question_that_the_agent_itself_slept_over_is_no_silence_of_the_display() {
    let mut machine = Machine::new(None);
    machine.run(25_000);
    machine.pass(5_000);
    machine.sampler.next(machine.now);
    machine.input(Input::Asked);
    machine.pass(HOUR);
    machine.input(Input::Answered);
    machine.run(30_000);
    assert_eq!(machine.only().kind, AbsenceKind::NotRunning);
}

#[derive(Debug, Clone)]
enum Event {
    Run(u64),
    Sleep(u64),
    Stall(u64),
    Jump(i64),
    Input(Input),
    Idle(Option<u64>),
    Fails(Option<Input>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..HOUR).prop_map(Event::Run),
        1 => (1..8 * HOUR).prop_map(Event::Sleep),
        1 => (1..HOUR).prop_map(Event::Stall),
        1 => (-(HOUR as i64)..HOUR as i64).prop_map(Event::Jump),
        1 => proptest::option::of(0..HOUR).prop_map(|length| {
            Event::Input(Input::Pause { until_ms: length.map(|length| START + length) })
        }),
        2 => Just(Event::Input(Input::Resume)),
        2 => any::<bool>().prop_map(|locked| Event::Input(Input::Locked(locked))),
        1 => any::<bool>().prop_map(|sleeping| Event::Input(Input::Sleeping(sleeping))),
        1 => proptest::option::of(0..HOUR).prop_map(Event::Idle),
        1 => prop_oneof![
            Just(None), Just(Some(Input::Failed)), Just(Some(Input::Excluded))
        ].prop_map(Event::Fails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]
    #[test]
    fn whatever_happens_no_screenshot_is_taken_while_forbidden_and_slots_add_up(
        events in proptest::collection::vec(event(), 1..40)
    ) {
        let mut machine = Machine::new(None);
        let mut jumps = false;
        for event in events {
            match event {
                Event::Run(ms) => {
                    let (before, blocked) = (machine.shots.len(), machine.sampler.blocked());
                    let paused_for_ever = blocked == Some(AbsenceKind::Paused)
                        && machine.sampler.paused_until().is_none();
                    machine.run(ms);
                    if paused_for_ever || blocked == Some(AbsenceKind::Locked) {
                        prop_assert_eq!(machine.shots.len(), before);
                    }
                }
                Event::Sleep(ms) => machine.sleep(ms),
                Event::Stall(ms) => machine.pass(ms),
                Event::Jump(ms) => {
                    jumps = true;
                    machine.now.wall_ms = machine.now.wall_ms.saturating_add_signed(ms);
                }
                Event::Input(input) => machine.input(input),
                Event::Idle(idle) => machine.idle_ms = idle,
                Event::Fails(failure) => machine.fails = failure,
            }
        }
        for absence in &machine.absences {
            prop_assert!(absence.to_ms > absence.from_ms);
        }
        if !jumps {
            for pair in machine.absences.windows(2) {
                prop_assert!(pair[0].to_ms <= pair[1].from_ms, "{:?}", pair);
            }
            for (shot, ..) in &machine.shots {
                let inside = machine.absences.iter()
                    .any(|a| a.from_ms < shot.wall_ms && shot.wall_ms < a.to_ms);
                prop_assert!(!inside, "a screenshot within an absence");
            }
        }
        for pair in machine.shots.windows(2) {
            prop_assert!(pair[0].0.mono_ms < pair[1].0.mono_ms);
        }
    }
}
