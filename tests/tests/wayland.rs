//! The agent in a Wayland session: sway, its portal and PipeWire, all real, with outputs in memory.
//! `cargo run --bin wayland` does the same and says how long each change took.

#![cfg(target_os = "linux")]

use anyhow::Result;
use deskreel_tests::product::not_run;
use deskreel_tests::wayland::{missing, proof, steps};

/// Whether it can run here; says so where not.
fn can_run() -> bool {
    if !missing().is_empty() {
        not_run("wayland", &format!("not installed: {:?}", missing()));
        return false;
    }
    if let Err(reason) = proof::agent_records_wayland() {
        not_run("wayland", &format!("{reason:#}; build with --features deskreel-capture/wayland"));
        return false;
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_is_stored_as_the_compositor_shows_it_however_it_changes() -> Result<()> {
    if can_run() {
        steps::one_output().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monitor_that_the_person_chose_is_stored() -> Result<()> {
    if can_run() {
        steps::one_of_two_outputs().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_declines_is_asked_once() -> Result<()> {
    if can_run() {
        steps::declined().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_monitors_are_stored_together() -> Result<()> {
    if can_run() {
        steps::two_outputs().await?;
    }
    Ok(())
}
