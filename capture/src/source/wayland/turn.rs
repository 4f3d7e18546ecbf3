//! Turned and mirrored monitors: some desktops hand out what the monitor shows, not what its person
//! sees. Pure.

use super::frame::Frame;

/// How a frame lies to the picture that the person sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turn {
    /// Quarters of a turn that bring the frame upright, clockwise.
    pub quarters: u8,
    /// Its left and right are swapped after that.
    pub mirrored: bool,
}

impl Turn {
    /// By PipeWire's number (`SPA_META_VideoTransform`); an unknown one counts as none.
    pub fn of(number: u32) -> Self {
        match number {
            0..8 => Self { quarters: (number % 4) as u8, mirrored: number >= 4 },
            _ => Self::default(),
        }
    }

    /// The picture as its person sees it.
    pub fn apply(self, frame: Frame) -> Frame {
        if self == Self::default() {
            return frame;
        }
        let (width, height) = (frame.width as usize, frame.height as usize);
        let (across, down) = match self.quarters % 2 {
            0 => (width, height),
            _ => (height, width),
        };
        let mut rgba = Vec::with_capacity(frame.rgba.len());
        for y in 0..down {
            for x in 0..across {
                let x = if self.mirrored { across - 1 - x } else { x };
                let (x, y) = match self.quarters % 4 {
                    0 => (x, y),
                    1 => (y, height - 1 - x),
                    2 => (width - 1 - x, height - 1 - y),
                    _ => (width - 1 - y, x),
                };
                let at = (y * width + x) * 4;
                rgba.extend_from_slice(&frame.rgba[at..at + 4]);
            }
        }
        Frame { width: across as u32, height: down as u32, rgba }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of these pixels, three in a row.
    fn frame(width: u32, pixels: &str) -> Frame {
        let rgba: Vec<u8> = pixels.bytes().flat_map(|byte| [byte, 0, 0, 255]).collect();
        Frame { width, height: pixels.len() as u32 / width, rgba }
    }

    #[test]
    fn every_turn_brings_the_frame_upright() {
        // abc
        // def
        for (number, width, upright) in [
            (0, 3, "abcdef"),
            (1, 2, "daebfc"),
            (2, 3, "fedcba"),
            (3, 2, "cfbead"),
            (4, 3, "cbafed"),
            (5, 2, "adbecf"),
            (6, 3, "defabc"),
            (7, 2, "fcebda"),
            (8, 3, "abcdef"),
        ] {
            let turned = Turn::of(number).apply(frame(3, "abcdef"));
            assert_eq!(turned, frame(width, upright), "{number}");
        }
    }
}
