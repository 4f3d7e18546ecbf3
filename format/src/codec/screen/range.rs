//! Binary range coder: one decision at a time, each with its own 16-bit probability.

use crate::codec::model::{Ending, Reads, Side, Writes};

/// Either side of the coder. The model runs the same code for both: an encoder is told each
/// decision, a decoder finds it out.
pub(super) trait Coder: Side {
    /// Codes one decision. `p` is the probability of `true` in 1/65536 (1..=65535). The encoder
    /// writes `bit` and returns it; the decoder ignores `bit` and returns what was written.
    fn code(&mut self, p: u32, bit: bool) -> bool;
}

/// Where `low..=high` is cut; `true` owns the lower part.
#[inline(always)]
fn cut(low: u32, high: u32, p: u32) -> u32 {
    low + ((u64::from(high - low) * u64::from(p)) >> 16) as u32
}

/// Turns decisions into bytes.
pub(in crate::codec) struct Writer {
    low: u32,
    high: u32,
    out: Vec<u8>,
}

impl Writes for Writer {
    fn new(header: Vec<u8>) -> Self {
        Self { low: 0, high: u32::MAX, out: header }
    }

    /// One byte is enough: followed by zeros it lies inside the interval, because the first bytes of
    /// `low` and `high` differ.
    fn finish(mut self) -> Vec<u8> {
        self.out.push((self.high >> 24) as u8);
        self.out
    }
}

impl Side for Writer {
    const WRITES: bool = true;
}

impl Coder for Writer {
    #[inline(always)]
    fn code(&mut self, p: u32, bit: bool) -> bool {
        let mid = cut(self.low, self.high, p);
        if bit {
            self.high = mid;
        } else {
            self.low = mid + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.out.push((self.high >> 24) as u8);
            self.low <<= 8;
            self.high = (self.high << 8) | 255;
        }
        bit
    }
}

/// A reader is four bytes ahead of the writer, which ends with one: three are made up.
const BEYOND_END: u32 = 3;

/// Turns bytes back into decisions; zeros follow the last byte.
pub(in crate::codec) struct Reader<'a> {
    low: u32,
    high: u32,
    window: u32,
    rest: std::slice::Iter<'a, u8>,
    missing: u32,
}

impl<'a> Reads<'a> for Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self { low: 0, high: u32::MAX, window: 0, rest: bytes.iter(), missing: 0 };
        for _ in 0..4 {
            reader.shift();
        }
        reader
    }

    fn is_exhausted(&self) -> bool {
        self.missing > BEYOND_END
    }

    fn ending(&self) -> Ending {
        if self.is_exhausted() {
            Ending::Short
        } else if self.missing < BEYOND_END || self.window != self.high & 0xff00_0000 {
            Ending::Foreign
        } else {
            Ending::Clean
        }
    }
}

impl Reader<'_> {
    #[inline(always)]
    fn shift(&mut self) {
        let byte = self.rest.next().copied().unwrap_or_else(|| {
            self.missing = self.missing.saturating_add(1);
            0
        });
        self.window = (self.window << 8) | u32::from(byte);
    }
}

impl Side for Reader<'_> {
    const WRITES: bool = false;
}

impl Coder for Reader<'_> {
    #[inline(always)]
    fn code(&mut self, p: u32, _: bool) -> bool {
        let mid = cut(self.low, self.high, p);
        let bit = self.window <= mid;
        if bit {
            self.high = mid;
        } else {
            self.low = mid + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.low <<= 8;
            self.high = (self.high << 8) | 255;
            self.shift();
        }
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decisions and probabilities that cover the extremes.
    fn decisions() -> impl Iterator<Item = (u32, bool)> {
        (0..20_000u32).map(|i| {
            let x = i.wrapping_mul(0x9E37_79B1) >> 7;
            ([1, 65_535, 32_768, 1 + x % 65_535][(i % 4) as usize], x & 64 == 0)
        })
    }

    fn written() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (p, bit) in decisions() {
            writer.code(p, bit);
        }
        writer.finish()
    }

    #[test]
    fn reader_finds_what_writer_was_told_and_a_clean_end() {
        let bytes = written();
        let mut reader = Reader::new(&bytes);
        for (p, bit) in decisions() {
            assert_eq!(reader.code(p, false), bit);
        }
        assert_eq!(reader.ending(), Ending::Clean);
    }

    fn ending(bytes: &[u8]) -> Ending {
        let mut reader = Reader::new(bytes);
        for (p, _) in decisions() {
            reader.code(p, false);
        }
        reader.ending()
    }

    #[test]
    fn a_byte_more_and_a_missing_half_are_noticed_at_the_end() {
        let mut bytes = written();
        assert_eq!(ending(&bytes[..bytes.len() / 2]), Ending::Short);
        bytes.push(0);
        assert_eq!(ending(&bytes), Ending::Foreign);
    }
}
