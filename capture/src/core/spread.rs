//! How a figure is spread over all screenshots: mean, 95th percentile, maximum.

/// Mean, 95th percentile (nearest rank) and maximum of a set of figures; all 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Spread {
    /// Arithmetic mean.
    pub mean: f64,
    /// The smallest figure that 95 % of all do not exceed.
    pub p95: u64,
    /// The largest.
    pub max: u64,
}

impl Spread {
    /// Of `figures`, in any order.
    pub fn of(mut figures: Vec<u64>) -> Self {
        figures.sort_unstable();
        let Some(max) = figures.last().copied() else {
            return Self { mean: 0.0, p95: 0, max: 0 };
        };
        let rank = (figures.len() * 95).div_ceil(100);
        let sum: u128 = figures.iter().map(|f| u128::from(*f)).sum();
        Self { mean: sum as f64 / figures.len() as f64, p95: figures[rank - 1], max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let spread = Spread::of((1..=100).rev().collect());
        assert_eq!((spread.mean, spread.p95, spread.max), (50.5, 95, 100));
        assert_eq!(Spread::of(vec![7]), Spread { mean: 7.0, p95: 7, max: 7 });
        assert_eq!(Spread::of(vec![]).max, 0);
    }
}
