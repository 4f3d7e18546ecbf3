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

/// The monitors among the streams, in an order that is the same each time.
///
/// # Errors
/// In words for the person, when there is none.
pub fn monitors(offered: Vec<Offered>) -> Result<Vec<Offered>, String> {
    let mut monitors: Vec<Offered> =
        offered.into_iter().filter(|offered| offered.is_monitor).collect();
    if monitors.is_empty() {
        return Err(
            "no monitor was shared, only windows or nothing; start `deskreel record` again \
                    and choose whole screens"
                .to_owned(),
        );
    }
    // PipeWire's numbers change from run to run; places and names do not.
    monitors.sort_by(|a, b| (a.position, &a.name, a.node).cmp(&(b.position, &b.name, b.node)));
    Ok(monitors)
}

/// What the monitors show: one frame for each, in their order.
pub fn told(monitors: &[Offered], frames: Vec<Frame>) -> Vec<Told> {
    // Where one place is unknown, places known of others would lie over it.
    let placed = monitors.iter().all(|monitor| monitor.position.is_some()) || monitors.len() == 1;
    let mut right = 0;
    let shown = monitors.iter().zip(frames).enumerate();
    shown
        .map(|(index, (monitor, frame))| {
            let Frame { width, height, rgba } = frame;
            let scale = scale(monitor, width, height);
            let (x, y) = match monitor.position {
                Some(position) if placed => position,
                _ => (right, 0),
            };
            right += (width as f32 / scale).ceil() as i32;
            let name = monitor.name.clone().filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| format!("monitor {}", index + 1));
            Told { name, x, y, scale, width, height, rgba }
        })
        .collect()
}

/// Pixels per point: by whichever side says more, because sizes in points are rounded. A monitor that
/// was turned since it was shared has its sides swapped.
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

    #[test]
    fn windows_are_left_out_and_nothing_else_is_an_error_for_the_person() {
        let window = Offered { is_monitor: false, ..offered(1, "", None) };
        let both = monitors(vec![window.clone(), offered(2, "DP-1", None)]).unwrap();
        assert_eq!(both.iter().map(|monitor| monitor.node).collect::<Vec<_>>(), [2]);
        for none in [vec![], vec![window]] {
            assert!(monitors(none).unwrap_err().contains("whole screens"));
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
            let names: Vec<_> = monitors(both).unwrap().into_iter().map(|m| m.name).collect();
            assert_eq!(names, [Some("left".to_owned()), Some("right".to_owned())]);
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
    fn monitors_of_unknown_place_stand_in_a_row() {
        let both = [offered(1, "a", None), offered(2, "", Some((7, 7)))];
        let shown = told(&both, vec![frame(200, 100), frame(100, 50)]);
        let places: Vec<_> = shown.iter().map(|t| (t.name.as_str(), t.x, t.y)).collect();
        assert_eq!(places, [("a", 0, 0), ("monitor 2", 100, 0)]);
    }

    #[test]
    fn known_places_are_kept() {
        let both = [offered(1, "a", Some((0, 30))), offered(2, "b", Some((100, -5)))];
        let shown = told(&both, vec![frame(100, 50), frame(100, 50)]);
        let places: Vec<_> = shown.iter().map(|t| (t.x, t.y)).collect();
        assert_eq!(places, [(0, 30), (100, -5)]);
    }
}
