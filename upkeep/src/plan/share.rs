//! Which tiles go into the commons, and which of its packs are renewed. Pure.
//!
//! A tile is worth sharing once several streams show it. Lists name a sample of a desktop's tiles: where
//! several name one, their segments are compared ([`SharePlan::compare`]), and what they really have in
//! common is shared ([`sources`]). A pack of the commons is referred to for a
//! lease; while many screens still show it, its bytes are stored again under a new time before that
//! lease ends: without that, each of those desktops would store its tiles for itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use deskreel_format::sharing::{Candidates, CommonsIndex, CommonsPack, TilePrefix};
use deskreel_format::{SegmentId, StreamName, TileSize};

use super::LEASE_MS;

/// From this age on, milliseconds, desktops say how much of a pack they show, and a pack that many
/// show is renewed: machines that are off at night must find it in the morning.
pub const AGING_MS: u64 = LEASE_MS / 4;
/// From this age on a pack is renewed as soon as that takes less than its desktops would.
const OLD_MS: u64 = LEASE_MS / 4 * 3;
/// How many times its own bytes an ageing pack must save to be renewed early: renewed so early, a pack
/// is stored up to four times a day.
const MANY: u64 = 3;

/// One list, and whose it is.
#[derive(Debug, Clone)]
pub struct List {
    /// The desktop.
    pub stream: StreamName,
    /// When it was made, UTC milliseconds.
    pub time_ms: u64,
    /// What it says.
    pub candidates: Candidates,
}

/// How a plan judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareRule {
    /// The present, UTC milliseconds.
    pub now_ms: u64,
    /// So many streams must list a tile; at least 2.
    pub streams: usize,
    /// Tiles that the commons may hold.
    pub room: usize,
}

/// Tiles to copy out of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The stream of the segment.
    pub stream: StreamName,
    /// The segment whose own packs hold them.
    pub segment: SegmentId,
    /// Their size.
    pub tile: TileSize,
    /// Their hashes, cut; ascending.
    pub tiles: Vec<TilePrefix>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharePlan {
    /// Packs of the index that stay, by number.
    pub keep: Vec<usize>,
    /// Packs of the index whose bytes are stored again, by number.
    pub renew: Vec<usize>,
    /// Segments that have tiles in common, as far as samples tell; [`sources`] wants all of their own
    /// tiles.
    pub compare: Vec<Group>,
    /// Tiles that the commons hold.
    known: HashSet<(TileSize, TilePrefix)>,
    /// Tiles that may be added.
    room: usize,
}

/// A segment whose own tiles could be shared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// Size of its tiles.
    pub tile: TileSize,
    /// Its stream.
    pub stream: StreamName,
    /// The segment.
    pub segment: SegmentId,
}

/// Decides. Lists older than a lease are as good as none.
pub fn plan(index: &CommonsIndex, lists: &[List], rule: ShareRule) -> SharePlan {
    let lists: Vec<&List> =
        lists.iter().filter(|list| age(rule.now_ms, list.time_ms) < LEASE_MS).collect();
    let in_lease = |pack: &CommonsPack| age(rule.now_ms, pack.pack.segment.first_ms) < LEASE_MS;
    let keep: Vec<usize> =
        (0..index.packs.len()).filter(|number| in_lease(&index.packs[*number])).collect();
    let renew = renew(index, &keep, &lists, rule.now_ms);
    let held: usize = keep.iter().chain(&renew).map(|n| index.packs[*n].hashes.len()).sum();
    // What is renewed is as good as new.
    let fresh = keep.iter().filter(|number| {
        let first_ms = index.packs[**number].pack.segment.first_ms;
        age(rule.now_ms, first_ms) < OLD_MS || renew.contains(number)
    });
    let known: HashSet<(TileSize, TilePrefix)> = fresh
        .flat_map(|number| {
            let CommonsPack { tile, hashes, .. } = &index.packs[*number];
            hashes.iter().map(|hash| (*tile, Candidates::prefix(hash)))
        })
        .collect();
    let room = rule.room.saturating_sub(held);
    let named = lists.iter().flat_map(|list| {
        list.candidates.groups.iter().map(|group| {
            let (tile, stream) = (list.candidates.tile, list.stream.clone());
            (Group { tile, stream, segment: group.segment }, group.tiles.clone())
        })
    });
    let compare = compare(named.collect(), &known, rule.streams.max(2));
    SharePlan { keep, renew, compare, known, room }
}

/// The segments in which a tile lies that enough streams name; of those that have it, as many streams as
/// are needed.
fn compare(
    named: Vec<(Group, Vec<TilePrefix>)>,
    known: &HashSet<(TileSize, TilePrefix)>,
    streams: usize,
) -> Vec<Group> {
    let (wanted, mut order) = common(&named, known, streams);
    order.sort_by_key(|(gain, ..)| Reverse(*gain));
    let mut covered: HashMap<(TileSize, TilePrefix), BTreeSet<&StreamName>> = HashMap::new();
    let mut compare = Vec::new();
    for (_, group, tiles) in order {
        let mut is_needed = false;
        for prefix in tiles {
            let tile = (group.tile, prefix);
            if wanted.contains_key(&tile) {
                let covered = covered.entry(tile).or_default();
                is_needed |= covered.len() < streams && covered.insert(&group.stream);
            }
        }
        if is_needed {
            compare.push(group.clone());
        }
    }
    compare
}

/// The tiles that enough streams have, with their number, and each group's tiles with how many of those
/// they are; groups without any are left out.
#[expect(clippy::type_complexity, reason = "two private callers")]
fn common<'a>(
    groups: &'a [(Group, Vec<TilePrefix>)],
    known: &HashSet<(TileSize, TilePrefix)>,
    streams: usize,
) -> (HashMap<(TileSize, TilePrefix), usize>, Vec<(usize, &'a Group, BTreeSet<TilePrefix>)>) {
    let mut holders: HashMap<(TileSize, TilePrefix), BTreeSet<&StreamName>> = HashMap::new();
    let mut merged: BTreeMap<&Group, BTreeSet<TilePrefix>> = BTreeMap::new();
    for (group, tiles) in groups {
        for tile in tiles.iter().filter(|tile| !known.contains(&(group.tile, **tile))) {
            holders.entry((group.tile, *tile)).or_default().insert(&group.stream);
            merged.entry(group).or_default().insert(*tile);
        }
    }
    let wanted: HashMap<_, _> = holders
        .into_iter()
        .map(|(tile, holders)| (tile, holders.len()))
        .filter(|(_, count)| *count >= streams)
        .collect();
    let gain = |group: &Group, tiles: &BTreeSet<TilePrefix>| {
        tiles.iter().filter(|tile| wanted.contains_key(&(group.tile, **tile))).count()
    };
    let order = merged
        .into_iter()
        .map(|(group, tiles)| (gain(group, &tiles), group, tiles))
        .filter(|(gain, ..)| *gain > 0)
        .collect();
    (wanted, order)
}

/// A clock that jumped back makes nothing older.
fn age(now_ms: u64, time_ms: u64) -> u64 {
    now_ms.saturating_sub(time_ms)
}

/// The packs of which enough is still shown, and that no younger copy holds already.
fn renew(index: &CommonsIndex, keep: &[usize], lists: &[&List], now_ms: u64) -> Vec<usize> {
    let mut shown: HashMap<(u64, u32), BTreeMap<&StreamName, u32>> = HashMap::new();
    for list in lists {
        for vote in &list.candidates.votes {
            let streams = shown.entry((vote.first_ms, vote.offset)).or_default();
            let tiles = streams.entry(&list.stream).or_default();
            *tiles = vote.tiles.max(*tiles);
        }
    }
    let of_copy = |pack: &CommonsPack| (pack.tile, pack.hashes.first().copied());
    let young: HashSet<_> = keep
        .iter()
        .map(|number| &index.packs[*number])
        .filter(|pack| age(now_ms, pack.pack.segment.first_ms) < AGING_MS)
        .map(of_copy)
        .collect();
    let is_due = |number: &&usize| {
        let pack = &index.packs[**number];
        let age = age(now_ms, pack.pack.segment.first_ms);
        let streams = shown.get(&(pack.pack.segment.first_ms, pack.pack.offset));
        let most = pack.pack.tiles;
        let saved: u64 = streams
            .into_iter()
            .flat_map(BTreeMap::values)
            .map(|tiles| u64::from(*tiles.min(&most)))
            .sum();
        let own = u64::from(most);
        let is_worth = if age >= OLD_MS { saved > own } else { saved >= MANY * own };
        age >= AGING_MS && is_worth && own > 0 && !young.contains(&of_copy(pack))
    };
    let due: Vec<usize> = keep.iter().filter(is_due).copied().collect();
    // Of several copies of one pack the youngest is enough.
    let mut seen = HashSet::new();
    let mut newest: Vec<usize> =
        due.into_iter().rev().filter(|n| seen.insert(of_copy(&index.packs[*n]))).collect();
    newest.reverse();
    newest
}

/// Where to copy the tiles from that at least `streams` streams have: from as few of the compared
/// segments as a greedy choice finds. `groups` has all own tiles of the segments that `plan` wanted
/// compared.
pub fn sources(
    plan: &SharePlan,
    groups: &[(Group, Vec<TilePrefix>)],
    streams: usize,
) -> Vec<Source> {
    let (counts, mut order) = common(groups, &plan.known, streams.max(2));
    let mut wanted: Vec<((TileSize, TilePrefix), usize)> = counts.into_iter().collect();
    // The most common ones, should they not all fit.
    wanted.sort_unstable_by_key(|(tile, count)| (Reverse(*count), *tile));
    wanted.truncate(plan.room);
    let mut wanted: HashSet<(TileSize, TilePrefix)> =
        wanted.into_iter().map(|(tile, _)| tile).collect();
    order.sort_by_key(|(gain, ..)| Reverse(*gain));
    let mut copy = Vec::new();
    for (_, group, tiles) in order {
        let Group { tile, stream, segment } = group;
        let tiles: Vec<TilePrefix> =
            tiles.into_iter().filter(|prefix| wanted.remove(&(*tile, *prefix))).collect();
        if !tiles.is_empty() {
            copy.push(Source { stream: stream.clone(), segment: *segment, tile: *tile, tiles });
        }
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_format::manifest::COMMONS_WRITER;
    use deskreel_format::sharing::{CandidateGroup, Vote};
    use deskreel_format::{PackRef, TileHash};

    const NOW: u64 = 100 * LEASE_MS;
    const RULE: ShareRule = ShareRule { now_ms: NOW, streams: 2, room: 100 };
    const SIZE: TileSize = TileSize::ALL[1];

    fn prefix(tile: u8) -> TilePrefix {
        [tile; 8]
    }

    fn list(stream: &str, age_ms: u64, groups: &[(u64, &[u8])], votes: &[Vote]) -> List {
        let groups = groups.iter().map(|(first_ms, tiles)| CandidateGroup {
            segment: SegmentId { first_ms: *first_ms, writer: 1 },
            tiles: tiles.iter().copied().map(prefix).collect(),
        });
        let candidates = Candidates { tile: SIZE, groups: groups.collect(), votes: votes.to_vec() };
        List { stream: StreamName::parse(stream).unwrap(), time_ms: NOW - age_ms, candidates }
    }

    fn pack(age_ms: u64, tiles: &[u8]) -> CommonsPack {
        let segment = SegmentId { first_ms: NOW - age_ms, writer: COMMONS_WRITER };
        let pack = PackRef { segment, offset: 70, len: 10, tiles: tiles.len() as u32 };
        let hashes = tiles.iter().map(|tile| TileHash([*tile; 16])).collect();
        CommonsPack { tile: SIZE, pack, hashes }
    }

    fn vote(age_ms: u64, tiles: u32) -> Vote {
        Vote { first_ms: NOW - age_ms, offset: 70, tiles }
    }

    /// What is copied of lists that name all tiles, so that comparing finds nothing else.
    fn copied(
        index: &CommonsIndex,
        lists: &[List],
        rule: ShareRule,
    ) -> Vec<(String, u64, Vec<u8>)> {
        let plan = plan(index, lists, rule);
        let groups: Vec<(Group, Vec<TilePrefix>)> = lists
            .iter()
            .flat_map(|list| {
                list.candidates.groups.iter().map(|group| {
                    let (tile, stream) = (list.candidates.tile, list.stream.clone());
                    (Group { tile, stream, segment: group.segment }, group.tiles.clone())
                })
            })
            .filter(|(group, _)| plan.compare.contains(group))
            .collect();
        let source = |source: &Source| {
            let tiles = source.tiles.iter().map(|tile| tile[0]).collect();
            (source.stream.to_string(), source.segment.first_ms, tiles)
        };
        sources(&plan, &groups, rule.streams).iter().map(source).collect()
    }

    #[test]
    fn a_tile_of_two_streams_is_copied_once_from_where_most_lies_together() {
        let lists = [
            list("a", 10, &[(1, &[1, 2]), (2, &[3])], &[]),
            list("b", 10, &[(7, &[1, 2, 3, 4])], &[]),
            // Twice the same stream is one stream.
            list("a", 5, &[(3, &[5])], &[]),
            list("a", 4, &[(4, &[5])], &[]),
        ];
        let found = copied(&CommonsIndex::default(), &lists, RULE);
        assert_eq!(found, [("b".to_owned(), 7, vec![1, 2, 3])]);
    }

    #[test]
    fn tiles_that_no_list_names_are_found_by_comparing() {
        let lists = [list("a", 1, &[(1, &[8])], &[]), list("b", 1, &[(2, &[8]), (3, &[9])], &[])];
        let plan = plan(&CommonsIndex::default(), &lists, RULE);
        let group = |stream, first_ms| Group {
            tile: SIZE,
            stream: StreamName::parse(stream).unwrap(),
            segment: SegmentId { first_ms, writer: 1 },
        };
        assert_eq!(plan.compare, [group("a", 1), group("b", 2)]);
        let all = |tiles: &[u8]| tiles.iter().copied().map(prefix).collect();
        let groups = [(group("a", 1), all(&[8, 1, 2])), (group("b", 2), all(&[8, 2, 3]))];
        let sources = sources(&plan, &groups, RULE.streams);
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[0].tiles, [prefix(2), prefix(8)]);
    }

    #[test]
    fn no_more_streams_are_compared_than_are_needed() {
        let lists: Vec<List> =
            ["a", "b", "c", "d"].map(|name| list(name, 1, &[(1, &[8, 16])], &[])).to_vec();
        assert_eq!(plan(&CommonsIndex::default(), &lists, RULE).compare.len(), 2);
        let three = ShareRule { streams: 3, ..RULE };
        assert_eq!(plan(&CommonsIndex::default(), &lists, three).compare.len(), 3);
    }

    #[test]
    fn lists_past_a_lease_and_tiles_that_are_there_do_not_count() {
        let late = [list("a", LEASE_MS, &[(1, &[1])], &[]), list("b", 1, &[(1, &[1])], &[])];
        assert!(copied(&CommonsIndex::default(), &late, RULE).is_empty());
        let lists = [list("a", 1, &[(1, &[1, 2])], &[]), list("b", 1, &[(1, &[1, 2])], &[])];
        let index = CommonsIndex { packs: vec![pack(OLD_MS - 1, &[1]), pack(OLD_MS, &[2])] };
        assert_eq!(copied(&index, &lists, RULE), [("a".to_owned(), 1, vec![2])]);
    }

    #[test]
    fn no_more_than_fits_and_the_most_common_first() {
        let all: [&[u8]; 3] = [&[1, 2, 3], &[1, 2, 3], &[2]];
        let lists: Vec<List> =
            (0..3).map(|n| list(["a", "b", "c"][n], 1, &[(1, all[n])], &[])).collect();
        let index = CommonsIndex { packs: vec![pack(1, &[9, 8])] };
        // Three have tile 2; compared are but two of them, and there is room for one.
        let found = copied(&index, &lists, ShareRule { room: 3, streams: 3, ..RULE });
        assert_eq!(found, [("a".to_owned(), 1, vec![2])]);
        let found = copied(&index, &lists, ShareRule { room: 4, ..RULE });
        assert_eq!(found, [("a".to_owned(), 1, vec![1, 2])]);
    }

    #[test]
    fn packs_go_with_their_lease_and_are_renewed_while_that_saves_bytes() {
        let ages = [LEASE_MS, OLD_MS, OLD_MS - 1, AGING_MS, AGING_MS - 1];
        let packs = (0_u8..).zip(ages).map(|(n, age)| pack(age, &[2 * n, 2 * n + 1])).collect();
        let index = CommonsIndex { packs };
        let by = |streams: &[(&str, u32)]| {
            let lists: Vec<List> = streams
                .iter()
                .map(|(name, tiles)| list(name, 1, &[], &ages.map(|age| vote(age, *tiles))))
                .collect();
            plan(&index, &lists, RULE)
        };
        let nobody = by(&[]);
        assert_eq!((nobody.keep, nobody.renew), (vec![1, 2, 3, 4], vec![]));
        // An old pack must save its own bytes, a younger one three times as much.
        assert!(by(&[("a", 2)]).renew.is_empty());
        assert!(by(&[("a", 1), ("b", 1)]).renew.is_empty());
        assert_eq!(by(&[("a", 2), ("b", 1)]).renew, [1]);
        assert_eq!(by(&[("a", 2), ("b", 2), ("c", 2)]).renew, [1, 2, 3]);
        // Nobody shows more of a pack than there is.
        assert!(by(&[("a", 99)]).renew.is_empty());
    }

    #[test]
    fn a_pack_with_a_young_copy_is_not_renewed_again() {
        let votes = [vote(OLD_MS, 2), vote(AGING_MS, 2)];
        let lists: Vec<List> = ["a", "b", "c"].map(|name| list(name, 1, &[], &votes)).to_vec();
        let index = |young| CommonsIndex {
            packs: vec![pack(OLD_MS, &[1, 2]), pack(AGING_MS, &[1, 2]), pack(young, &[1, 2])],
        };
        assert!(plan(&index(AGING_MS - 1), &lists, RULE).renew.is_empty());
        // Of two old copies only the younger one.
        assert_eq!(plan(&index(LEASE_MS), &lists, RULE).renew, [1]);
    }
}
