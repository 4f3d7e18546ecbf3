//! Manifests of many segments in a temporary file: a day's would fill the memory, and reading them from
//! the store a second time would double the requests.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use deskreel_format::{Limits, Segment};

/// Manifests by number, in the order in which they were added. The file is gone with this.
#[derive(Debug)]
pub struct Manifests {
    file: File,
    /// First byte and length of each.
    places: Vec<(u64, usize)>,
    end: u64,
}

impl Manifests {
    /// None yet.
    ///
    /// # Errors
    /// When no temporary file can be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, places: Vec::new(), end: 0 })
    }

    /// Adds the bytes of a segment up to the end of its manifest.
    ///
    /// # Errors
    /// What the file system answered, such as a full disk.
    pub fn add(&mut self, head: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(head)?;
        self.places.push((self.end, head.len()));
        self.end += head.len() as u64;
        Ok(())
    }

    /// One of them.
    ///
    /// # Errors
    /// What the file system answered; [`io::ErrorKind::InvalidData`] when what was added is no
    /// manifest, [`io::ErrorKind::NotFound`] when there is none of this number.
    pub fn get(&mut self, number: usize) -> io::Result<Segment> {
        let (start, len) = *self.places.get(number).ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; len];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut bytes)?;
        Segment::decode(&bytes, &Limits::default())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_manifest_or_not_there_is_an_error() {
        let mut manifests = Manifests::new().unwrap();
        assert_eq!(manifests.get(0).unwrap_err().kind(), io::ErrorKind::NotFound);
        manifests.add(b"no manifest").unwrap();
        assert_eq!(manifests.get(0).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
