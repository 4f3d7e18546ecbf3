//! Range variant of asymmetric numeral systems (J. Duda, "Asymmetric numeral systems", 2013), with a state
//! of 32 bits, words of 16 and probabilities of 15. It reads in the order that the model needs, so the
//! writer keeps all steps and writes them from the last to the first.

use super::symbols::{Bounds, SYMBOLS};
use crate::codec::model::{Ending, Reads, Side, Writes};

/// The sum of all probabilities of a step.
pub(super) const WHOLE: u32 = 1 << BITS;
const BITS: u32 = 15;

/// The state between steps is never below this.
const LEAST: u32 = 1 << 16;

/// Either side of the coder. The model runs the same code for both: a writer is told each decision, a
/// reader finds it out.
pub(super) trait Coder: Side {
    /// Codes a decision. `p` is the probability of `true` in 1/32768 (1..=32767). A reader ignores `bit`.
    fn code(&mut self, p: u32, bit: bool) -> bool;

    /// Codes a symbol. `bounds` are where each symbol's share of 32768 begins, ascending from 0. A reader
    /// ignores `symbol`.
    fn symbol(&mut self, bounds: &Bounds, symbol: u32) -> u32;

    /// Codes `bits` bits (0..=8) of which nothing is known. A reader ignores `value`.
    fn raw(&mut self, bits: u32, value: u32) -> u32;
}

/// One step: where the share begins (low half), and its size less one (high half).
#[derive(Clone, Copy)]
struct Step(u32);

/// Keeps steps, and writes them in the end.
pub(in crate::codec) struct Writer {
    steps: Vec<Step>,
    header: Vec<u8>,
}

impl Writer {
    #[inline(always)]
    fn push(&mut self, start: u32, size: u32) {
        self.steps.push(Step(start | (size - 1) << 16));
    }
}

impl Writes for Writer {
    fn new(header: Vec<u8>) -> Self {
        Self { steps: Vec::new(), header }
    }

    fn finish(self) -> Vec<u8> {
        let mut words: Vec<u16> = Vec::new();
        let mut state = LEAST;
        for Step(step) in self.steps.iter().rev() {
            let (start, size) = (step & 0xffff, (step >> 16) + 1);
            if u64::from(state) >= u64::from(size) << (32 - BITS) {
                words.push(state as u16);
                state >>= 16;
            }
            state = ((state / size) << BITS) + state % size + start;
        }
        let mut out = self.header;
        out.extend(state.to_le_bytes());
        out.extend(words.iter().rev().flat_map(|word| word.to_le_bytes()));
        out
    }
}

impl Side for Writer {
    const WRITES: bool = true;
}

impl Coder for Writer {
    #[inline(always)]
    fn code(&mut self, p: u32, bit: bool) -> bool {
        let (start, size) = if bit { (0, p) } else { (p, WHOLE - p) };
        self.push(start, size);
        bit
    }

    #[inline(always)]
    fn symbol(&mut self, bounds: &Bounds, symbol: u32) -> u32 {
        let (start, end) = share(bounds, symbol as usize);
        self.push(start, end - start);
        symbol
    }

    #[inline(always)]
    fn raw(&mut self, bits: u32, value: u32) -> u32 {
        self.push(value << (BITS - bits), WHOLE >> bits);
        value
    }
}

/// A symbol's share of 32768: from, to.
#[inline(always)]
fn share(bounds: &Bounds, symbol: usize) -> (u32, u32) {
    let end = if symbol + 1 < SYMBOLS { u32::from(bounds[symbol + 1]) } else { WHOLE };
    (u32::from(bounds[symbol]), end)
}

/// Turns bytes back into decisions.
pub(in crate::codec) struct Reader<'a> {
    state: u32,
    rest: &'a [u8],
    missing: bool,
}

impl Reader<'_> {
    #[inline(always)]
    fn word(&mut self) -> u32 {
        if let [low, high, rest @ ..] = self.rest {
            self.rest = rest;
            return u32::from(u16::from_le_bytes([*low, *high]));
        }
        self.missing = true;
        0
    }

    /// Takes a step whose share `start..start + size` holds `at`, the low bits of the state.
    #[inline(always)]
    fn step(&mut self, start: u32, size: u32, at: u32) {
        self.state = size * (self.state >> BITS) + at - start;
        if self.state < LEAST {
            self.state = self.state << 16 | self.word();
        }
    }
}

impl<'a> Reads<'a> for Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self { state: 0, rest: bytes, missing: false };
        let low = reader.word();
        reader.state = reader.word() << 16 | low;
        reader
    }

    fn is_exhausted(&self) -> bool {
        self.missing
    }

    /// The last step read is the first one written, which began with the least state.
    fn ending(&self) -> Ending {
        match (self.missing, self.rest, self.state) {
            (true, _, _) => Ending::Short,
            (false, [], LEAST) => Ending::Clean,
            _ => Ending::Foreign,
        }
    }
}

impl Side for Reader<'_> {
    const WRITES: bool = false;
}

impl Coder for Reader<'_> {
    #[inline(always)]
    fn code(&mut self, p: u32, _: bool) -> bool {
        let at = self.state & (WHOLE - 1);
        let bit = at < p;
        let (start, size) = if bit { (0, p) } else { (p, WHOLE - p) };
        self.step(start, size, at);
        bit
    }

    #[inline(always)]
    fn symbol(&mut self, bounds: &Bounds, _: u32) -> u32 {
        let at = self.state & (WHOLE - 1);
        // The bounds ascend: halved four times.
        let mut symbol = 0;
        for half in [8, 4, 2, 1] {
            symbol +=
                if u32::from(bounds[(symbol + half) & (SYMBOLS - 1)]) <= at { half } else { 0 };
        }
        let (start, end) = share(bounds, symbol & (SYMBOLS - 1));
        self.step(start, end - start, at);
        symbol as u32
    }

    #[inline(always)]
    fn raw(&mut self, bits: u32, _: u32) -> u32 {
        let at = self.state & (WHOLE - 1);
        let value = at >> (BITS - bits);
        self.step(value << (BITS - bits), WHOLE >> bits, at);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::super::symbols::FRESH;
    use super::*;

    /// Steps of all kinds, with probabilities that cover the extremes.
    fn drive<C: Coder>(coder: &mut C) -> Vec<u32> {
        let mut out = Vec::new();
        let mut bounds = FRESH;
        for i in 0..20_000_u32 {
            let x = i.wrapping_mul(0x9E37_79B1) >> 7;
            let p = [1, 32_767, 16_384, 1 + x % 32_767][(i % 4) as usize];
            out.push(u32::from(coder.code(p, x & 64 == 0)));
            bounds[15] = 28_673 + (x % 4_095) as u16;
            out.push(coder.symbol(&bounds, x % 16));
            out.push(coder.raw(i % 9, x % (1 << (i % 9))));
        }
        out
    }

    fn written() -> (Vec<u8>, Vec<u32>) {
        let mut writer = Writer::new(Vec::new());
        let told = drive(&mut writer);
        (writer.finish(), told)
    }

    #[test]
    fn reader_finds_what_writer_was_told_and_a_clean_end() {
        let (bytes, told) = written();
        let mut reader = Reader::new(&bytes);
        assert!(drive(&mut reader) == told);
        assert_eq!(reader.ending(), Ending::Clean);
    }

    #[test]
    fn more_bytes_fewer_bytes_and_other_bytes_are_noticed_at_the_end() {
        let (bytes, _) = written();
        let ending = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            drive(&mut reader);
            reader.ending()
        };
        assert_eq!(ending(&bytes[..bytes.len() - 1]), Ending::Short);
        assert_eq!(ending(&bytes[..3]), Ending::Short);
        assert_eq!(ending(&[&bytes[..], &[0]].concat()), Ending::Foreign);
        let mut other = bytes;
        other[0] ^= 1;
        assert_ne!(ending(&other), Ending::Clean);
    }
}
