//! What answers bring: listings, manifests, packs, and failures.

use deskreel_format::index::HEADER_BYTES as INDEX_HEADER_BYTES;
use deskreel_format::segment::SegmentHeader;
use deskreel_format::{DaySummary, FormatError, Index, Pack, Segment, SegmentId};

use super::{Event, Player, PlayerError};
use crate::core::decoding::{DecodeId, Finished};
use crate::core::failure::{Verdict, judge};
use crate::core::io::TransferId;
use crate::core::listing::{self, Listing};
use crate::core::plan::{Span, first_read};
use crate::core::sheet::{PackKey, Sheet};
use crate::core::timeline::{index_of, parse_hour};
use crate::core::transfers::{Job, SUMMARY_BYTES, Transfer};

const NO_MOMENTS: &str = "its screenshots cannot be shown";
const NO_TILES: &str = "parts of the picture are hatched";

/// What was read of an object.
struct SoFar {
    bytes: Vec<u8>,
    /// More of it may follow, if there is more.
    may_grow: bool,
}

impl SoFar {
    /// Adds an answer to what was read before, which is taken.
    fn with(had: &mut Vec<u8>, status: u16, body: &[u8]) -> Self {
        let mut bytes = std::mem::take(had);
        // A store that does not do ranges answers 200 with everything.
        if status == 200 {
            bytes.clear();
        }
        bytes.extend_from_slice(body);
        Self { bytes, may_grow: status == 206 && !body.is_empty() }
    }
}

impl Player {
    pub(super) fn reply(&mut self, now_ms: u64, id: TransferId, status: u16, body: Vec<u8>) {
        let Some(mut transfer) = self.transfers.answered(id) else { return };
        match judge(status, &body) {
            Verdict::Later => {
                self.transfers.retry(now_ms, transfer);
                return;
            }
            Verdict::Expired => {
                self.access.expired(now_ms);
                self.transfers.repeat(transfer);
            }
            Verdict::Good => match &mut transfer.job {
                Job::Manifest(id, had) => {
                    let (id, so_far) = (*id, SoFar::with(had, status, &body));
                    self.manifest(transfer, id, so_far);
                }
                Job::Summary(hour_ms, had) => {
                    let (hour_ms, so_far) = (*hour_ms, SoFar::with(had, status, &body));
                    self.summary(transfer, hour_ms, so_far);
                }
                Job::Index(hour_ms, had) => {
                    let (hour_ms, so_far) = (*hour_ms, SoFar::with(had, status, &body));
                    self.index(transfer, hour_ms, so_far);
                }
                Job::Packs(span) => {
                    let span = span.clone();
                    self.pack_bytes(&span, transfer.fresh, status, &body);
                }
                Job::Board(id) => {
                    if self.boards.arrived(*id, Some(&body)) {
                        self.tell(Event::Storyboard);
                    }
                }
                _ => self.listing(now_ms, transfer, &body),
            },
            verdict => self.refused(now_ms, transfer, verdict, status),
        }
        self.transfers.heard();
    }

    fn refused(&mut self, now_ms: u64, transfer: Transfer, verdict: Verdict, status: u16) {
        let failure = |object: String, effect| {
            if verdict == Verdict::Missing {
                PlayerError::Missing { object, effect }
            } else {
                PlayerError::Refused { object, status, effect }
            }
        };
        match &transfer.job {
            Job::Manifest(id, _) if self.was_guessed(*id) => {}
            Job::Manifest(id, _) => {
                let error = failure(self.config.stream.segment_key(*id), NO_MOMENTS);
                self.give_up_manifest(*id, error);
            }
            Job::Packs(span) => {
                let error = failure(self.config.stream.segment_key(span.segment), NO_TILES);
                for pack in &span.packs {
                    self.failed.insert(pack.into(), error.clone());
                }
            }
            // Readers get along without indexes.
            Job::Indexes => {
                let wall_ms = self.access.wall_ms(now_ms);
                self.discovery.found_indexes(wall_ms, [], true, &mut self.timeline);
            }
            // It ends before it says that it does.
            Job::Summary(hour_ms, had) | Job::Index(hour_ms, had)
                if status == 416 && !had.is_empty() =>
            {
                let (hour_ms, at) = (*hour_ms, had.len());
                let error = FormatError::Truncated { what: "index", at };
                self.damaged_index(transfer, hour_ms, &error);
            }
            Job::Summary(hour_ms, _) | Job::Index(hour_ms, _) => self.timeline.lose_index(*hour_ms),
            // Nor does anything need storyboards.
            Job::Boards(_) => self.boards.listed(now_ms, [], true),
            Job::Board(id) => drop(self.boards.arrived(*id, None)),
            _ => {
                let words = "the store refuses to list the stream";
                self.unlistable = Some(format!("{words} (status {status})"));
                self.transfers.retry(now_ms, transfer);
            }
        }
    }

    fn give_up_manifest(&mut self, id: SegmentId, error: PlayerError) {
        if self.was_guessed(id) {
            return;
        }
        self.timeline.unreadable(id);
        self.tell(Event::Error(error));
    }

    fn listing(&mut self, now_ms: u64, mut transfer: Transfer, body: &[u8]) {
        let listing = match listing::parse(body) {
            Ok(listing) => listing,
            Err(error) => {
                let (object, reason) = (self.config.stream.segments_prefix(), error.to_string());
                self.tell(Event::Error(PlayerError::Listing { object, reason }));
                self.transfers.retry(now_ms, transfer);
                return;
            }
        };
        self.unlistable = None;
        let interval_ms = self.timeline.interval_ms();
        let is_last = listing.next.is_none();
        match &transfer.job {
            Job::Dates => {
                let dates = self.folders(now_ms, &listing, "0000-00-00");
                self.discovery.found_dates(now_ms, dates, is_last, interval_ms);
            }
            Job::Hours(date) => {
                // A date has 24 hours: one page holds them.
                let hours = self.folders(now_ms, &listing, "0000-00-00/00");
                self.discovery.found_hours(date, hours);
                return;
            }
            Job::Indexes => {
                let wall_ms = self.access.wall_ms(now_ms);
                let root = format!("{}{}", self.prefix(now_ms), self.config.stream.index_prefix());
                let hours = listing.entries.iter().filter_map(|entry| {
                    parse_hour(entry.key.strip_prefix(&root)?.strip_suffix(".idx")?)
                });
                self.discovery.found_indexes(wall_ms, hours, is_last, &mut self.timeline);
            }
            Job::Hour(_) | Job::Reach(_) | Job::News(_) => {
                let prefix = self.prefix(now_ms).to_owned();
                for entry in &listing.entries {
                    let key = entry.key.strip_prefix(&prefix);
                    // What is no segment is not for this player.
                    if let Some(Ok(id)) = key.map(SegmentId::from_key) {
                        self.timeline.listed(id, entry.size);
                    }
                }
                match &transfer.job {
                    Job::Hour(hour) | Job::Reach(hour) if is_last => {
                        let wall_ms = self.access.wall_ms(now_ms);
                        self.discovery.found_hour(wall_ms, hour, &mut self.timeline);
                    }
                    Job::News(_) if is_last => {
                        let wall_ms = self.access.wall_ms(now_ms);
                        let timeline = &mut self.timeline;
                        self.discovery.found_news(now_ms, wall_ms, self.follow, timeline);
                    }
                    _ => {}
                }
            }
            Job::Boards(_) => {
                let prefix = self.prefix(now_ms).to_owned();
                let keys =
                    listing.entries.iter().filter_map(|entry| entry.key.strip_prefix(&prefix));
                let ids: Vec<SegmentId> =
                    keys.filter_map(|key| SegmentId::from_storyboard_key(key).ok()).collect();
                self.boards.listed(now_ms, ids, is_last);
            }
            Job::Manifest(..)
            | Job::Packs(_)
            | Job::Summary(..)
            | Job::Index(..)
            | Job::Board(_) => {}
        }
        if !is_last {
            transfer.page = listing.next;
            self.transfers.repeat(transfer);
        }
    }

    /// What the bucket's owner puts before every key of ours.
    fn prefix(&self, now_ms: u64) -> &str {
        self.access.grant(now_ms).map_or("", |grant| grant.prefix())
    }

    /// The folders below the stream whose names have the shape of `pattern` (0 is any digit).
    fn folders(&self, now_ms: u64, listing: &Listing, pattern: &str) -> Vec<String> {
        let root = format!("{}{}", self.prefix(now_ms), self.config.stream.segments_prefix());
        let fits = |name: &&str| {
            name.len() == pattern.len()
                && name.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
                    b'0' => byte.is_ascii_digit(),
                    wanted => byte == wanted,
                })
        };
        let names = listing
            .prefixes
            .iter()
            .filter_map(|prefix| prefix.strip_prefix(root.as_str())?.strip_suffix('/'));
        names.filter(fits).map(str::to_owned).collect()
    }

    fn manifest(&mut self, mut transfer: Transfer, id: SegmentId, so_far: SoFar) {
        let SoFar { bytes, may_grow } = so_far;
        let limits = &self.config.limits;
        let header = SegmentHeader::decode(&bytes, limits);
        if let Ok(header) = &header
            && (bytes.len() as u64) < u64::from(header.manifest_end)
            && may_grow
        {
            transfer.range = Some((bytes.len() as u64, u64::from(header.manifest_end) - 1));
            transfer.job = Job::Manifest(id, bytes);
            self.transfers.repeat(transfer);
            return;
        }
        let segment = header.and_then(|_| Segment::decode(&bytes, limits)).and_then(|segment| {
            if segment.manifest.id == id {
                return Ok(segment);
            }
            let reason = "it names another segment than its key does";
            Err(FormatError::Invalid { what: "manifest", at: 0, reason })
        });
        match segment {
            Ok(segment) => {
                let sheet = Sheet::new(segment.manifest);
                // What was guessed is in an index as well, which tells of all its hour.
                if self.timeline.knows(id) {
                    self.timeline.read(&sheet);
                }
                self.take_own_packs(&sheet, &bytes, transfer.fresh);
                let size = sheet.bytes();
                self.sheets.insert(id, sheet, size, |_| false);
            }
            Err(error) if transfer.fresh => {
                let object = self.config.stream.segment_key(id);
                let (reason, effect) = (error.to_string(), NO_MOMENTS);
                self.give_up_manifest(id, PlayerError::Corrupt { object, reason, effect });
            }
            Err(_) => {
                // Once more, past the browser's cache: the damage may be its own.
                transfer.fresh = true;
                transfer.range = first_read(self.timeline.size(id));
                self.transfers.repeat(transfer);
            }
        }
    }

    /// The first part of an index: the day, in short.
    fn summary(&mut self, mut transfer: Transfer, hour_ms: u64, so_far: SoFar) {
        let SoFar { bytes, may_grow } = so_far;
        let limits = &self.config.limits;
        if bytes.len() >= INDEX_HEADER_BYTES
            && let Ok(end) = DaySummary::end(&bytes, limits)
            && bytes.len() < end
            && may_grow
        {
            transfer.range = Some((bytes.len() as u64, end as u64 - 1));
            transfer.job = Job::Summary(hour_ms, bytes);
            self.transfers.repeat(transfer);
            return;
        }
        match DaySummary::decode(&bytes, limits) {
            Ok(summary) => self.timeline.summarise(hour_ms, &summary),
            Err(error) => self.damaged_index(transfer, hour_ms, &error),
        }
    }

    fn index(&mut self, mut transfer: Transfer, hour_ms: u64, so_far: SoFar) {
        let SoFar { bytes, may_grow } = so_far;
        if may_grow && Index::end(&bytes, &self.config.limits).is_ok_and(|end| bytes.len() < end) {
            transfer.job = Job::Index(hour_ms, bytes);
            self.transfers.repeat(transfer);
            return;
        }
        let index = Index::decode(&bytes, &self.config.limits).and_then(|index| {
            if index.manifest.id == index_of(hour_ms) {
                return Ok(index);
            }
            let reason = "it is of another hour than its key says";
            Err(FormatError::Invalid { what: "index", at: 0, reason })
        });
        match index {
            Ok(index) => {
                let sheet = Sheet::new(index.manifest);
                self.timeline.read(&sheet);
                let size = sheet.bytes();
                self.sheets.insert(index_of(hour_ms), sheet, size, |_| false);
            }
            Err(error) => self.damaged_index(transfer, hour_ms, &error),
        }
    }

    /// Once more, past the browser's cache; then its hour is read from segments.
    fn damaged_index(&mut self, mut transfer: Transfer, hour_ms: u64, error: &FormatError) {
        if !transfer.fresh {
            transfer.fresh = true;
            if let Job::Summary(_, had) | Job::Index(_, had) = &mut transfer.job {
                had.clear();
            }
            // Of an index that is read whole, the range is named when it starts.
            transfer.range = Some((0, SUMMARY_BYTES - 1));
            self.transfers.repeat(transfer);
            return;
        }
        self.timeline.lose_index(hour_ms);
        let object = self.config.stream.index_key(hour_ms);
        let (reason, effect) = (error.to_string(), "its hour is read from its segments");
        self.tell(Event::Error(PlayerError::Corrupt { object, reason, effect }));
    }

    /// The packs that came along with their manifest.
    fn take_own_packs(&mut self, sheet: &Sheet, bytes: &[u8], fresh: bool) {
        let own = sheet.manifest.packs.iter().filter(|pack| pack.segment == sheet.manifest.id);
        for pack in own {
            let (from, to) = (pack.offset as usize, pack.offset as usize + pack.len as usize);
            // What is incomplete is fetched by itself when it is needed.
            if let Some(bytes) = bytes.get(from..to) {
                self.decoding.put(pack, sheet.manifest.tile, bytes, fresh);
            }
        }
    }

    /// Packs that are here before the rest of their span: decoders need not wait for that.
    pub(super) fn part(&mut self, id: TransferId, from: usize, bytes: &[u8]) {
        let Some(Transfer { job: Job::Packs(span), fresh, .. }) = self.transfers.flying_to(id)
        else {
            return;
        };
        for pack in &span.packs {
            let place = span.place(pack);
            let came = place.start.checked_sub(from).and_then(|at| bytes.get(at..at + place.len()));
            if let Some(bytes) = came {
                self.decoding.put(pack, span.tile, bytes, *fresh);
            }
        }
    }

    fn pack_bytes(&mut self, span: &Span, fresh: bool, status: u16, body: &[u8]) {
        let start = if status == 200 { span.range.0 as usize } else { 0 };
        for pack in &span.packs {
            let key = PackKey::from(pack);
            if self.packs.contains(&key) || self.decoding.contains(&key) {
                // It came as a part.
                continue;
            }
            let place = span.place(pack);
            if let Some(bytes) = body.get(start + place.start..start + place.end) {
                self.decoding.put(pack, span.tile, bytes, fresh);
            } else {
                let error = FormatError::Truncated { what: "pack", at: body.len() };
                let finished = Finished { place: *pack, tile: span.tile, fresh };
                self.damaged(finished, &error.to_string());
            }
        }
    }

    /// The tiles of a pack, or why there are none.
    pub(super) fn decoded(&mut self, id: DecodeId, tiles: Result<Vec<u8>, String>) {
        let Some(finished) = self.decoding.finished(id) else { return };
        let pack = tiles.and_then(|rgb| {
            let pack = Pack::from_rgb(finished.tile, rgb).map_err(|error| error.to_string())?;
            let is_whole = pack.tiles() == finished.place.tiles;
            is_whole.then_some(pack).ok_or_else(|| "its decoder gave other tiles".to_owned())
        });
        match pack {
            Ok(pack) => self.keep(&finished, pack),
            Err(reason) => self.damaged(finished, &reason),
        }
    }

    /// Once more, past the browser's cache, because the damage may be its own; then no more.
    fn damaged(&mut self, finished: Finished, reason: &str) {
        self.decoding.forget(&finished.place);
        let key = PackKey::from(&finished.place);
        if !finished.fresh {
            self.suspects.insert(key);
            return;
        }
        self.suspects.remove(&key);
        let object = self.config.stream.segment_key(key.segment);
        let error = PlayerError::Corrupt { object, reason: reason.into(), effect: NO_TILES };
        self.failed.insert(key, error);
    }

    fn keep(&mut self, finished: &Finished, pack: Pack) {
        let bytes = pack.tiles() as usize * pack.tile_size().tile_bytes();
        let pinned = &self.pinned;
        let key = PackKey::from(&finished.place);
        self.failed.remove(&key);
        self.suspects.remove(&key);
        self.packs.insert(key, pack, bytes, |key| pinned.contains(key));
    }
}
