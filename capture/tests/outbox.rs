//! The outbox over random days: whatever arrives, fails, is lost or given up, and wherever the agent is
//! killed, the bucket never holds a reference to what it lacks, and nothing is lost without need.

use std::collections::{HashMap, HashSet};

use deskreel_capture::core::outbox::{Outbox, Parcel, Room, Turn, backoff, gaps};
use deskreel_format::SegmentId;
use proptest::prelude::*;

const INTERVAL: u32 = 10_000;
const START: u64 = 1_763_900_000_000;

fn id(number: u64) -> SegmentId {
    SegmentId { first_ms: START + number * u64::from(INTERVAL), writer: 7 }
}

fn parcel(number: u64, bytes: u64, refers: Vec<SegmentId>) -> Parcel {
    let id = id(number);
    Parcel { id, bytes, moments: 1, last_ms: id.first_ms, refers, on_disk: true }
}

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A screenshot that refers to some of the last ones, of so many bytes; on disk or in memory.
    Shot { backs: [u8; 3], bytes: u8, on_disk: bool },
    /// The uploader takes a turn.
    Turn,
    /// One of those in flight ends: it arrives, its answer is lost, or it never arrived.
    End { which: u8, how: u8 },
    /// The file of one that waits is damaged.
    Damage(u8),
    /// The disk is full.
    Full,
    /// The agent is killed and started again: only what is on disk is left.
    Kill,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (any::<[u8; 3]>(), any::<u8>(), any::<bool>())
            .prop_map(|(backs, bytes, odd)| Event::Shot { backs, bytes, on_disk: odd || bytes > 60 }),
        8 => Just(Event::Turn),
        6 => (any::<u8>(), any::<u8>()).prop_map(|(which, how)| Event::End { which, how }),
        1 => any::<u8>().prop_map(Event::Damage),
        1 => Just(Event::Full),
        1 => Just(Event::Kill),
    ]
}

/// An agent, its disk and its bucket.
struct World {
    outbox: Outbox,
    room: Room,
    now: u64,
    shots: u64,
    /// What the recorder may refer to.
    known: Vec<SegmentId>,
    flying: Vec<SegmentId>,
    refers: HashMap<SegmentId, Vec<SegmentId>>,
    bucket: HashSet<SegmentId>,
    given_up: HashSet<SegmentId>,
    disk: HashMap<SegmentId, Parcel>,
}

impl World {
    fn new(room: Room) -> Self {
        Self {
            outbox: Outbox::new(room),
            room,
            now: 0,
            shots: 0,
            known: Vec::new(),
            flying: Vec::new(),
            refers: HashMap::new(),
            bucket: HashSet::new(),
            given_up: HashSet::new(),
            disk: HashMap::new(),
        }
    }

    fn give_up(&mut self, parcels: Vec<Parcel>) {
        for parcel in parcels {
            self.disk.remove(&parcel.id);
            self.given_up.insert(parcel.id);
        }
    }

    fn cut_if_wanted(&mut self) {
        if self.outbox.wants_cut() {
            let outbox = &self.outbox;
            self.known.retain(|id| !outbox.waits(id));
            self.outbox.begin_cut();
        }
    }

    fn happen(&mut self, event: Event) {
        self.now += 500;
        match event {
            Event::Shot { backs, bytes, on_disk } => {
                let count = self.known.len();
                let back =
                    |back: &u8| Some(self.known[count.checked_sub(1 + usize::from(*back % 9))?]);
                let mut refers: Vec<SegmentId> = backs.iter().filter_map(back).collect();
                refers.sort_unstable();
                refers.dedup();
                let mut parcel = parcel(self.shots, bytes.into(), refers);
                parcel.on_disk = on_disk;
                self.shots += 1;
                self.refers.insert(parcel.id, parcel.refers.clone());
                self.known.push(parcel.id);
                if on_disk {
                    self.disk.insert(parcel.id, parcel.clone());
                }
                let back = self.outbox.add(parcel);
                self.give_up(back.into_iter().collect());
                let given_up = self.outbox.make_room();
                self.give_up(given_up);
                self.cut_if_wanted();
                let given_up = self.outbox.make_room();
                self.give_up(given_up);
            }
            Event::Turn => match self.outbox.turn(self.now) {
                Turn::Upload(id) => {
                    self.outbox.begin(id);
                    self.flying.push(id);
                }
                Turn::Wait(until) => {
                    assert!(until > self.now && until <= self.now + 60_000);
                    self.now = until;
                }
                Turn::Idle => {}
            },
            Event::End { which, how } => {
                if self.flying.is_empty() {
                    return;
                }
                let id = self.flying.remove(usize::from(which) % self.flying.len());
                // Arrived, or its answer was lost after it did.
                if how % 4 != 0 {
                    self.arrive(id);
                }
                if how % 4 > 1 {
                    self.outbox.arrived(id);
                    self.disk.remove(&id);
                } else {
                    self.outbox.failed(id, self.now, f64::from(how) / 255.0);
                }
            }
            Event::Damage(which) => {
                let waiting: Vec<SegmentId> = self.outbox.waiting().map(|p| p.id).collect();
                if let Some(id) = waiting.get(usize::from(which) % waiting.len().max(1)) {
                    self.flying.retain(|flying| flying != id);
                    let lost = self.outbox.lose(*id);
                    self.flying.retain(|flying| !lost.iter().any(|p| p.id == *flying));
                    self.give_up(lost);
                    self.cut_if_wanted();
                }
            }
            Event::Full => {
                let given_up = self.outbox.give_up_oldest();
                self.give_up(given_up);
                self.cut_if_wanted();
            }
            Event::Kill => {
                let dead: Vec<SegmentId> = self.outbox.waiting().map(|parcel| parcel.id).collect();
                self.given_up.extend(dead.iter().filter(|id| !self.disk.contains_key(id)));
                self.flying.clear();
                self.known.clear();
                self.outbox = Outbox::new(self.room);
                self.outbox.resume(self.disk.values().cloned().collect());
                assert_eq!(self.outbox.turn(self.now), Turn::Idle, "nothing goes unchecked");
                let bucket = &self.bucket;
                let dropped = self.outbox.check(START, |id| bucket.contains(id));
                assert!(dropped.expired.is_empty());
                self.give_up(dropped.lost);
            }
        }
    }

    /// The bucket has a segment: all that it refers to must be there.
    fn arrive(&mut self, id: SegmentId) {
        for to in &self.refers[&id] {
            assert!(self.bucket.contains(to), "{id} arrived before {to}");
        }
        self.bucket.insert(id);
    }

    /// Without faults everything that waits arrives.
    fn calm_down(&mut self) {
        for _ in 0..4 * self.shots + 100 {
            self.happen(Event::Turn);
            self.happen(Event::End { which: 0, how: 3 });
        }
        assert_eq!(self.outbox.waiting().len(), 0, "something waits for ever");
        for number in 0..self.shots {
            let id = id(number);
            assert!(self.bucket.contains(&id) || self.given_up.contains(&id), "{id} is nowhere");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn the_bucket_is_closed_under_references_whatever_happens(
        events in prop::collection::vec(event(), 1..300),
        in_flight in 1_usize..5,
        disk_bytes in 500_u64..20_000,
    ) {
        let mut world = World::new(Room { disk_bytes, memory_bytes: 400, in_flight });
        for event in events {
            world.happen(event);
            let most = disk_bytes + disk_bytes / 8 + 5 * 255;
            prop_assert!(world.outbox.waiting_bytes(true) <= most, "the spool outgrows its budget");
        }
        world.calm_down();
    }

    #[test]
    fn within_the_budget_nothing_is_given_up(shots in prop::collection::vec(any::<[u8; 3]>(), 1..200)) {
        let room = Room { disk_bytes: 1_000_000, memory_bytes: 1_000, in_flight: 4 };
        let mut world = World::new(room);
        for backs in shots {
            world.happen(Event::Shot { backs, bytes: 200, on_disk: true });
        }
        world.calm_down();
        prop_assert!(world.given_up.is_empty());
    }
}

fn outbox(in_flight: usize) -> Outbox {
    Outbox::new(Room { disk_bytes: 1_000, memory_bytes: 1_000, in_flight })
}

#[test]
fn what_refers_to_nothing_that_waits_goes_at_the_same_time() {
    let mut outbox = outbox(3);
    outbox.add(parcel(0, 1, vec![]));
    outbox.add(parcel(1, 1, vec![id(0)]));
    outbox.add(parcel(2, 1, vec![]));
    assert_eq!(outbox.turn(0), Turn::Upload(id(0)));
    outbox.begin(id(0));
    assert_eq!(outbox.turn(0), Turn::Upload(id(2)));
    outbox.begin(id(2));
    assert_eq!(outbox.turn(0), Turn::Idle);
    outbox.arrived(id(0));
    assert_eq!(outbox.turn(0), Turn::Upload(id(1)));
}

#[test]
fn after_a_failure_one_at_a_time_goes_after_a_pause() {
    let mut outbox = outbox(3);
    (0..3).for_each(|number| assert_eq!(outbox.add(parcel(number, 1, vec![])), None));
    outbox.begin(id(0));
    let pause = outbox.failed(id(0), 100, 0.0);
    assert_eq!(outbox.turn(100), Turn::Wait(100 + pause));
    assert_eq!(outbox.turn(100 + pause), Turn::Upload(id(0)));
    outbox.begin(id(0));
    assert_eq!(outbox.turn(100 + pause), Turn::Idle);
    outbox.arrived(id(0));
    assert_eq!(outbox.turn(100 + pause), Turn::Upload(id(1)));
}

#[test]
fn pauses_double_up_to_a_minute_and_differ_between_agents() {
    let longest: Vec<u64> = (0..8).map(|failures| backoff(failures, 1.0)).collect();
    assert_eq!(longest, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    assert_eq!(backoff(2, 0.0), 2_000);
    assert_eq!(backoff(u32::MAX, 0.5), 45_000);
}

#[test]
fn the_oldest_are_given_up_where_nothing_younger_refers_to_them() {
    let mut outbox = Outbox::new(Room { disk_bytes: 60, memory_bytes: 0, in_flight: 1 });
    for (number, refers) in [(0, vec![]), (1, vec![id(0)]), (2, vec![]), (3, vec![id(2)])] {
        outbox.add(parcel(number, 20, refers));
    }
    // The recorder may still refer to all of them.
    assert_eq!(outbox.make_room(), []);
    assert!(outbox.wants_cut());
    outbox.begin_cut();
    let given_up: Vec<SegmentId> = outbox.make_room().iter().map(|parcel| parcel.id).collect();
    assert_eq!(given_up, [id(0), id(1)]);
    assert_eq!(outbox.waiting_bytes(true), 40);
}

#[test]
fn what_was_spooled_too_long_ago_to_be_seen_is_not_uploaded() {
    let day = 86_400_000;
    let mut outbox = outbox(1);
    // The third can be seen and needs the second; the first is of no use.
    let parcels = vec![parcel(0, 1, vec![]), parcel(1, 1, vec![]), parcel(6_000, 1, vec![id(1)])];
    outbox.resume(parcels.clone());
    let dropped = outbox.check(START + day + 50_000, |_| false);
    assert_eq!((dropped.expired, dropped.lost), (vec![parcels[0].clone()], vec![]));
    assert_eq!(outbox.turn(0), Turn::Upload(id(1)));
    assert_eq!(outbox.expire(START + 2 * day + 20_000), [parcels[1].clone()]);
}

#[test]
fn gaps_join_neighbours_and_keep_strangers_apart() {
    let given_up: Vec<Parcel> = [5, 1, 2, 9].map(|number| parcel(number, 1, vec![])).to_vec();
    let times: Vec<(u64, u64)> = gaps(&given_up, INTERVAL)
        .iter()
        .map(|gap| ((gap.from_ms - START) / 10_000, (gap.to_ms - START) / 10_000))
        .collect();
    assert_eq!(times, [(1, 3), (5, 6), (9, 10)]);
}
