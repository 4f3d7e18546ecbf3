//! A recorded source: the pictures of a folder, one for each grab, for tests and measurements.

use std::path::{Path, PathBuf};

use deskreel_format::Picture;

use super::{ScreenSource, SourceError, Surface};

/// Shows the pictures of a folder, in the order of their names, for ever.
#[derive(Debug)]
pub struct ReplaySource {
    files: Vec<PathBuf>,
    next: usize,
}

impl ReplaySource {
    /// Reads the names in `folder`; the pictures are decoded one by one.
    ///
    /// # Errors
    /// [`SourceError::Open`] when the folder cannot be read or holds no PNG file.
    pub fn open(folder: &Path) -> Result<Self, SourceError> {
        let wrong =
            |reason: String| SourceError::Open { display: folder.display().to_string(), reason };
        let entries = std::fs::read_dir(folder).map_err(|error| wrong(error.to_string()))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| wrong(error.to_string()))?.path();
            if path.extension().is_some_and(|extension| extension == "png") {
                files.push(path);
            }
        }
        if files.is_empty() {
            return Err(wrong("it holds no PNG file".to_owned()));
        }
        files.sort();
        Ok(Self { files, next: 0 })
    }

    /// The picture that grab number `grab` shows.
    ///
    /// # Errors
    /// [`SourceError::Lost`] when it cannot be read.
    pub fn picture(&self, grab: usize) -> Result<Picture, SourceError> {
        let path = &self.files[grab % self.files.len()];
        let lost = |reason: String| SourceError::Lost { doing: "reading a picture", reason };
        let image = image::open(path)
            .map_err(|error| lost(format!("'{}': {error}", path.display())))?
            .into_rgb8();
        let (width, height) = image.dimensions();
        Picture::new(width, height, image.into_raw()).map_err(|error| lost(error.to_string()))
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Never: a folder without pictures is not opened.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl ScreenSource for ReplaySource {
    fn grab(&mut self) -> Result<Vec<Surface>, SourceError> {
        let picture = self.picture(self.next)?;
        self.next += 1;
        Ok(vec![Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture }])
    }
}
