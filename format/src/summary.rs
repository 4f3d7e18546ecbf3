//! A timeline in a few bytes a screenshot: when, how much changed, idle or not.

use crate::FormatError;
use crate::limits::Limits;
use crate::time::END_OF_TIME_MS;
use crate::wire::{Reader, put_varint, zigzag};

/// What the slider needs to know of a screenshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MomentSummary {
    /// UTC milliseconds.
    pub time_ms: u64,
    /// Share of the screen's cells that changed, 0 to 127 (all); anything above none is at least 1.
    pub changed: u8,
    /// Nobody touched mouse or keyboard.
    pub idle: bool,
}

impl MomentSummary {
    /// Scales a number of changed cells to [`Self::changed`].
    pub fn share(changed: usize, cells: usize) -> u8 {
        if changed == 0 || cells == 0 {
            return 0;
        }
        (changed.min(cells) * 127 / cells).max(1) as u8
    }
}

/// Appends summaries whose times ascend strictly: count, first time and the changes of the step
/// between times, then one byte each of activity.
pub(crate) fn write(summaries: &[MomentSummary], out: &mut Vec<u8>) {
    put_varint(out, summaries.len() as u64);
    let (mut before, mut step) = (0_i64, 0_i64);
    for summary in summaries {
        let time = summary.time_ms as i64;
        put_varint(out, zigzag(time.wrapping_sub(before).wrapping_sub(step)));
        step = time.wrapping_sub(before);
        before = time;
    }
    out.extend(summaries.iter().map(|s| s.changed.min(127) << 1 | u8::from(s.idle)));
}

/// Reads what [`write`] wrote.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    limits: &Limits,
) -> Result<Vec<MomentSummary>, FormatError> {
    let count = reader.count("moments of a summary", limits.summary)?;
    let mut times = Vec::new();
    let (mut before, mut step) = (0_i64, 0_i64);
    for index in 0..count {
        let change = reader.signed()?;
        let next = step.checked_add(change).and_then(|s| Some((s, before.checked_add(s)?)));
        let in_range = |time: i64| (0..END_OF_TIME_MS as i64).contains(&time);
        let Some((new_step, time)) = next.filter(|(_, time)| in_range(*time)) else {
            return Err(reader.invalid("a time of the summary is out of range"));
        };
        if index > 0 && new_step <= 0 {
            return Err(reader.invalid("the times of the summary do not ascend"));
        }
        (before, step) = (time, new_step);
        times.push(time as u64);
    }
    let activity = reader.bytes(count)?;
    let summary = |(time_ms, byte): (u64, &u8)| MomentSummary {
        time_ms,
        changed: byte >> 1,
        idle: byte & 1 == 1,
    };
    Ok(times.into_iter().zip(activity).map(summary).collect())
}
