//! The manifest: which tile each cell of each screenshot shows, and why moments are missing.

use std::collections::HashMap;

use crate::cells::RunCoder;
use crate::time::END_OF_TIME_MS;
use crate::wire::{Reader, put_varint, zigzag};
use crate::{
    Changes, Digest, FormatError, Layout, Limits, Links, MomentSummary, SegmentId, TileRef,
    TileSize, summary,
};

/// The writer that indexes have and segments never: no pack lies in an object of this writer.
pub const INDEX_WRITER: u32 = 0;

/// The writer of the objects that all desktops of an organisation share: the commons. Manifests of
/// version 1 do not know it.
pub const COMMONS_WRITER: u32 = u32::MAX;

/// Where a pack lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackRef {
    /// The object that holds it.
    pub segment: SegmentId,
    /// First byte, from the start of the object. In a manifest that is not yet part of a segment,
    /// and on the wire, own packs count from the end of the manifest instead.
    pub offset: u32,
    /// Bytes.
    pub len: u32,
    /// Tiles in it.
    pub tiles: u32,
}

/// One screenshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// UTC milliseconds.
    pub time_ms: u64,
    /// Index into [`Manifest::layouts`].
    pub layout: u32,
    /// Nobody touched mouse or keyboard.
    pub idle: bool,
    /// One digest per surface of the layout.
    pub digests: Vec<Digest>,
    /// Cells that differ from the moment before; every cell for the first moment of a manifest and
    /// wherever the layout changes.
    pub changes: Changes,
}

/// Why there are no screenshots for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AbsenceKind {
    /// The person paused the recording.
    Paused,
    /// The screen was locked.
    Locked,
    /// Everything visible was excluded by a rule.
    Excluded,
    /// The machine slept, or nothing could be stored and the oldest was recycled.
    Offline,
    /// The agent did not run.
    NotRunning,
}

impl AbsenceKind {
    const ALL: [Self; 5] =
        [Self::Paused, Self::Locked, Self::Excluded, Self::Offline, Self::NotRunning];

    fn code(self) -> u8 {
        Self::ALL.iter().position(|kind| *kind == self).map_or(0, |index| index as u8)
    }
}

/// A stretch without screenshots, and its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// First millisecond, UTC.
    pub from_ms: u64,
    /// First millisecond after it; above `from_ms`.
    pub to_ms: u64,
    /// Why.
    pub kind: AbsenceKind,
}

/// The screens of a segment (or of an hour, in an index).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Whose manifest it is; an index has writer 0.
    pub id: SegmentId,
    /// Tile size of every pack it refers to.
    pub tile: TileSize,
    /// Milliseconds between screenshots as planned, at least 1. A hole longer than 2.5 of these is an
    /// absence of unknown kind. An index has the longest of its manifests.
    pub interval_ms: u32,
    /// The layouts that its moments use.
    pub layouts: Vec<Layout>,
    /// The packs that its moments use.
    pub packs: Vec<PackRef>,
    /// The screenshots, times strictly ascending.
    pub moments: Vec<Moment>,
    /// Absences that ended since the segment before.
    pub absences: Vec<Absence>,
    /// Earlier moments since the last index, so that the newest segment alone lists them.
    pub tail: Vec<MomentSummary>,
    /// Which tiles are the same.
    pub links: Links,
}

/// Where the replay of a manifest stands: the whole screen at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// Index into [`Manifest::layouts`].
    pub layout: u32,
    /// One reference per cell.
    pub cells: Vec<TileRef>,
}

impl Screen {
    /// The screen that the first moment of a manifest shows.
    pub fn of(first: &Moment) -> Self {
        let cells = first.changes.iter().map(|change| change.to).collect();
        Self { layout: first.layout, cells }
    }

    /// Moves on to the next moment of the manifest.
    pub fn apply(&mut self, next: &Moment) {
        if self.layout != next.layout {
            *self = Self::of(next);
            return;
        }
        for change in next.changes.iter() {
            if let Some(cell) = self.cells.get_mut(change.cell as usize) {
                *cell = change.to;
            }
        }
    }
}

impl Manifest {
    /// The whole screen of moment `index`: all changes up to it applied. To show moments one after
    /// the other, [`Screen::apply`] them.
    pub fn screen(&self, index: usize) -> Option<Screen> {
        let [first, rest @ ..] = self.moments.get(..=index)? else { return None };
        let mut screen = Screen::of(first);
        rest.iter().for_each(|moment| screen.apply(moment));
        Some(screen)
    }

    /// The bytes of FORMAT.md, section "Manifest body", proven to be read back as `self`.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        let bytes = self.write();
        if Self::read(&bytes, self.version(), &Limits::default())? != *self {
            let reason = "it would not be read back as it is";
            return Err(FormatError::Invalid { what: "manifest", at: 0, reason });
        }
        Ok(bytes)
    }

    /// The first version of the format that can say all of it.
    pub(crate) fn version(&self) -> u8 {
        let mut writers = self.packs.iter().map(|pack| pack.segment.writer).chain([self.id.writer]);
        let is_shared = writers.any(|writer| writer == COMMONS_WRITER);
        if is_shared || !self.links.is_empty() { 2 } else { 1 }
    }

    /// Which packs of the table moments show; the others are only named by links, and need not be
    /// there.
    pub fn shown_packs(&self) -> Vec<bool> {
        let mut shown = vec![false; self.packs.len()];
        for pack in self.moments.iter().flat_map(|moment| moment.changes.packs()) {
            if let Some(shown) = shown.get_mut(pack as usize) {
                *shown = true;
            }
        }
        shown
    }

    /// For each moment, the packs of the table that its whole screen takes, ascending. Replays all
    /// moments.
    pub fn packs_of_moments(&self) -> Vec<Vec<u32>> {
        let mut cells: Vec<TileRef> = Vec::new();
        let mut layout = None;
        // Per pack, how many cells show it. An hour has hundreds of thousands of changes.
        let mut shown: Vec<u32> = vec![0; self.packs.len()];
        let replayed = self.moments.iter().map(|moment| {
            if layout == Some(moment.layout) {
                for change in moment.changes.iter() {
                    let cell = &mut cells[change.cell as usize];
                    shown[cell.pack as usize] -= 1;
                    shown[change.to.pack as usize] += 1;
                    *cell = change.to;
                }
            } else {
                layout = Some(moment.layout);
                cells = moment.changes.iter().map(|change| change.to).collect();
                shown.fill(0);
                cells.iter().for_each(|cell| shown[cell.pack as usize] += 1);
            }
            let packs = (0_u32..).zip(&shown).filter(|(_, count)| **count > 0);
            packs.map(|(pack, _)| pack).collect()
        });
        replayed.collect()
    }

    /// Writes without judging: what breaks a rule makes bytes that [`Self::read`] refuses.
    fn write(&self) -> Vec<u8> {
        let mut out = vec![self.tile.log2()];
        put_varint(&mut out, self.interval_ms.into());
        put_varint(&mut out, self.id.first_ms);
        out.extend_from_slice(&self.id.writer.to_le_bytes());
        put_varint(&mut out, self.layouts.len() as u64);
        self.layouts.iter().for_each(|layout| layout.write(&mut out));
        self.write_packs(&mut out);
        put_varint(&mut out, self.moments.len() as u64);
        let mut runs = RunCoder::new(self.packs.len());
        let mut before_ms = self.id.first_ms;
        for moment in &self.moments {
            put_varint(&mut out, moment.time_ms.wrapping_sub(before_ms));
            before_ms = moment.time_ms;
            put_varint(&mut out, u64::from(moment.layout) << 1 | u64::from(moment.idle));
            moment.digests.iter().for_each(|digest| out.extend_from_slice(&digest.0));
            runs.write(&moment.changes, &mut out);
        }
        write_absences(&self.absences, &mut out);
        summary::write(&self.tail, &mut out);
        if self.version() > 1 {
            self.links.write(&self.moments, self.packs.len(), &mut out);
        }
        out
    }

    fn write_packs(&self, out: &mut Vec<u8>) {
        let mut writers: Vec<u32> = vec![self.id.writer];
        let mut numbers = HashMap::from([(self.id.writer, 0)]);
        for pack in &self.packs {
            numbers.entry(pack.segment.writer).or_insert_with(|| {
                writers.push(pack.segment.writer);
                writers.len() - 1
            });
        }
        put_varint(out, writers.len() as u64 - 1);
        writers[1..].iter().for_each(|writer| out.extend_from_slice(&writer.to_le_bytes()));
        put_varint(out, self.packs.len() as u64);
        let mut before_ms = self.id.first_ms;
        for pack in &self.packs {
            put_varint(out, numbers[&pack.segment.writer] as u64);
            put_varint(out, zigzag(before_ms.wrapping_sub(pack.segment.first_ms) as i64));
            before_ms = pack.segment.first_ms;
            put_varint(out, pack.offset.into());
            put_varint(out, pack.len.into());
            put_varint(out, pack.tiles.into());
        }
    }

    /// Reads what [`Self::write`] wrote and checks every reference.
    pub(crate) fn read(bytes: &[u8], version: u8, limits: &Limits) -> Result<Self, FormatError> {
        let mut reader = Reader::new("manifest", bytes);
        let tile = TileSize::from_log2(reader.u8()?)
            .ok_or_else(|| reader.invalid("the tile size is unknown"))?;
        let interval_ms = reader.narrow_u32("the interval is out of range")?;
        if interval_ms == 0 {
            return Err(reader.invalid("the interval is zero"));
        }
        let first_ms = reader.varint()?;
        let first_ms = time(&reader, Some(0), first_ms)?;
        let id = SegmentId { first_ms, writer: reader.u32()? };
        let count = reader.count("layouts", limits.layouts)?;
        let layouts: Vec<Layout> =
            (0..count).map(|_| Layout::read(&mut reader, limits)).collect::<Result<_, _>>()?;
        let cells: Vec<usize> =
            layouts.iter().map(|l| l.cells(tile, limits)).collect::<Result<_, _>>()?;
        let packs = read_packs(&mut reader, id, limits)?;
        let is_shared = |pack: &PackRef| pack.segment.writer == COMMONS_WRITER;
        if version == 1 && (id.writer == COMMONS_WRITER || packs.iter().any(is_shared)) {
            return Err(reader.invalid("version 1 has no commons"));
        }
        let moments = read_moments(&mut reader, id, &layouts, &cells, &packs, limits)?;
        let absences = read_absences(&mut reader, limits)?;
        let tail = summary::read(&mut reader, limits)?;
        let links = match version {
            1 => Links::default(),
            _ => Links::read(&mut reader, &moments, &packs, limits)?,
        };
        reader.finish()?;
        Ok(Self { id, tile, interval_ms, layouts, packs, moments, absences, tail, links })
    }
}

/// `base + delta`, if it is a time that keys can hold.
fn time(reader: &Reader<'_>, base: Option<u64>, delta: u64) -> Result<u64, FormatError> {
    base.and_then(|base| base.checked_add(delta))
        .filter(|time| *time < END_OF_TIME_MS)
        .ok_or_else(|| reader.invalid("a time is out of range"))
}

fn read_packs(
    reader: &mut Reader<'_>,
    id: SegmentId,
    limits: &Limits,
) -> Result<Vec<PackRef>, FormatError> {
    let count = reader.count("writers", limits.packs)?;
    let mut writers = vec![id.writer];
    for _ in 0..count {
        writers.push(reader.u32()?);
    }
    let count = reader.count("packs", limits.packs)?;
    let mut packs = Vec::new();
    let mut before_ms = id.first_ms;
    for _ in 0..count {
        let writer = usize::try_from(reader.varint()?).ok().and_then(|index| writers.get(index));
        let Some(&writer) = writer.filter(|writer| **writer != INDEX_WRITER) else {
            return Err(reader.invalid("a pack's writer is 0 or outside the table"));
        };
        let back = reader.signed()?;
        let first_ms = (before_ms as i64).checked_sub(back).and_then(|ms| u64::try_from(ms).ok());
        let first_ms = time(reader, first_ms, 0)?;
        before_ms = first_ms;
        let offset = reader.narrow_u32("a pack's offset is out of range")?;
        let len = reader.count("bytes of a pack", limits.pack_bytes)? as u32;
        let tiles = reader.narrow_u32("a pack's tile count is out of range")?;
        if offset.checked_add(len).is_none() {
            return Err(reader.invalid("a pack ends out of range"));
        }
        let segment = SegmentId { first_ms, writer };
        packs.push(PackRef { segment, offset, len, tiles });
    }
    Ok(packs)
}

fn read_moments(
    reader: &mut Reader<'_>,
    id: SegmentId,
    layouts: &[Layout],
    cells: &[usize],
    packs: &[PackRef],
    limits: &Limits,
) -> Result<Vec<Moment>, FormatError> {
    let count = reader.count("screenshots", limits.moments)?;
    let mut runs = RunCoder::new(packs.len());
    let mut moments: Vec<Moment> = Vec::new();
    for _ in 0..count {
        let before_ms = moments.last().map(|moment| moment.time_ms);
        let delta = reader.varint()?;
        if before_ms.is_some() && delta == 0 {
            return Err(reader.invalid("two screenshots have one time"));
        }
        let time_ms = time(reader, Some(before_ms.unwrap_or(id.first_ms)), delta)?;
        let flags = reader.varint()?;
        let index = usize::try_from(flags >> 1).ok().filter(|index| *index < layouts.len());
        let Some(index) = index else {
            return Err(reader.invalid("a screenshot has a layout outside the table"));
        };
        let digests = layouts[index].surfaces.iter().map(|_| Ok(Digest(reader.array()?)));
        let digests = digests.collect::<Result<Vec<_>, FormatError>>()?;
        let changes = runs.read(reader, cells[index], packs, limits)?;
        let same_layout = moments.last().is_some_and(|moment| moment.layout as usize == index);
        // Cells ascend strictly, so their number tells whether all are there.
        if !same_layout && changes.len() != cells[index] {
            return Err(reader.invalid("a first screenshot does not give every cell"));
        }
        let (layout, idle) = (index as u32, flags & 1 == 1);
        moments.push(Moment { time_ms, layout, idle, digests, changes });
    }
    Ok(moments)
}

pub(crate) fn write_absences(absences: &[Absence], out: &mut Vec<u8>) {
    put_varint(out, absences.len() as u64);
    for absence in absences {
        out.push(absence.kind.code());
        put_varint(out, absence.from_ms);
        put_varint(out, absence.to_ms.wrapping_sub(absence.from_ms));
    }
}

pub(crate) fn read_absences(
    reader: &mut Reader<'_>,
    limits: &Limits,
) -> Result<Vec<Absence>, FormatError> {
    let count = reader.count("absences", limits.absences)?;
    let mut absences = Vec::new();
    for _ in 0..count {
        let kind = *AbsenceKind::ALL
            .get(usize::from(reader.u8()?))
            .ok_or_else(|| reader.invalid("an absence has an unknown kind"))?;
        let from = reader.varint()?;
        let from_ms = time(reader, Some(0), from)?;
        let length = reader.varint()?;
        if length == 0 {
            return Err(reader.invalid("an absence is empty"));
        }
        absences.push(Absence { from_ms, to_ms: time(reader, Some(from_ms), length)?, kind });
    }
    Ok(absences)
}
