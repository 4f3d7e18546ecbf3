//! The bucket stays right: whoever is killed, whoever comes second, however long the machine sleeps.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use deskreel_capture::location::StoreOptions;
use deskreel_tests::agent::Agent;
use deskreel_tests::days::{Days, live};
use deskreel_tests::kills::{Moving, kill_recordings};
use deskreel_tests::minio::Minio;
use deskreel_tests::product::{Product, Running, not_run, pictures, sample_recording};

const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until something holds.
fn wait(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !holds()? {
        ensure!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn interrupt(child: &Child) -> Result<()> {
    let pid = i32::try_from(child.id())?;
    let pid = rustix::process::Pid::from_raw(pid).context("a process")?;
    Ok(rustix::process::kill_process(pid, rustix::process::Signal::INT)?)
}

/// `deskreel record` on a display, its standard error in a file.
fn record(agent: &Agent, moving: &Moving, log: &str) -> Result<Running> {
    let mut command: Command =
        agent.command(&["record", "--interval", "300ms", "--idle-after", "0s", "--display"])?;
    let child = command
        .arg(moving.display())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(agent.folder().join(log))?)
        .spawn()?;
    Ok(Running(child))
}

fn said(agent: &Agent, log: &str) -> Result<String> {
    Ok(std::fs::read_to_string(agent.folder().join(log))?)
}

fn moments(agent: &Agent) -> Result<usize> {
    let list = agent.run(&["frame", "--list", "--json"])?;
    let list: Vec<serde_json::Value> = serde_json::from_slice(&list.stdout).unwrap_or_default();
    Ok(list.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_recording_loses_one_screenshot_at_most_and_the_bucket_stays_clean() -> Result<()>
{
    if let Err(error) = Minio::program() {
        not_run("kills", &error.to_string());
        return Ok(());
    }
    let minio = Minio::start()?;
    minio.store("screens", "").await?;
    let options = minio.options("screens");
    // Longer than a busy machine takes to code a screenshot and flush it to the disk.
    let interval = Duration::from_secs(2);
    let kill = move || kill_recordings(options, 6, 5, interval, |_| ());
    let killing = tokio::task::spawn_blocking(kill);
    let tally = killing.await??;
    println!("{tally:?}");
    ensure!(tally.taken > 0, "no recording lived long enough");
    ensure!(tally.lost.iter().all(|lost| *lost <= 1), "{:?}", tally.lost);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_agent_on_a_stream_refuses_wherever_it_runs() -> Result<()> {
    if let Err(error) = Minio::program() {
        not_run("two agents", &error.to_string());
        return Ok(());
    }
    let minio = Minio::start()?;
    minio.store("screens", "").await?;
    let options = minio.options("screens");
    tokio::task::spawn_blocking(move || two_agents(&options)).await?
}

fn two_agents(options: &StoreOptions) -> Result<()> {
    let moving = Moving::start()?;
    // Two machines: nothing but the bucket is common.
    let (first, second) =
        (Agent::new(options.clone(), "desk")?, Agent::new(options.clone(), "desk")?);
    let mut recording = record(&first, &moving, "log")?;
    wait("the first one records", || Ok(moments(&first)? > 2))?;
    let mut late = record(&second, &moving, "log")?;
    wait("the second one refuses", || Ok(late.0.try_wait()?.is_some()))?;
    let text = said(&second, "log")?;
    ensure!(late.0.wait()?.code() == Some(1), "{text}");
    ensure!(text.contains("another agent records stream 'desk'"), "{text}");
    ensure!(recording.0.try_wait()?.is_none(), "{}", said(&first, "log")?);

    // Both at once, so that neither sees the other at its start.
    interrupt(&recording.0)?;
    ensure!(recording.0.wait()?.success(), "{}", said(&first, "log")?);
    let agents = [Agent::new(options.clone(), "both")?, Agent::new(options.clone(), "both")?];
    let mut both = [record(&agents[0], &moving, "log")?, record(&agents[1], &moving, "log")?];
    wait("one of two gives way", || {
        let mut ended = false;
        for recording in &mut both {
            ended |= recording.0.try_wait()?.is_some();
        }
        Ok(ended)
    })?;
    // The other one goes on, and has seen it.
    std::thread::sleep(Duration::from_secs(5));
    let mut stopped = 0;
    for (recording, agent) in both.iter_mut().zip(&agents) {
        let text = said(agent, "log")?;
        match recording.0.try_wait()? {
            Some(status) => {
                stopped += 1;
                ensure!(
                    status.code() == Some(1) && text.contains("another agent records"),
                    "{text}"
                );
            }
            None => {
                interrupt(&recording.0)?;
                ensure!(recording.0.wait()?.success(), "{text}");
            }
        }
    }
    ensure!(stopped == 1, "{stopped} of two stopped");
    for agent in [&first, &agents[0]] {
        let report = agent.run_ok(&["verify", "--deep", "--json"])?;
        ensure!(report.contains("\"clean\": true"), "{report}");
    }
    Ok(())
}

#[test]
fn a_recording_goes_on_without_its_store_and_all_of_it_arrives_later() -> Result<()> {
    let mut product = Product::start()?;
    let moving = Moving::start()?;
    let store =
        StoreOptions { store: Some(product.origin().to_owned()), ..StoreOptions::default() };
    let agent = Agent::new(StoreOptions { timeout_ms: Some(2_000), ..store }, "desk")?;
    let mut recording = record(&agent, &moving, "online")?;
    wait("something is stored", || Ok(moments(&agent)? > 1))?;
    product.stop_server();
    wait("something waits", || Ok(spooled(&agent)? > 3))?;
    interrupt(&recording.0)?;
    let status = recording.0.wait()?;
    let text = said(&agent, "online")?;
    ensure!(status.code() == Some(1) && text.contains("the next recording uploads them"), "{text}");
    let waiting = spooled(&agent)?;
    ensure!(waiting > 3, "{waiting} wait: {text}");

    // It begins without the store, too.
    let mut recording = record(&agent, &moving, "offline")?;
    wait("it records without the store", || Ok(spooled(&agent)? > waiting + 3))?;
    let waiting = spooled(&agent)?;
    product.restart_server()?;
    wait("all of it arrives", || Ok(spooled(&agent)? <= 1))?;
    interrupt(&recording.0)?;
    ensure!(recording.0.wait()?.success(), "{}", said(&agent, "offline")?);
    ensure!(spooled(&agent)? == 0 && moments(&agent)? > waiting + 1, "something is missing");
    let report = agent.run_ok(&["verify", "--deep", "--json"])?;
    ensure!(report.contains("\"clean\": true"), "{report}");
    Ok(())
}

/// Segments in the agent's spool.
fn spooled(agent: &Agent) -> Result<usize> {
    let mut count = 0;
    for folder in std::fs::read_dir(agent.folder().join("state"))? {
        let Ok(files) = std::fs::read_dir(folder?.path().join("spool")) else { continue };
        for file in files {
            // It may be uploaded and gone by now.
            count +=
                file.map_or(0, |f| usize::from(f.path().extension().is_some_and(|e| e == "seg")));
        }
    }
    Ok(count)
}

/// The sample recording in a loop, sparsely.
fn sample_days(sleep: Option<(u64, u64)>) -> Result<Days> {
    let pictures = pictures(&sample_recording())?;
    let (interval_ms, night_interval_ms) = (600_000, 1_200_000);
    Ok(Days { pictures, interval_ms, night_interval_ms, batch: 1, hours: 72, sleep })
}

#[tokio::test(flavor = "multi_thread")]
async fn three_days_stay_clean_within_budget_and_within_bounds() -> Result<()> {
    let lived = live(&sample_days(None)?, |_, _| ()).await?;
    println!("{lived:?}");
    ensure!(lived.audits >= 71, "{} audits", lived.audits);
    // From the second day on as much goes as comes.
    let most =
        |hours: std::ops::Range<usize>| lived.bytes[hours].iter().max().copied().unwrap_or(0);
    let (second, third) = (most(24..48), most(60..71));
    ensure!(third <= second * 11 / 10, "{third} bytes on the third day, {second} on the second");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_days_with_thirty_hours_asleep_stay_clean() -> Result<()> {
    let lived = live(&sample_days(Some((20, 30)))?, |_, _| ()).await?;
    println!("{lived:?}");
    ensure!(lived.audits >= 40, "{} audits", lived.audits);
    Ok(())
}
