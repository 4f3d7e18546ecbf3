//! Storyboards in the making: once a minute the desktop, small; ten minutes make one image.

use deskreel_format::storyboard::STORYBOARD_SPAN_MS;
use deskreel_format::{FormatError, Layout, SegmentId, Storyboard};
use image::codecs::jpeg::JpegEncoder;

use crate::source::Surface;

/// One small picture in so many milliseconds.
const STEP_MS: u64 = 60_000;
/// A small picture fits into a box of so many pixels.
const BOX: (u32, u32) = (160, 90);
/// Small pictures in a row.
const COLUMNS: u32 = 5;
/// Good enough to know a window again, see docs/MEASUREMENTS.md.
const QUALITY: u8 = 60;

/// A storyboard that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// For its key.
    pub id: SegmentId,
    /// The whole object.
    pub bytes: Vec<u8>,
}

/// Collects small pictures of the screenshots it is shown.
#[derive(Debug, Default)]
pub(super) struct Storyboards {
    open: Option<Open>,
    done: Vec<Board>,
}

#[derive(Debug)]
struct Open {
    id: SegmentId,
    size: (u32, u32),
    times: Vec<u64>,
    /// The small pictures, one after the other, RGB.
    pictures: Vec<Vec<u8>>,
}

impl Storyboards {
    /// Looks at a screenshot; takes a small picture if one is due. `writer` is the run that records.
    ///
    /// # Errors
    /// [`FormatError`] when the storyboard before cannot be written; it is lost then.
    pub(super) fn see(
        &mut self,
        time_ms: u64,
        writer: u32,
        layout: &Layout,
        surfaces: &[Surface],
    ) -> Result<(), FormatError> {
        let (places, whole) = layout.placed(u32::MAX);
        let size = fit(whole);
        let last = self.open.as_ref().and_then(|open| open.times.last().copied());
        if let (Some(open), Some(last_ms)) = (&self.open, last) {
            let goes_on = time_ms > last_ms
                && time_ms / STORYBOARD_SPAN_MS == open.id.first_ms / STORYBOARD_SPAN_MS
                && open.size == size
                && open.id.writer == writer;
            if goes_on && time_ms / STEP_MS == last_ms / STEP_MS {
                return Ok(());
            }
            if !goes_on {
                self.close()?;
            }
        }
        let open = self.open.get_or_insert_with(|| Open {
            id: SegmentId { first_ms: time_ms, writer },
            size,
            times: Vec::new(),
            pictures: Vec::new(),
        });
        open.times.push(time_ms);
        open.pictures.push(shrink(surfaces, &places, whole, size));
        Ok(())
    }

    /// Completes the storyboard being made, if there is one.
    ///
    /// # Errors
    /// [`FormatError`] when it cannot be written; it is lost then.
    pub(super) fn close(&mut self) -> Result<(), FormatError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let (width, height) = open.size;
        let columns = COLUMNS.min(open.pictures.len() as u32).max(1);
        let rows = (open.pictures.len() as u32).div_ceil(columns);
        let stride = (columns * width * 3) as usize;
        let mut rgb = vec![0; stride * (rows * height) as usize];
        let mut board = Storyboard { width, height, columns, times: open.times, image: Vec::new() };
        for (index, picture) in open.pictures.iter().enumerate() {
            let (left, top) = board.place(index);
            for (row, pixels) in picture.chunks_exact((width * 3) as usize).enumerate() {
                let at = (top as usize + row) * stride + left as usize * 3;
                rgb[at..at + pixels.len()].copy_from_slice(pixels);
            }
        }
        let mut encoder = JpegEncoder::new_with_quality(&mut board.image, QUALITY);
        let (whole_width, whole_height) = (columns * width, rows * height);
        if encoder.encode(&rgb, whole_width, whole_height, image::ExtendedColorType::Rgb8).is_err()
        {
            let reason = "its image cannot be written";
            return Err(FormatError::Invalid { what: "storyboard", at: 0, reason });
        }
        self.done.push(Board { id: open.id, bytes: board.encode()? });
        Ok(())
    }

    /// Takes out what is complete.
    pub(super) fn take(&mut self) -> Vec<Board> {
        std::mem::take(&mut self.done)
    }
}

/// The largest size of this shape that fits the box; nothing is enlarged.
fn fit((width, height): (u32, u32)) -> (u32, u32) {
    let scale = f64::from(BOX.0) / f64::from(width.max(1));
    let scale = scale.min(f64::from(BOX.1) / f64::from(height.max(1))).min(1.0);
    let side = |pixels: u32| (f64::from(pixels) * scale).round().max(1.0) as u32;
    (side(width), side(height))
}

/// All surfaces as laid out, reduced: each small pixel is the mean of those that fall into it, black
/// where none does.
fn shrink(
    surfaces: &[Surface],
    places: &[(u32, u32)],
    whole: (u32, u32),
    (width, height): (u32, u32),
) -> Vec<u8> {
    let mut sums = vec![[0_u32; 4]; (width * height) as usize];
    let small = |at: u32, full: u32, small: u32| {
        let at = u64::from(at) * u64::from(small) / u64::from(full.max(1));
        at.min(u64::from(small - 1)) as usize
    };
    for (surface, (left, top)) in surfaces.iter().zip(places) {
        let picture = &surface.picture;
        let columns: Vec<usize> =
            (0..picture.width()).map(|x| small(left + x, whole.0, width)).collect();
        let rows = picture.rgb().chunks_exact(picture.width() as usize * 3);
        for (y, row) in (0..).zip(rows) {
            let line = small(top + y, whole.1, height) * width as usize;
            for (column, pixel) in columns.iter().zip(row.as_chunks::<3>().0) {
                let sum = &mut sums[line + column];
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
                sum[3] += 1;
            }
        }
    }
    sums.iter()
        .flat_map(|[red, green, blue, count]| {
            [red, green, blue].map(|sum| (sum / count.max(&1)) as u8)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::layout::layout_of;
    use super::*;
    use deskreel_format::Picture;

    fn monitor(x: i32, width: u32, height: u32, colour: [u8; 3]) -> Surface {
        let rgb = colour.repeat((width * height) as usize);
        let picture = Picture::new(width, height, rgb).unwrap();
        Surface { name: "m".into(), x, y: 0, scale_milli: 1000, picture }
    }

    fn see(boards: &mut Storyboards, time_ms: u64, writer: u32, surfaces: &[Surface]) {
        boards.see(time_ms, writer, &layout_of(surfaces), surfaces).unwrap();
    }

    const START: u64 = 1_700_000_400_000;

    #[test]
    fn ten_minutes_become_one_image_of_a_picture_a_minute() {
        assert_eq!(START % STORYBOARD_SPAN_MS, 0);
        let mut boards = Storyboards::default();
        for shot in 0..61 {
            let shade = (shot / 6 * 20) as u8;
            see(&mut boards, START + shot * 10_000, 7, &[monitor(0, 1920, 1080, [shade; 3])]);
        }
        let done = boards.take();
        let [board] = &done[..] else { panic!("{} boards", done.len()) };
        assert_eq!(board.id, SegmentId { first_ms: START, writer: 7 });
        let read = Storyboard::decode(&board.bytes).unwrap();
        assert_eq!((read.width, read.height, read.columns), (160, 90, 5));
        assert_eq!(read.times, Vec::from_iter((0..10).map(|n| START + n * STEP_MS)));
        let image = image::load_from_memory(&read.image).unwrap().into_rgb8();
        assert_eq!(image.dimensions(), (800, 180));
        for index in 0..10 {
            let (left, top) = read.place(index);
            let [red, ..] = image.get_pixel(left + 80, top + 45).0;
            assert!(red.abs_diff(index as u8 * 20) < 4, "picture {index} is {red}");
        }
        // What was begun is not lost when recording ends.
        boards.close().unwrap();
        assert_eq!(boards.take()[0].id.first_ms, START + STORYBOARD_SPAN_MS);
    }

    #[test]
    fn another_shape_another_run_and_a_clock_that_jumps_back_begin_anew() {
        let mut boards = Storyboards::default();
        let wide = [monitor(0, 320, 180, [9; 3]), monitor(320, 320, 180, [200; 3])];
        see(&mut boards, START, 7, &[monitor(0, 320, 180, [9; 3])]);
        see(&mut boards, START + 10_000, 7, &wide);
        see(&mut boards, START + 20_000, 8, &wide);
        see(&mut boards, START + 15_000, 8, &wide);
        boards.close().unwrap();
        let ids = boards.take().into_iter().map(|board| board.id);
        let id = |after, writer| SegmentId { first_ms: START + after, writer };
        assert_eq!(Vec::from_iter(ids), [id(0, 7), id(10_000, 7), id(20_000, 8), id(15_000, 8)]);
    }

    #[test]
    fn monitors_lie_as_laid_out_and_small_desktops_are_not_enlarged() {
        let surfaces = [monitor(-320, 320, 180, [0, 0, 200]), monitor(0, 320, 180, [200, 0, 0])];
        let (places, whole) = layout_of(&surfaces).placed(u32::MAX);
        assert_eq!(fit(whole), (160, 45));
        let small = shrink(&surfaces, &places, whole, (160, 45));
        assert_eq!((&small[..3], &small[159 * 3..160 * 3]), (&[0, 0, 200][..], &[200, 0, 0][..]));
        assert_eq!(fit((30, 20)), (30, 20));
        assert_eq!(fit((16_384, 1)), (160, 1));
    }
}
