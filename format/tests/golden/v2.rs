//! The fixed contents of the golden files of version 2. Never change them: see `tests/golden.rs`.

use deskreel_format::manifest::COMMONS_WRITER;
use deskreel_format::{Chain, Index, Links, Manifest, PackRef, SegmentId, TileRef};

use super::v1;

/// That of version 1, which shows a tile of the commons as well, and with links.
pub(crate) fn manifest(offset: u32, pack_len: u32) -> Manifest {
    let mut manifest = v1::manifest(offset, pack_len);
    let segment = SegmentId { first_ms: v1::HOUR_MS - 3_600_000, writer: COMMONS_WRITER };
    manifest.packs.push(PackRef { segment, offset: 40, len: 5_000, tiles: 300 });
    let tile = |pack, slot| TileRef { pack, slot };
    let same = Links::same_of([
        (tile(1, 1), tile(0, 3)),
        (tile(1, 2), tile(0, 4)),
        (tile(2, 4_000), tile(0, 7)),
        (tile(3, 299), tile(2, 9)),
    ]);
    let after_ms = Some(v1::ID.first_ms - 9_998);
    manifest.links = Links { same, chain: Some(Chain { after_ms, breaks: vec![2, 4] }) };
    manifest
}

/// The hour's index: of the segment above.
pub(crate) fn index(offset: u32, pack_len: u32) -> Index {
    let mut index = v1::index(offset, pack_len);
    let Manifest { packs, links, .. } = manifest(offset, pack_len);
    (index.manifest.packs, index.manifest.links) = (packs, links);
    index
}
