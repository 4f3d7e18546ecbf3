//! Monitors come, go, turn and change size during a recording: every moment stays exact, with its
//! layout.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in what it shares")]

#[expect(dead_code, reason = "shared with the tests of the X11 source, which use more of it")]
mod xserver;

use std::sync::Arc;

use deskreel_capture::agent::{LEASE_MS, Uploader};
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::screen::Screen;
use deskreel_capture::reader::StreamReader;
use deskreel_capture::source::ScreenSource;
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, StreamName, TileSize};
use deskreel_store::MemoryStore;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::wrapper::ConnectionExt as _;
use xserver::{Painter, Server};

fn remove(painter: &Painter, name: &str) {
    let atom = painter.connection.intern_atom(true, name.as_bytes()).unwrap();
    let atom = atom.reply().unwrap().atom;
    painter.connection.randr_delete_monitor(painter.root, atom).unwrap().check().unwrap();
}

/// Changes the monitors as step number `step` does.
fn change(painter: &Painter, step: u32, modes: [u32; 2]) {
    match step {
        // Added.
        2 => painter.add_monitor("DP-1", (0, 0, 480, 600), painter.outputs()),
        4 => painter.add_monitor("HDMI-1", (480, 0, 320, 240), vec![]),
        // Turned: wide becomes high.
        6 => {
            remove(painter, "HDMI-1");
            painter.add_monitor("HDMI-1", (480, 0, 240, 320), vec![]);
        }
        // Moved.
        8 => {
            remove(painter, "HDMI-1");
            painter.add_monitor("HDMI-1", (500, 200, 240, 320), vec![]);
        }
        // Removed, one and then both.
        10 => remove(painter, "HDMI-1"),
        12 => remove(painter, "DP-1"),
        // The whole screen in another resolution, and back.
        14 => painter.switch(modes[1]),
        16 => painter.switch(modes[0]),
        _ => {}
    }
}

#[tokio::test]
async fn every_moment_is_exact_while_monitors_come_and_go() {
    let Some(server) = Server::start("800x600x24", &[]) else { return };
    let painter = server.painter();
    let native = painter.resources().modes[0].id;
    let modes = [native, painter.add_mode(641, 481)];
    let (mut source, mut whole) = (server.source(), server.source());
    whole.distrust_damage();
    let settings = Settings {
        tile: TileSize::new(16).unwrap(),
        codec: Codec::DEFAULT,
        interval_ms: 10_000,
        domain: DomainKey::new([1; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 1 << 19,
    };
    let mut recorder = Recorder::new(settings, 1, KnownTiles::new(LEASE_MS));
    let store = Arc::new(MemoryStore::new());
    let stream = StreamName::parse("desk").unwrap();
    let uploader = Uploader::new(store.clone(), stream.clone());
    let (mut camera, mut encoder) = (Screen::default(), Screen::default());
    let mut expected = Vec::new();
    for step in 0..18_u32 {
        change(&painter, step, modes);
        painter.fill(step * 0x0a_0703, (step * 37 % 600) as i16, (step * 29 % 400) as i16, 90, 70);
        painter.connection.sync().unwrap();
        source.refresh(&mut camera).unwrap();
        encoder.apply(&camera.take_patch()).unwrap();
        let time_ms = 1_763_900_000_000 + u64::from(step) * 10_000;
        recorder.shoot_screen(time_ms, &mut encoder, false).unwrap();
        // Two moments a segment: layouts change within segments and between them.
        if step % 2 == 1 {
            uploader.upload(&recorder.seal().unwrap().unwrap()).await.unwrap();
        }
        expected.push((time_ms, whole.grab().unwrap()));
    }
    let layouts: std::collections::BTreeSet<String> = expected
        .iter()
        .map(|(_, surfaces)| {
            let told = |s: &deskreel_capture::source::Surface| {
                format!("{} {}x{}+{}+{} ", s.name, s.picture.width(), s.picture.height(), s.x, s.y)
            };
            surfaces.iter().map(told).collect()
        })
        .collect();
    assert!(layouts.len() >= 6, "{layouts:?}");
    let reader = StreamReader::new(store, stream);
    for (time_ms, surfaces) in expected.into_iter().rev() {
        let (found, shown) = reader.frame(time_ms).await.unwrap();
        assert_eq!(found, time_ms);
        assert_eq!(shown.len(), surfaces.len());
        for (shown, surface) in shown.iter().zip(&surfaces) {
            assert_eq!((&shown.name, shown.x, shown.y), (&surface.name, surface.x, surface.y));
            assert!(shown.picture == surface.picture, "the moment {time_ms} differs");
        }
    }
}
