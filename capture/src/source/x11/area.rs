//! Which monitors are photographed: pure geometry.

use crate::core::area::Area;
use crate::source::SourceError;
use deskreel_format::Picture;

/// One output that shows a part of the desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Monitor {
    pub(super) name: String,
    pub(super) area: Area,
}

/// Turns what RandR told into what can be photographed.
///
/// Monitors are clipped to the screen, because the server refuses to read outside of it; those
/// without any pixel on it are dropped. Without a single monitor the whole screen is photographed
/// under the name `screen`.
///
/// # Errors
/// [`SourceError::Unsupported`] when there are monitors but none shows a part of the screen, or
/// one is larger than the format can describe.
pub(super) fn visible(screen: Area, told: Vec<Monitor>) -> Result<Vec<Monitor>, SourceError> {
    let count = told.len();
    let whole = || vec![Monitor { name: "screen".to_owned(), area: screen }];
    let told = if told.is_empty() { whole() } else { told };
    let monitors: Vec<Monitor> = told
        .into_iter()
        .filter_map(|Monitor { name, area }| Some(Monitor { name, area: area.intersect(screen)? }))
        .collect();
    if monitors.is_empty() {
        let Area { width, height, .. } = screen;
        return Err(SourceError::Unsupported {
            reason: format!(
                "none of its {count} monitors shows a part of the {width}x{height} screen; \
                 switch one on"
            ),
        });
    }
    let too_large = |area: Area| area.width > Picture::MAX_SIDE || area.height > Picture::MAX_SIDE;
    match monitors.iter().find(|monitor| too_large(monitor.area)) {
        None => Ok(monitors),
        Some(Monitor { name, area }) => Err(SourceError::Unsupported {
            reason: format!(
                "monitor {name} has {}x{} pixels; a side may have at most {}",
                area.width,
                area.height,
                Picture::MAX_SIDE
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Area = Area { x: 0, y: 0, width: 100, height: 50 };

    fn area(x: i32, y: i32, width: u32, height: u32) -> Area {
        Area { x, y, width, height }
    }

    fn monitor(name: &str, area: Area) -> Monitor {
        Monitor { name: name.to_owned(), area }
    }

    #[test]
    fn without_monitors_the_whole_screen_is_one() {
        assert_eq!(visible(SCREEN, vec![]).unwrap(), [monitor("screen", SCREEN)]);
    }

    #[test]
    fn monitors_are_clipped_to_the_screen_and_invisible_ones_dropped() {
        let told = vec![
            monitor("left", area(0, 0, 60, 60)),
            monitor("far", area(500, 0, 60, 60)),
            monitor("right", area(60, -5, 60, 60)),
        ];
        let seen = [monitor("left", area(0, 0, 60, 50)), monitor("right", area(60, 0, 40, 50))];
        assert_eq!(visible(SCREEN, told).unwrap(), seen);
    }

    #[test]
    fn only_invisible_monitors_are_an_error() {
        let error = visible(SCREEN, vec![monitor("far", area(500, 0, 60, 60))]).unwrap_err();
        assert!(matches!(error, SourceError::Unsupported { .. }), "{error}");
    }

    #[test]
    fn a_monitor_larger_than_the_format_is_an_error() {
        let wide = area(0, 0, Picture::MAX_SIDE + 1, 1);
        let error = visible(wide, vec![]).unwrap_err();
        assert!(error.to_string().contains("16385x1"), "{error}");
    }
}
