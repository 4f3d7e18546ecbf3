//! Stands between sway and its portal for sharing screens, so that they understand each other without a
//! graphics card: xdg-desktop-portal-wlr 0.7 gives up when it hears of no format of the card's memory,
//! although it then uses plain memory. Here it hears of one.

use std::collections::HashSet;
use std::io::{IoSlice, IoSliceMut, Result};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// No message of Wayland brings more files.
const MOST_FILES: usize = 28;
/// `XR24`: 32 bits a pixel, no opacity.
const FORMAT: u32 = 0x3432_5258;

/// A listening proxy. Connections end with their ends.
#[derive(Debug)]
pub(super) struct Proxy {
    path: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the one that listens; it may be gone.
        let _ = UnixStream::connect(&self.path);
    }
}

impl Proxy {
    /// Listens at `path` and passes on to the compositor at `target`.
    pub(super) fn listen(path: &Path, target: PathBuf) -> Result<Self> {
        let listener = UnixListener::bind(path)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // Whoever asked sees a closed connection.
                let _ = client.and_then(|client| connect(client, &target));
            }
        });
        Ok(Self { path: path.to_owned(), stop })
    }
}

fn connect(client: UnixStream, target: &Path) -> Result<()> {
    let server = UnixStream::connect(target)?;
    let talk = Arc::new(Mutex::new(Talk::default()));
    let (heard, up) = (talk.clone(), (client.try_clone()?, server.try_clone()?));
    std::thread::spawn(move || {
        pump(&up.0, &up.1, |message, out| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).request(message);
            out.extend_from_slice(message);
        });
    });
    std::thread::spawn(move || {
        pump(&server, &client, |message, out| {
            out.extend_from_slice(message);
            talk.lock().unwrap_or_else(PoisonError::into_inner).event(message, out);
        });
    });
    Ok(())
}

/// Passes whole messages on, with their files, until one side is gone.
fn pump(from: &UnixStream, to: &UnixStream, mut each: impl FnMut(&[u8], &mut Vec<u8>)) {
    let mut buffer = Vec::new();
    while let Ok((bytes, files)) = receive(from) {
        if bytes.is_empty() {
            break;
        }
        buffer.extend_from_slice(&bytes);
        let mut out = Vec::new();
        while let Some(len) = first(&buffer) {
            each(&buffer[..len], &mut out);
            buffer.drain(..len);
        }
        if send(to, &out, &files).is_err() {
            break;
        }
    }
    // It may be closed already.
    let _ = to.shutdown(Shutdown::Write);
}

/// The length of the first message, if all of it is here.
fn first(bytes: &[u8]) -> Option<usize> {
    let len = (word(bytes, 1)? >> 16).max(8) as usize;
    (bytes.len() >= len).then_some(len)
}

fn word(bytes: &[u8], index: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(index * 4..)?.first_chunk().copied()?))
}

fn receive(from: &UnixStream) -> Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; 65_536];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(from, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            files.extend(rights);
        }
    }
    bytes.truncate(received.bytes);
    Ok((bytes, files))
}

fn send(to: &UnixStream, bytes: &[u8], files: &[OwnedFd]) -> Result<()> {
    let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&files));
    }
    let mut sent = 0;
    while sent < bytes.len() {
        let parts = [IoSlice::new(&bytes[sent..])];
        sent += sendmsg(to, &parts, &mut control, SendFlags::NOSIGNAL)?;
        control.clear();
    }
    Ok(())
}

/// What is known of a conversation.
#[derive(Debug, Default)]
struct Talk {
    /// The object that makes copies of the screen.
    copier: Option<u32>,
    /// The copies that are under way.
    frames: HashSet<u32>,
}

impl Talk {
    fn request(&mut self, message: &[u8]) {
        let (Some(object), Some(code)) = (word(message, 0), word(message, 1)) else { return };
        let name = b"zwlr_screencopy_manager_v1\0";
        if message.windows(name.len()).any(|part| part == name) {
            // The registry binds it: the new object comes last.
            self.copier = word(message, message.len() / 4 - 1);
        } else if Some(object) == self.copier && matches!(code & 0xffff, 0 | 1) {
            // capture_output, capture_output_region
            self.frames.extend(word(message, 2));
        } else if code & 0xffff == 1 {
            // destroy; its number may become another object's.
            self.frames.remove(&object);
        }
    }

    /// Adds `linux_dmabuf` to what a copy says of its memory.
    fn event(&self, message: &[u8], out: &mut Vec<u8>) {
        let words = [0, 1, 3, 4].map(|index| word(message, index).unwrap_or_default());
        let [object, code, width, height] = words;
        if self.frames.contains(&object) && code & 0xffff == 0 {
            for word in [object, 20 << 16 | 5, FORMAT, width, height] {
                out.extend_from_slice(&word.to_ne_bytes());
            }
        }
    }
}
