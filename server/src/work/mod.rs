//! What runs on a schedule: sweep, audit, rollup. An event says for which streams; the plans are
//! those of `deskreel-upkeep`.

mod event;
mod run;
mod schedule;

pub use event::{BadEvent, Job, Which, job};
pub use run::{
    AuditReport, ROLL_GRACE_MS, RollupReport, SweepReport, WorkError, audit, rollup, sweep,
};
pub use schedule::scheduled;
