//! The seek budget: a pure decision which packs to clean, so that every moment stays cheap to reach.
//!
//! This is the cleaning of a log-structured store (Rosenblum and Ousterhout, "The Design and
//! Implementation of a Log-Structured File System", 1992): tiles that are still shown are stored
//! again from the packs of which the smallest share is shown, because each byte stored again from
//! those frees most bytes of the seek. A high and a low mark keep it from cleaning all the time.

/// How expensive a cold seek may become.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeekBudget {
    /// Packs that one screenshot may need.
    pub packs: usize,
    /// Bytes that are always allowed.
    pub floor_bytes: u64,
    /// Times what the screen itself needs (sum over its packs of size * share of tiles shown).
    pub factor: f64,
    /// Cleaning goes on down to this share of the limit that was passed.
    pub low_mark: f64,
}

impl Default for SeekBudget {
    /// Chosen from measurements; see docs/MEASUREMENTS.md.
    fn default() -> Self {
        Self { packs: 16, floor_bytes: 350_000, factor: 2.0, low_mark: 0.9 }
    }
}

impl SeekBudget {
    /// No bound: the smallest storage, the dearest seeks.
    pub const NONE: Self =
        Self { packs: usize::MAX, floor_bytes: u64::MAX, factor: 1.0, low_mark: 1.0 };
}

/// One pack that a screenshot refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackUse {
    /// Number of the pack.
    pub pack: u32,
    /// Its bytes.
    pub len: u32,
    /// Its tiles.
    pub tiles: u32,
    /// How many distinct tiles of it the screenshot shows; at least 1.
    pub shown: u32,
}

impl PackUse {
    /// The bytes that the shown tiles would take alone.
    fn need(&self) -> f64 {
        f64::from(self.len) * f64::from(self.shown) / f64::from(self.tiles.max(1))
    }
}

/// Which of `uses` to clean: their shown tiles are to be stored again. Empty while the screenshot is
/// within budget. Deterministic: the same uses in any order give the same packs.
pub fn packs_to_clean(uses: &[PackUse], budget: &SeekBudget) -> Vec<u32> {
    let total = |uses: &[PackUse]| uses.iter().map(|u| u64::from(u.len)).sum::<u64>();
    let need: f64 = uses.iter().map(PackUse::need).sum();
    let limit = (need * budget.factor).max(budget.floor_bytes as f64);
    let mut bytes = total(uses) as f64;
    let over_bytes = bytes > limit;
    let over_packs = uses.len() > budget.packs;
    if !over_bytes && !over_packs {
        return Vec::new();
    }
    let bytes_goal = if over_bytes { limit * budget.low_mark } else { limit };
    let low_packs = (budget.packs as f64 * budget.low_mark) as usize;
    let packs_goal = if over_packs { low_packs } else { budget.packs };
    let mut left: Vec<PackUse> = uses.to_vec();
    // The smallest share shown first: it frees most bytes for each that is stored again. Where only the
    // number of packs is too high, those that store again fewest bytes.
    if over_bytes {
        left.sort_by(|a, b| {
            let (a_share, b_share) =
                (u64::from(a.shown) * u64::from(b.tiles), u64::from(b.shown) * u64::from(a.tiles));
            a_share.cmp(&b_share).then(a.pack.cmp(&b.pack))
        });
    } else {
        left.sort_by(|a, b| a.need().total_cmp(&b.need()).then(a.pack.cmp(&b.pack)));
    }
    let mut clean = Vec::new();
    let mut remaining = left.len();
    for pack in left {
        // The cleaned tiles come back in one new pack.
        let count = remaining + usize::from(!clean.is_empty());
        if bytes <= bytes_goal && count <= packs_goal {
            break;
        }
        bytes -= f64::from(pack.len) - pack.need();
        remaining -= 1;
        clean.push(pack.pack);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uses() -> impl Strategy<Value = Vec<PackUse>> {
        let one = (1_u32..500_000, 1_u32..4_000, 1_u32..4_000);
        prop::collection::vec(one, 0..80).prop_map(|all| {
            let pack_use = |(pack, (len, tiles, shown)): (usize, (u32, u32, u32))| PackUse {
                pack: pack as u32,
                len,
                tiles,
                shown: shown.min(tiles),
            };
            all.into_iter().enumerate().map(pack_use).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_left_after_cleaning_is_within_budget(uses in uses()) {
            let budget = SeekBudget::default();
            let clean = packs_to_clean(&uses, &budget);
            let kept: Vec<_> = uses.iter().filter(|u| !clean.contains(&u.pack)).collect();
            let need: f64 = uses.iter().map(PackUse::need).sum();
            let again: f64 = uses.iter().filter(|u| clean.contains(&u.pack)).map(PackUse::need).sum();
            let bytes = kept.iter().map(|u| f64::from(u.len)).sum::<f64>() + again;
            prop_assert!(bytes <= (need * budget.factor).max(budget.floor_bytes as f64) + 1.0);
            prop_assert!(kept.len() + usize::from(!clean.is_empty()) <= budget.packs);
        }

        #[test]
        fn order_does_not_matter(uses in uses()) {
            let mut reversed = uses.clone();
            reversed.reverse();
            let budget = SeekBudget::default();
            let mut a = packs_to_clean(&uses, &budget);
            let mut b = packs_to_clean(&reversed, &budget);
            a.sort_unstable();
            b.sort_unstable();
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn within_budget_nothing_is_stored_again() {
        let few = [PackUse { pack: 1, len: 349_000, tiles: 100, shown: 1 }];
        assert!(packs_to_clean(&few, &SeekBudget::default()).is_empty());
        assert!(packs_to_clean(&[], &SeekBudget::default()).is_empty());
    }

    #[test]
    fn the_pack_of_which_the_smallest_share_is_shown_goes_first() {
        let stale = PackUse { pack: 7, len: 240_000, tiles: 1_000, shown: 100 };
        let photo = PackUse { pack: 8, len: 250_000, tiles: 100, shown: 40 };
        // More bytes a tile, but storing its tiles again frees 1.5 bytes for one, not 9.
        assert_eq!(packs_to_clean(&[photo, stale], &SeekBudget::default()), [7]);
    }
}
