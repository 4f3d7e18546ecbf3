//! What a rolled hour keeps of its segments' links.

use std::collections::HashSet;

use super::Place;
use crate::{Chain, Manifest};

/// Times at which several segments have a moment: only one is kept, so no chain leads past them.
pub(super) fn ties(places: &[Place]) -> HashSet<u64> {
    let tied = places.windows(2).filter(|pair| pair[0].time_ms == pair[1].time_ms);
    tied.map(|pair| pair[0].time_ms).collect()
}

/// The chain of the moments `places[first..]`; `None` when no segment has one.
pub(super) fn chain(
    segments: &[&Manifest],
    places: &[Place],
    first: usize,
    ties: &HashSet<u64>,
) -> Option<Chain> {
    let manifest = |place: &Place| segments[place.segment];
    let rolled = places.get(first..).unwrap_or_default();
    if rolled.iter().all(|place| manifest(place).links.chain.is_none()) {
        return None;
    }
    let goes_on = |before: &Place, next: &Place| {
        let (a, b) = (manifest(before), manifest(next));
        if ties.contains(&before.time_ms) || ties.contains(&next.time_ms) {
            return false;
        }
        if before.segment == next.segment {
            return next.moment == before.moment + 1 && a.links.goes_on(next.moment);
        }
        let after_ms = b.links.chain.as_ref().and_then(|chain| chain.after_ms);
        next.moment == 0
            && before.moment + 1 == a.moments.len()
            && a.id.writer == b.id.writer
            && after_ms == Some(before.time_ms)
            && a.links.goes_on(a.moments.len())
    };
    let before = first.checked_sub(1).and_then(|before| places.get(before));
    let after_ms = before
        .zip(rolled.first())
        .filter(|(before, next)| goes_on(before, next))
        .map(|(before, _)| before.time_ms);
    let mut breaks: Vec<u32> = (1_u32..)
        .zip(rolled.windows(2))
        .filter(|(_, pair)| !goes_on(&pair[0], &pair[1]))
        .map(|(number, _)| number)
        .collect();
    if let Some(last) = rolled.last()
        && (ties.contains(&last.time_ms) || !manifest(last).links.goes_on(last.moment + 1))
    {
        breaks.push(rolled.len() as u32);
    }
    Some(Chain { after_ms, breaks })
}
