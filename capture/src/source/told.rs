//! Monitors as systems tell them that hand out whole pictures (Windows, macOS): pure.

use deskreel_format::Picture;

use super::{SourceError, Surface};

/// What a system counts places on the desktop in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// In the pixels of the screen, as Windows.
    Pixels,
    /// In points, each of which is `scale` pixels wide, as macOS.
    Points,
}

/// One monitor and its picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its name; several may have the same one.
    pub name: String,
    /// Left edge on the desktop, in the system's unit.
    pub x: i32,
    /// Top edge on the desktop, in the system's unit.
    pub y: i32,
    /// Pixels per logical pixel.
    pub scale: f32,
    /// Pixels of a row of the picture.
    pub width: u32,
    /// Rows of the picture.
    pub height: u32,
    /// Red, green, blue and opacity of each pixel; opacity means nothing on a screen.
    pub rgba: Vec<u8>,
}

/// Turns what the system told into surfaces whose places are in pixels and whose names differ.
///
/// # Errors
/// [`SourceError::Lost`] when there is no monitor or a picture is not of its size, and
/// [`SourceError::Unsupported`] when it is larger than the format can describe.
pub fn surfaces(told: Vec<Told>, unit: Unit) -> Result<Vec<Surface>, SourceError> {
    let doing = "reading the monitors";
    if told.is_empty() {
        return Err(SourceError::Lost { doing, reason: "no monitor is switched on".to_owned() });
    }
    let scales: Vec<u32> = told.iter().map(|told| scale_milli(told.scale)).collect();
    // Monitors that touch in points would overlap in pixels if each had its place multiplied by its
    // own scale; by the largest one they lie apart instead.
    let stretch = match unit {
        Unit::Pixels => 1000,
        Unit::Points => scales.iter().copied().max().unwrap_or(1000),
    };
    let mut surfaces: Vec<Surface> = Vec::with_capacity(told.len());
    for (told, scale_milli) in told.into_iter().zip(scales) {
        let Told { name, x, y, width, height, rgba, .. } = told;
        let expected = width as usize * height as usize * 4;
        if rgba.len() != expected {
            let len = rgba.len();
            let reason = format!("{width}x{height} pixels of {name} came as {len} bytes");
            return Err(SourceError::Lost { doing, reason });
        }
        let rgb = rgba.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        let picture = Picture::new(width, height, rgb)
            .map_err(|error| SourceError::Unsupported { reason: format!("{name}: {error}") })?;
        let name = another(&name, &surfaces);
        let (x, y) = (stretched(x, stretch), stretched(y, stretch));
        surfaces.push(Surface { name, x, y, scale_milli, picture });
    }
    Ok(surfaces)
}

/// What is no sensible scale counts as 1.
fn scale_milli(scale: f32) -> u32 {
    match (0.25..=16.0).contains(&scale) {
        true => (scale * 1000.0).round() as u32,
        false => 1000,
    }
}

fn stretched(place: i32, milli: u32) -> i32 {
    let stretched = i64::from(place) * i64::from(milli) / 1000;
    stretched.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// `name`, or with a number behind it where that is taken.
fn another(name: &str, taken: &[Surface]) -> String {
    let name = if name.is_empty() { "screen" } else { name };
    let is_free = |name: &str| taken.iter().all(|surface| surface.name != name);
    let mut numbered = (2..).map(|number| format!("{name} ({number})"));
    if is_free(name) {
        return name.to_owned();
    }
    numbered.find(|name| is_free(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, x: i32, scale: f32, width: u32) -> Told {
        let rgba = (0..width * 4).map(|byte| byte as u8).collect();
        Told { name: name.to_owned(), x, y: -x, scale, width, height: 1, rgba }
    }

    fn places(told: Vec<Told>, unit: Unit) -> Vec<(String, i32, i32, u32)> {
        let surfaces = surfaces(told, unit).unwrap();
        surfaces.into_iter().map(|s| (s.name, s.x, s.y, s.scale_milli)).collect()
    }

    #[test]
    fn opacity_is_left_out() {
        let surfaces = surfaces(vec![told("a", 0, 1.0, 2)], Unit::Pixels).unwrap();
        assert_eq!(surfaces[0].picture.rgb(), [0, 1, 2, 4, 5, 6]);
    }

    #[test]
    fn pixels_stay_where_they_are_whatever_the_scale() {
        let both = vec![told("a", -1920, 1.5, 1), told("b", 0, 1.0, 1)];
        let expected = [("a".to_owned(), -1920, 1920, 1500), ("b".to_owned(), 0, 0, 1000)];
        assert_eq!(places(both, Unit::Pixels), expected);
    }

    #[test]
    fn points_become_pixels_without_overlap() {
        // 1440 points of 2 pixels, and beside them 1920 points of 1.
        let both = vec![told("a", 0, 2.0, 2880), told("b", 1440, 1.0, 1920)];
        let shown = places(both, Unit::Points);
        assert_eq!(shown[1].1, 2880);
        let both = vec![told("b", -1920, 1.0, 1920), told("a", 0, 2.0, 2880)];
        let shown = places(both, Unit::Points);
        assert!(shown[0].1 + 1920 <= shown[1].1, "{shown:?}");
    }

    #[test]
    fn monitors_of_one_name_are_told_apart() {
        let names = ["x", "x", "x (2)", "x", ""].map(|name| told(name, 0, 1.0, 1));
        let shown = places(names.into(), Unit::Pixels);
        let names: Vec<&str> = shown.iter().map(|place| place.0.as_str()).collect();
        assert_eq!(names, ["x", "x (2)", "x (2) (2)", "x (3)", "screen"]);
    }

    #[test]
    fn senseless_scales_count_as_one() {
        for scale in [0.0, -2.0, f32::NAN, f32::INFINITY, 1e9] {
            assert_eq!(places(vec![told("a", 7, scale, 1)], Unit::Points)[0].3, 1000, "{scale}");
        }
        let far = places(vec![told("a", i32::MAX, 3.0, 1)], Unit::Points);
        assert_eq!((far[0].1, far[0].2), (i32::MAX, i32::MIN));
    }

    #[test]
    fn no_monitor_and_pictures_of_another_size_are_errors() {
        assert!(matches!(surfaces(vec![], Unit::Pixels), Err(SourceError::Lost { .. })));
        let mut short = told("DISPLAY1", 0, 1.0, 2);
        short.rgba.pop();
        let error = surfaces(vec![short], Unit::Pixels).unwrap_err().to_string();
        assert!(error.contains("2x1 pixels of DISPLAY1 came as 7 bytes"), "{error}");
        let mut empty = told("b", 0, 1.0, 1);
        (empty.width, empty.rgba) = (0, vec![]);
        let error = surfaces(vec![empty], Unit::Pixels).unwrap_err();
        assert!(matches!(error, SourceError::Unsupported { .. }), "{error}");
    }
}
