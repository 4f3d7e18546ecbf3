//! What every screen source must do: one list of checks, called by the tests of each source.
//!
//! The checks take the contract of [`ScreenSource`] at its word and know every pixel that is on the
//! screen. Add a source's surprise here, not in that source's tests, so that all are held to it.

use deskreel_format::Picture;

use super::{ScreenSource, SourceError, Surface};
use crate::core::area::Area;
use crate::core::exclusion::{Exclusions, Rule};
use crate::core::screen::{BLOCK, Screen};

/// The title of the window that [`Stage::show_secret`] opens.
pub const SECRET_TITLE: &str = "a secret";
/// The one colour of that window, which no picture of these checks holds.
pub const SECRET: [u8; 3] = [224, 23, 155];
/// Blocks that a source may mark although nothing in them changed: those under the pointer.
const SLACK: usize = 4;

/// The screen behind a source, as far as the checks must command it.
///
/// It has one monitor, and a pointer that cannot be seen.
pub trait Stage {
    /// Opens one more source of this screen.
    fn open(&mut self) -> Box<dyn ScreenSource>;

    /// From now on the screen has the size of `picture` and shows exactly its pixels.
    fn show(&mut self, picture: &Picture);

    /// From now on the screen cannot be photographed.
    fn fail(&mut self);

    /// It can be again, by sources that are opened from now on; what it shows is left open.
    fn mend(&mut self);

    /// Opens a window of title [`SECRET_TITLE`] and colour [`SECRET`] that leaves a part of the
    /// screen free. Asked only of screens whose source agreed to hide windows.
    fn show_secret(&mut self);
}

/// How a check ends: done, or what was seen instead.
type Verdict = Result<(), String>;

/// Runs every check.
///
/// # Panics
/// With the name of the first check that fails and what it saw.
pub fn check(stage: &mut dyn Stage) {
    pass("every pixel is told, and refresh equals grab", pixels(stage));
    pass("what changed is marked, what did not is not", marks(stage));
    pass("screens of any size are told, also after another size", sizes(stage));
    pass("grabbing in between disturbs no refresh", grabs_between(stage));
    pass("an error leaves the screen empty, and a new source recovers", recovery(stage));
    pass("rules are kept or refused", rules(stage));
}

fn pass(name: &str, verdict: Verdict) {
    if let Err(seen) = verdict {
        panic!("conformance check '{name}' failed: {seen}");
    }
}

/// A picture in which neighbours differ, and each `seed` differs nearly everywhere.
fn speckled(width: u32, height: u32, seed: u32) -> Picture {
    let mut picture = filled(width, height);
    for (index, pixel) in (0_u32..).zip(picture.rgb_mut().chunks_exact_mut(3)) {
        let mixed = (index ^ seed.wrapping_mul(0x9e37_79b1)).wrapping_mul(0xc2b2_ae3d);
        let [_, rgb @ ..] = (mixed ^ mixed >> 15).to_be_bytes();
        // Never the secret's colour.
        pixel.copy_from_slice(&[rgb[0] & 0x7f, rgb[1], rgb[2]]);
    }
    picture
}

fn filled(width: u32, height: u32) -> Picture {
    Picture::filled(width, height, [0; 3]).expect("the checks make pictures of possible sizes")
}

/// `picture` with every pixel of `area` another one.
fn changed(picture: &Picture, area: Area) -> Picture {
    let mut picture = picture.clone();
    for row in crate::core::screen::rows_mut(&mut picture, area) {
        row.chunks_exact_mut(3).for_each(|pixel| pixel[1] ^= 0xff);
    }
    picture
}

fn told(error: SourceError) -> String {
    format!("an error: {error}")
}

/// Whether `surfaces` is one monitor that shows `picture`.
fn shows(what: &str, surfaces: &[Surface], picture: &Picture) -> Verdict {
    let [surface] = surfaces else {
        return Err(format!("{what}: {} monitors where there is one", surfaces.len()));
    };
    let size = (surface.picture.width(), surface.picture.height());
    if size != (picture.width(), picture.height()) {
        return Err(format!("{what}: {size:?}, not {}x{}", picture.width(), picture.height()));
    }
    if surface.name.is_empty() || surface.scale_milli == 0 || (surface.x, surface.y) != (0, 0) {
        let Surface { name, x, y, scale_milli, .. } = surface;
        return Err(format!("{what}: monitor '{name}' of scale {scale_milli} at {x},{y}"));
    }
    let pixels = surface.picture.rgb().chunks_exact(3).zip(picture.rgb().chunks_exact(3));
    match pixels.clone().position(|(shown, expected)| shown != expected) {
        None => Ok(()),
        Some(at) => {
            let width = picture.width() as usize;
            let wrong = pixels.filter(|(shown, expected)| shown != expected).count();
            Err(format!("{what}: {wrong} pixels are wrong, first {},{}", at % width, at / width))
        }
    }
}

fn pixels(stage: &mut dyn Stage) -> Verdict {
    let (mut source, mut other) = (stage.open(), stage.open());
    let (mut screen, mut kept) = (Screen::default(), Screen::default());
    for seed in 0..8 {
        let picture = speckled(203, 101, seed);
        stage.show(&picture);
        source.refresh(&mut screen).map_err(told)?;
        shows("refresh", screen.surfaces(), &picture)?;
        let grabbed = other.grab().map_err(told)?;
        shows("grab", &grabbed, &picture)?;
        // Their memory is used again for what comes next.
        other.recycle(grabbed);
        kept.apply(&screen.take_patch()).map_err(|error| error.to_string())?;
        shows("what travels on", kept.surfaces(), &picture)?;
    }
    Ok(())
}

fn marks(stage: &mut dyn Stage) -> Verdict {
    let mut picture = speckled(333, 202, 1);
    stage.show(&picture);
    let mut source = stage.open();
    let mut screen = Screen::default();
    source.refresh(&mut screen).map_err(told)?;
    screen.settle();
    let areas =
        [(0, 0, 1, 1), (332, 201, 1, 1), (15, 15, 2, 2), (100, 40, 77, 1), (5, 150, 300, 50)];
    // More rounds than any source trusts what it is told.
    for round in 0..14 {
        let (before, area) = (picture.clone(), areas.get(round / 2));
        if let (Some(&(x, y, width, height)), 1) = (area, round % 2) {
            picture = changed(&picture, Area { x, y, width, height });
            stage.show(&picture);
        }
        source.refresh(&mut screen).map_err(told)?;
        shows(&format!("round {round}"), screen.surfaces(), &picture)?;
        let mut slack = 0;
        for y in (0..picture.height()).step_by(BLOCK as usize) {
            for x in (0..picture.width()).step_by(BLOCK as usize) {
                let block = Area { x: x as i32, y: y as i32, width: BLOCK, height: BLOCK };
                let differs = cut(&before, block) != cut(&picture, block);
                match (differs, screen.dirty()[0].touches(block)) {
                    (true, false) => {
                        return Err(format!("round {round}: the change at {x},{y} is not marked"));
                    }
                    (false, true) => slack += 1,
                    _ => {}
                }
            }
        }
        if slack > SLACK {
            return Err(format!("round {round}: {slack} blocks are marked but did not change"));
        }
        screen.settle();
    }
    Ok(())
}

/// The pixels of the part of `picture` that lies in `area`.
fn cut(picture: &Picture, area: Area) -> Vec<u8> {
    let own = Area { x: 0, y: 0, width: picture.width(), height: picture.height() };
    let Some(part) = area.intersect(own) else { return vec![] };
    let stride = picture.width() as usize * 3;
    let (from, len) = (part.x as usize * 3, part.width as usize * 3);
    let rows = picture.rgb().chunks_exact(stride).skip(part.y as usize);
    rows.take(part.height as usize).flat_map(|row| &row[from..from + len]).copied().collect()
}

fn sizes(stage: &mut dyn Stage) -> Verdict {
    let mut source = stage.open();
    let mut screen = Screen::default();
    let sizes = [(1, 1), (1, 77), (64, 1), (16, 16), (17, 15), (640, 480), (3, 2), (641, 479)];
    for (seed, (width, height)) in (10..).zip(sizes) {
        let picture = speckled(width, height, seed);
        stage.show(&picture);
        source.refresh(&mut screen).map_err(told)?;
        shows(&format!("{width}x{height}"), screen.surfaces(), &picture)?;
        if !screen.dirty().iter().all(|dirty| dirty.touches(whole(&picture))) {
            return Err(format!("{width}x{height}: the new size is not marked as new"));
        }
        screen.settle();
        source.refresh(&mut screen).map_err(told)?;
        shows(&format!("{width}x{height} again"), screen.surfaces(), &picture)?;
    }
    Ok(())
}

fn whole(picture: &Picture) -> Area {
    Area { x: 0, y: 0, width: picture.width(), height: picture.height() }
}

fn grabs_between(stage: &mut dyn Stage) -> Verdict {
    let mut source = stage.open();
    let mut screen = Screen::default();
    for seed in 30..36 {
        let (unseen, picture) = (speckled(120, 90, seed * 2), speckled(120, 90, seed));
        stage.show(&unseen);
        let grabbed = source.grab().map_err(told)?;
        shows("grab", &grabbed, &unseen)?;
        source.recycle(grabbed);
        // Not marked by the grab: half of it is as before for the screen that is kept.
        let half = Area { x: 0, y: 0, width: 60, height: 90 };
        let picture = if seed % 2 == 0 { picture } else { changed(&unseen, half) };
        stage.show(&picture);
        source.refresh(&mut screen).map_err(told)?;
        shows("refresh", screen.surfaces(), &picture)?;
        // Without any change, the time between is not lost either.
        let same = source.grab().map_err(told)?;
        shows("grab of the same", &same, &picture)?;
        source.refresh(&mut screen).map_err(told)?;
        shows("refresh of the same", screen.surfaces(), &picture)?;
    }
    Ok(())
}

fn recovery(stage: &mut dyn Stage) -> Verdict {
    let picture = speckled(90, 60, 50);
    stage.show(&picture);
    let mut source = stage.open();
    let mut screen = Screen::default();
    source.refresh(&mut screen).map_err(told)?;
    stage.fail();
    for tries in 0..2 {
        match source.refresh(&mut screen) {
            Err(SourceError::Lost { .. }) if screen.surfaces().is_empty() => {}
            Err(SourceError::Lost { .. }) => return Err("the lost screen is not empty".to_owned()),
            Err(other) => return Err(format!("try {tries}: not Lost but '{other}'")),
            Ok(()) => return Err(format!("try {tries}: a lost screen was photographed")),
        }
        if source.grab().is_ok() {
            return Err("a lost screen was grabbed".to_owned());
        }
    }
    // To ask is allowed at any time.
    source.idle_ms();
    stage.mend();
    stage.show(&picture);
    stage.open().refresh(&mut screen).map_err(told)?;
    shows("after recovery", screen.surfaces(), &picture)?;
    match screen.dirty().iter().all(|dirty| dirty.areas() == [whole(&picture)]) {
        true => Ok(()),
        false => Err("after recovery not all of the screen counts as changed".to_owned()),
    }
}

fn rules(stage: &mut dyn Stage) -> Verdict {
    let picture = speckled(320, 200, 60);
    stage.show(&picture);
    let mut source = stage.open();
    source.hide(Exclusions::default()).map_err(told)?;
    let rule = Rule::parse(&format!("title={SECRET_TITLE}"))?;
    match source.hide(Exclusions { exclude: vec![rule], only: vec![] }) {
        Err(SourceError::Unsupported { .. }) => return Ok(()),
        Err(other) => return Err(format!("refused as '{other}', not as unsupported")),
        Ok(()) => {}
    }
    stage.show_secret();
    let mut screen = Screen::default();
    let secret = |surfaces: &[Surface]| {
        let mut all = surfaces.iter().flat_map(|surface| surface.picture.rgb().chunks_exact(3));
        all.any(|pixel| pixel == SECRET)
    };
    if !secret(&stage.open().grab().map_err(told)?) {
        return Err("the secret window is not on the screen: the stage is wrong".to_owned());
    }
    for round in 0..8 {
        source.refresh(&mut screen).map_err(told)?;
        if secret(screen.surfaces()) {
            return Err(format!("round {round}: a pixel of the hidden window was seen"));
        }
        if secret(&source.grab().map_err(told)?) {
            return Err(format!("round {round}: a pixel of the hidden window was grabbed"));
        }
    }
    Ok(())
}
