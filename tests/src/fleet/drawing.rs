//! Screens of desktops that are built alike: one wallpaper, one panel, the same programs; what people
//! do in them differs.

use std::sync::Arc;

use anyhow::Result;
use deskreel_format::Picture;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub(super) const WIDTH: u32 = 1280;
pub(super) const HEIGHT: u32 = 800;
const PANEL: u32 = 28;
const LINE: u32 = 15;
const GLYPH: (u32, u32) = (7, 10);

type Rgb = [u8; 3];

/// A number that looks random and follows from its arguments.
fn noise(x: u32, y: u32, seed: u32) -> u32 {
    let mut h = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA6B) ^ seed;
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    h ^ (h >> 15)
}

fn set(picture: &mut Picture, x: u32, y: u32, colour: Rgb) {
    if x < WIDTH && y < HEIGHT {
        let at = ((y * WIDTH + x) * 3) as usize;
        picture.rgb_mut()[at..at + 3].copy_from_slice(&colour);
    }
}

fn fill(picture: &mut Picture, (x, y, w, h): (u32, u32, u32, u32), colour: Rgb) {
    for row in y..(y + h).min(HEIGHT) {
        for col in x..(x + w).min(WIDTH) {
            set(picture, col, row, colour);
        }
    }
}

/// Letters: patterns of five by seven that are the same on every desktop, and say nothing.
fn text(picture: &mut Picture, (x, y): (u32, u32), letters: &[u8], colour: Rgb) {
    for (column, letter) in (0..).zip(letters) {
        if *letter == b' ' {
            continue;
        }
        for row in 0..7 {
            let bits = noise(u32::from(*letter), row, 77);
            for col in (0..5).filter(|col| bits >> col & 1 == 1) {
                set(picture, x + column * GLYPH.0 + col, y + row, colour);
            }
        }
    }
}

/// A wallpaper like a photo: slow gradients, fine grain.
fn wallpaper() -> Result<Picture> {
    let mut picture = Picture::filled(WIDTH, HEIGHT, [0; 3])?;
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let wave = (f64::from(x) / 190.0).sin() + (f64::from(y) / 130.0).cos();
            let grain = (noise(x, y, 5) % 5) as f64;
            let base = 90.0 + 35.0 * wave + grain;
            set(&mut picture, x, y, [base as u8, (base * 0.8) as u8 + 30, (200.0 - base) as u8]);
        }
    }
    Ok(picture)
}

/// A program: its window fills the screen below the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Editor,
    Browser,
    Files,
}

const PROGRAMS: [Program; 3] = [Program::Editor, Program::Browser, Program::Files];

impl Program {
    fn colours(self) -> (Rgb, Rgb) {
        match self {
            Self::Editor => ([30, 32, 40], [205, 210, 220]),
            Self::Browser => ([250, 250, 252], [30, 30, 35]),
            Self::Files => ([240, 238, 232], [50, 45, 40]),
        }
    }

    /// What every window of it shows: bars, buttons, a side bar, on every desktop alike.
    fn chrome(self, picture: &mut Picture) {
        let (back, ink) = self.colours();
        let seed = self as u32;
        fill(picture, (0, PANEL, WIDTH, HEIGHT - PANEL), back);
        fill(picture, (0, PANEL, WIDTH, 44), [70 + 20 * seed as u8, 74, 90]);
        let names: Vec<u8> = (0..120).map(|n| b'a' + (noise(n, seed, 3) % 26) as u8).collect();
        text(picture, (12, PANEL + 16), &names, [235; 3]);
        fill(picture, (0, PANEL + 44, 220, HEIGHT), [back[0] ^ 8, back[1] ^ 8, back[2] ^ 8]);
        for line in 0..40 {
            let entry: Vec<u8> =
                (0..24).map(|n| b'a' + (noise(n, line, seed + 9) % 26) as u8).collect();
            text(picture, (14, PANEL + 56 + line * 17), &entry, ink);
        }
    }
}

/// What all desktops have in common: the wallpaper, and each program's empty window.
pub(super) struct Build {
    wallpaper: Picture,
    windows: [Picture; 3],
}

impl Build {
    pub(super) fn new() -> Result<Self> {
        let mut wallpaper = wallpaper()?;
        fill(&mut wallpaper, (0, 0, WIDTH, PANEL), [24, 26, 30]);
        text(&mut wallpaper, (10, 10), b"menu places system", [220; 3]);
        let windows = PROGRAMS.map(|program| {
            let mut window = wallpaper.clone();
            program.chrome(&mut window);
            window
        });
        for icon in 0..8 {
            let place = (30, 60 + icon * 80, 48, 48);
            fill(&mut wallpaper, place, [200, 120 + 10 * icon as u8, 60]);
            text(&mut wallpaper, (30, 112 + icon * 80), b"folder", [255; 3]);
        }
        Ok(Self { wallpaper, windows })
    }
}

/// What one person has on the screen.
pub(super) struct Desk {
    random: StdRng,
    build: Arc<Build>,
    open: Option<Program>,
    /// The lines of each program's window.
    work: [Vec<Vec<u8>>; 3],
}

/// Lines of a window.
const LINES: usize = 44;

impl Desk {
    pub(super) fn new(person: u64, build: Arc<Build>) -> Self {
        let mut random = StdRng::seed_from_u64(person);
        let work = std::array::from_fn(|_| (0..LINES).map(|_| line(&mut random)).collect());
        Self { random, build, open: Some(PROGRAMS[0]), work }
    }

    /// The person does something, or nothing; what is on the screen at `minute` of the day.
    pub(super) fn screen(&mut self, minute: u64) -> Picture {
        match self.random.random_range(0..20) {
            0..=5 => {}
            6..=15 => self.write(),
            16 => self.open = None,
            _ => self.open = Some(PROGRAMS[self.random.random_range(0..PROGRAMS.len())]),
        }
        let mut picture = match self.open {
            None => self.build.wallpaper.clone(),
            Some(program) => self.build.windows[program as usize].clone(),
        };
        let clock = format!("{:02} {:02}", minute / 60 % 24, minute % 60);
        text(&mut picture, (WIDTH - 60, 10), clock.as_bytes(), [220; 3]);
        if let Some(program) = self.open {
            let (_, ink) = program.colours();
            for (row, line) in (0..).zip(&self.work[program as usize]) {
                text(&mut picture, (240, PANEL + 56 + row * LINE), line, ink);
            }
        }
        picture
    }

    fn write(&mut self) {
        let Some(program) = self.open else { return };
        let lines = &mut self.work[program as usize];
        if self.random.random_range(0..4) == 0 {
            lines.remove(0);
            lines.push(line(&mut self.random));
        } else {
            let at = self.random.random_range(0..LINES);
            lines[at] = line(&mut self.random);
        }
    }
}

fn line(random: &mut StdRng) -> Vec<u8> {
    let length = random.random_range(10..130);
    let letter = |_| match random.random_range(0..6) {
        0 => b' ',
        _ => random.random_range(b'a'..=b'z'),
    };
    (0..length).map(letter).collect()
}
