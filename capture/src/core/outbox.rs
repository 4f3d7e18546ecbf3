//! What waits to be uploaded: which segment may go next, when to try again, what is given up when
//! there is no more room.
//!
//! A segment may go once every segment that it refers to has arrived. So what the bucket holds is
//! closed under references at every instant (I1), although several uploads are in flight.
//!
//! Room is made from the old end, and only where no younger segment refers back across the cut: what
//! stays never refers to what was given up. Where everything hangs together the recorder is asked for
//! a cut: from there on it refers to what has arrived and to what comes after, and to nothing that
//! still waits.

use std::collections::{HashMap, HashSet, VecDeque};

use deskreel_format::{Absence, AbsenceKind, SegmentId};

use deskreel_upkeep::plan::{LIFETIME_MS, WINDOW_MS};

/// First pause after a failure, milliseconds.
const FIRST_PAUSE_MS: u64 = 1_000;
/// No pause is longer.
const LONGEST_PAUSE_MS: u64 = 60_000;
/// How far an upload may run ahead of the oldest one that waits: readers look for late ones near the
/// newest.
const REACH: usize = 16;
/// A cut is asked for once this share of the room waits behind the last one.
const CUTS_PER_ROOM: u64 = 16;

/// A segment that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Which segment.
    pub id: SegmentId,
    /// Bytes of the object.
    pub bytes: u64,
    /// Screenshots in it.
    pub moments: usize,
    /// Time of its last moment, UTC milliseconds.
    pub last_ms: u64,
    /// The other segments that it refers to.
    pub refers: Vec<SegmentId>,
    /// It lies in the spool; otherwise in memory alone.
    pub on_disk: bool,
}

/// How much may wait, and how much may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes in the spool.
    pub disk_bytes: u64,
    /// Bytes in memory, of segments that the spool could not take.
    pub memory_bytes: u64,
    /// Uploads at once.
    pub in_flight: usize,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Upload this segment.
    Upload(SegmentId),
    /// Nothing before this instant.
    Wait(u64),
    /// Nothing until something arrives, fails or is added.
    Idle,
}

#[derive(Debug)]
struct Held {
    parcel: Parcel,
    is_flying: bool,
    /// Found in the spool, and not yet compared with the bucket.
    is_unchecked: bool,
    /// How many cuts there were before it.
    cut: u32,
}

/// The queue of segments. Instants are milliseconds of any clock that never goes back.
#[derive(Debug)]
pub struct Outbox {
    room: Room,
    held: VecDeque<Held>,
    cut: u32,
    must_cut: bool,
    /// Gone for good although the recorder may still refer to them.
    lost: HashSet<SegmentId>,
    failures: u32,
    not_before: u64,
}

impl Outbox {
    /// An empty queue.
    pub fn new(room: Room) -> Self {
        Self {
            room,
            held: VecDeque::new(),
            cut: 1,
            must_cut: false,
            lost: HashSet::new(),
            failures: 0,
            not_before: 0,
        }
    }

    /// Puts what an earlier run left in the spool at the old end, by time; the recorder refers to none
    /// of it. None of it goes before [`Self::check`].
    pub fn resume(&mut self, mut parcels: Vec<Parcel>) {
        parcels.sort_by_key(|parcel| parcel.id);
        let held = |parcel| Held { parcel, is_flying: false, is_unchecked: true, cut: 0 };
        parcels.into_iter().rev().for_each(|parcel| self.held.push_front(held(parcel)));
    }

    /// Compares what was resumed with the bucket. What refers to segments that are neither there nor
    /// here could only dangle, and what is older than anybody can see serves nobody: both are given
    /// up. `there` tells whether the bucket has a segment.
    pub fn check(&mut self, now_ms: u64, there: impl Fn(&SegmentId) -> bool) -> Dropped {
        let mut here: HashSet<SegmentId> = self.held.iter().map(|held| held.parcel.id).collect();
        loop {
            let broken = self.held.iter().find(|held| {
                let is_here = here.contains(&held.parcel.id);
                let resolves = |id: &SegmentId| here.contains(id) || there(id);
                held.is_unchecked && is_here && !held.parcel.refers.iter().all(resolves)
            });
            match broken {
                Some(held) => here.remove(&held.parcel.id),
                None => break,
            };
        }
        // Younger ones refer to older ones: one pass from the young end finds all that is needed,
        // but for a clock that went back, after which a little more is kept.
        let mut needed: HashSet<SegmentId> = HashSet::new();
        let mut expired = HashSet::new();
        for held in self.held.iter().rev().filter(|held| here.contains(&held.parcel.id)) {
            let parcel = &held.parcel;
            let shown = parcel.last_ms.saturating_add(WINDOW_MS) > now_ms;
            if shown || needed.contains(&parcel.id) || !held.is_unchecked {
                needed.extend(&parcel.refers);
            } else {
                expired.insert(parcel.id);
            }
        }
        let expired: HashSet<SegmentId> = expired.difference(&needed).copied().collect();
        let mut dropped = Dropped::default();
        self.held.retain_mut(|held| {
            let is_broken = !here.contains(&held.parcel.id);
            held.is_unchecked = false;
            if is_broken {
                dropped.lost.push(held.parcel.clone());
            } else if expired.contains(&held.parcel.id) {
                dropped.expired.push(held.parcel.clone());
            } else {
                return true;
            }
            false
        });
        dropped
    }

    /// Puts a segment at the young end. It is given back when it refers to one that is lost.
    pub fn add(&mut self, parcel: Parcel) -> Option<Parcel> {
        if parcel.refers.iter().any(|id| self.lost.contains(id)) {
            self.lost.insert(parcel.id);
            return Some(parcel);
        }
        let cut = self.cut;
        self.held.push_back(Held { parcel, is_flying: false, is_unchecked: false, cut });
        None
    }

    /// Whether the recorder should stop referring to what still waits ([`Self::waits`]), and say so
    /// by [`Self::begin_cut`].
    pub fn wants_cut(&self) -> bool {
        let behind = || self.held.iter().filter(|held| held.cut == self.cut);
        let sum = |on_disk: bool| -> u64 {
            let of = behind().filter(|held| held.parcel.on_disk == on_disk);
            of.map(|held| held.parcel.bytes).sum()
        };
        self.must_cut
            || sum(true) > self.room.disk_bytes / CUTS_PER_ROOM
            || sum(false) > self.room.memory_bytes / CUTS_PER_ROOM
    }

    /// Whether a segment has not arrived yet, or never will.
    pub fn waits(&self, id: &SegmentId) -> bool {
        self.lost.contains(id) || self.held.iter().any(|held| held.parcel.id == *id)
    }

    /// From here on the recorder refers to nothing that waits now.
    pub fn begin_cut(&mut self) {
        self.cut += 1;
        self.must_cut = false;
        self.lost.clear();
    }

    /// Whether `bytes` more may wait in memory alone.
    pub fn fits_memory(&self, bytes: u64) -> bool {
        self.waiting_bytes(false).saturating_add(bytes) <= self.room.memory_bytes
    }

    /// Gives up the oldest segments until the rest fits the room. Returns what was given up, oldest
    /// first.
    pub fn make_room(&mut self) -> Vec<Parcel> {
        let mut given_up = Vec::new();
        while self.waiting_bytes(true) > self.room.disk_bytes
            || self.waiting_bytes(false) > self.room.memory_bytes
        {
            let more = self.give_up_oldest();
            if more.is_empty() {
                break;
            }
            given_up.extend(more);
        }
        given_up
    }

    /// Gives up the fewest of the oldest segments that nothing younger refers to; nothing when
    /// everything hangs together up to what the recorder may still refer to.
    pub fn give_up_oldest(&mut self) -> Vec<Parcel> {
        let Some(end) = self.first_seam() else {
            self.must_cut = true;
            return Vec::new();
        };
        let mut given_up = Vec::new();
        let mut position = 0;
        self.held.retain_mut(|held| {
            position += 1;
            // What is in flight may arrive; all that it refers to is there.
            if position > end || held.is_flying {
                return true;
            }
            given_up.push(held.parcel.clone());
            false
        });
        given_up
    }

    /// Number of segments before the first place where nothing younger refers to anything older, and
    /// before which the recorder refers to nothing. Segments in flight count as gone.
    fn first_seam(&self) -> Option<usize> {
        let usable = self.held.iter().take_while(|held| held.cut != self.cut).count();
        let waiting = self.held.iter().enumerate().filter(|(_, held)| !held.is_flying);
        let positions: HashMap<SegmentId, usize> =
            waiting.map(|(index, held)| (held.parcel.id, index)).collect();
        // The least position that each one and all younger ones refer to.
        let mut least = self.held.len();
        let mut seams = Vec::new();
        for (index, held) in self.held.iter().enumerate().rev() {
            if least > index && index < usable {
                seams.push(index + 1);
            }
            let refers = held.parcel.refers.iter().filter_map(|id| positions.get(id));
            least = refers.min().map_or(least, |position| least.min(*position));
        }
        let gives = |end: &usize| self.held.iter().take(*end).any(|held| !held.is_flying);
        seams.into_iter().rev().find(gives)
    }

    /// Gives up what is so old that no moment which can still be shown needs it.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Parcel> {
        let mut expired = Vec::new();
        self.held.retain(|held| {
            let goes = held.parcel.last_ms.saturating_add(LIFETIME_MS) <= now_ms && !held.is_flying;
            if goes {
                expired.push(held.parcel.clone());
            }
            !goes
        });
        expired
    }

    /// What to do at `now`.
    pub fn turn(&self, now: u64) -> Turn {
        let flying = self.held.iter().filter(|held| held.is_flying).count();
        // After a failure one at a time, until one arrives.
        let limit = if self.failures == 0 { self.room.in_flight.max(1) } else { 1 };
        if flying >= limit {
            return Turn::Idle;
        }
        let reach = if flying == 0 { self.held.len() } else { REACH };
        let waiting: HashSet<SegmentId> = self.held.iter().map(|held| held.parcel.id).collect();
        let may_go = |held: &&Held| {
            let free = held.parcel.refers.iter().all(|id| !waiting.contains(id));
            !held.is_flying && !held.is_unchecked && free
        };
        match self.held.iter().take(reach).find(may_go) {
            None => Turn::Idle,
            Some(_) if now < self.not_before => Turn::Wait(self.not_before),
            Some(held) => Turn::Upload(held.parcel.id),
        }
    }

    /// The upload of a segment begins.
    pub fn begin(&mut self, id: SegmentId) {
        self.set_flying(id, true);
    }

    /// The bucket has it.
    pub fn arrived(&mut self, id: SegmentId) -> Option<Parcel> {
        self.failures = 0;
        let position = self.held.iter().position(|held| held.parcel.id == id)?;
        self.held.remove(position).map(|held| held.parcel)
    }

    /// It did not arrive; tried again after a pause that doubles, and is returned in milliseconds.
    /// `random` from 0 to 1 spreads the attempts of many agents.
    pub fn failed(&mut self, id: SegmentId, now: u64, random: f64) -> u64 {
        self.set_flying(id, false);
        let pause = backoff(self.failures, random);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.saturating_add(pause);
        pause
    }

    /// It can never arrive, and so can nothing that refers to it. Returns all of these.
    pub fn lose(&mut self, id: SegmentId) -> Vec<Parcel> {
        self.lost.insert(id);
        self.must_cut = true;
        let mut gone = Vec::new();
        let lost = &mut self.lost;
        loop {
            let before = gone.len();
            self.held.retain(|held| {
                let parcel = &held.parcel;
                let goes = parcel.id == id || parcel.refers.iter().any(|id| lost.contains(id));
                if goes {
                    lost.insert(parcel.id);
                    gone.push(parcel.clone());
                }
                !goes
            });
            if gone.len() == before {
                return gone;
            }
        }
    }

    fn set_flying(&mut self, id: SegmentId, is_flying: bool) {
        if let Some(held) = self.held.iter_mut().find(|held| held.parcel.id == id) {
            held.is_flying = is_flying;
        }
    }

    /// Bytes that wait in the spool, or in memory.
    pub fn waiting_bytes(&self, on_disk: bool) -> u64 {
        let held = self.held.iter().filter(|held| held.parcel.on_disk == on_disk);
        held.map(|held| held.parcel.bytes).sum()
    }

    /// What waits, oldest first.
    pub fn waiting(&self) -> impl ExactSizeIterator<Item = &Parcel> {
        self.held.iter().map(|held| &held.parcel)
    }
}

/// What the bucket or the time have made useless.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Refer to what is nowhere.
    pub lost: Vec<Parcel>,
    /// Nobody can see them any more, and nothing refers to them.
    pub expired: Vec<Parcel>,
}

/// How long to wait after so many failures in a row, milliseconds: doubling, and somewhere in the
/// upper half of that by `random` from 0 to 1.
pub fn backoff(failures: u32, random: f64) -> u64 {
    let pause = (FIRST_PAUSE_MS << failures.min(10)).min(LONGEST_PAUSE_MS);
    (pause as f64 * (0.5 + random.clamp(0.0, 1.0) / 2.0)) as u64
}

/// The stretches of time whose moments were given up, joined where less than two intervals lie
/// between them.
pub fn gaps(given_up: &[Parcel], interval_ms: u32) -> Vec<Absence> {
    let interval_ms = u64::from(interval_ms);
    let mut ranges: Vec<(u64, u64)> =
        given_up.iter().map(|p| (p.id.first_ms, p.last_ms + interval_ms)).collect();
    ranges.sort_unstable();
    let mut gaps: Vec<Absence> = Vec::new();
    for (from_ms, to_ms) in ranges {
        match gaps.last_mut() {
            Some(last) if from_ms <= last.to_ms + interval_ms => {
                last.to_ms = last.to_ms.max(to_ms);
            }
            _ => gaps.push(Absence { from_ms, to_ms, kind: AbsenceKind::Offline }),
        }
    }
    gaps
}
