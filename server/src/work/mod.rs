//! What runs on a schedule: sweep, audit, rollup. An event says for which streams; the plans are
//! those of `deskreel-upkeep`.

mod event;
mod run;

pub use event::{BadEvent, Job, Which, job};
pub use run::{AuditReport, SweepReport, WorkError, audit, sweep};
