//! The leave that a desktop gave to share its screen again without asking, in a file of its own.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where it lies. It opens nothing on another machine, but is still for nobody else to read.
#[derive(Debug, Clone)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// The file of a stream's state folder.
    pub fn of(folder: &Path) -> Self {
        Self { path: folder.join("screencast-token") }
    }

    /// The token, if there is one.
    pub fn read(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        let token = text.trim();
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// Keeps another token, or none, in place of the one that was spent. What fails is logged: the
    /// person is asked once more then.
    pub fn replace(&self, token: Option<&str>) {
        let replaced = match token {
            Some(token) => self.write(token),
            None => match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        };
        if let Err(error) = replaced {
            let path = self.path.display();
            tracing::warn!(%error, %path, "the permission to share the screen cannot be kept");
        }
    }

    fn write(&self, token: &str) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        // Made for its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(token.as_bytes())?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_replaces_the_one_before_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::of(&folder.path().join("new"));
        assert_eq!(file.read(), None);
        file.replace(None);
        for token in ["one", "two"] {
            file.replace(Some(token));
            assert_eq!(file.read().as_deref(), Some(token));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&file.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{mode:o}");
        }
        file.replace(None);
        assert_eq!(file.read(), None);
    }
}
