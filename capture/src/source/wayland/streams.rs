//! Which stream of the portal is which monitor: pure.

use super::frame::Frame;
use crate::source::told::Told;

/// What the portal says about a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// PipeWire's number of it.
    pub node: u32,
    /// Its name, where the portal tells one.
    pub name: Option<String>,
    /// Left and top edge on the desktop, points.
    pub position: Option<(i32, i32)>,
    /// Width and height, points.
    pub size: Option<(i32, i32)>,
    /// It shows a whole monitor. Old portals do not say; then it is taken for one.
    pub is_monitor: bool,
}

/// The monitors that are shared, in an order that is the same each time.
#[derive(Debug)]
pub struct Monitors {
    offered: Vec<Offered>,
    /// Pixels per point of each, known from its first frame on.
    scales: Vec<Option<f32>>,
}

impl Monitors {
    /// The monitors among the streams.
    ///
    /// # Errors
    /// In words for the person, when there is none.
    pub fn of(offered: Vec<Offered>) -> Result<Self, String> {
        let mut monitors: Vec<Offered> =
            offered.into_iter().filter(|offered| offered.is_monitor).collect();
        if monitors.is_empty() {
            return Err("no monitor was shared, only windows or nothing; start `deskreel record` \
                        again and choose whole screens"
                .to_owned());
        }
        // PipeWire's numbers change from run to run; places and names do not.
        monitors.sort_by(|a, b| (a.position, &a.name, a.node).cmp(&(b.position, &b.name, b.node)));
        Ok(Self { scales: vec![None; monitors.len()], offered: monitors })
    }

    /// PipeWire's numbers of their streams.
    pub fn nodes(&self) -> Vec<u32> {
        self.offered.iter().map(|monitor| monitor.node).collect()
    }

    /// What they show: one frame for each, in their order.
    ///
    /// The portal tells sizes and places once, at the start. When a monitor gets another resolution
    /// its scale stays, because a desktop that changed the scale would hand out as many pixels as
    /// before. Where monitors would lie over each other from then on they stand in a row.
    pub fn told(&mut self, frames: Vec<Frame>) -> Vec<Told> {
        let mut told = Vec::with_capacity(frames.len());
        let mut points = Vec::with_capacity(frames.len());
        let shown = self.offered.iter().zip(&mut self.scales).zip(frames).enumerate();
        for (index, ((monitor, known), frame)) in shown {
            let Frame { width, height, rgba } = frame;
            let scale = *known.get_or_insert_with(|| scale(monitor, width, height));
            let name = monitor.name.clone().filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| format!("monitor {}", index + 1));
            let side = |pixels: u32| (pixels as f32 / scale).round() as i64;
            points.push((monitor.position, side(width), side(height)));
            told.push(Told { name, x: 0, y: 0, scale, width, height, rgba });
        }
        for (told, (x, y)) in told.iter_mut().zip(places(&points)) {
            (told.x, told.y) = (x, y);
        }
        told
    }
}

/// A monitor's place, where the portal tells it, and its width and height; points.
type Placed = (Option<(i32, i32)>, i64, i64);

/// Where monitors of these places and sides stand, points.
fn places(monitors: &[Placed]) -> Vec<(i32, i32)> {
    let known: Option<Vec<(i32, i32)>> = monitors.iter().map(|monitor| monitor.0).collect();
    if let Some(known) = known.filter(|_| !any_overlap(monitors)) {
        return known;
    }
    let mut right: i64 = 0;
    let stand = |(_, width, _): &Placed| {
        let left = right;
        right += width;
        (i32::try_from(left).unwrap_or(i32::MAX), 0)
    };
    monitors.iter().map(stand).collect()
}

fn any_overlap(monitors: &[Placed]) -> bool {
    let sides = |(place, width, height): &Placed| {
        let (x, y) = place.unwrap_or_default();
        (i64::from(x), i64::from(y), *width, *height)
    };
    monitors.iter().map(sides).enumerate().any(|(index, (x, y, width, height))| {
        monitors[..index].iter().map(sides).any(|other| {
            x < other.0 + other.2
                && other.0 < x + width
                && y < other.1 + other.3
                && other.1 < y + height
        })
    })
}

/// Pixels per point: by the longer side, because sizes in points are rounded. A monitor that is turned
/// may have its sides swapped.
fn scale(monitor: &Offered, width: u32, height: u32) -> f32 {
    let Some((points_wide, points_high)) = monitor.size else { return 1.0 };
    let (pixels, points) = (width.max(height), points_wide.max(points_high));
    match points > 0 && pixels > 0 {
        true => pixels as f32 / points as f32,
        false => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(node: u32, name: &str, position: Option<(i32, i32)>) -> Offered {
        let name = Some(name.to_owned());
        Offered { node, name, position, size: Some((100, 50)), is_monitor: true }
    }

    fn frame(width: u32, height: u32) -> Frame {
        Frame { width, height, rgba: vec![0; width as usize * height as usize * 4] }
    }

    fn told(monitors: &[Offered], frames: Vec<Frame>) -> Vec<Told> {
        Monitors::of(monitors.to_vec()).unwrap().told(frames)
    }

    fn places_of(told: &[Told]) -> Vec<(i32, i32)> {
        told.iter().map(|told| (told.x, told.y)).collect()
    }

    #[test]
    fn windows_are_left_out_and_nothing_else_is_an_error_for_the_person() {
        let window = Offered { is_monitor: false, ..offered(1, "", None) };
        let both = Monitors::of(vec![window.clone(), offered(2, "DP-1", None)]).unwrap();
        assert_eq!(both.nodes(), [2]);
        for none in [vec![], vec![window]] {
            assert!(Monitors::of(none).unwrap_err().contains("whole screens"));
        }
    }

    #[test]
    fn the_order_does_not_depend_on_pipewires_numbers() {
        let places = [Some((100, 0)), Some((0, 0))];
        for numbers in [[7, 9], [9, 7]] {
            let both = vec![
                offered(numbers[0], "right", places[0]),
                offered(numbers[1], "left", places[1]),
            ];
            let shown = told(&both, vec![frame(100, 50), frame(100, 50)]);
            let names: Vec<_> = shown.iter().map(|told| told.name.as_str()).collect();
            assert_eq!(names, ["left", "right"]);
        }
    }

    #[test]
    fn scale_is_pixels_per_point_also_of_a_turned_monitor() {
        let monitor = [offered(1, "a", Some((0, 0)))];
        for (width, height, scale) in [(200, 100, 2.0), (150, 75, 1.5), (100, 200, 2.0)] {
            let told = told(&monitor, vec![frame(width, height)]);
            assert_eq!((told[0].scale, told[0].width), (scale, width));
        }
        let unknown = [Offered { size: None, ..monitor[0].clone() }];
        assert_eq!(told(&unknown, vec![frame(200, 100)])[0].scale, 1.0);
        let senseless = [Offered { size: Some((0, -5)), ..monitor[0].clone() }];
        assert_eq!(told(&senseless, vec![frame(200, 100)])[0].scale, 1.0);
    }

    #[test]
    fn another_resolution_is_no_other_scale() {
        let mut monitors = Monitors::of(vec![offered(1, "a", Some((0, 0)))]).unwrap();
        for size in [(200, 100), (400, 300), (100, 50)] {
            let told = monitors.told(vec![frame(size.0, size.1)]);
            assert_eq!((told[0].scale, told[0].width, told[0].height), (2.0, size.0, size.1));
        }
    }

    #[test]
    fn monitors_of_unknown_place_stand_in_a_row() {
        let both = [offered(1, "a", None), offered(2, "", Some((7, 7)))];
        let shown = told(&both, vec![frame(200, 100), frame(100, 50)]);
        assert_eq!(places_of(&shown), [(0, 0), (100, 0)]);
        assert_eq!(shown[1].name, "monitor 2");
    }

    #[test]
    fn known_places_are_kept_until_monitors_would_lie_over_each_other() {
        let both = vec![offered(1, "a", Some((0, 30))), offered(2, "b", Some((100, -5)))];
        let mut monitors = Monitors::of(both).unwrap();
        for (width, expected) in
            [(100, [(0, 30), (100, -5)]), (150, [(0, 0), (150, 0)]), (80, [(0, 30), (100, -5)])]
        {
            let shown = monitors.told(vec![frame(width, 50), frame(100, 50)]);
            assert_eq!(places_of(&shown), expected);
        }
        // One below the other's right half, and a mirrored pair.
        let below = [offered(1, "a", Some((0, 0))), offered(2, "b", Some((50, 50)))];
        let shown = told(&below, vec![frame(100, 50), frame(100, 50)]);
        assert_eq!(places_of(&shown), [(0, 0), (50, 50)]);
        let same = [offered(1, "a", Some((0, 0))), offered(2, "b", Some((0, 0)))];
        let shown = told(&same, vec![frame(100, 50), frame(100, 50)]);
        assert_eq!(places_of(&shown), [(0, 0), (100, 0)]);
    }
}
