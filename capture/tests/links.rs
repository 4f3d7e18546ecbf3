//! What manifests say of equal tiles is true, and complete along each chain: whatever the recorder has
//! to store again, forget or give up in between.

use std::collections::{HashMap, HashSet};

use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::manifest::COMMONS_WRITER;
use deskreel_format::roll::roll_hour;
use deskreel_format::sharing::{CommonsIndex, CommonsPack};
use deskreel_format::time::{HOUR_MS, hour_start};
use deskreel_format::{
    DomainKey, Grid, Limits, Manifest, PackRef, Picture, Segment, SegmentId, TileHash, TileRef,
    TileSize,
};
use proptest::prelude::*;

const START: u64 = 1_763_856_000_000 + HOUR_MS - 300_000;
const STEP: u64 = 10_000;
const LEASE: u64 = 20 * STEP;
const SIDE: u32 = 8;
const COLS: u32 = 6;

type Tile = (PackRef, u32);

/// A screen of 6 x 4 tiles, each of one colour.
fn picture(cells: &[u8]) -> Picture {
    let mut picture =
        Picture::filled(COLS * SIDE, cells.len() as u32 / COLS * SIDE, [0; 3]).expect("a size");
    let stride = (COLS * SIDE) as usize;
    for (at, pixel) in picture.rgb_mut().chunks_exact_mut(3).enumerate() {
        let (x, y) = (at % stride, at / stride);
        let cell = y / SIDE as usize * COLS as usize + x / SIDE as usize;
        pixel.fill(cells[cell]);
    }
    picture
}

/// What happens before a screenshot.
#[derive(Debug, Clone)]
enum Act {
    /// So many cells from one on get these colours.
    Paint(u8, Vec<u8>),
    /// The segment is complete.
    Seal,
    /// So many steps pass.
    Wait(u64),
    /// The segments from the how-many-eth on never arrive.
    Lose(prop::sample::Index),
    /// Another writer: a clock went back, or so.
    Writer,
    /// The commons hold tiles of these colours from now on, besides what they held, or instead.
    Commons(Vec<u8>, bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..24_u8, prop::collection::vec(0..30_u8, 1..8)).prop_map(|(at, of)| Act::Paint(at, of)),
        4 => Just(Act::Seal),
        1 => (1..15_u64).prop_map(Act::Wait),
        1 => any::<prop::sample::Index>().prop_map(Act::Lose),
        1 => Just(Act::Writer),
        2 => (prop::collection::vec(0..30_u8, 1..12), any::<bool>())
            .prop_map(|(of, besides)| Act::Commons(of, besides)),
    ];
    prop::collection::vec(act, 1..120)
}

/// A pack of the commons with tiles of these colours.
fn shared(domain: &DomainKey, first_ms: u64, colours: &[u8]) -> CommonsPack {
    let tile = TileSize::new(SIDE).expect("a size");
    let grid = Grid::new(SIDE, SIDE, tile).expect("a size");
    let mut colours = colours.to_vec();
    colours.sort_unstable();
    colours.dedup();
    let hash = |colour: &u8| {
        let rgb = vec![*colour; (SIDE * SIDE * 3) as usize];
        TileHash::of_cell(domain, &grid, &rgb, SIDE as usize, 0)
    };
    let segment = SegmentId { first_ms, writer: COMMONS_WRITER };
    let pack = PackRef { segment, offset: 60, len: 90, tiles: colours.len() as u32 };
    CommonsPack { tile, pack, hashes: colours.iter().map(hash).collect() }
}

/// Records; returns the manifests as they came to lie and the colours of each cell at each time.
fn record(acts: &[Act], room: usize) -> (Vec<Manifest>, HashMap<u64, Vec<u8>>) {
    let budget = SeekBudget { packs: 5, floor_bytes: 900, factor: 2.0, low_mark: 0.7 };
    let settings = Settings {
        tile: TileSize::new(SIDE).expect("a size"),
        codec: Codec::DEFAULT,
        interval_ms: STEP as u32,
        domain: DomainKey::new([3; 32]),
        budget,
        pack_pixels: 4 * SIDE * SIDE,
    };
    let mut recorder = Recorder::new(settings, 1, KnownTiles::with_room(LEASE, room));
    let (mut time_ms, mut cells) = (START, vec![0_u8; 24]);
    let (mut manifests, mut screens, mut writer) = (Vec::<Manifest>::new(), HashMap::new(), 1);
    let seal = |recorder: &mut Recorder, manifests: &mut Vec<Manifest>| {
        if let Some(sealed) = recorder.seal().expect("it fits") {
            let segment = Segment::decode(&sealed.bytes, &Limits::default()).expect("a segment");
            manifests.push(segment.manifest);
        }
    };
    let (mut first_ms, mut commons) = (None, CommonsIndex::default());
    for act in acts {
        match act {
            Act::Paint(at, colours) => {
                for (step, colour) in colours.iter().enumerate() {
                    let cell = (usize::from(*at) + step) % cells.len();
                    cells[cell] = *colour;
                }
            }
            Act::Seal => seal(&mut recorder, &mut manifests),
            Act::Wait(steps) => {
                time_ms += steps * STEP;
                recorder.expire(time_ms);
            }
            Act::Lose(from) => {
                seal(&mut recorder, &mut manifests);
                let from = from.index(manifests.len() + 1).max(manifests.len().saturating_sub(3));
                let gone: HashSet<SegmentId> = manifests.drain(from..).map(|m| m.id).collect();
                recorder.forget_segments(|id| gone.contains(id));
            }
            Act::Writer => {
                seal(&mut recorder, &mut manifests);
                writer += 1;
                recorder.change_writer(writer);
            }
            Act::Commons(colours, besides) => {
                if !besides {
                    commons.packs.clear();
                }
                commons.packs.push(shared(&DomainKey::new([3; 32]), time_ms, colours));
                recorder.set_commons(&commons);
            }
        }
        // A segment never spans a lease: agents seal it after ten minutes at most.
        if recorder.pending() > 0 && first_ms.is_some_and(|first| time_ms - first >= LEASE) {
            seal(&mut recorder, &mut manifests);
        }
        if recorder.pending() == 0 {
            first_ms = Some(time_ms);
        }
        let surface = Surface {
            name: "screen".into(),
            x: 0,
            y: 0,
            scale_milli: 1000,
            picture: picture(&cells),
        };
        recorder.shoot(time_ms, vec![surface], false).expect("a shot");
        screens.insert(time_ms, cells.clone());
        time_ms += STEP;
    }
    seal(&mut recorder, &mut manifests);
    (manifests, screens)
}

/// The moments of manifests by time, chains numbered as readers number them.
fn moments(manifests: &[Manifest]) -> Vec<(u64, u32, Vec<Tile>)> {
    let mut all: Vec<(u64, u32, Vec<Tile>)> = Vec::new();
    let mut before: Option<&Manifest> = None;
    let mut chain = 0;
    for manifest in manifests {
        for (index, moment) in manifest.moments.iter().enumerate() {
            let after_ms = manifest.links.chain.as_ref().and_then(|chain| chain.after_ms);
            let goes_on = match (index, before) {
                (0, Some(before)) => {
                    after_ms == all.last().map(|last| last.0)
                        && before.links.goes_on(before.moments.len())
                }
                (0, None) => false,
                (index, _) => manifest.links.goes_on(index),
            };
            chain += u32::from(!goes_on);
            let screen = manifest.screen(index).expect("a moment");
            let tile = |cell: &TileRef| (manifest.packs[cell.pack as usize], cell.slot);
            all.push((moment.time_ms, chain, screen.cells.iter().map(tile).collect()));
        }
        before = Some(manifest);
    }
    all
}

/// Checks that what is said is true and, along chains, complete; returns how many pairs were said.
fn check(manifests: &[Manifest], screens: &HashMap<u64, Vec<u8>>) -> usize {
    let moments = moments(manifests);
    let mut colours: HashMap<Tile, u8> = HashMap::new();
    for (time_ms, _, tiles) in &moments {
        for (tile, colour) in tiles.iter().zip(&screens[time_ms]) {
            assert_eq!(*colours.entry(*tile).or_insert(*colour), *colour, "one tile, one picture");
        }
    }
    let mut parents: HashMap<Tile, Tile> = HashMap::new();
    let root = |parents: &HashMap<Tile, Tile>, mut tile: Tile| {
        while let Some(parent) = parents.get(&tile) {
            tile = *parent;
        }
        tile
    };
    let mut pairs = 0;
    for manifest in manifests {
        for (from, to) in manifest.links.pairs() {
            let [from, to] = [from, to].map(|tile| (manifest.packs[tile.pack as usize], tile.slot));
            if let (Some(a), Some(b)) = (colours.get(&from), colours.get(&to)) {
                assert_eq!(a, b, "tiles that are said to be the same are");
            }
            let (from, to) = (root(&parents, from), root(&parents, to));
            if from != to {
                parents.insert(from, to);
            }
            pairs += 1;
        }
    }
    for (index, (time_ms, chain, tiles)) in moments.iter().enumerate() {
        for (later_ms, later_chain, others) in &moments[index..] {
            if later_chain != chain || later_ms - time_ms >= LEASE {
                break;
            }
            let pairs = tiles.iter().zip(&screens[time_ms]);
            for (tile, colour) in pairs {
                for (other, other_colour) in others.iter().zip(&screens[later_ms]) {
                    let is_said = root(&parents, *tile) == root(&parents, *other);
                    assert_eq!(is_said, colour == other_colour, "{time_ms} {later_ms}");
                }
            }
        }
    }
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn links_are_true_and_complete_along_every_chain(acts in acts(), room in 20_usize..200) {
        let (manifests, screens) = record(&acts, room);
        check(&manifests, &screens);
        // The same of the hours that they are rolled into.
        let all: Vec<&Manifest> = manifests.iter().collect();
        let first = hour_start(START);
        let rolled: Vec<Manifest> = [first, first + HOUR_MS, first + 2 * HOUR_MS]
            .into_iter()
            .filter_map(|hour| roll_hour(hour, &all).expect("one tile size"))
            .map(|hour| hour.manifest)
            .collect();
        check(&rolled, &screens);
    }
}

#[test]
fn tiles_past_their_lease_are_said_to_be_the_same_in_a_chain_without_break() {
    let paint = |at, colours: &[u8]| Act::Paint(at, colours.to_vec());
    let mut acts = vec![paint(0, &[1, 2, 3, 4, 5, 6])];
    for round in 0..40 {
        acts.extend([paint(12, &[7 + round % 3]), Act::Seal]);
    }
    let (manifests, screens) = record(&acts, 1_000);
    assert!(check(&manifests, &screens) > 6);
    let moments = moments(&manifests);
    assert_eq!(moments.first().map(|first| first.1), moments.last().map(|last| last.1));
}

#[test]
fn tiles_of_the_commons_are_shown_from_there_and_said_to_be_what_they_were_before() {
    let paint = |at, colours: &[u8]| Act::Paint(at, colours.to_vec());
    let mut acts = vec![paint(0, &[1, 2, 3, 4, 5, 6]), Act::Seal];
    // Colour 9 is never stored; 1 and 2 are found in the commons once their lease is over.
    acts.extend([Act::Wait(5), Act::Commons(vec![1, 2, 9], true), paint(20, &[9]), Act::Seal]);
    acts.extend([Act::Wait(LEASE / STEP - 8), paint(21, &[9]), Act::Seal]);
    let (manifests, screens) = record(&acts, 1_000);
    assert!(check(&manifests, &screens) >= 6);
    let last = manifests.last().expect("a manifest");
    let screen = last.screen(last.moments.len() - 1).expect("a moment");
    let writer = |cell: usize| last.packs[screen.cells[cell].pack as usize].segment.writer;
    assert_eq!([0, 1, 20, 21].map(writer), [COMMONS_WRITER; 4]);
    assert_eq!(writer(2), 1);
}

#[test]
fn a_tile_that_moves_to_the_commons_while_room_is_made_is_said_to_be_what_it_was() {
    let paint = |at, colours: &[u8]| Act::Paint(at, colours.to_vec());
    let mut acts = vec![paint(0, &[1]), Act::Commons(vec![1], true), Act::Wait(LEASE / STEP - 3)];
    // The lease of colour 1 is over with the very screenshot whose new tiles make the oldest go.
    acts.push(paint(2, &(2..24).collect::<Vec<u8>>()));
    let (manifests, screens) = record(&acts, 20);
    check(&manifests, &screens);
    let first_cell = |manifest: &Manifest| {
        let screen = manifest.screen(manifest.moments.len() - 1).expect("a moment");
        manifest.packs[screen.cells[0].pack as usize].segment.writer
    };
    let writers: Vec<u32> = manifests.iter().map(first_cell).collect();
    assert_eq!(writers, [1, COMMONS_WRITER]);
}
