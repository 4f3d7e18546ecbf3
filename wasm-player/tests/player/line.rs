//! Who has the line: what a person waits for comes before what may be of use.

use std::collections::VecDeque;

use deskreel_format::{PackRef, SegmentId, TileSize};
use deskreel_player::core::timeline::index_of;
use deskreel_player::core::transfers::{Job, Transfers, Urgency};
use deskreel_player::core::{Output, TransferId};

use crate::recording::{T0, stream};

const HOUR_MS: u64 = T0 / 3_600_000 * 3_600_000;
const PIECE: u64 = 131_072;

struct Line {
    transfers: Transfers,
    now_ms: u64,
}

impl Line {
    fn new() -> Self {
        Self { transfers: Transfers::new(stream(), 8), now_ms: T0 }
    }

    /// A turn in which this is wanted: the requests that start with it, and those that end.
    fn turn(&mut self, want: impl FnOnce(&mut Transfers)) -> (Vec<Started>, Vec<TransferId>) {
        self.transfers.begin();
        want(&mut self.transfers);
        let mut outputs = VecDeque::new();
        self.transfers.flush(self.now_ms, &mut outputs);
        let (mut started, mut ended) = (Vec::new(), Vec::new());
        for output in outputs {
            match output {
                Output::Fetch { id, key, range, .. } => started.push(Started { id, key, range }),
                Output::List { id, .. } => {
                    started.push(Started { id, key: String::new(), range: None });
                }
                Output::Cancel { id } => ended.push(id),
                other => panic!("{other:?}"),
            }
        }
        (started, ended)
    }
}

#[derive(Debug)]
struct Started {
    id: TransferId,
    key: String,
    range: Option<(u64, u64)>,
}

fn index(urgency: Urgency) -> impl FnOnce(&mut Transfers) {
    move |transfers| transfers.want_manifest(index_of(HOUR_MS), None, urgency)
}

fn pack(second: u64, urgency: Urgency) -> impl FnOnce(&mut Transfers) {
    let segment = SegmentId { first_ms: T0 + second * 1_000, writer: 1 };
    let pack = PackRef { segment, offset: 100, len: 50, tiles: 1 };
    move |transfers| transfers.want_packs([pack], TileSize::new(16).unwrap(), false, urgency)
}

#[test]
fn what_may_be_of_use_waits_for_what_is_awaited() {
    let mut line = Line::new();
    let both = |transfers: &mut Transfers| {
        index(Urgency::Someday)(transfers);
        transfers.want_list(Job::Dates, Urgency::Now);
    };
    let (started, _) = line.turn(both);
    assert!(started.len() == 1 && started[0].key.is_empty(), "{started:?}");
    // Under way, it is awaited still.
    assert!(line.turn(both).0.is_empty());
    line.transfers.answered(started[0].id);
    let (started, _) = line.turn(index(Urgency::Someday));
    assert_eq!(started[0].key, stream().index_key(HOUR_MS));
}

#[test]
fn an_index_comes_in_pieces_until_somebody_waits_for_it() {
    let mut line = Line::new();
    for piece in 0..3 {
        let (started, _) = line.turn(index(Urgency::Someday));
        assert_eq!(started[0].range, Some((piece * PIECE, (piece + 1) * PIECE - 1)));
        let mut transfer = line.transfers.answered(started[0].id).unwrap();
        let Job::Index(_, had) = &mut transfer.job else { panic!("{transfer:?}") };
        had.resize(had.len() + PIECE as usize, 0);
        line.transfers.repeat(transfer);
    }
    let (started, _) = line.turn(index(Urgency::Now));
    assert_eq!(started[0].range, Some((3 * PIECE, u64::from(u32::MAX))));
    // What will be shown soon is not waited for; what is wanted from the first comes whole.
    assert_eq!(Line::new().turn(index(Urgency::Soon)).0[0].range, Some((0, PIECE - 1)));
    assert_eq!(Line::new().turn(index(Urgency::Timeline)).0[0].range, None);
}

#[test]
fn what_was_fetched_ahead_ends_when_a_seek_begins_and_what_was_awaited_does_not() {
    let mut line = Line::new();
    let ahead = line.turn(pack(1, Urgency::Soon)).0.remove(0).id;
    let (started, ended) = line.turn(pack(2, Urgency::Now));
    assert_eq!((started.len(), ended), (1, vec![ahead]));
    // Another seek: the picture of the one before is shown when it comes.
    let (started, ended) = line.turn(pack(3, Urgency::Now));
    assert_eq!((started.len(), ended), (1, Vec::new()));
    // What was fetched ahead and is awaited now goes on.
    let mut line = Line::new();
    line.turn(pack(1, Urgency::Soon));
    let (started, ended) = line.turn(|transfers| {
        pack(1, Urgency::Now)(transfers);
        pack(2, Urgency::Now)(transfers);
    });
    assert_eq!((started.len(), ended), (1, Vec::new()));
}
