//! What runs on a schedule: sweep, audit, rollup, share. An event says for which streams; the plans are
//! those of `deskreel-upkeep`.

mod event;
mod run;
mod schedule;
mod sharing;

pub use event::{BadEvent, Job, Which, job};
pub use run::{
    AuditReport, ROLL_GRACE_MS, RollupReport, SweepReport, WorkError, audit, rollup, sweep,
};
pub use schedule::{Schedule, scheduled};
pub use sharing::{ShareReport, domain_key, domain_key_file, shared};
