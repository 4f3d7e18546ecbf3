//! Decoding: which packs are decoded now, and where.
//!
//! Packs are kept as they were stored until a picture needs their tiles: that takes a tenth of the
//! memory. The work is done outside the core, by decoders beside the page's thread where there are
//! any ([`super::Output::Decode`]). As with transfers, every turn the player says anew what it wants.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};

use deskreel_format::{FormatError, Limits, Pack, PackRef, TileSize};

use super::cache::ByteLru;
use super::io::Output;
use super::sheet::PackKey;
use super::transfers::Urgency;

/// Names a decoding from its [`Output`] to its [`super::Input`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecodeId(pub u64);

/// A pack to decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeJob {
    /// What the manifest says of it.
    pub place: PackRef,
    /// Tile size of that manifest.
    pub tile: TileSize,
    /// The pack as it was stored.
    pub bytes: Vec<u8>,
}

impl DecodeJob {
    /// Does the work: the padded pixels of all tiles, slot after slot, RGB.
    ///
    /// # Errors
    /// As [`Pack::decode_at`].
    pub fn decode(&self, limits: &Limits) -> Result<Vec<u8>, FormatError> {
        Pack::decode_at(&self.place, self.tile, &self.bytes, limits).map(Pack::into_rgb)
    }
}

/// A pack that came and was not needed decoded yet, or was dropped since.
#[derive(Debug)]
struct Stored {
    place: PackRef,
    tile: TileSize,
    bytes: Vec<u8>,
    fresh: bool,
}

/// What a decoding that has ended was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// What the manifest says of the pack.
    pub place: PackRef,
    /// Tile size of that manifest.
    pub tile: TileSize,
    /// Its bytes came past the browser's cache.
    pub fresh: bool,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    key: PackKey,
    finished: Finished,
    since_ms: u64,
}

/// Packs as stored, and the decodings under way.
pub struct Decoding {
    stored: ByteLru<PackKey, Stored>,
    /// What is wanted decoded, this turn.
    wanted: HashMap<PackKey, Urgency>,
    running: BTreeMap<DecodeId, Running>,
    next: u64,
    /// Decoders beside the page's thread.
    ready: usize,
    /// More of them may yet come.
    coming: bool,
    /// Until when they are waited for.
    patience_ms: Option<u64>,
}

/// A decoder that says nothing for so long is thought to be stuck: its pack is given to another one.
const STUCK_MS: u64 = 30_000;
/// How long the first picture waits for decoders that are starting.
const PATIENCE_MS: u64 = 1_500;

impl Decoding {
    /// Keeps up to `bound` bytes of packs as they were stored. Decodes on the page's thread until
    /// [`Self::set_decoders`].
    pub fn new(bound: usize) -> Self {
        Self {
            stored: ByteLru::new(bound),
            wanted: HashMap::new(),
            running: BTreeMap::new(),
            next: 0,
            ready: 0,
            coming: false,
            patience_ms: None,
        }
    }

    /// How many decoders there are beside the page's thread, and whether more may yet come.
    pub fn set_decoders(&mut self, ready: usize, coming: bool) {
        (self.ready, self.coming) = (ready, coming);
    }

    /// Bytes of packs held as they were stored.
    pub fn bytes(&self) -> usize {
        self.stored.bytes()
    }

    /// Whether a pack is here, though not decoded.
    pub fn contains(&self, key: &PackKey) -> bool {
        self.stored.contains(key)
    }

    /// Keeps a pack as it came; `fresh`: past the browser's cache.
    pub fn put(&mut self, place: &PackRef, tile: TileSize, bytes: &[u8], fresh: bool) {
        let (key, size) = (PackKey::from(place), bytes.len());
        let stored = Stored { place: *place, tile, bytes: bytes.to_vec(), fresh };
        let wanted = &self.wanted;
        self.stored.insert(key, stored, size, |key| wanted.contains_key(key));
    }

    /// From here on, what is not wanted again is not wanted.
    pub fn begin(&mut self) {
        self.wanted.clear();
    }

    /// Wants a pack decoded. False if it is not here and must be fetched.
    pub fn want(&mut self, key: PackKey, urgency: Urgency) -> bool {
        if !self.stored.contains(&key) {
            return self.running.values().any(|running| running.key == key);
        }
        let most = self.wanted.entry(key).or_insert(urgency);
        *most = urgency.min(*most);
        self.stored.touch(&key);
        true
    }

    /// Starts what may start, the most urgent first.
    pub fn flush(&mut self, now_ms: u64, outputs: &mut VecDeque<Output>) {
        self.running.retain(|_, running| now_ms < running.since_ms + STUCK_MS);
        let is_running = |key: &PackKey| self.running.values().any(|running| running.key == *key);
        // Of equal urgency the largest first: a picture is not kept waiting by one decoder that began
        // the longest work last.
        let size = |key: &PackKey| self.stored.peek(key).map_or(0, |stored| stored.bytes.len());
        let mut waiting: Vec<(Urgency, Reverse<usize>, PackKey)> = self
            .wanted
            .iter()
            .filter(|(key, _)| !is_running(key))
            .map(|(key, urgency)| (*urgency, Reverse(size(key)), *key))
            .collect();
        if waiting.is_empty() {
            return;
        }
        waiting.sort_unstable();
        if self.ready == 0 && self.coming {
            let patience_ms = *self.patience_ms.get_or_insert(now_ms + PATIENCE_MS);
            if now_ms < patience_ms {
                return;
            }
        }
        let here = self.ready == 0;
        for (urgency, _, key) in waiting {
            // What the person waits for is handed over early, so that no decoder idles. On the
            // page's own thread there is one at a time, and time for other things in between.
            let most = match urgency {
                _ if here => 1,
                Urgency::Now => self.ready * 2,
                _ => self.ready,
            };
            if self.running.len() >= most {
                break;
            }
            let Some(stored) = self.stored.peek(&key) else { continue };
            let (place, tile, fresh) = (stored.place, stored.tile, stored.fresh);
            self.next += 1;
            let id = DecodeId(self.next);
            let job = DecodeJob { place, tile, bytes: stored.bytes.clone() };
            let finished = Finished { place, tile, fresh };
            self.running.insert(id, Running { key, finished, since_ms: now_ms });
            outputs.push_back(Output::Decode { id, job, here });
        }
    }

    /// A decoding ended. `None` if it is not known.
    pub fn finished(&mut self, id: DecodeId) -> Option<Finished> {
        self.running.remove(&id).map(|running| running.finished)
    }

    /// A decoder ended before its work did: it is done again, elsewhere.
    pub fn lost(&mut self, id: DecodeId) {
        self.running.remove(&id);
    }

    /// Forgets the bytes of a pack, because they are damaged.
    pub fn forget(&mut self, place: &PackRef) {
        self.stored.remove(&place.into());
    }

    /// When starting decoders have been waited for long enough, or one that is at work.
    pub fn wake_ms(&self) -> Option<u64> {
        let is_waiting = self.ready == 0 && self.coming && !self.wanted.is_empty();
        let stuck_ms = self.running.values().map(|running| running.since_ms + STUCK_MS).min();
        self.patience_ms.filter(|_| is_waiting).into_iter().chain(stuck_ms).min()
    }
}
