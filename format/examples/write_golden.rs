//! Wrote the golden files of each version, once. It never overwrites one: the point of them is that
//! bytes written long ago stay readable. For a new version, add a module and write its files.

#[path = "../tests/golden/v1.rs"]
mod v1;
#[path = "../tests/golden/v2.rs"]
mod v2;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use deskreel_format::Segment;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pack = v1::webp_pack();
    let len = pack.len() as u32;
    let packs = std::slice::from_ref(&pack);
    let segment = Segment::encode(&v1::manifest(0, len), packs)?;
    let index = v1::index((segment.len() - pack.len()) as u32, len).encode()?;
    let segment_2 = Segment::encode(&v2::manifest(0, len), packs)?;
    let index_2 = v2::index((segment_2.len() - pack.len()) as u32, len).encode()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (name, bytes) in [
        ("v1-pack-webp.bin", pack),
        ("v1-segment.bin", segment),
        ("v1-index.bin", index),
        ("v2-segment.bin", segment_2),
        ("v2-index.bin", index_2),
    ] {
        let path = folder.join(name);
        if path.exists() {
            continue;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        file.write_all(&bytes)?;
        println!("wrote {} bytes to {}", bytes.len(), path.display());
    }
    Ok(())
}
