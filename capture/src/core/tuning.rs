//! Which settings suit a person's screens: candidates, their figures, and a recommendation. Pure.

use deskreel_format::TileSize;
use deskreel_format::codec::Codec;
use serde::Serialize;

use super::budget::SeekBudget;
use super::spread::Spread;

/// One way to record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Tile size.
    pub tile: TileSize,
    /// Codec of the packs.
    pub codec: Codec,
    /// Bound of cold seeks.
    pub budget: SeekBudget,
}

impl Candidate {
    /// Every tile size and codec worth a try, each without a seek budget and with the default one;
    /// then budgets around the default one, for the default tile size and codec.
    pub fn all(tile: TileSize, codec: Codec) -> Vec<Self> {
        let sizes = [8, 16, 32, 64].into_iter().filter_map(|side| TileSize::new(side).ok());
        let mut all: Vec<Self> = Vec::new();
        for tile in sizes {
            for codec in Codec::ALL {
                for budget in [SeekBudget::NONE, SeekBudget::default()] {
                    all.push(Self { tile, codec, budget });
                }
            }
        }
        all.extend(Self::curve(tile, codec));
        all
    }

    /// Seek budgets from strict to lax, the default one left out.
    pub fn curve(tile: TileSize, codec: Codec) -> Vec<Self> {
        let usual = SeekBudget::default();
        let strict = [(12, 200_000, 1.5), (16, 250_000, 2.0), (16, 300_000, 2.0)];
        let lax =
            [(16, 400_000, 3.0), (28, 600_000, 4.0), (48, 800_000, 4.0), (64, 1_200_000, 6.0)];
        let budgets = strict.into_iter().chain(lax).map(|(packs, floor_bytes, factor)| {
            let budget = SeekBudget { packs, floor_bytes, factor, ..usual };
            Self { tile, codec, budget }
        });
        budgets.collect()
    }

    /// The budget in a few words.
    pub fn budget_text(&self) -> String {
        let SeekBudget { packs, floor_bytes, factor, .. } = self.budget;
        if self.budget == SeekBudget::NONE {
            return "none".to_owned();
        }
        format!("{packs} packs, {} KB, {factor}x", floor_bytes / 1_000)
    }
}

/// What a candidate did with the screenshots.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Which way.
    pub candidate: Candidate,
    /// Bytes of the objects, screenshot by screenshot.
    pub bytes: Vec<u64>,
    /// Bytes fetched by a cold seek, for each screenshot.
    pub seek_bytes: Vec<u64>,
    /// Requests made by a cold seek, for each screenshot.
    pub seek_requests: Vec<u64>,
    /// Milliseconds of computing, all screenshots together.
    pub busy_ms: f64,
}

/// The figures of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Side of a tile, pixels.
    pub tile: u32,
    /// Name of the codec.
    pub codec: &'static str,
    /// The seek budget in words.
    pub budget: String,
    /// Bytes a screenshot, mean.
    pub bytes_per_screenshot: f64,
    /// Bytes a day at the interval: the first screenshot once, the mean of the others for the rest.
    pub bytes_per_day: f64,
    /// US dollars a month for PUT requests, at the price given.
    pub put_usd_per_month: f64,
    /// Bytes of cold seeks.
    pub seek_bytes: Spread,
    /// Requests of cold seeks.
    pub seek_requests: Spread,
    /// Milliseconds of computing a screenshot, mean.
    pub ms_per_screenshot: f64,
}

/// What a day is reckoned with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// Milliseconds between screenshots.
    pub interval_ms: u32,
    /// Milliseconds between uploads.
    pub upload_every_ms: u32,
    /// US dollars for a thousand PUT requests.
    pub usd_per_1000_puts: f64,
}

const DAY_MS: f64 = 86_400_000.0;
const DAYS_A_MONTH: f64 = 365.25 / 12.0;

impl Trial {
    /// The figures, reckoned for `day`.
    pub fn figures(&self, day: &Day) -> Figures {
        let count = self.bytes.len().max(1) as f64;
        let total: u64 = self.bytes.iter().sum();
        let first = self.bytes.first().copied().unwrap_or(0);
        let rest = (total - first) as f64 / (count - 1.0).max(1.0);
        let shots = DAY_MS / f64::from(day.interval_ms.max(1));
        let puts = DAY_MS / f64::from(day.upload_every_ms.max(day.interval_ms).max(1));
        Figures {
            tile: self.candidate.tile.pixels(),
            codec: self.candidate.codec.name(),
            budget: self.candidate.budget_text(),
            bytes_per_screenshot: total as f64 / count,
            bytes_per_day: first as f64 + rest * (shots - 1.0).max(0.0),
            put_usd_per_month: puts * DAYS_A_MONTH * day.usd_per_1000_puts / 1_000.0,
            seek_bytes: Spread::of(self.seek_bytes.clone()),
            seek_requests: Spread::of(self.seek_requests.clone()),
            ms_per_screenshot: self.busy_ms / count,
        }
    }
}

/// How dear a cold seek may be in a recommendation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeekLimit {
    /// Bytes at the 95th percentile.
    pub p95_bytes: u64,
    /// Requests at most.
    pub requests: u64,
}

/// Figures this close in bytes count as equal.
const CLOSE: f64 = 1.03;
/// Time measured once is rough: only a row that computes less than this share of the usual one's
/// time is worth leaving the defaults for.
const FASTER: f64 = 0.7;

/// The row to recommend and why: the fewest bytes a day within the seek limit. Of rows within 3 %
/// of that, row `usual` (the defaults), unless another computes far less. `None` for no rows.
pub fn recommend(
    rows: &[Figures],
    usual: Option<usize>,
    limit: &SeekLimit,
) -> Option<(usize, String)> {
    let within = |row: &&Figures| {
        row.seek_bytes.p95 <= limit.p95_bytes && row.seek_requests.max <= limit.requests
    };
    let Some(least) = rows.iter().filter(within).map(|r| r.bytes_per_day).reduce(f64::min) else {
        let nearest = (0..rows.len()).min_by_key(|i| rows[*i].seek_bytes.p95)?;
        let reason = format!(
            "no candidate keeps cold seeks within {} KB at the 95th percentile and {} requests; this \
             one comes nearest",
            limit.p95_bytes / 1_000,
            limit.requests
        );
        return Some((nearest, reason));
    };
    let close = |i: &usize| within(&&rows[*i]) && rows[*i].bytes_per_day <= least * CLOSE;
    let by_time =
        |a: &usize, b: &usize| rows[*a].ms_per_screenshot.total_cmp(&rows[*b].ms_per_screenshot);
    let fastest = (0..rows.len()).filter(close).min_by(by_time)?;
    let usual = usual
        .filter(close)
        .filter(|usual| rows[fastest].ms_per_screenshot >= rows[*usual].ms_per_screenshot * FASTER);
    let reason = match usual {
        Some(_) => {
            "the defaults: within 3 % of the fewest bytes a day of all whose cold seeks are within \
             the limit, and none of those computes far less"
        }
        None => {
            "within 3 % of the fewest bytes a day of all whose cold seeks are within the limit, and \
             the least computing among those"
        }
    };
    Some((usual.unwrap_or(fastest), reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(bytes: Vec<u64>) -> Trial {
        let tile = TileSize::new(16).unwrap();
        let candidate = Candidate { tile, codec: Codec::DEFAULT, budget: SeekBudget::default() };
        let (seek_bytes, seek_requests) = (bytes.clone(), vec![3; bytes.len()]);
        Trial { candidate, bytes, seek_bytes, seek_requests, busy_ms: 30.0 }
    }

    const DAY: Day = Day { interval_ms: 10_000, upload_every_ms: 60_000, usd_per_1000_puts: 5.0 };

    #[test]
    fn a_day_counts_the_first_screenshot_once_and_puts_by_the_upload_interval() {
        let figures = trial(vec![100_000, 10, 30]).figures(&DAY);
        assert_eq!(figures.bytes_per_day, 100_000.0 + 8_639.0 * 20.0);
        assert_eq!(figures.ms_per_screenshot, 10.0);
        assert!((figures.put_usd_per_month - 1_440.0 * DAYS_A_MONTH * 0.005).abs() < 1e-9);
    }

    #[test]
    fn one_or_no_screenshot_gives_finite_figures() {
        assert_eq!(trial(vec![7]).figures(&DAY).bytes_per_screenshot, 7.0);
        assert!(trial(vec![]).figures(&DAY).bytes_per_day.is_finite());
    }

    fn row(day: f64, p95: u64, ms: f64) -> Figures {
        let mut figures = trial(vec![1]).figures(&DAY);
        (figures.bytes_per_day, figures.seek_bytes.p95, figures.ms_per_screenshot) = (day, p95, ms);
        figures
    }

    #[test]
    fn the_cheapest_within_the_limit_is_recommended_and_ties_go_to_less_computing() {
        let limit = SeekLimit { p95_bytes: 700, requests: 32 };
        let rows = [row(10.0, 900, 1.0), row(50.0, 600, 9.0), row(51.0, 600, 2.0)];
        assert_eq!(recommend(&rows, None, &limit).unwrap().0, 2);
        assert_eq!(recommend(&rows[..2], None, &limit).unwrap().0, 1);
        let (nearest, reason) = recommend(&rows[..1], None, &limit).unwrap();
        assert!(nearest == 0 && reason.starts_with("no candidate"), "{reason}");
        assert!(recommend(&[], None, &limit).is_none());
    }
    #[test]
    fn the_defaults_stay_unless_another_computes_far_less() {
        let limit = SeekLimit { p95_bytes: 700, requests: 32 };
        let rows = [row(50.0, 600, 9.0), row(51.0, 600, 10.0), row(51.0, 600, 2.0)];
        assert_eq!(recommend(&rows[..2], Some(1), &limit).unwrap().0, 1);
        assert_eq!(recommend(&rows, Some(1), &limit).unwrap().0, 2);
        let dear = [row(50.0, 600, 9.0), row(80.0, 600, 9.0)];
        assert_eq!(recommend(&dear, Some(1), &limit).unwrap().0, 0);
    }
}
