//! When to photograph, and which kind of absence it is when nothing is photographed: pure.
//!
//! Three clocks come in with every call. Slots are counted on the one that never jumps and stands
//! still in suspend (`mono`); the one that goes on in suspend (`boot`) tells how long the machine
//! slept; the clock on the wall (`wall`) only names moments, and may jump.

use deskreel_format::{Absence, AbsenceKind};

/// The present, by three clocks, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// UTC since 1970; may jump.
    pub wall_ms: u64,
    /// Since some start, without the time in suspend.
    pub mono_ms: u64,
    /// Since some start, with the time in suspend.
    pub boot_ms: u64,
}

/// How often to photograph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds from slot to slot.
    pub interval_ms: u32,
    /// Nobody has touched mouse or keyboard for so long: time to slow down. `None`: never.
    pub idle_after_ms: Option<u64>,
    /// Milliseconds from screenshot to screenshot then.
    pub idle_interval_ms: u32,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The person wants nothing recorded, for ever or until a time (UTC milliseconds).
    Pause {
        /// When to go on by itself.
        until_ms: Option<u64>,
    },
    /// The person wants to be recorded again.
    Resume,
    /// The session was locked or unlocked.
    Locked(bool),
    /// The machine is about to sleep, or has woken up.
    Sleeping(bool),
    /// A screenshot of this time (UTC milliseconds) was taken.
    Shot {
        /// When.
        time_ms: u64,
    },
    /// Everything visible was excluded, or what is visible could not be told.
    Excluded,
    /// The screen could not be photographed.
    Failed,
    /// The display was asked something.
    Asked,
    /// It answered, whatever the answer.
    Answered,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing for so many milliseconds of `mono`, unless something happens.
    Wait(u64),
    /// A slot is due: ask how long the person has been idle and call [`Sampler::plan`].
    Look,
}

/// What to do with a slot that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: nobody is there, and the last screenshot is young enough for that.
    Skip,
    /// Photograph.
    Shoot {
        /// Nobody touched mouse or keyboard since the screenshot before.
        idle: bool,
        /// Milliseconds until the next screenshot as planned now.
        interval_ms: u32,
    },
}

/// What an earlier run left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// First time that its last screenshot no longer covers, UTC milliseconds.
    pub end_ms: u64,
    /// The absence it was in, since when, and when it last said so.
    pub absence: Option<(AbsenceKind, u64, u64)>,
}

/// More than this between clocks that should agree is no rounding.
const JUMP_MS: u64 = 1_500;
/// A slot that waits in an absence looks around so often.
const LOOK_AROUND_MS: u64 = 30_000;
/// Awake so long after "about to sleep": the machine did not sleep.
const AWAKE_MS: u64 = 60_000;
/// So many intervals, and no less than this, without a call: the agent itself was stopped.
const STALLED_INTERVALS: u64 = 3;
const STALLED_MS: u64 = 10_000;

/// A display that says nothing for so long hangs: even a busy one answers within a second.
const HUNG_MS: u64 = 10_000;
/// While an answer is awaited there is a call each second. What passes beyond this between two calls
/// is no silence of the display: the agent itself was held up.
const HEARD_MS: u64 = 2_000;

#[derive(Debug, Clone, Copy)]
struct Open {
    kind: AbsenceKind,
    from_ms: u64,
}

/// A question to the display that is not answered yet.
#[derive(Debug, Clone, Copy)]
struct Asked {
    wall_ms: u64,
    silent_ms: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    mono_ms: u64,
    interval_ms: u32,
}

/// Decides when to photograph and collects absences.
///
/// Invariants: absences it gives out are not empty and do not overlap while the clock runs straight;
/// a slot is either looked at, counted as missed, or lies in an absence.
#[derive(Debug)]
pub struct Sampler {
    pace: Pace,
    seen: Now,
    due_ms: u64,
    planned_ms: u32,
    /// Paused; until this instant of `boot`, or for ever.
    paused: Option<Option<u64>>,
    locked: bool,
    sleeping: Option<u64>,
    was_blocked: bool,
    trouble: Option<AbsenceKind>,
    open: Option<Open>,
    ended: Vec<Absence>,
    last: Option<Last>,
    asked: Option<Asked>,
    /// The display answers again after it hung; no screenshot was planned since.
    recovers: bool,
    jumped_ms: i64,
    missed: u64,
}

impl Sampler {
    /// Starts at `now`, after what `before` left; the first slot is due at once.
    pub fn new(pace: Pace, now: Now, before: Option<Before>) -> Self {
        let mut sampler = Self {
            pace,
            seen: now,
            due_ms: now.mono_ms,
            planned_ms: pace.interval_ms,
            paused: None,
            locked: false,
            sleeping: None,
            was_blocked: false,
            trouble: None,
            open: None,
            ended: Vec::new(),
            last: None,
            asked: None,
            recovers: false,
            jumped_ms: 0,
            missed: 0,
        };
        let Some(before) = before else { return sampler };
        let mut from_ms = before.end_ms;
        if let Some((kind, since_ms, alive_ms)) = before.absence {
            let to_ms = alive_ms.min(now.wall_ms);
            sampler.end(Open { kind, from_ms: since_ms }, to_ms);
            from_ms = from_ms.max(to_ms);
        }
        if from_ms < now.wall_ms {
            sampler.open = Some(Open { kind: AbsenceKind::NotRunning, from_ms });
        }
        sampler
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.observe(now);
        match input {
            Input::Pause { until_ms } => {
                let deadline =
                    until_ms.map(|until| now.boot_ms + until.saturating_sub(now.wall_ms));
                self.paused = Some(deadline);
            }
            Input::Resume => self.paused = None,
            Input::Locked(locked) => self.locked = locked,
            Input::Sleeping(true) => self.sleeping = Some(now.mono_ms),
            Input::Sleeping(false) => self.sleeping = None,
            Input::Excluded => self.trouble = Some(AbsenceKind::Excluded),
            Input::Failed => self.trouble = Some(AbsenceKind::Offline),
            Input::Asked => self.asked = Some(Asked { wall_ms: now.wall_ms, silent_ms: 0 }),
            Input::Answered => {
                // The first slot after an absence is due at once.
                self.recovers = self.hung_since().is_some();
                self.asked = None;
            }
            Input::Shot { time_ms } => {
                self.trouble = None;
                if std::mem::take(&mut self.recovers) {
                    self.due_ms = now.mono_ms + u64::from(self.planned_ms);
                }
                self.last = Some(Last { mono_ms: now.mono_ms, interval_ms: self.planned_ms });
                if self.blocked().is_none()
                    && let Some(open) = self.open.take()
                {
                    self.end(open, time_ms);
                }
            }
        }
        self.settle(now);
    }

    /// What to do next.
    pub fn next(&mut self, now: Now) -> Next {
        self.observe(now);
        if self.blocked().is_some() {
            let until = self.paused.flatten().map(|at| at.saturating_sub(now.boot_ms).max(1));
            return Next::Wait(until.unwrap_or(LOOK_AROUND_MS).min(LOOK_AROUND_MS));
        }
        match self.due_ms.saturating_sub(now.mono_ms) {
            0 => Next::Look,
            wait => Next::Wait(wait),
        }
    }

    /// Decides about the slot that is due; mouse and keyboard have rested for `idle_ms`, if known.
    /// The slot is used up by this.
    pub fn plan(&mut self, now: Now, idle_ms: Option<u64>) -> Plan {
        self.observe(now);
        self.recovers = false;
        let interval = u64::from(self.pace.interval_ms);
        let late = now.mono_ms.saturating_sub(self.due_ms) / interval;
        self.missed += late;
        self.due_ms += (late + 1) * interval;
        let rests =
            self.pace.idle_after_ms.is_some_and(|after| idle_ms.is_some_and(|i| i >= after))
                && self.pace.idle_interval_ms > self.pace.interval_ms;
        let planned = if rests { self.pace.idle_interval_ms } else { self.pace.interval_ms };
        let since = self.last.map(|last| now.mono_ms.saturating_sub(last.mono_ms));
        if rests
            && self.open.is_none()
            && self.last.is_some_and(|last| last.interval_ms == planned)
            && since.is_some_and(|since| since + interval / 2 < u64::from(planned))
        {
            return Plan::Skip;
        }
        self.planned_ms = planned;
        let idle = idle_ms.zip(since).is_some_and(|(idle, since)| idle >= since);
        Plan::Shoot { idle, interval_ms: planned }
    }

    /// The kind of absence that forbids to photograph now; a screenshot that is under way must be
    /// dropped.
    pub fn blocked(&self) -> Option<AbsenceKind> {
        if self.paused.is_some() {
            Some(AbsenceKind::Paused)
        } else if self.locked {
            Some(AbsenceKind::Locked)
        } else {
            self.sleeping.map(|_| AbsenceKind::Offline)
        }
    }

    /// The absence that goes on, and since when (UTC milliseconds).
    pub fn absence(&self) -> Option<(AbsenceKind, u64)> {
        self.open.map(|open| (open.kind, open.from_ms))
    }

    /// When a pause ends by itself, UTC milliseconds.
    pub fn paused_until(&self) -> Option<u64> {
        let deadline = self.paused.flatten()?;
        Some(self.seen.wall_ms + deadline.saturating_sub(self.seen.boot_ms))
    }

    /// When the next slot is due, UTC milliseconds; `None` while blocked.
    pub fn due(&self) -> Option<u64> {
        let wait = self.due_ms.saturating_sub(self.seen.mono_ms);
        self.blocked().is_none().then_some(self.seen.wall_ms + wait)
    }

    /// Whether the pace is slowed down because nobody is there.
    pub fn rests(&self) -> bool {
        self.planned_ms != self.pace.interval_ms
    }

    /// The absences that ended since the last call.
    pub fn take_ended(&mut self) -> Vec<Absence> {
        std::mem::take(&mut self.ended)
    }

    /// Since when the display has not answered, UTC milliseconds, if that is too long.
    pub fn hung_since(&self) -> Option<u64> {
        self.asked.filter(|asked| asked.silent_ms >= HUNG_MS).map(|asked| asked.wall_ms)
    }

    /// By how many milliseconds the clock on the wall jumped since the last call.
    pub fn take_jump(&mut self) -> i64 {
        std::mem::take(&mut self.jumped_ms)
    }

    /// Slots that passed without anybody looking at them, absences aside.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Compares the clocks with those of the last call.
    fn observe(&mut self, now: Now) {
        let before = std::mem::replace(&mut self.seen, now);
        let mono = now.mono_ms.saturating_sub(before.mono_ms);
        let boot = now.boot_ms.saturating_sub(before.boot_ms);
        let jump = now.wall_ms as i64 - before.wall_ms as i64 - boot as i64;
        if jump.unsigned_abs() > JUMP_MS {
            self.jumped_ms += jump;
            // An absence that goes on began as long ago as it did before the jump.
            if let Some(open) = &mut self.open {
                open.from_ms = open.from_ms.saturating_add_signed(jump);
            }
            if let Some(asked) = &mut self.asked {
                asked.wall_ms = asked.wall_ms.saturating_add_signed(jump);
            }
        }
        if let Some(asked) = &mut self.asked {
            asked.silent_ms += mono.min(HEARD_MS);
        }
        if let Some(from_ms) = self.hung_since() {
            self.trouble = Some(AbsenceKind::Offline);
            if self.blocked().is_none() {
                self.open.get_or_insert(Open { kind: AbsenceKind::Offline, from_ms });
            }
        }
        let interval = u64::from(self.pace.interval_ms);
        let slept = boot.saturating_sub(mono);
        if slept > JUMP_MS {
            self.sleeping = None;
            let from_ms = now.wall_ms.saturating_sub(slept);
            self.open.get_or_insert(Open { kind: AbsenceKind::Offline, from_ms });
            self.due_ms = now.mono_ms;
        } else if mono > (STALLED_INTERVALS * interval).max(STALLED_MS) {
            // The first slot that nobody looked at.
            let late = now.mono_ms.saturating_sub(self.due_ms);
            let from_ms = now.wall_ms.saturating_sub(late);
            self.open.get_or_insert(Open { kind: AbsenceKind::NotRunning, from_ms });
            self.due_ms = now.mono_ms;
        }
        if self.paused.flatten().is_some_and(|deadline| now.boot_ms >= deadline) {
            self.paused = None;
        }
        if self.sleeping.is_some_and(|since| now.mono_ms.saturating_sub(since) > AWAKE_MS) {
            self.sleeping = None;
        }
        self.settle(now);
    }

    /// Brings the open absence in line with what is the matter.
    fn settle(&mut self, now: Now) {
        let blocked = self.blocked();
        match (blocked.or(self.trouble), self.open) {
            (Some(kind), None) => self.open = Some(Open { kind, from_ms: now.wall_ms }),
            (Some(kind), Some(open)) if open.kind != kind => {
                self.end(open, now.wall_ms);
                self.open = Some(Open { kind, from_ms: now.wall_ms });
            }
            _ => {}
        }
        // Slots in an absence are not missed; the first one after it is due at once.
        if blocked.is_some() || self.was_blocked || self.hung_since().is_some() {
            self.due_ms = now.mono_ms;
        }
        self.was_blocked = blocked.is_some();
    }

    fn end(&mut self, open: Open, to_ms: u64) {
        if to_ms > open.from_ms {
            let Open { kind, from_ms } = open;
            self.ended.push(Absence { from_ms, to_ms, kind });
        }
    }
}
