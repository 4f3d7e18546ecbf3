//! Wrote the golden files of version 1, once. It never overwrites one: the point of them is that
//! bytes written long ago stay readable. For a new version, add a `v2.rs` and write its files.

#[path = "../tests/golden/v1.rs"]
mod v1;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use deskreel_format::Segment;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pack = v1::webp_pack();
    let segment =
        Segment::encode(&v1::manifest(0, pack.len() as u32), std::slice::from_ref(&pack))?;
    let offset = segment.len() - pack.len();
    let index = v1::index(offset as u32, pack.len() as u32).encode()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (name, bytes) in
        [("v1-pack-webp.bin", pack), ("v1-segment.bin", segment), ("v1-index.bin", index)]
    {
        let path = folder.join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        file.write_all(&bytes)?;
        println!("wrote {} bytes to {}", bytes.len(), path.display());
    }
    Ok(())
}
