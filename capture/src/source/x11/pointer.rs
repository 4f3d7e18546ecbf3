//! The mouse pointer, blended into pictures: pure.

use crate::core::area::Area;

/// What the pointer looks like and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    /// The rectangle on the desktop that its image covers.
    pub(super) area: Area,
    /// Rows of pixels `0xAARRGGBB`, colours already multiplied by alpha.
    pub(super) pixels: Vec<u32>,
}

impl Pointer {
    /// Draws the part of the pointer that lies on `monitor` into that monitor's pixels (`rgb`, 3
    /// bytes a pixel).
    ///
    /// As on the glass, a pointer across the edge of two monitors shows a part on each.
    pub(super) fn draw(&self, monitor: Area, rgb: &mut [u8]) {
        let Some(part) = self.area.intersect(monitor) else { return };
        // The part lies in both, so these differences are not negative.
        let offset = |from: Area| ((part.x - from.x) as usize, (part.y - from.y) as usize);
        let (own_x, own_y) = offset(self.area);
        let (x, y) = offset(monitor);
        let own_rows = self.pixels.chunks_exact(self.area.width as usize).skip(own_y);
        let rows = rgb.chunks_exact_mut(monitor.width as usize * 3).skip(y);
        for (own_row, row) in own_rows.zip(rows).take(part.height as usize) {
            let own = own_row.iter().skip(own_x).take(part.width as usize);
            let under = row.chunks_exact_mut(3).skip(x);
            for (&pixel, out) in own.zip(under) {
                blend(pixel, out);
            }
        }
    }
}

/// Lays one premultiplied pixel over three bytes of red, green and blue.
fn blend(pixel: u32, under: &mut [u8]) {
    let [alpha, colours @ ..] = pixel.to_be_bytes();
    let through = 255 - u32::from(alpha);
    for (byte, colour) in under.iter_mut().zip(colours) {
        let shown = u32::from(colour) + (u32::from(*byte) * through + 127) / 255;
        // A pointer whose colours exceed its alpha is malformed, but drawn all the same.
        *byte = shown.min(255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONITOR: Area = Area { x: 100, y: 50, width: 4, height: 3 };

    fn opaque(x: i32, y: i32, width: u32, height: u32) -> Pointer {
        let pixels = (1..=width * height).map(|n| 0xff00_0000 | n).collect();
        Pointer { area: Area { x, y, width, height }, pixels }
    }

    /// The blue byte of every pixel after drawing onto black.
    fn drawn(pointer: &Pointer, monitor: Area) -> Vec<u8> {
        let mut rgb = vec![0; (monitor.width * monitor.height * 3) as usize];
        pointer.draw(monitor, &mut rgb);
        rgb.chunks_exact(3).map(|pixel| pixel[2]).collect()
    }

    #[test]
    fn a_pointer_is_drawn_where_it_is() {
        let shown = drawn(&opaque(101, 50, 2, 2), MONITOR);
        assert_eq!(shown, [0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_pointer_is_clipped_at_every_edge() {
        let top_left = drawn(&opaque(99, 49, 2, 2), MONITOR);
        assert_eq!(top_left, [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let bottom_right = drawn(&opaque(103, 52, 2, 2), MONITOR);
        assert_eq!(bottom_right, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let around = drawn(&opaque(99, 49, 6, 5), MONITOR);
        assert_eq!(around, [8, 9, 10, 11, 14, 15, 16, 17, 20, 21, 22, 23]);
    }

    #[test]
    fn a_pointer_elsewhere_leaves_the_monitor_alone() {
        for (x, y) in [(104, 50), (98, 50), (100, 53), (100, 48), (-5, -5)] {
            assert_eq!(drawn(&opaque(x, y, 2, 2), MONITOR), [0; 12], "{x} {y}");
        }
    }

    #[test]
    fn a_pointer_across_two_monitors_shows_a_part_on_each() {
        let right = Area { x: 104, ..MONITOR };
        let pointer = opaque(103, 50, 2, 1);
        assert_eq!(drawn(&pointer, MONITOR)[3], 1);
        assert_eq!(drawn(&pointer, right)[0], 2);
    }

    #[test]
    fn alpha_lets_the_desktop_through() {
        for (pixel, under, shown) in [
            (0x0000_0000, [10, 20, 30], [10, 20, 30]),
            (0xff01_0203, [10, 20, 30], [1, 2, 3]),
            (0x8040_0000, [255, 255, 255], [191, 127, 127]),
            (0x80ff_0000, [255, 255, 255], [255, 127, 127]),
        ] {
            let mut out = under;
            blend(pixel, &mut out);
            assert_eq!(out, shown, "{pixel:08x}");
        }
    }

    #[test]
    fn an_empty_pointer_draws_nothing() {
        assert_eq!(drawn(&opaque(100, 50, 0, 0), MONITOR), [0; 12]);
    }
}
