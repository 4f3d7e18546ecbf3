//! Puts the player into a bucket, for CloudFront or any static host: right types, right caching.

use std::io;
use std::path::{Path, PathBuf};

use deskreel_store::{ObjectStore, Put, PutMode, StoreError};

use crate::http::content_type;

/// One file to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The file.
    pub file: PathBuf,
    /// Its key: `player/` and its path.
    pub key: String,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Cache-Control`.
    pub cache_control: &'static str,
}

/// The player cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// There is no player.
    #[error("{folder} holds no index.html; build the player with `cargo xtask dist`")]
    NoPlayer {
        /// Where it was looked for.
        folder: String,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is published of these paths below the player's folder (with `/`). Pages come last, so that
/// none ever names a file that is not there yet. Pure.
pub fn plan(folder: &Path, mut paths: Vec<String>) -> Vec<Publication> {
    paths.retain(|path| !path.split('/').any(|step| step.is_empty() || step.starts_with('.')));
    paths.sort_by_key(|path| (path.ends_with(".html"), path.clone()));
    paths
        .into_iter()
        .map(|path| Publication {
            file: folder.join(&path),
            content_type: content_type(&path),
            // Names are the same from build to build, and page, code and WASM must never mix: so
            // every load asks, and is mostly answered with 304.
            cache_control: "no-cache",
            key: format!("player/{path}"),
        })
        .collect()
}

/// Publishes the player in `folder`. `done` is called for each file.
///
/// # Errors
/// [`PublishError`]; run again, it starts over.
pub async fn publish(
    store: &dyn ObjectStore,
    folder: &Path,
    done: impl Fn(&Publication, usize),
) -> Result<usize, PublishError> {
    let mut paths = Vec::new();
    collect(folder, "", &mut paths)?;
    if !paths.iter().any(|path| path == "index.html") {
        return Err(PublishError::NoPlayer { folder: folder.display().to_string() });
    }
    let plan = plan(folder, paths);
    for publication in &plan {
        let Publication { file, key, content_type, cache_control } = publication;
        let bytes = tokio::fs::read(file).await.map_err(|source| failed(file, source))?;
        let size = bytes.len();
        let put =
            Put { mode: PutMode::Overwrite, content_type, cache_control: Some(cache_control) };
        store.put(key, bytes.into(), put).await?;
        done(publication, size);
    }
    Ok(plan.len())
}

fn collect(folder: &Path, below: &str, paths: &mut Vec<String>) -> Result<(), PublishError> {
    for entry in std::fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let entry = entry.map_err(|source| failed(folder, source))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type().map_err(|source| failed(&entry.path(), source))?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{below}{name}/"), paths)?;
        } else if kind.is_file() {
            paths.push(format!("{below}{name}"));
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> PublishError {
    PublishError::File { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_store::MemoryStore;

    #[test]
    fn pages_come_last_and_hidden_files_never() {
        let paths = ["index.html", ".git/x", "a.wasm", "js/.x", "js/a.js"].map(String::from);
        let plan = plan(Path::new("p"), paths.into());
        let keys: Vec<&str> = plan.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["player/a.wasm", "player/js/a.js", "player/index.html"]);
        assert_eq!(plan[0].content_type, "application/wasm");
        assert!(plan.iter().all(|p| p.cache_control == "no-cache"));
    }

    #[tokio::test]
    async fn a_folder_is_published_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = MemoryStore::new();
        let refused = publish(&store, folder.path(), |_, _| {}).await;
        assert!(matches!(refused, Err(PublishError::NoPlayer { .. })));
        std::fs::create_dir(folder.path().join("js")).unwrap();
        std::fs::write(folder.path().join("index.html"), "page").unwrap();
        std::fs::write(folder.path().join("js/a.js"), "1").unwrap();
        assert_eq!(publish(&store, folder.path(), |_, _| {}).await.unwrap(), 2);
        assert_eq!(publish(&store, folder.path(), |_, _| {}).await.unwrap(), 2);
        assert_eq!(store.get("player/js/a.js", None).await.unwrap().bytes, "1");
    }
}
