//! The X11 source against a real X server (Xvfb): every pixel is compared with what was painted.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in what it shares")]

#[expect(dead_code, reason = "shared with the tests of all sources, which use more of it")]
mod xserver;

use deskreel_capture::core::screen::Screen;
use deskreel_capture::source::x11::X11Source;
use deskreel_capture::source::{ScreenSource, SourceError, Surface};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use x11rb::connection::Connection as _;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{
    AtomEnum, ConfigureWindowAux, ConnectionExt as _, CreateWindowAux, PropMode, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;
use xserver::Server;

/// A number for each pixel in which neighbours differ in every channel.
fn speckle(x: u32, y: u32) -> u32 {
    (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77)).wrapping_mul(0xc2b2_ae3d) >> 2
}

fn bytes_of_24(pixel: u32) -> [u8; 3] {
    let [_, rgb @ ..] = pixel.to_be_bytes();
    rgb
}

/// What the nearest byte is to `value` of `max`.
fn nearest(value: u32, max: u32) -> u8 {
    (f64::from(value) * 255.0 / f64::from(max)).round() as u8
}

fn bytes_of_16(pixel: u32) -> [u8; 3] {
    [nearest(pixel >> 11 & 31, 31), nearest(pixel >> 5 & 63, 63), nearest(pixel & 31, 31)]
}

fn bytes_of_30(pixel: u32) -> [u8; 3] {
    [20, 10, 0].map(|shift| nearest(pixel >> shift & 1023, 1023))
}

fn only(surfaces: Vec<Surface>) -> Surface {
    let [surface] = <[Surface; 1]>::try_from(surfaces).unwrap();
    surface
}

/// Compares every pixel and names the first that differs.
fn assert_pixels(surface: &Surface, expected: impl Fn(u32, u32) -> [u8; 3]) {
    let picture = &surface.picture;
    for (index, pixel) in picture.rgb().chunks_exact(3).enumerate() {
        let (x, y) = (index as u32 % picture.width(), index as u32 / picture.width());
        assert_eq!(pixel, expected(x, y), "{} at {x},{y}", surface.name);
    }
}

/// Paints `screen` full of speckles, grabs it and compares; gives the time of a second grab.
fn compare_all(screen: &str, more: &[&str], to_bytes: fn(u32) -> [u8; 3]) -> Option<Duration> {
    let server = Server::start(screen, more)?;
    let painter = server.painter();
    let mask = if painter.depth == 16 { 0xffff } else { (1 << painter.depth) - 1 };
    let speckle = |x, y| speckle(x, y) & mask;
    painter.put(speckle);
    let mut source = server.source();
    assert!(source.shares_memory());
    let first = source.grab().unwrap();
    let surface = &first[0];
    let size = (surface.picture.width(), surface.picture.height());
    assert_eq!(size, (painter.size.0.into(), painter.size.1.into()));
    assert_eq!((surface.x, surface.y, surface.scale_milli), (0, 0, 1000));
    assert_pixels(surface, |x, y| to_bytes(speckle(x, y)));
    let before = Instant::now();
    let second = source.grab().unwrap();
    let took = before.elapsed();
    assert!(first == second, "a still screen gives equal pictures");
    Some(took)
}

#[test]
fn every_pixel_of_a_24_bit_screen_arrives() {
    for screen in ["1x1x24", "7x5x24", "1366x768x24", "1023x31x24", "31x1023x24"] {
        compare_all(screen, &[], bytes_of_24);
    }
}

#[test]
fn every_pixel_of_a_16_bit_screen_arrives() {
    for screen in ["640x480x16", "333x111x16"] {
        compare_all(screen, &[], bytes_of_16);
    }
}

#[test]
fn every_pixel_of_a_30_bit_screen_arrives() {
    compare_all("641x479x30", &[], bytes_of_30);
}

#[test]
fn every_pixel_of_an_8k_screen_arrives() {
    if let Some(took) = compare_all("7680x4320x24", &[], bytes_of_24) {
        eprintln!("grabbing 7680x4320 took {took:?}");
    }
}

#[test]
fn rectangles_at_odd_places_arrive_exactly() {
    let Some(server) = Server::start("801x603x24", &[]) else { return };
    let painter = server.painter();
    let rects = [
        (0x10_2030, 0, 0, 801, 603),
        (0xff_0000, 1, 1, 13, 7),
        (0x00_ff00, 799, 601, 2, 2),
        (0x00_00ff, 77, 99, 501, 303),
        (0x01_0203, 533, 401, 1, 1),
    ];
    for (pixel, x, y, width, height) in rects {
        painter.fill(pixel, x, y, width, height);
    }
    painter.connection.sync().unwrap();
    let surface = only(server.source().grab().unwrap());
    assert_pixels(&surface, |x, y| {
        let covers = |&&(_, left, top, width, height): &&(u32, i16, i16, u16, u16)| {
            (left as u32..left as u32 + u32::from(width)).contains(&x)
                && (top as u32..top as u32 + u32::from(height)).contains(&y)
        };
        bytes_of_24(rects.iter().rev().find(covers).unwrap().0)
    });
}

#[test]
fn a_server_without_shared_memory_sends_the_same_pixels() {
    let Some(server) = Server::start("1367x769x24", &["-extension", "MIT-SHM"]) else { return };
    server.painter().put(|x, y| speckle(x, y) & 0xff_ffff);
    let mut source = server.source();
    assert!(!source.shares_memory());
    let surface = only(source.grab().unwrap());
    assert_pixels(&surface, |x, y| bytes_of_24(speckle(x, y)));
}

#[test]
fn a_display_over_tcp_is_read_without_shared_memory() {
    let Some(server) = Server::start("321x201x24", &["-listen", "tcp", "-ac"]) else { return };
    server.painter().put(|x, y| speckle(x, y) & 0xff_ffff);
    let remote = format!("127.0.0.1{}", server.display);
    let mut source = X11Source::open(Some(&remote)).unwrap();
    assert!(!source.shares_memory());
    assert_pixels(&only(source.grab().unwrap()), |x, y| bytes_of_24(speckle(x, y)));
}

#[test]
fn a_screen_without_randr_is_one_surface() {
    let Some(server) = Server::start("321x201x24", &["-extension", "RANDR"]) else { return };
    server.painter().put(|x, y| speckle(x, y) & 0xff_ffff);
    let surface = only(server.source().grab().unwrap());
    assert_eq!((surface.name.as_str(), surface.x, surface.y), ("screen", 0, 0));
    assert_pixels(&surface, |x, y| bytes_of_24(speckle(x, y)));
}

#[test]
fn a_palette_screen_is_unsupported() {
    let Some(server) = Server::start("320x200x8", &[]) else { return };
    let error = X11Source::open(Some(&server.display)).err().unwrap();
    assert!(matches!(&error, SourceError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("TrueColor"), "{error}");
}

#[test]
fn the_pointer_is_drawn_where_it_was_moved() {
    let Some(server) = Server::start("200x100x24", &[]) else { return };
    let painter = server.painter();
    painter.put(|x, y| speckle(x, y) & 0xff_ffff);
    // Opaque, half red, clear; the hot spot is its last pixel.
    painter.use_pointer(3, 1, &[0xff01_0203, 0x8080_0000, 0], 2, 0);
    let mut source = server.source();
    for (at_x, at_y) in [(100, 50), (0, 0), (199, 99), (1, 77)] {
        painter.warp(at_x, at_y);
        let surface = only(source.grab().unwrap());
        assert_pixels(&surface, |x, y| {
            let under = bytes_of_24(speckle(x, y));
            match (x as i16 - at_x, y as i16 - at_y) {
                (-2, 0) => [1, 2, 3],
                (-1, 0) => {
                    let half = |byte: u8| (f64::from(byte) * 127.0 / 255.0).round() as u8;
                    [128 + half(under[0]), half(under[1]), half(under[2])]
                }
                _ => under,
            }
        });
    }
}

#[test]
fn monitors_are_separate_and_the_pointer_is_on_the_right_one() {
    let Some(server) = Server::start("1001x301x24", &[]) else { return };
    let painter = server.painter();
    painter.put(|x, y| speckle(x, y) & 0xff_ffff);
    let mut source = server.source();
    let whole = only(source.grab().unwrap());
    painter.add_monitor("DP-1", (0, 0, 501, 201), painter.outputs());
    painter.add_monitor("HDMI-1", (501, 50, 500, 251), vec![]);
    painter.use_pointer(3, 1, &[0xff11_1111, 0xff22_2222, 0xff33_3333], 1, 0);
    for (at_x, at_y) in [(30, 30), (700, 60), (501, 60)] {
        painter.warp(at_x, at_y);
        let surfaces = source.grab().unwrap();
        let told: Vec<_> = surfaces
            .iter()
            .map(|s| (s.name.as_str(), s.x, s.y, s.picture.width(), s.picture.height()))
            .collect();
        assert_eq!(told, [("DP-1", 0, 0, 501, 201), ("HDMI-1", 501, 50, 500, 251)]);
        for surface in &surfaces {
            assert_pixels(surface, |x, y| {
                let (x, y) = (x + surface.x as u32, y + surface.y as u32);
                match (x as i16 - at_x, y as i16 - at_y) {
                    (-1, 0) => [0x11; 3],
                    (0, 0) => [0x22; 3],
                    (1, 0) => [0x33; 3],
                    _ => bytes_of_24(speckle(x, y)),
                }
            });
        }
    }
    let names = ["DP-1", "HDMI-1"].map(|name| {
        let atom = painter.connection.intern_atom(true, name.as_bytes()).unwrap();
        atom.reply().unwrap().atom
    });
    for name in names {
        let gone = painter.connection.randr_delete_monitor(painter.root, name).unwrap();
        gone.check().unwrap();
    }
    painter.use_pointer(1, 1, &[0], 0, 0);
    assert_eq!(only(source.grab().unwrap()), whole, "unplugged monitors are gone again");
}

#[test]
fn monitors_that_reach_beyond_the_screen_are_clipped_or_refused() {
    let Some(server) = Server::start("400x300x24", &[]) else { return };
    let painter = server.painter();
    painter.put(|x, y| speckle(x, y) & 0xff_ffff);
    let mut source = server.source();
    painter.add_monitor("wide", (300, 200, 999, 999), painter.outputs());
    let surface = only(source.grab().unwrap());
    let size = (surface.picture.width(), surface.picture.height());
    assert_eq!((surface.x, surface.y, size), (300, 200, (100, 100)));
    assert_pixels(&surface, |x, y| bytes_of_24(speckle(x + 300, y + 200)));
    painter.add_monitor("far", (4000, 0, 50, 50), painter.outputs());
    let error = source.grab().unwrap_err();
    assert!(matches!(&error, SourceError::Unsupported { .. }), "{error}");
}

#[test]
fn the_scale_follows_the_desktops_dpi() {
    let Some(server) = Server::start("40x30x24", &[]) else { return };
    let painter = server.painter();
    let mut source = server.source();
    assert_eq!(only(source.grab().unwrap()).scale_milli, 1000);
    let (name, kind) = (AtomEnum::RESOURCE_MANAGER, AtomEnum::STRING);
    let text = b"Xft.antialias:\t1\nXft.dpi:\t144\n";
    painter.connection.change_property8(PropMode::REPLACE, painter.root, name, kind, text).unwrap();
    painter.connection.sync().unwrap();
    assert_eq!(only(source.grab().unwrap()).scale_milli, 1500);
}

#[test]
fn the_resolution_may_change_between_grabs() {
    let Some(server) = Server::start("1366x768x24", &[]) else { return };
    let painter = server.painter();
    let native = painter.resources().modes[0].id;
    let small = painter.add_mode(801, 603);
    let mut source = server.source();
    for (mode, size) in [(small, (801, 603)), (native, (1366, 768)), (small, (801, 603))] {
        painter.switch(mode);
        painter.put(|x, y| speckle(x, y) & 0xff_ffff);
        let surface = only(source.grab().unwrap());
        assert_eq!((surface.picture.width(), surface.picture.height()), size);
        assert_pixels(&surface, |x, y| bytes_of_24(speckle(x, y)));
        source.recycle(vec![surface]);
    }
}

#[test]
fn grabs_survive_a_resolution_that_changes_all_the_time() {
    for more in [&[][..], &["-extension", "MIT-SHM"]] {
        let Some(server) = Server::start("1366x768x24", more) else { return };
        let painter = server.painter();
        let native = painter.resources().modes[0].id;
        let small = painter.add_mode(333, 222);
        let mut source = server.source();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut modes = [small, native].into_iter().cycle();
                while !done.load(Ordering::Relaxed) {
                    painter.switch(modes.next().unwrap());
                }
            });
            let mut sizes = std::collections::BTreeSet::new();
            for _ in 0..300 {
                // So often that even the retries may run out: that is an error, never a panic.
                match source.grab() {
                    Ok(surfaces) => {
                        let surface = only(surfaces);
                        sizes.insert((surface.picture.width(), surface.picture.height()));
                        source.recycle(vec![surface]);
                    }
                    Err(SourceError::Lost { reason, .. }) => {
                        assert!(reason.contains("error answering"), "{reason}");
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            done.store(true, Ordering::Relaxed);
            assert!(!sizes.is_empty(), "not a single grab succeeded");
            for size in sizes {
                assert!([(333, 222), (1366, 768)].contains(&size), "{size:?} never was");
            }
        });
        painter.switch(native);
        painter.put(|x, y| speckle(x, y) & 0xff_ffff);
        let surface = only(source.grab().unwrap());
        assert_pixels(&surface, |x, y| bytes_of_24(speckle(x, y)));
    }
}

#[test]
fn a_killed_display_is_lost() {
    let Some(mut server) = Server::start("640x480x24", &[]) else { return };
    let mut source = server.source();
    source.grab().unwrap();
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    for _ in 0..2 {
        let error = source.grab().unwrap_err();
        assert!(matches!(&error, SourceError::Lost { .. }), "{error}");
    }
}

#[test]
fn a_display_that_nobody_serves_cannot_be_opened() {
    for name in [":64999", "no display name"] {
        let error = X11Source::open(Some(name)).err().unwrap();
        assert!(matches!(&error, SourceError::Open { display, .. } if display == name), "{error}");
    }
}

/// Brings `screen` up to date as the recording does and compares it with all pixels read anew.
fn assert_complete(
    source: &mut X11Source,
    screen: &mut Screen,
    other: &mut Screen,
    whole: &mut X11Source,
) {
    source.refresh(screen).unwrap();
    let expected = whole.grab().unwrap();
    assert!(screen.surfaces() == expected, "the screen kept by what the server tells differs");
    // What travels to the encoder is complete too.
    other.apply(&screen.take_patch()).unwrap();
    assert!(other.surfaces() == expected, "the patches differ");
}

#[test]
fn what_the_server_tells_to_have_changed_is_all_that_changed() {
    let Some(server) = Server::start("801x603x24", &[]) else { return };
    let painter = server.painter();
    painter.put(|x, y| speckle(x, y) & 0xff_ffff);
    painter.use_pointer(
        3,
        2,
        &[0xff11_1111, 0x8022_0000, 0x4000_0033, 0, 0xff44_4444, 0x1000_0000],
        1,
        0,
    );
    let (mut source, mut whole) = (server.source(), server.source());
    assert!(source.knows_damage());
    whole.distrust_damage();
    let (mut screen, mut other) = (Screen::default(), Screen::default());
    let connection = &painter.connection;
    let window = connection.generate_id().unwrap();
    let look = CreateWindowAux::new().background_pixel(0x12_3456).override_redirect(1);
    let class = WindowClass::INPUT_OUTPUT;
    connection.create_window(0, window, painter.root, 5, 7, 90, 60, 3, class, 0, &look).unwrap();
    let mut state = 7_u32;
    let mut random = |end: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % end
    };
    for step in 0..150 {
        for _ in 0..random(4) {
            let (x, y) = (random(900) as i16 - 50, random(700) as i16 - 50);
            let (w, h) = (random(120) as u16 + 1, random(90) as u16 + 1);
            match random(9) {
                0 => painter.warp(x, y),
                1 => drop(connection.map_window(window).unwrap()),
                2 => drop(connection.unmap_window(window).unwrap()),
                3 | 4 => {
                    let how = ConfigureWindowAux::new().x(i32::from(x)).y(i32::from(y));
                    connection.configure_window(window, &how.width(u32::from(w))).unwrap();
                }
                5 => painter.scroll(x, y, w, h),
                6 => painter.warp(x, y),
                _ => painter.fill(random(1 << 24), x, y, w, h),
            }
        }
        connection.sync().unwrap();
        if step == 75 {
            painter.add_monitor("a", (0, 0, 401 + step as u16, 603), painter.outputs());
        }
        assert_complete(&mut source, &mut screen, &mut other, &mut whole);
    }
    assert!(source.knows_damage(), "the full comparison found nothing that was not told");
}

#[test]
fn a_still_screen_changes_nothing_and_a_key_press_little() {
    let Some(server) = Server::start("801x603x24", &[]) else { return };
    let painter = server.painter();
    painter.put(|x, y| speckle(x, y) & 0xff_ffff);
    painter.use_pointer(2, 1, &[0x8022_0000, 0xff44_4444], 0, 0);
    let mut source = server.source();
    let mut screen = Screen::default();
    for round in 0..14 {
        source.refresh(&mut screen).unwrap();
        let changed = screen.take_patch().len();
        // The pointer is read anew with everything else, every sixth time.
        assert!(round == 0 || changed <= 4 * 16 * 16 * 3, "{changed} bytes in round {round}");
    }
    painter.fill(0xff_ffff, 100, 100, 8, 14);
    painter.connection.sync().unwrap();
    source.refresh(&mut screen).unwrap();
    assert!((1..=6 * 16 * 16 * 3).contains(&screen.take_patch().len()));
}

#[test]
fn idle_time_is_known_and_ends_with_a_touch() {
    use x11rb::protocol::xtest::ConnectionExt as _;
    let Some(server) = Server::start("320x200x24", &[]) else { return };
    let painter = server.painter();
    let mut source = server.source();
    std::thread::sleep(Duration::from_millis(300));
    let idle = source.idle_ms().unwrap();
    assert!(idle >= 300, "{idle}");
    let none = x11rb::NONE;
    painter.connection.xtest_fake_input(6, 0, 0, none, 50, 60, 0).unwrap();
    painter.connection.sync().unwrap();
    assert!(source.idle_ms().unwrap() < idle);
}
