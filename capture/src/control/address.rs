//! Where the control socket of a stream lies.

use std::path::{Path, PathBuf};

/// The folders that may hold sockets, the best first: that of the session, where there is one, and one
/// beside the agent's memory. An agent started without the session's environment uses the latter, so
/// whoever asks looks in both.
fn folders(state: &Path) -> Vec<PathBuf> {
    let session =
        directories::BaseDirs::new().and_then(|dirs| dirs.runtime_dir().map(Path::to_owned));
    let session = session.filter(|folder| folder.is_dir()).map(|folder| folder.join("deskreel"));
    let beside = state.parent().unwrap_or(state).join("control");
    session.into_iter().chain([beside]).collect()
}

/// The places of the socket of the agent with this state folder, the best first. Named by a digest of
/// the folder: names of streams may be longer than a socket's path.
pub fn candidates(state: &Path) -> Vec<PathBuf> {
    let whole = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    let hash = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
    let name = format!("{}.sock", &hash.as_str()[..16]);
    folders(state).into_iter().map(|folder| folder.join(&name)).collect()
}

/// Every socket in the folders that an agent with this state folder could use.
pub fn all(state: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders(state) {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let paths = entries.flatten().map(|entry| entry.path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "sock")));
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_folder_has_a_socket_of_its_own_and_a_short_name() {
        let (one, other) = (candidates(Path::new("/x/a-1")), candidates(Path::new("/x/a-2")));
        assert_ne!(one, other);
        assert_eq!(one, candidates(Path::new("/x/a-1")));
        let last = one.last().unwrap();
        assert!(last.starts_with("/x/control"), "{last:?}");
        assert_eq!(last.file_name().unwrap().len(), 16 + ".sock".len());
    }
}
