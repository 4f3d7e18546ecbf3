//! Puts the player into a bucket, for CloudFront or any static host: right types, right caching.

use std::io;
use std::path::{Path, PathBuf};

use deskreel_store::{ObjectStore, Put, PutMode, StoreError};

use crate::http::{cache_control, content_type};

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
/// none ever names a file that is not there yet. Compressed twins (`.gz`, `.br`) stay: what stands before
/// a bucket compresses by itself. Files of earlier builds, whose names hold other hashes, stay as well:
/// a page that is open may still load them. Pure.
pub fn plan(folder: &Path, mut paths: Vec<String>) -> Vec<Publication> {
    paths.retain(|path| !path.split('/').any(|step| step.is_empty() || step.starts_with('.')));
    paths.retain(|path| !path.ends_with(".gz") && !path.ends_with(".br"));
    // What leads to hashed names comes after them, and pages after everything.
    let rank = |path: &str| (path.ends_with(".html"), cache_control(path) == "no-cache");
    paths.sort_by_key(|path| (rank(path), path.clone()));
    paths
        .into_iter()
        .map(|path| Publication {
            file: folder.join(&path),
            content_type: content_type(&path),
            cache_control: cache_control(&path),
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
        let hashed = "js/z.0123456789abcdef.js";
        let paths =
            ["index.html", ".git/x", "a.wasm", "a.wasm.gz", "a.wasm.br", "js/.x", "js/a.js"];
        let paths = paths.into_iter().chain([hashed]).map(String::from).collect();
        let plan = plan(Path::new("p"), paths);
        let keys: Vec<&str> = plan.iter().map(|p| p.key.as_str()).collect();
        let hashed = format!("player/{hashed}");
        assert_eq!(keys, [&*hashed, "player/a.wasm", "player/js/a.js", "player/index.html"]);
        assert_eq!(plan[1].content_type, "application/wasm");
        assert!(plan[0].cache_control.contains("immutable"));
        assert!(plan[1..].iter().all(|p| p.cache_control == "no-cache"));
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
