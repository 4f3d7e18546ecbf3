//! What a recording of a Wayland session must show: each picture is compared with the compositor's own.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use deskreel_capture::location::{Role, StoreOptions};
use deskreel_capture::reader::StreamReader;
use deskreel_format::StreamName;
use image::{Rgb, RgbImage};

use super::{Output, Session};
use crate::agent::Agent;
use crate::product::{Product, Running};

/// How long a change may take to be seen, and a recording to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// After this a picture is shown again.
const NUDGE: Duration = Duration::from_secs(3);

const STREAM: &str = "wayland";

/// A monitor as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Left and top edge on the desktop.
    pub place: (i32, i32),
    /// Thousandths of a pixel per point.
    pub scale_milli: u32,
    /// Its pixels, proven by their digest.
    pub picture: RgbImage,
}

/// A session, a store, and an agent that records the one into the other.
#[derive(Debug)]
pub struct Proof {
    /// The session.
    pub session: Session,
    // The agent ends before what it works with.
    running: Option<Running>,
    agent: Agent,
    product: Product,
    reader: StreamReader,
    /// How many pictures were shown.
    shown: u32,
}

impl Proof {
    /// Starts to record a session.
    ///
    /// # Errors
    /// When a program is missing.
    pub async fn begin(session: Session) -> Result<Self> {
        let product = Product::start()?;
        let options = StoreOptions { store: Some(product.origin().into()), ..Default::default() };
        let stream = StreamName::parse(STREAM)?;
        let store = options.open(&stream, Role::View).await?;
        let reader = StreamReader::new(store, stream);
        let agent = Agent::new(options, STREAM)?;
        let mut proof = Self { session, running: None, agent, product, reader, shown: 0 };
        proof.record()?;
        Ok(proof)
    }

    /// Starts the agent, again after [`Self::kill`].
    ///
    /// # Errors
    /// When it is not built.
    pub fn record(&mut self) -> Result<()> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.agent.folder().join("agent.log"))?;
        let mut command = self.agent.command(&["record", "--interval", "300ms"])?;
        command.args(["--idle-after", "0s"]).stdout(Stdio::null()).stderr(log);
        self.session.person(&mut command);
        self.running = Some(Running(command.spawn()?));
        Ok(())
    }

    /// Ends the agent as a power cut would.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// What the agent and the session's programs said last.
    pub fn said(&self) -> String {
        let said = std::fs::read_to_string(self.agent.folder().join("agent.log"));
        format!("deskreel:\n{}\n{}", said.unwrap_or_default(), self.session.said())
    }

    /// Shows another picture on each of these outputs and waits until what is stored is, pixel for
    /// pixel, what the compositor shows. Gives how long that took, and the monitors as stored.
    ///
    /// # Errors
    /// When it never is; says how what is stored differs.
    pub async fn follows(
        &mut self,
        outputs: &[(&str, u32, u32)],
    ) -> Result<(Duration, Vec<Stored>)> {
        self.shown += 1;
        let begun = Instant::now();
        let names: Vec<&str> = outputs.iter().map(|output| output.0).collect();
        let mut differs = String::new();
        while begun.elapsed() < PATIENCE {
            for (index, (output, width, height)) in outputs.iter().enumerate() {
                // sway hands out a picture only when something changes, which may have been before the
                // agent was there: the same picture is shown again and again.
                let seed = self.shown * 16 + index as u32;
                let picture = picture(*width, *height, seed);
                self.session.show(output, &format!("{output}-{seed}"), &picture)?;
            }
            match self.matches(&names).await? {
                Ok(stored) => return Ok((begun.elapsed(), stored)),
                Err(difference) => differs = difference,
            }
        }
        bail!("after {} s {differs}; {}", PATIENCE.as_secs(), self.said())
    }

    /// Waits a little until what is stored is what the compositor shows; gives how it differs where it
    /// is not.
    async fn matches(&mut self, outputs: &[&str]) -> Result<Result<Vec<Stored>, String>> {
        let begun = Instant::now();
        let mut differs = "nothing is stored".to_owned();
        while begun.elapsed() < NUDGE {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Some(ended) = self.ended()? {
                bail!("the agent ended ({ended}): {}", self.said());
            }
            let shown: Vec<RgbImage> =
                outputs.iter().map(|output| self.session.picture(output)).collect::<Result<_>>()?;
            // The picture is not there yet: one of one colour would prove little.
            if shown.iter().any(|picture| picture.pixels().all(|p| p == picture.get_pixel(0, 0))) {
                continue;
            }
            let Some(stored) = self.newest().await? else { continue };
            match difference(&stored, &shown) {
                None => return Ok(Ok(stored)),
                Some(difference) => differs = difference,
            }
        }
        Ok(Err(differs))
    }

    /// Waits until the agent ends by itself; gives its exit code and what it said.
    ///
    /// # Errors
    /// When it does not.
    pub async fn end(&mut self) -> Result<(Option<i32>, String)> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(ended) = self.ended()? {
                let said = std::fs::read_to_string(self.agent.folder().join("agent.log"))?;
                return Ok((ended.code(), said));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the agent does not end; {}", self.said())
    }

    fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        let running =
            self.running.as_mut().map(|Running(child): &mut Running| -> &mut Child { child });
        Ok(running.map(Child::try_wait).transpose()?.flatten())
    }

    /// The monitors of the newest screenshot in the store.
    async fn newest(&self) -> Result<Option<Vec<Stored>>> {
        let reader = &self.reader;
        let Some(last) = reader.segments(0).await?.pop() else { return Ok(None) };
        let manifest = reader.manifest(last).await?.manifest;
        let index = manifest.moments.len().checked_sub(1).context("a segment has a moment")?;
        let layout = &manifest.layouts[manifest.moments[index].layout as usize];
        let surfaces = reader.compose(&manifest, index).await?;
        let stored = surfaces.into_iter().zip(&layout.surfaces).map(|(surface, told)| {
            let (width, height) = (surface.picture.width(), surface.picture.height());
            let picture = RgbImage::from_raw(width, height, surface.picture.rgb().to_vec());
            let picture = picture.context("a picture has all its pixels")?;
            Ok(Stored { place: (told.x, told.y), scale_milli: told.scale_milli, picture })
        });
        stored.collect::<Result<Vec<_>>>().map(Some)
    }

    /// Proves that the whole stream is readable and clean.
    ///
    /// # Errors
    /// With what `deskreel verify` said.
    pub fn verify(&self) -> Result<()> {
        self.agent.run_ok(&["verify", "--deep"]).map(drop)
    }

    /// The moments that are stored.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn moments(&self) -> Result<usize> {
        Ok(self.product.moments(STREAM)?.len())
    }
}

/// How what is stored differs from what is shown.
fn difference(stored: &[Stored], shown: &[RgbImage]) -> Option<String> {
    if stored.len() != shown.len() {
        return Some(format!("{} monitors are stored of {}", stored.len(), shown.len()));
    }
    stored.iter().zip(shown).find_map(|(stored, shown)| {
        let picture = &stored.picture;
        if picture.dimensions() != shown.dimensions() {
            return Some(format!(
                "{:?} is stored as {:?}",
                shown.dimensions(),
                picture.dimensions()
            ));
        }
        let differing = picture.pixels().zip(shown.pixels()).filter(|(a, b)| a != b).count();
        (differing > 0).then(|| format!("{differing} pixels differ"))
    })
}

/// A picture in which no two places look alike: blocks of any colour. Single pixels of any colour would
/// keep the agent's coder busy for seconds.
fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        // The finisher of MurmurHash3, which is noise enough.
        let mut state = (x / 9) | (y / 7) << 10 | seed << 20;
        state = (state ^ state >> 16).wrapping_mul(0x85eb_ca6b);
        state = (state ^ state >> 13).wrapping_mul(0xc2b2_ae35);
        state ^= state >> 16;
        Rgb([(state >> 8) as u8, (state >> 16) as u8, (state >> 24) as u8])
    })
}

/// An output at the left edge of the desktop.
pub const fn output(width: u32, height: u32) -> Output {
    Output { width, height, x: 0, y: 0, scale: 1 }
}

/// Whether the agent that is built here records Wayland.
///
/// # Errors
/// Says why not.
pub fn agent_records_wayland() -> Result<()> {
    let agent = Agent::new(StoreOptions::default(), STREAM)?;
    let mut command =
        agent.command(&["record", "--count", "1", "--store", "http://127.0.0.1:9"])?;
    let asked = command
        .env("XDG_SESSION_TYPE", "wayland")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
        .output()?;
    let said = String::from_utf8_lossy(&asked.stderr);
    ensure!(!said.contains("without the feature"), "deskreel was built without `wayland`");
    Ok(())
}
