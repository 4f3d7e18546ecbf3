//! Two agents on one stream name: who was there first goes on, the other one gives way.
//!
//! Both may look at any time and both come to the same answer, whatever their clocks say: only the
//! store's clock counts. Nothing is damaged before either notices, because ids differ by writer.

use std::collections::{HashMap, HashSet};

use deskreel_format::SegmentId;

use deskreel_upkeep::plan::facts::Entry;

/// What a look at the newest segments tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody else stores anything.
    Alone,
    /// Somebody began after this agent did, and will give way.
    First {
        /// Its newest segment.
        rival: SegmentId,
    },
    /// Somebody was there before.
    Second {
        /// Its newest segment.
        rival: SegmentId,
    },
}

/// Judges the segments of the last while. `own` are the writers of this agent's runs, `run` those of
/// the present run.
pub fn judge(listed: &[Entry], own: &HashSet<u32>, run: &HashSet<u32>) -> Verdict {
    let mine = listed.iter().filter(|entry| run.contains(&entry.id.writer));
    let Some(began) = mine.map(|entry| (entry.modified_ms, entry.id.writer)).min() else {
        return Verdict::Alone;
    };
    // By writer: when it stored its first, and its last.
    let mut rivals: HashMap<u32, (i64, Entry)> = HashMap::new();
    for entry in
        listed.iter().filter(|e| !own.contains(&e.id.writer) && !run.contains(&e.id.writer))
    {
        let times = rivals.entry(entry.id.writer).or_insert((entry.modified_ms, *entry));
        times.0 = times.0.min(entry.modified_ms);
        if entry.modified_ms >= times.1.modified_ms {
            times.1 = *entry;
        }
    }
    // One that stored nothing since this run began is history.
    let live = rivals.into_iter().filter(|(_, (_, last))| last.modified_ms > began.0);
    let Some((writer, (first, last))) = live.min_by_key(|(writer, (first, _))| (*first, *writer))
    else {
        return Verdict::Alone;
    };
    let rival = last.id;
    if (first, writer) < began { Verdict::Second { rival } } else { Verdict::First { rival } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(writer: u32, times: &[i64]) -> Vec<Entry> {
        let entry = |time: &i64| Entry {
            id: SegmentId { first_ms: *time as u64, writer },
            size: 1,
            modified_ms: *time,
        };
        times.iter().map(entry).collect()
    }

    fn judged(listed: &[Vec<Entry>], own: &[u32], run: u32) -> Verdict {
        let own = own.iter().copied().collect();
        judge(&listed.concat(), &own, &HashSet::from([run]))
    }

    #[test]
    fn of_two_at_once_the_later_one_gives_way_and_both_see_it() {
        let both = [stored(9, &[100, 110, 120, 130]), stored(3, &[115, 125])];
        assert!(matches!(judged(&both, &[], 9), Verdict::First { rival } if rival.writer == 3));
        assert!(matches!(judged(&both, &[], 3), Verdict::Second { rival } if rival.writer == 9));
    }

    #[test]
    fn two_that_began_in_the_same_second_agree_too() {
        let both = [stored(9, &[100, 110]), stored(3, &[100, 110])];
        assert!(matches!(judged(&both, &[], 3), Verdict::First { .. }));
        assert!(matches!(judged(&both, &[], 9), Verdict::Second { .. }));
    }

    #[test]
    fn earlier_runs_are_no_rivals() {
        let mine = stored(3, &[115, 125]);
        // Its own, whose last uploads came late; and a stranger's, who stopped before.
        assert_eq!(judged(&[stored(9, &[100, 120]), mine.clone()], &[9], 3), Verdict::Alone);
        assert_eq!(judged(&[stored(9, &[100, 110]), mine.clone()], &[], 3), Verdict::Alone);
        assert_eq!(judged(&[mine], &[], 3), Verdict::Alone);
        assert_eq!(judged(&[stored(9, &[100, 120])], &[], 3), Verdict::Alone);
    }
}
