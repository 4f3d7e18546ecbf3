//! From a visual's pixels to red, green and blue bytes: pure, for every masked kind of pixel.

use deskreel_format::Picture;

use crate::core::area::Area;
use crate::core::screen::{Dirty, write_row};

/// What the server says about its pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visual {
    /// Whether pixels hold colours themselves (TrueColor) and not places in a palette.
    pub(super) true_color: bool,
    /// Meaningful bits of a pixel.
    pub(super) depth: u8,
    /// Bits from one pixel to the next.
    pub(super) bits_per_pixel: u8,
    /// Rows are padded to a multiple of this many bits.
    pub(super) scanline_pad: u8,
    /// Whether the most significant byte of a pixel comes first.
    pub(super) most_significant_first: bool,
    /// The bits of red, green and blue.
    pub(super) masks: [u32; 3],
}

/// How to read rows of pixels of one visual.
#[derive(Debug)]
pub(super) struct PixelFormat {
    bytes_per_pixel: usize,
    row_pad: usize,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    /// Each channel is a whole byte at this offset within the pixel.
    Bytes([usize; 3]),
    /// Channels are cut out of the pixel's number.
    Bits { most_significant_first: bool, channels: [Channel; 3] },
}

/// Some bits of a pixel, and the byte that each of their values stands for.
#[derive(Debug)]
struct Channel {
    shift: u32,
    mask: u32,
    bytes: Vec<u8>,
}

impl Channel {
    fn new(mask: u32) -> Option<Self> {
        let shift = mask.trailing_zeros().min(31);
        let low = mask >> shift;
        // Contiguous bits, and a table that stays small.
        if low == 0 || low & low.wrapping_add(1) != 0 || low > 0xffff {
            return None;
        }
        let byte = |value: u32| ((value * 255 + low / 2) / low) as u8;
        Some(Self { shift, mask: low, bytes: (0..=low).map(byte).collect() })
    }

    fn read(&self, pixel: u32) -> u8 {
        self.bytes[(pixel >> self.shift & self.mask) as usize]
    }
}

impl PixelFormat {
    /// Derives the format from a visual, or says why it cannot be read.
    pub(super) fn of(visual: Visual) -> Result<Self, String> {
        let Visual { depth, bits_per_pixel, most_significant_first, masks, .. } = visual;
        if !visual.true_color {
            return Err(format!(
                "its {depth} bit pixels are not TrueColor; start it with 16, 24 or 30 bit colour"
            ));
        }
        let unreadable = || {
            format!(
                "pixels of depth {depth} in {bits_per_pixel} bits with masks {masks:x?} \
                 cannot be read; start it with 16, 24 or 30 bit colour"
            )
        };
        if !matches!(bits_per_pixel, 16 | 24 | 32)
            || !matches!(visual.scanline_pad, 8 | 16 | 32)
            || masks.iter().any(|&mask| u64::from(mask) >> bits_per_pixel != 0)
        {
            return Err(unreadable());
        }
        let bytes_per_pixel = usize::from(bits_per_pixel / 8);
        let [Some(red), Some(green), Some(blue)] = masks.map(Channel::new) else {
            return Err(unreadable());
        };
        let channels = [red, green, blue];
        let whole_bytes = channels.iter().all(|c| c.mask == 0xff && c.shift % 8 == 0);
        let reading = if whole_bytes {
            Reading::Bytes(channels.map(|channel| {
                let byte = (channel.shift / 8) as usize;
                if most_significant_first { bytes_per_pixel - 1 - byte } else { byte }
            }))
        } else {
            Reading::Bits { most_significant_first, channels }
        };
        Ok(Self { bytes_per_pixel, row_pad: usize::from(visual.scanline_pad / 8), reading })
    }

    /// Bytes from one row to the next.
    fn stride(&self, width: u32) -> usize {
        (width as usize * self.bytes_per_pixel).next_multiple_of(self.row_pad)
    }

    /// Bytes of a whole image.
    pub(super) fn image_bytes(&self, width: u32, height: u32) -> usize {
        self.stride(width) * height as usize
    }

    /// Brings the part of `picture` at `x`, `y` up to date with `image` of `width` x `height` pixels,
    /// and marks in `dirty` what differs. The part lies on the picture.
    ///
    /// # Errors
    /// What is wrong, when `image` is shorter than `height` rows.
    pub(super) fn refresh(
        &self,
        image: &[u8],
        part: Area,
        picture: &mut Picture,
        dirty: &mut Dirty,
    ) -> Result<(), String> {
        let Area { x, y, width, height } = part;
        let expected = self.image_bytes(width, height);
        let Some(image) = image.get(..expected) else {
            return Err(format!(
                "{width}x{height} pixels need {expected} bytes, the server sent {}",
                image.len()
            ));
        };
        let row_bytes = width as usize * self.bytes_per_pixel;
        let mut rgb = vec![0; width as usize * 3];
        for (row, y) in image.chunks_exact(self.stride(width).max(1)).zip(y as u32..) {
            self.convert_row(&row[..row_bytes], &mut rgb);
            write_row(picture, dirty, x as u32, y, &rgb);
        }
        Ok(())
    }

    fn convert_row(&self, row: &[u8], rgb: &mut [u8]) {
        let pixels = row.chunks_exact(self.bytes_per_pixel).zip(rgb.chunks_exact_mut(3));
        match &self.reading {
            // What nearly every desktop has; with constant offsets it compiles to shuffles.
            Reading::Bytes([2, 1, 0]) if self.bytes_per_pixel == 4 => {
                for (out, pixel) in rgb.chunks_exact_mut(3).zip(row.chunks_exact(4)) {
                    out.copy_from_slice(&[pixel[2], pixel[1], pixel[0]]);
                }
            }
            &Reading::Bytes([red, green, blue]) => {
                for (pixel, out) in pixels {
                    out.copy_from_slice(&[pixel[red], pixel[green], pixel[blue]]);
                }
            }
            Reading::Bits { most_significant_first, channels: [red, green, blue] } => {
                for (pixel, out) in pixels {
                    let join = |number: u32, &byte: &u8| number << 8 | u32::from(byte);
                    let number = if *most_significant_first {
                        pixel.iter().fold(0, join)
                    } else {
                        pixel.iter().rev().fold(0, join)
                    };
                    out.copy_from_slice(&[red.read(number), green.read(number), blue.read(number)]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMON: Visual = Visual {
        true_color: true,
        depth: 24,
        bits_per_pixel: 32,
        scanline_pad: 32,
        most_significant_first: false,
        masks: [0xff_0000, 0xff00, 0xff],
    };
    const R5G6B5: Visual =
        Visual { depth: 16, bits_per_pixel: 16, masks: [0xf800, 0x7e0, 0x1f], ..COMMON };

    /// The pixels of a whole image.
    fn convert(
        format: &PixelFormat,
        image: &[u8],
        width: u32,
        height: u32,
    ) -> Result<Vec<u8>, String> {
        let mut picture = Picture::filled(width, height, [7; 3]).unwrap();
        let mut dirty = Dirty::new(width, height);
        let part = Area { x: 0, y: 0, width, height };
        format.refresh(image, part, &mut picture, &mut dirty)?;
        Ok(picture.into_rgb())
    }

    /// Converts one row and gives its pixels.
    fn row(visual: Visual, image: &[u8], width: u32) -> Vec<[u8; 3]> {
        let rgb = convert(&PixelFormat::of(visual).unwrap(), image, width, 1).unwrap();
        rgb.chunks_exact(3).map(|pixel| pixel.try_into().unwrap()).collect()
    }

    #[test]
    fn the_byte_order_of_the_server_is_followed() {
        let big = Visual { most_significant_first: true, ..COMMON };
        assert_eq!(row(COMMON, &[3, 2, 1, 99], 1), [[1, 2, 3]]);
        assert_eq!(row(big, &[99, 1, 2, 3], 1), [[1, 2, 3]]);
        let big = Visual { most_significant_first: true, ..R5G6B5 };
        assert_eq!(row(R5G6B5, &[0x00, 0xf8, 0, 0], 1), [[255, 0, 0]]);
        assert_eq!(row(big, &[0xf8, 0x00, 0, 0], 1), [[255, 0, 0]]);
    }

    #[test]
    fn swapped_masks_swap_the_colours() {
        let bgr = Visual { masks: [0xff, 0xff00, 0xff_0000], ..COMMON };
        assert_eq!(row(bgr, &[1, 2, 3, 0], 1), [[1, 2, 3]]);
    }

    #[test]
    fn packed_24_bit_rows_skip_their_padding() {
        let packed = Visual { bits_per_pixel: 24, ..COMMON };
        let format = PixelFormat::of(packed).unwrap();
        let image = [3, 2, 1, 77, 6, 5, 4, 77];
        assert_eq!(convert(&format, &image, 1, 2).unwrap(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn sixteen_bit_rows_of_odd_width_skip_their_padding() {
        let format = PixelFormat::of(R5G6B5).unwrap();
        let rgb = convert(&format, &[0x1f, 0, 9, 9, 0xe0, 0x07, 9, 9], 1, 2).unwrap();
        assert_eq!(rgb, [0, 0, 255, 0, 255, 0]);
    }

    #[test]
    fn narrow_channels_reach_from_black_to_white_and_round_to_the_nearest() {
        for (value, red) in [(0u16, 0), (1, 8), (15, 123), (16, 132), (30, 247), (31, 255)] {
            assert_eq!(row(R5G6B5, &[0, (value << 3) as u8, 0, 0], 1), [[red, 0, 0]]);
        }
    }

    #[test]
    fn ten_bit_channels_round_to_the_nearest_byte() {
        let deep = Visual { depth: 30, masks: [0x3ff << 20, 0x3ff << 10, 0x3ff], ..COMMON };
        for (value, byte) in [(0u32, 0), (2, 0), (3, 1), (512, 128), (1021, 255), (1023, 255)] {
            let image = (value << 10 | 0x3ff).to_le_bytes();
            assert_eq!(row(deep, &image, 1), [[0, byte, 255]], "{value}");
        }
    }

    #[test]
    fn every_byte_survives_a_deep_screen() {
        let deep = Visual { depth: 30, masks: [0x3ff << 20, 0x3ff << 10, 0x3ff], ..COMMON };
        for byte in 0..=255u32 {
            let ten_bits = (byte * 1023 + 127) / 255;
            assert_eq!(row(deep, &ten_bits.to_le_bytes(), 1), [[0, 0, byte as u8]]);
        }
    }

    #[test]
    fn a_short_image_is_an_error() {
        let format = PixelFormat::of(COMMON).unwrap();
        let error = convert(&format, &[0; 7], 1, 2).unwrap_err();
        assert!(error.contains("need 8 bytes"), "{error}");
    }

    #[test]
    fn pixels_that_cannot_be_read_are_refused() {
        for visual in [
            Visual { true_color: false, depth: 8, bits_per_pixel: 8, ..COMMON },
            Visual { depth: 8, bits_per_pixel: 8, masks: [0xe0, 0x1c, 3], ..COMMON },
            Visual { masks: [0, 0xff00, 0xff], ..COMMON },
            Visual { masks: [0xf0_f000, 0xff00, 0xff], ..COMMON },
            Visual { masks: [0xff_0000, 0x7e0, 0x1f], ..R5G6B5 },
            Visual { masks: [0xffff_ffff, 0xff00, 0xff], ..COMMON },
            Visual { scanline_pad: 0, ..COMMON },
        ] {
            assert!(PixelFormat::of(visual).is_err(), "{visual:?}");
        }
    }
}
