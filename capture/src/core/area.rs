//! Rectangles on the desktop: pure geometry.

/// A rectangle on the desktop, in pixels; it may be empty or lie outside the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub x: i32,
    /// Top edge.
    pub y: i32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Area {
    /// The part both have in common, or `None` when they do not overlap.
    pub fn intersect(self, other: Self) -> Option<Self> {
        // 64 bits, because left + width of a far-off rectangle overflows 32.
        let span = |a: i32, a_len: u32, b: i32, b_len: u32| {
            let from = a.max(b);
            let end = (i64::from(a) + i64::from(a_len)).min(i64::from(b) + i64::from(b_len));
            let length = u32::try_from(end - i64::from(from)).ok()?;
            (length > 0).then_some((from, length))
        };
        let (x, width) = span(self.x, self.width, other.x, other.width)?;
        let (y, height) = span(self.y, self.height, other.y, other.height)?;
        Some(Self { x, y, width, height })
    }

    /// The parts of this that lie outside of `other`: at most four, without overlap.
    pub fn subtract(self, other: Self) -> Vec<Self> {
        let Some(hole) = self.intersect(other) else { return vec![self] };
        let (below, right) = (hole.y + hole.height as i32, hole.x + hole.width as i32);
        let height = |from: i32, to: i32| u32::try_from(to - from).unwrap_or(0);
        let (self_below, self_right) = (self.y + self.height as i32, self.x + self.width as i32);
        let parts = [
            Self { height: height(self.y, hole.y), ..self },
            Self { y: below, height: height(below, self_below), ..self },
            Self { width: height(self.x, hole.x), ..Self { x: self.x, ..hole } },
            Self { x: right, width: height(right, self_right), ..hole },
        ];
        parts.into_iter().filter(|part| part.width > 0 && part.height > 0).collect()
    }

    /// What is left of `areas` without `hole`.
    pub fn without(areas: &[Self], hole: Self) -> Vec<Self> {
        areas.iter().flat_map(|area| area.subtract(hole)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Area = Area { x: 0, y: 0, width: 100, height: 50 };

    fn area(x: i32, y: i32, width: u32, height: u32) -> Area {
        Area { x, y, width, height }
    }

    #[test]
    fn areas_intersect_in_their_common_part() {
        for (other, common) in [
            (area(10, 20, 5, 6), Some(area(10, 20, 5, 6))),
            (area(-3, -4, 10, 10), Some(area(0, 0, 7, 6))),
            (area(95, 45, 10, 10), Some(area(95, 45, 5, 5))),
            (area(100, 0, 1, 1), None),
            (area(-5, 0, 5, 5), None),
            (area(5, 5, 0, 5), None),
            (area(i32::MIN, i32::MIN, u32::MAX, u32::MAX), Some(SCREEN)),
            (area(i32::MAX, i32::MAX, u32::MAX, u32::MAX), None),
        ] {
            assert_eq!(SCREEN.intersect(other), common, "{other:?}");
            assert_eq!(other.intersect(SCREEN), common, "{other:?} swapped");
        }
    }

    #[test]
    fn what_is_subtracted_is_gone_and_the_rest_stays_once() {
        for hole in [
            area(10, 10, 5, 5),
            area(0, 0, 100, 50),
            area(-5, 20, 200, 3),
            area(90, 40, 50, 50),
            area(200, 0, 5, 5),
        ] {
            let parts = SCREEN.subtract(hole);
            for (x, y) in (0..50).flat_map(|y| (0..100).map(move |x| (x, y))) {
                let pixel = area(x, y, 1, 1);
                let count = parts.iter().filter(|part| part.intersect(pixel).is_some()).count();
                assert_eq!(count, usize::from(hole.intersect(pixel).is_none()), "{x} {y} {hole:?}");
            }
        }
    }
}
