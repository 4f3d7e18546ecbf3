//! A clock that jumps back: recording goes on under another writer, and every moment is exact.

use std::sync::Arc;

use deskreel_capture::agent::{LEASE_MS, Uploader};
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{RecordError, Recorder, Settings};
use deskreel_capture::reader::StreamReader;
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, Picture, StreamName, TileSize};
use deskreel_store::MemoryStore;

fn surface(shade: u8) -> Surface {
    let picture = Picture::filled(50, 30, [shade, 1, 2]).expect("a picture");
    Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture }
}

#[tokio::test]
async fn moments_of_before_and_after_the_jump_interleave_and_are_exact() {
    let settings = Settings {
        tile: TileSize::new(16).expect("a size"),
        codec: Codec::DEFAULT,
        interval_ms: 10_000,
        domain: DomainKey::new([5; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 1 << 19,
    };
    let store = Arc::new(MemoryStore::new());
    let stream = StreamName::parse("desk").expect("a name");
    let uploader = Uploader::new(store.clone(), stream.clone());
    let mut recorder = Recorder::new(settings, 1, KnownTiles::new(LEASE_MS));
    let start = 1_763_900_000_000;
    let mut shown = Vec::new();
    for (shade, time_ms) in [(10, start + 20_000), (20, start + 30_000), (30, start + 40_000)] {
        recorder.shoot(time_ms, vec![surface(shade)], false).expect("a shot");
        shown.push((time_ms, shade));
    }
    // Within a segment the jump is refused, and nothing is lost.
    let refused = recorder.shoot(start + 25_000, vec![surface(40)], false);
    assert!(matches!(refused, Err(RecordError::ClockBack { .. })), "{refused:?}");
    uploader.upload(&recorder.seal().expect("a seal").expect("a segment")).await.expect("upload");
    recorder.change_writer(2);
    for (shade, time_ms) in [(40, start + 25_000), (50, start + 35_000), (60, start + 45_000)] {
        recorder.shoot(time_ms, vec![surface(shade)], false).expect("a shot");
        shown.push((time_ms, shade));
    }
    uploader.upload(&recorder.seal().expect("a seal").expect("a segment")).await.expect("upload");
    let reader = StreamReader::new(store, stream);
    for (time_ms, shade) in shown {
        for late in [0, 4_999] {
            let (found, surfaces) = reader.frame(time_ms + late).await.expect("a frame");
            assert_eq!(found, time_ms);
            assert_eq!(surfaces[0].picture, surface(shade).picture);
        }
    }
    assert!(reader.frame(start).await.is_err());
}
