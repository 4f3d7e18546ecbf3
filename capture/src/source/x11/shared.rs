//! Memory shared with the X server: the only unsafe code of the agent.

use memmap2::{MmapOptions, MmapRaw};
use rustix::fd::OwnedFd;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use std::io;

/// A block of memory that another process may have mapped too.
///
/// Its size is sealed, so that neither side can cut it short under the other (which would kill a
/// reader by SIGBUS), and its pages are reserved, so that a full memory is an error here and not
/// a killed server later.
#[derive(Debug)]
pub(super) struct SharedMemory {
    map: MmapRaw,
}

impl SharedMemory {
    /// Makes a zeroed block of `bytes` (not 0) and the descriptor to hand to the other process.
    ///
    /// # Errors
    /// What the kernel says, for instance that there is no memory left.
    pub(super) fn new(bytes: usize) -> io::Result<(Self, OwnedFd)> {
        let fd = rustix::fs::memfd_create(
            "deskreel-screen",
            MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
        )?;
        rustix::fs::fallocate(&fd, FallocateFlags::empty(), 0, bytes as u64)?;
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let map = MmapOptions::new().len(bytes).map_raw(&fd)?;
        Ok((Self { map }, fd))
    }

    /// Size in bytes.
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// Lets `read` see the memory.
    ///
    /// Call it only while the other process has no request of ours to write: [`super::fetch`]
    /// waits for the answer to every request first, also to those after a failed one.
    #[allow(unsafe_code)]
    pub(super) fn read<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        // SAFETY: the mapping is valid, initialised (zero pages) and `len` bytes long for as long
        // as `self`, and the seals forbid shrinking the file under it. Nobody in this process
        // writes to it: the pointer never leaves this function. The X server writes to it only
        // while it serves a request for an image, and by this function's contract none is open.
        read(unsafe { std::slice::from_raw_parts(self.map.as_ptr(), self.map.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::ftruncate;

    #[test]
    fn what_the_other_side_writes_is_read() {
        let (memory, fd) = SharedMemory::new(5000).unwrap();
        assert_eq!(memory.len(), 5000);
        rustix::io::pwrite(&fd, b"pixels", 4990).unwrap();
        memory.read(|bytes| assert_eq!(&bytes[4988..], b"\0\0pixels\0\0\0\0"));
    }

    #[test]
    fn the_other_side_cannot_cut_the_memory_short() {
        let (memory, fd) = SharedMemory::new(5000).unwrap();
        assert!(ftruncate(&fd, 10).is_err());
        memory.read(|bytes| assert!(bytes.iter().all(|&byte| byte == 0)));
    }
}
