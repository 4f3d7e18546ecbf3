//! Paints activities on an Xvfb and records them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::cli::common::{DEFAULT_PACK_PIXELS, DEFAULT_TILE};
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::screen::Screen;
use deskreel_capture::source::ScreenSource;
use deskreel_capture::source::x11::X11Source;
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, TileSize};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    ChangeGCAux, ConnectionExt as _, CreateGCAux, Gcontext, ImageFormat, Rectangle, Window,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

const SHOTS: u32 = 60;
const INTERVAL_MS: f64 = 10_000.0;
const ACTIVITIES: [&str; 5] = ["idle", "typing", "scrolling", "window switching", "video"];
/// Pixels of a character of the X server's own font `fixed`.
const LETTER: (i16, i16) = (6, 13);
/// Pixels of the video, which plays in a window.
const VIDEO: (u16, u16) = (1280, 720);

pub(super) fn main() {
    println!(
        "| activity, {SHOTS} screenshots each | screen | CPU ms a screenshot | of a core at 10 s | \
         KB a screenshot |\n|---|---|---|---|---|"
    );
    for (width, height) in [(1920, 1080), (3840, 2160)] {
        for activity in ACTIVITIES {
            let (ms, bytes) = measure(activity, width, height);
            println!(
                "| {activity} | {width}x{height} | {ms:.1} | {:.2} % | {:.1} |",
                ms / INTERVAL_MS * 100.0,
                bytes / 1e3
            );
        }
    }
}

/// CPU milliseconds and bytes of a screenshot, on average, after a first one that is not counted.
fn measure(activity: &str, width: u16, height: u16) -> (f64, f64) {
    let server = Server::start(width, height);
    let painter = Painter::open(&server.display, width, height);
    let mut source = X11Source::open(Some(&server.display)).expect("the display opens");
    let settings = Settings {
        tile: TileSize::new(DEFAULT_TILE).expect("a tile size"),
        codec: Codec::DEFAULT,
        interval_ms: 10_000,
        domain: DomainKey::new([0; 32]),
        budget: SeekBudget::default(),
        pack_pixels: DEFAULT_PACK_PIXELS,
    };
    let mut recorder = Recorder::new(settings, 1, KnownTiles::new(LEASE_MS));
    let (mut camera, mut encoder) = (Screen::default(), Screen::default());
    painter.window(0);
    let (mut spent, mut bytes) = (0.0, 0);
    for shot in 0..=SHOTS {
        painter.act(activity, shot);
        let before = cpu_ms();
        source.refresh(&mut camera).expect("a screenshot");
        encoder.apply(&camera.take_patch()).expect("a patch");
        let time_ms = 1_763_900_000_000 + u64::from(shot) * 10_000;
        recorder.shoot_screen(time_ms, &mut encoder, false).expect("a screenshot");
        let sealed = recorder.seal().expect("a segment").expect("one moment");
        if shot > 0 {
            spent += cpu_ms() - before;
            bytes += sealed.bytes.len();
        }
    }
    (spent / f64::from(SHOTS), bytes as f64 / f64::from(SHOTS))
}

/// CPU time of this process, whose other thread is none while it is measured.
fn cpu_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

struct Server {
    child: Child,
    display: String,
}

impl Server {
    fn start(width: u16, height: u16) -> Self {
        let mut child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-noreset", "-screen", "0", &format!("{width}x{height}x24")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed");
        let mut number = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut number).expect("a display number");
        Self { child, display: format!(":{}", number.trim()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Painter {
    connection: RustConnection,
    root: Window,
    gc: Gcontext,
    size: (u16, u16),
}

impl Painter {
    fn open(display: &str, width: u16, height: u16) -> Self {
        let (connection, screen) = x11rb::connect(Some(display)).expect("the display opens");
        let root = connection.setup().roots[screen].root;
        let (gc, font) = (id(&connection), id(&connection));
        connection.open_font(font, b"fixed").expect("a connection").check().expect("the font");
        let look = CreateGCAux::new().font(font).foreground(0x20_2020).background(0xff_ffff);
        connection
            .create_gc(gc, root, &look)
            .expect("a connection")
            .check()
            .expect("a way to paint");
        Self { connection, root, gc, size: (width, height) }
    }

    fn act(&self, activity: &str, shot: u32) {
        match activity {
            // 40 letters in 10 s, where the line before ended.
            "typing" => {
                self.line(60, 400 + 15 * (shot / 2 % 20) as i16, shot / 2, 40 * (shot % 2 + 1));
            }
            // A full terminal of lines never seen before.
            "scrolling" => self.page(shot * 1_000),
            "window switching" => self.window(shot % 4),
            "video" => self.video(shot),
            _ => {}
        }
        self.connection.sync().expect("a connection");
        // A picture without what was painted would look cheap.
        let event = self.connection.poll_for_event().expect("a connection");
        assert!(event.is_none(), "the server refused to paint: {event:?}");
    }

    fn fill(&self, colour: u32, x: i16, y: i16, width: u16, height: u16) {
        let foreground = ChangeGCAux::new().foreground(colour);
        self.connection.change_gc(self.gc, &foreground).expect("a connection");
        let area = [Rectangle { x, y, width, height }];
        self.connection.poly_fill_rectangle(self.root, self.gc, &area).expect("a connection");
        let text = ChangeGCAux::new().foreground(0x20_2020);
        self.connection.change_gc(self.gc, &text).expect("a connection");
    }

    /// A line of words that depend on its number.
    fn line(&self, x: i16, y: i16, number: u32, letters: u32) {
        let mut state = number.wrapping_mul(0x9e37_79b1) | 1;
        let mut letter = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"etaoin shrdlu cmfwyp"[(state >> 16) as usize % 20]
        };
        let text: Vec<u8> = (0..letters.min(250)).map(&mut letter).collect();
        self.connection.image_text8(self.root, self.gc, x, y, &text).expect("a connection");
    }

    /// A screen full of lines from this number on.
    fn page(&self, first: u32) {
        let (width, height) = self.size;
        for row in 0..i32::from(height) / i32::from(LETTER.1) {
            let y = (row as i16 + 1) * LETTER.1 - 3;
            // As in a terminal: some lines are short.
            let number = first + row as u32;
            let letters = u32::from(width) / LETTER.0 as u32;
            self.line(0, y, number, letters * (number * 7 % 10 + 1) / 10);
        }
    }

    /// One of several windows that fill the screen.
    fn window(&self, number: u32) {
        let (width, height) = self.size;
        self.fill(0xff_ffff, 0, 0, width, height);
        self.page(number * 100_000);
        self.fill(0x30_4050 + number * 0x10_1010, 0, 0, width, 28);
    }

    /// A picture as a camera takes them: soft shapes that move, and noise.
    fn video(&self, shot: u32) {
        let time = f64::from(shot) * 0.7;
        let mut noise = shot.wrapping_mul(0x9e37_79b1) | 1;
        let (width, rows) = (VIDEO.0, 20_u16);
        for top in (0..VIDEO.1).step_by(rows.into()) {
            let mut bytes = Vec::with_capacity(usize::from(width) * usize::from(rows) * 4);
            for (y, x) in (top..top + rows).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let (fx, fy) = (f64::from(x) / 160.0, f64::from(y) / 120.0);
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let grain = f64::from(noise >> 29);
                let wave = |shift: f64| {
                    ((fx + time + shift).sin() + (fy * 1.3 - time * 0.6 + shift).cos()) * 55.0
                };
                let channel = |shift: f64| (128.0 + wave(shift) + grain) as u8;
                bytes.extend_from_slice(&[channel(0.0), channel(0.8), channel(1.7), 0]);
            }
            let (format, depth) = (ImageFormat::Z_PIXMAP, 24);
            let y = 100 + top as i16;
            self.connection
                .put_image(format, self.root, self.gc, width, rows, 200, y, 0, depth, &bytes)
                .expect("a connection");
        }
    }
}

fn id(connection: &RustConnection) -> u32 {
    connection.generate_id().expect("numbers are left")
}
