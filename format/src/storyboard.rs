//! Storyboards: small pictures of a stretch of time, side by side in one image, for a look at many
//! moments at once. They are a convenience beside the recording: lossy, and nothing refers to them.

use crate::FormatError;
use crate::segment::checksum;
use crate::time::END_OF_TIME_MS;
use crate::wire::{Reader, put_varint};

const MAGIC: [u8; 4] = *b"DRSB";
const VERSION: u8 = 1;
/// Bytes before the body.
const HEADER_BYTES: usize = 24;
/// All moments of a storyboard lie within so many milliseconds of its first one.
pub const STORYBOARD_SPAN_MS: u64 = 600_000;
/// Small pictures in a storyboard, at most.
pub const MAX_PICTURES: usize = 64;
/// Sides of a small picture, pixels, at most.
pub const MAX_PICTURE_SIDE: u32 = 512;
/// Bytes of an image, at most.
pub const MAX_IMAGE_BYTES: usize = 1 << 20;

/// A storyboard: one image of `columns` small pictures a row, filled row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storyboard {
    /// Width of a small picture, pixels.
    pub width: u32,
    /// Height of a small picture, pixels.
    pub height: u32,
    /// Small pictures in a row of the image.
    pub columns: u32,
    /// Times of the screenshots shown, UTC milliseconds, ascending; the first is that of the key.
    pub times: Vec<u64>,
    /// A baseline JPEG of `columns * width` x `rows * height` pixels; what it holds is not checked.
    pub image: Vec<u8>,
}

impl Storyboard {
    /// Where in the image, in pixels from its top left corner, a small picture begins.
    pub fn place(&self, index: usize) -> (u32, u32) {
        let (index, columns) = (index as u32, self.columns.max(1));
        (index % columns * self.width, index / columns * self.height)
    }

    /// The small picture nearest to a time; `None` when there is none.
    pub fn nearest(&self, time_ms: u64) -> Option<usize> {
        (0..self.times.len()).min_by_key(|index| self.times[*index].abs_diff(time_ms))
    }

    /// The bytes of the object.
    ///
    /// # Errors
    /// [`FormatError`] when a reader would refuse them.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let mut body = Vec::new();
        for value in [self.width, self.height, self.columns] {
            put_varint(&mut body, value.into());
        }
        put_varint(&mut body, self.times.len() as u64);
        let mut before = 0;
        for time in &self.times {
            put_varint(&mut body, time.wrapping_sub(before));
            before = *time;
        }
        body.extend_from_slice(&self.image);
        let mut out = Vec::with_capacity(HEADER_BYTES + body.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, 0, 0, 0]);
        out.extend_from_slice(&checksum(&[&body]));
        out.extend_from_slice(&body);
        if Self::decode(&out)? != *self {
            let reason = "it would not be read back as it is";
            return Err(FormatError::Invalid { what: "storyboard", at: 0, reason });
        }
        Ok(out)
    }

    /// Decodes an object. Its limits are those of the format, see [`MAX_PICTURES`] and its neighbours.
    ///
    /// # Errors
    /// [`FormatError`] when bytes are missing, corrupt or contradict the format.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut header = Reader::new("storyboard", bytes);
        header.opening(MAGIC, VERSION)?;
        let sum = header.array::<16>()?;
        let body = header.bytes(header.remaining())?;
        if sum != checksum(&[body]) {
            return Err(FormatError::Checksum { what: "storyboard" });
        }
        let mut reader = Reader::new("storyboard body", body);
        let width = reader.count("width of a small picture", MAX_PICTURE_SIDE as usize)? as u32;
        let height = reader.count("height of a small picture", MAX_PICTURE_SIDE as usize)? as u32;
        let columns = reader.count("columns of a storyboard", MAX_PICTURES)? as u32;
        let count = reader.count("pictures of a storyboard", MAX_PICTURES)?;
        if width == 0 || height == 0 || columns == 0 || count == 0 {
            return Err(reader.invalid("it has no pictures, or they have no size"));
        }
        let mut times: Vec<u64> = Vec::with_capacity(count);
        for _ in 0..count {
            let step = reader.varint()?;
            let before = times.last().copied();
            let time = before.unwrap_or(0).checked_add(step);
            let Some(time) = time.filter(|time| *time < END_OF_TIME_MS) else {
                return Err(reader.invalid("a time is out of range"));
            };
            if before.is_some() && step == 0 {
                return Err(reader.invalid("the times do not ascend"));
            }
            if times.first().is_some_and(|first| time - first >= STORYBOARD_SPAN_MS) {
                return Err(reader.invalid("a time lies too far behind the first"));
            }
            times.push(time);
        }
        let left = reader.remaining();
        crate::error::check_limit("bytes of a storyboard", left as u64, MAX_IMAGE_BYTES as u64)?;
        let image = reader.bytes(left)?.to_vec();
        Ok(Self { width, height, columns, times, image })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn board() -> Storyboard {
        let times = (0..10).map(|n| 1_700_000_000_000 + n * 59_999).collect();
        Storyboard { width: 160, height: 90, columns: 4, times, image: vec![7; 1_000] }
    }

    #[test]
    fn it_comes_back_and_no_flipped_bit_does() {
        let bytes = board().encode().unwrap();
        assert_eq!(Storyboard::decode(&bytes), Ok(board()));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 4;
            assert!(Storyboard::decode(&bad).is_err(), "byte {at}");
            assert!(Storyboard::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_a_reader_would_refuse_is_not_written() {
        let with = |change: fn(&mut Storyboard)| {
            let mut bad = board();
            change(&mut bad);
            bad.encode()
        };
        assert!(with(|board| board.times[9] += 60_008).is_ok());
        for change in [
            (|board| board.times[9] += 60_009) as fn(&mut Storyboard),
            |board| board.times[3] = board.times[2],
            |board| board.times.swap(0, 1),
            |board| board.times.clear(),
            |board| board.times = (0..65).collect(),
            |board| board.times[0] = END_OF_TIME_MS,
            |board| board.width = 0,
            |board| board.height = 513,
            |board| board.columns = 0,
            |board| board.image = vec![0; MAX_IMAGE_BYTES + 1],
        ] {
            assert!(with(change).is_err());
        }
    }

    #[test]
    fn places_and_nearest_pictures_are_found() {
        let board = board();
        assert_eq!(
            [board.place(0), board.place(3), board.place(9)],
            [(0, 0), (480, 0), (160, 180)]
        );
        assert_eq!(board.nearest(0), Some(0));
        assert_eq!(board.nearest(board.times[4] + 30_001), Some(5));
        assert_eq!(board.nearest(u64::MAX), Some(9));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&[VERSION, 0, 0, 0]);
            bytes.extend_from_slice(&checksum(&[&body]));
            bytes.extend_from_slice(&body);
            if let Ok(board) = Storyboard::decode(&bytes) {
                prop_assert_eq!(board.encode().unwrap(), bytes);
            }
        }
    }
}
