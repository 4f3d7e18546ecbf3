//! Brings a screen up to date: reads what changed, draws the pointer, hides what must not be seen.

use super::area::visible;
use super::connection::{self, Refusal};
use super::pointer::Pointer;
use super::{SourceError, Surface, X11Source};
use crate::core::area::Area;
use crate::core::screen::{Dirty, Screen};
use deskreel_format::Picture;
use std::time::Duration;

/// Every so many screenshots everything is read, whatever the server says: what it missed is found.
const TRUST: u32 = 6;
/// More areas than this cost more to ask for than one large one.
const MOST_AREAS: usize = 48;
/// Solid, and unlike the black of a screen that is off.
const HIDDEN: [u8; 3] = [56, 56, 56];
/// Windows are looked at so long before and after the pixels are read: a compositor paints a little
/// later than windows move, and titles change a little later than what is shown.
const SETTLE: Duration = Duration::from_millis(120);

/// What was painted over pixels of the screen, and must be read again to know what is there.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pointer: Option<Pointer>,
    masks: Vec<Area>,
    /// Told by the server after it was read all the same.
    carried: Vec<Area>,
    trusted: u32,
    /// Something else was brought up to date with what the server told.
    pub(super) stale: bool,
}

impl X11Source {
    /// Brings `screen` up to date; after an error it holds who knows what.
    pub(super) fn update(
        &mut self,
        screen: &mut Screen,
    ) -> Result<Result<(), SourceError>, Refusal> {
        let sight = match &mut self.guard {
            None => None,
            Some(guard) => match guard.before(&self.connection, self.root) {
                Ok(sight) => {
                    std::thread::sleep(SETTLE);
                    Some(sight)
                }
                Err(refusal) => return unlisted(refusal),
            },
        };
        let (desktop, told) =
            connection::monitors(&self.connection, self.root, self.extensions, &mut self.names)?;
        let monitors = match visible(desktop, told) {
            Ok(monitors) => monitors,
            Err(error) => return Ok(Err(error)),
        };
        let scale_milli = connection::scale_milli(&self.connection)?;
        let areas: Vec<Area> = monitors.iter().map(|monitor| monitor.area).collect();
        let key = |s: &Surface| (s.x, s.y, s.scale_milli, s.picture.width(), s.picture.height());
        let same = screen.surfaces().len() == monitors.len()
            && screen.surfaces().iter().zip(&monitors).all(|(surface, monitor)| {
                let Area { x, y, width, height } = monitor.area;
                surface.name == monitor.name && key(surface) == (x, y, scale_milli, width, height)
            });
        if !same {
            let mut surfaces = Vec::with_capacity(monitors.len());
            for monitor in monitors {
                let Area { x, y, width, height } = monitor.area;
                match Picture::filled(width, height, [0; 3]) {
                    Ok(picture) => {
                        surfaces.push(Surface { name: monitor.name, x, y, scale_milli, picture });
                    }
                    Err(error) => {
                        return Ok(Err(SourceError::Unsupported { reason: error.to_string() }));
                    }
                }
            }
            screen.reset(surfaces);
        }
        self.read(screen, &areas, !same)?;
        self.kept.masks.clear();
        if let (Some(guard), Some(sight)) = (&mut self.guard, sight) {
            std::thread::sleep(SETTLE);
            let masks = match guard.after(&self.connection, self.root, desktop, sight) {
                Ok(masks) => masks,
                Err(refusal) => return unlisted(refusal),
            };
            let seen = masks.iter().fold(areas, |left, mask| Area::without(&left, *mask));
            if seen.is_empty() {
                return Ok(Err(SourceError::Excluded));
            }
            masks.iter().for_each(|mask| screen.paint(*mask, HIDDEN));
            self.kept.masks = masks;
        }
        Ok(Ok(()))
    }

    /// Reads what changed, or everything, and draws the pointer.
    fn read(
        &mut self,
        screen: &mut Screen,
        monitors: &[Area],
        is_new: bool,
    ) -> Result<(), Refusal> {
        let pointer = connection::pointer(&self.connection, self.extensions)?;
        let mut told = match &self.damage {
            Some(damage) => Some(damage.take(&self.connection)?),
            None => None,
        };
        if let Some(told) = &mut told {
            told.append(&mut self.kept.carried);
            told.extend(&self.kept.masks);
        }
        let is_stale = std::mem::take(&mut self.kept.stale);
        let whole = is_new || is_stale || told.is_none() || self.kept.trusted + 1 >= TRUST;
        let mut expected = told.map(|told| marks(monitors, &told));
        if let (Some(expected), Some(before)) = (&mut expected, &self.kept.pointer) {
            let under = marks(monitors, &[before.area]);
            // Whole blocks are read: where they reach under the pointer, all under it is read, so that
            // it is never drawn over itself.
            let hit = expected.iter().zip(&under).any(|(told, under)| told.overlaps(under));
            if hit || Some(before) != pointer.as_ref() {
                expected.iter_mut().zip(&under).for_each(|(told, under)| told.merge(under));
            }
        }
        let parts: Vec<(usize, Area)> = match &expected {
            Some(expected) if !whole => parts(monitors, expected),
            _ => monitors.iter().enumerate().map(|(index, m)| (index, local(*m, *m))).collect(),
        };
        let mut changed = marks(monitors, &[]);
        self.read_parts(screen, monitors, &parts, &mut changed)?;
        self.kept.trusted = if whole { 0 } else { self.kept.trusted + 1 };
        if let (Some(damage), Some(mut expected), true, false) =
            (&self.damage, expected, whole, is_new || is_stale)
        {
            // What was painted between the account and the pixels is in the next account.
            let late = damage.take(&self.connection)?;
            let before = self.kept.pointer.as_ref().map(|pointer| pointer.area);
            for (own, more) in expected.iter_mut().zip(marks(monitors, &late)) {
                own.merge(&more);
            }
            for (own, more) in expected.iter_mut().zip(marks(monitors, before.as_slice())) {
                own.merge(&more);
            }
            self.kept.carried = late;
            if changed.iter().zip(&expected).any(|(changed, expected)| changed.exceeds(expected)) {
                tracing::warn!(
                    "the X server did not tell of all changes; from now on all pixels are read"
                );
                self.damage = None;
            }
        }
        for (index, changed) in changed.iter().enumerate() {
            screen.surface_mut(index).1.merge(changed);
        }
        // Drawn anew where it moved or what is under it was read.
        let redrawn = |pointer: &Pointer| {
            let area = pointer.area;
            self.kept.pointer.as_ref() != Some(pointer)
                || parts.iter().any(|(index, part)| {
                    let Area { x, y, .. } = monitors[*index];
                    Area { x: part.x + x, y: part.y + y, ..*part }.intersect(area).is_some()
                })
        };
        if let Some(pointer) = pointer.as_ref().filter(|pointer| redrawn(pointer)) {
            for (index, monitor) in monitors.iter().enumerate() {
                let Some(part) = pointer.area.intersect(*monitor) else { continue };
                let (picture, dirty) = screen.surface_mut(index);
                pointer.draw(*monitor, picture.rgb_mut());
                dirty.mark(local(part, *monitor));
            }
        }
        self.kept.pointer = pointer;
        Ok(())
    }

    fn read_parts(
        &mut self,
        screen: &mut Screen,
        monitors: &[Area],
        parts: &[(usize, Area)],
        changed: &mut [Dirty],
    ) -> Result<(), Refusal> {
        if parts.is_empty() {
            return Ok(());
        }
        let on_desktop = |(index, part): &(usize, Area)| {
            let Area { x, y, .. } = monitors[*index];
            Area { x: part.x + x, y: part.y + y, ..*part }
        };
        let areas: Vec<Area> = parts.iter().map(on_desktop).collect();
        let format = &self.format;
        self.transfer.fetch(&self.connection, self.root, format, &areas, |number, image| {
            let (index, part) = parts[number];
            let (picture, _) = screen.surface_mut(index);
            format.refresh(image, part, picture, &mut changed[index]).map_err(Refusal::Malformed)
        })
    }
}

/// Windows that cannot be listed: nothing may be seen.
fn unlisted(refusal: Refusal) -> Result<Result<(), SourceError>, Refusal> {
    match refusal {
        Refusal::Gone(_) => Err(refusal),
        Refusal::Changed(reason) | Refusal::Denied(reason) | Refusal::Malformed(reason) => {
            Ok(Err(SourceError::Windows { reason }))
        }
    }
}

/// `area` of the desktop in pixels of `monitor`.
fn local(area: Area, monitor: Area) -> Area {
    Area { x: area.x - monitor.x, y: area.y - monitor.y, ..area }
}

/// The blocks of each monitor that some areas of the desktop touch.
fn marks(monitors: &[Area], areas: &[Area]) -> Vec<Dirty> {
    let mark = |monitor: &Area| {
        let mut dirty = Dirty::new(monitor.width, monitor.height);
        areas
            .iter()
            .filter_map(|area| area.intersect(*monitor))
            .for_each(|part| dirty.mark(local(part, *monitor)));
        dirty
    };
    monitors.iter().map(mark).collect()
}

/// What to read of each monitor: the marked blocks as rectangles, or all of it where that is less
/// trouble.
fn parts(monitors: &[Area], marks: &[Dirty]) -> Vec<(usize, Area)> {
    let mut parts = Vec::new();
    for (index, (monitor, dirty)) in monitors.iter().zip(marks).enumerate() {
        let areas = dirty.areas();
        match areas.len() > MOST_AREAS {
            true => parts.push((index, local(*monitor, *monitor))),
            false => parts.extend(areas.into_iter().map(|area| (index, area))),
        }
    }
    parts
}
