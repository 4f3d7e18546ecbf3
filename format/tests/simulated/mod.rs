//! A simulated desktop that changes at random, and dice to throw for it.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod anything;
pub(crate) mod recording;

use deskreel_format::{Layout, Picture, SurfaceInfo};

/// Random numbers that are the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 64 random bits (xorshift64*).
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.bits() >> 11) % end
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// One to three monitors with pictures that change.
pub(crate) struct Desktop {
    pub(crate) layout: Layout,
    pub(crate) pictures: Vec<Picture>,
}

impl Desktop {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let count = 1 + dice.below(3);
        let mut surfaces = Vec::new();
        let mut x = -50;
        for number in 0..count {
            let (width, height) = (1 + dice.below(90) as u32, 1 + dice.below(70) as u32);
            let name = format!("HDMI-{number}");
            surfaces.push(SurfaceInfo { name, x, y: -7, scale_milli: 1_250, width, height });
            x += width as i32;
        }
        let colour = [dice.bits() as u8, dice.bits() as u8, 30];
        let picture = |s: &SurfaceInfo| Picture::filled(s.width, s.height, colour).unwrap();
        let pictures = surfaces.iter().map(picture).collect();
        Self { layout: Layout { surfaces }, pictures }
    }

    /// Paints, scrolls, does nothing, or plugs other monitors in.
    pub(crate) fn change(&mut self, dice: &mut Dice) {
        if dice.one_in(8) {
            *self = Self::new(dice);
        }
        for _ in 0..dice.below(4) {
            let surface = dice.below(self.pictures.len() as u64) as usize;
            let picture = &mut self.pictures[surface];
            if dice.one_in(3) {
                scroll(picture, 1 + dice.below(20) as usize);
            } else {
                paint(picture, dice);
            }
        }
    }
}

fn scroll(picture: &mut Picture, lines: usize) {
    let bytes = (lines * picture.width() as usize * 3).min(picture.rgb().len());
    picture.rgb_mut().copy_within(bytes.., 0);
}

fn paint(picture: &mut Picture, dice: &mut Dice) {
    let (width, height) = (picture.width() as u64, picture.height() as u64);
    let (left, top) = (dice.below(width), dice.below(height));
    let (right, bottom) = (left + dice.below(width - left + 1), top + dice.below(height - top + 1));
    let (noise, colour) = (dice.one_in(2), dice.bits());
    for y in top..bottom {
        for x in left..right {
            let at = ((y * width + x) * 3) as usize;
            let bits = if noise { dice.bits() } else { colour };
            picture.rgb_mut()[at..at + 3].copy_from_slice(&bits.to_le_bytes()[..3]);
        }
    }
}
