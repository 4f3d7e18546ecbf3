//! From the bytes of a PipeWire buffer to red, green, blue and opacity: pure.

/// The order of a pixel's bytes; `X` is a byte without meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Red, green, blue, nothing.
    Rgbx,
    /// Blue, green, red, nothing: what nearly every desktop has.
    Bgrx,
    /// Nothing, red, green, blue.
    Xrgb,
    /// Nothing, blue, green, red.
    Xbgr,
}

impl Order {
    /// Where red, green and blue lie.
    fn places(self) -> [usize; 3] {
        match self {
            Self::Rgbx => [0, 1, 2],
            Self::Bgrx => [2, 1, 0],
            Self::Xrgb => [1, 2, 3],
            Self::Xbgr => [3, 2, 1],
        }
    }
}

/// What was agreed with the desktop about its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Byte order.
    pub order: Order,
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Which part of a buffer holds the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// First byte.
    pub offset: u32,
    /// Bytes from row to row; 0: without a gap.
    pub stride: i32,
}

/// A whole picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue and 255 of each pixel.
    pub rgba: Vec<u8>,
}

/// Copies a frame out of `memory`, using that of `frame` again.
///
/// # Errors
/// What does not fit; `frame` is as before.
pub fn copy(shape: Shape, chunk: Chunk, memory: &[u8], frame: &mut Frame) -> Result<(), String> {
    let Shape { order, width, height } = shape;
    let row_bytes = width as usize * 4;
    let stride = match chunk.stride {
        0 => row_bytes,
        stride => usize::try_from(stride).map_err(|_| "its rows go upward".to_owned())?,
    };
    if width == 0 || height == 0 || stride < row_bytes {
        return Err(format!("{width}x{height} pixels do not fit into rows of {stride} bytes"));
    }
    // The last row need not be padded.
    let needed = stride * (height as usize - 1) + row_bytes;
    let start = chunk.offset as usize;
    let bytes = memory.get(start..).and_then(|rest| rest.get(..needed)).ok_or_else(|| {
        let len = memory.len();
        format!("{width}x{height} pixels need {needed} bytes from {start} on, there are {len}")
    })?;
    let [red, green, blue] = order.places();
    frame.rgba.clear();
    frame.rgba.reserve(row_bytes * height as usize);
    for row in bytes.chunks(stride) {
        let pixels = row[..row_bytes].chunks_exact(4);
        frame.rgba.extend(pixels.flat_map(|pixel| [pixel[red], pixel[green], pixel[blue], 255]));
    }
    (frame.width, frame.height) = (width, height);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Shape = Shape { order: Order::Rgbx, width: 2, height: 1 };

    fn chunk(offset: u32, stride: i32) -> Chunk {
        Chunk { offset, stride }
    }

    #[test]
    fn every_order_of_bytes_gives_the_same_colour() {
        for (order, pixel) in [
            (Order::Rgbx, [1, 2, 3, 9]),
            (Order::Bgrx, [3, 2, 1, 9]),
            (Order::Xrgb, [9, 1, 2, 3]),
            (Order::Xbgr, [9, 3, 2, 1]),
        ] {
            let mut frame = Frame::default();
            let shape = Shape { order, width: 1, height: 1 };
            assert_eq!(copy(shape, chunk(0, 0), &pixel, &mut frame), Ok(()));
            assert_eq!(frame, Frame { width: 1, height: 1, rgba: vec![1, 2, 3, 255] });
        }
    }

    #[test]
    fn padding_and_what_lies_before_the_frame_are_skipped() {
        let memory: Vec<u8> = (0..40).collect();
        let shape = Shape { height: 2, ..TWO };
        let mut frame = Frame { width: 9, height: 9, rgba: vec![7; 400] };
        assert_eq!(copy(shape, chunk(3, 12), &memory, &mut frame), Ok(()));
        let expected = [3, 4, 5, 255, 7, 8, 9, 255, 15, 16, 17, 255, 19, 20, 21, 255];
        assert_eq!((frame.width, frame.height, &frame.rgba[..]), (2, 2, &expected[..]));
    }

    #[test]
    fn the_last_row_needs_no_padding() {
        let shape = Shape { height: 2, ..TWO };
        let mut frame = Frame::default();
        assert_eq!(copy(shape, chunk(0, 12), &[5; 20], &mut frame), Ok(()));
        assert!(copy(shape, chunk(0, 12), &[5; 19], &mut frame).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused_and_keeps_the_picture_before() {
        let mut frame = Frame { width: 1, height: 1, rgba: vec![1, 2, 3, 255] };
        let before = frame.clone();
        for (shape, chunk) in [
            (TWO, chunk(0, 7)),
            (TWO, chunk(0, -8)),
            (TWO, chunk(1, 8)),
            (TWO, chunk(u32::MAX, 0)),
            (Shape { width: u32::MAX, height: u32::MAX, ..TWO }, chunk(0, i32::MAX)),
            (Shape { width: 0, ..TWO }, chunk(0, 8)),
            (Shape { height: 0, ..TWO }, chunk(0, 8)),
        ] {
            assert!(copy(shape, chunk, &[0; 8], &mut frame).is_err(), "{shape:?} {chunk:?}");
            assert_eq!(frame, before);
        }
    }
}
