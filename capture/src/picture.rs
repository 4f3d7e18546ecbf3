//! Pictures of whole desktops: monitors side by side, as PNG, into files.

use std::io::Write;
use std::path::{Path, PathBuf};

use deskreel_format::Picture;

use crate::reader::ReadSurface;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// All monitors together are too large.
    #[error("the monitors do not fit one picture ({0}); use --surface")]
    TooLarge(deskreel_format::PictureError),
    /// There is no monitor of that name.
    #[error("no monitor '{name}'; there is {}", .there.join(", "))]
    NoSurface {
        /// The name asked for.
        name: String,
        /// Those that there are.
        there: Vec<String>,
    },
    /// It cannot be coded.
    #[error("cannot make the PNG: {0}")]
    Png(#[from] image::ImageError),
    /// It cannot be written.
    #[error("cannot write '{path}': {source}")]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the file system answered.
        source: std::io::Error,
    },
}

/// The monitor of this name, or all as they stand beside each other; uncovered corners are black.
///
/// # Errors
/// [`PictureError`].
pub fn choose(surfaces: &[ReadSurface], name: Option<&str>) -> Result<Picture, PictureError> {
    let Some(name) = name else { return desktop(surfaces) };
    let found = surfaces.iter().find(|surface| surface.name == name);
    let there = || surfaces.iter().map(|surface| surface.name.clone()).collect();
    let missing = || PictureError::NoSurface { name: name.to_owned(), there: there() };
    Ok(found.ok_or_else(missing)?.picture.clone())
}

fn desktop(surfaces: &[ReadSurface]) -> Result<Picture, PictureError> {
    if let [only] = surfaces {
        return Ok(only.picture.clone());
    }
    let sides = |s: &ReadSurface| (s.x, s.y, s.picture.width(), s.picture.height());
    let (left, top, width, height) = bounds(surfaces.iter().map(sides));
    let mut whole = Picture::filled(width, height, [0; 3]).map_err(PictureError::TooLarge)?;
    for surface in surfaces {
        let (x, y) = (i64::from(surface.x) - left, i64::from(surface.y) - top);
        paste(&mut whole, &surface.picture, x as usize, y as usize);
    }
    Ok(whole)
}

/// Left, top, width and height of what holds all of these (x, y, width, height).
pub fn bounds(all: impl Iterator<Item = (i32, i32, u32, u32)> + Clone) -> (i64, i64, u32, u32) {
    let left = all.clone().map(|(x, ..)| i64::from(x)).min().unwrap_or(0);
    let top = all.clone().map(|(_, y, ..)| i64::from(y)).min().unwrap_or(0);
    let right = all.clone().map(|(x, _, width, _)| i64::from(x) + i64::from(width)).max();
    let bottom = all.map(|(_, y, _, height)| i64::from(y) + i64::from(height)).max();
    let side = |end: Option<i64>, start: i64| u32::try_from(end.unwrap_or(0) - start).unwrap_or(0);
    (left, top, side(right, left), side(bottom, top))
}

/// Puts a picture into a larger one, which has the room.
pub fn paste(whole: &mut Picture, part: &Picture, x: usize, y: usize) {
    let (stride, wide) = (part.width() as usize * 3, whole.width() as usize);
    for (row, pixels) in part.rgb().chunks_exact(stride.max(1)).enumerate() {
        let to = ((y + row) * wide + x) * 3;
        whole.rgb_mut()[to..to + stride].copy_from_slice(pixels);
    }
}

/// A PNG of the picture, bit for bit.
///
/// # Errors
/// [`PictureError::Png`].
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, PictureError> {
    use image::ImageEncoder;
    let mut png = Vec::new();
    let (width, height) = (picture.width(), picture.height());
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    encoder.write_image(picture.rgb(), width, height, image::ExtendedColorType::Rgb8)?;
    Ok(png)
}

/// Writes beside the target and renames: a full disk leaves no half picture. What is there and no
/// plain file (a pipe, a device) is written to as it is.
///
/// # Errors
/// [`PictureError::Write`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), PictureError> {
    let failed = |source| PictureError::Write { path: path.to_owned(), source };
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        let written = std::fs::OpenOptions::new().write(true).open(path);
        return written.and_then(|mut file| file.write_all(bytes)).map_err(failed);
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let written = std::fs::File::create(&partial)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| std::fs::rename(&partial, path));
    if let Err(error) = written {
        // Nothing of worth is in it, and the write's own error matters more.
        let _ = std::fs::remove_file(&partial);
        return Err(failed(error));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monitors_stand_where_they_stood_and_corners_are_black() {
        let surface = |name: &str, x, y, colour| ReadSurface {
            name: name.into(),
            x,
            y,
            picture: Picture::filled(2, 1, colour).unwrap(),
        };
        let surfaces = [surface("left", -2, 0, [1; 3]), surface("right", 0, 1, [2; 3])];
        let whole = choose(&surfaces, None).unwrap();
        assert_eq!((whole.width(), whole.height()), (4, 2));
        let reds: Vec<u8> = whole.rgb().iter().step_by(3).copied().collect();
        assert_eq!(reds, [1, 1, 0, 0, 0, 0, 2, 2]);
        assert_eq!(choose(&surfaces, Some("right")).unwrap(), surfaces[1].picture);
        let error = choose(&surfaces, Some("middle")).unwrap_err().to_string();
        assert_eq!(error, "no monitor 'middle'; there is left, right");
    }
}
