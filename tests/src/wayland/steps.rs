//! What happens to a session while it is recorded, and what must be stored then.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::proof::{Proof, Stored, output};
use super::{Output, Session};

/// What was done, and how long it took until it was stored.
pub type Seen = Vec<(String, Duration)>;

const FIRST: &str = "HEADLESS-1";
const SECOND: &str = "HEADLESS-2";

/// How monitors can be turned and mirrored, with whether their sides are swapped.
const TURNS: [(&str, bool); 7] = [
    ("90", true),
    ("180", false),
    ("270", true),
    ("flipped", false),
    ("flipped-90", true),
    ("flipped-180", false),
    ("flipped-270", true),
];

/// One output: still, changing, resized and turned; then the agent is killed, and its successor goes on
/// without asking the person.
///
/// # Errors
/// When what is stored is ever not what the compositor shows.
pub async fn one_output() -> Result<Seen> {
    let session = Session::start(&[output(512, 384)]).await?;
    let mut proof = Proof::begin(session).await?;
    let mut seen = Seen::new();
    let (time, stored) = proof.follows(&[(FIRST, 512, 384)]).await?;
    expect(&stored, &[(0, 0, 1000)])?;
    seen.push(("first picture, from the start of the agent on".to_owned(), time));
    let (time, _) = proof.follows(&[(FIRST, 512, 384)]).await?;
    seen.push(("another picture".to_owned(), time));
    for (width, height) in [(640, 480), (400, 300)] {
        proof.session.sway(&format!("output {FIRST} resolution {width}x{height}"))?;
        let (time, stored) = proof.follows(&[(FIRST, width, height)]).await?;
        ensure!(stored[0].picture.dimensions() == (width, height), "sway did not resize it");
        expect(&stored, &[(0, 0, 1000)])?;
        seen.push((format!("resized to {width}x{height}"), time));
    }
    for (turn, is_swapped) in TURNS {
        proof.session.sway(&format!("output {FIRST} transform {turn}"))?;
        let (width, height) = if is_swapped { (300, 400) } else { (400, 300) };
        let (time, stored) = proof.follows(&[(FIRST, width, height)]).await?;
        ensure!(stored[0].picture.dimensions() == (width, height), "sway did not turn it");
        seen.push((format!("turned: {turn}"), time));
    }
    proof.session.sway(&format!("output {FIRST} transform normal"))?;
    // A question would be answered with no monitor now.
    proof.session.choose(None)?;
    proof.kill();
    let before = proof.moments()?;
    proof.record()?;
    let (time, _) = proof.follows(&[(FIRST, 400, 300)]).await?;
    ensure!(proof.session.asked() == 1, "the person was asked {} times", proof.session.asked());
    ensure!(proof.moments()? > before, "the second agent stored nothing");
    seen.push(("killed and started again, without a question".to_owned(), time));
    proof.verify()?;
    Ok(seen)
}

/// The second of two outputs is shared, by the word of the person.
///
/// # Errors
/// As [`one_output`].
pub async fn one_of_two_outputs() -> Result<Seen> {
    let second = Output { x: 400, ..output(512, 384) };
    let session = Session::start(&[output(400, 300), second]).await?;
    session.choose(Some(SECOND))?;
    let mut proof = Proof::begin(session).await?;
    let (time, _) = proof.follows(&[(SECOND, 512, 384)]).await?;
    proof.verify()?;
    Ok(vec![("the second of two outputs, chosen by the person".to_owned(), time)])
}

/// The person declines: the agent ends and says so, with an exit code after which nobody starts it again.
///
/// # Errors
/// When it does anything else, such as asking again.
pub async fn declined() -> Result<()> {
    let session = Session::start(&[output(64, 48)]).await?;
    session.choose(None)?;
    let mut proof = Proof::begin(session).await?;
    let (code, said) = proof.end().await?;
    ensure!(code == Some(5) && said.contains("declined"), "it ended with {code:?}: {said}");
    let asked = proof.session.asked();
    ensure!(asked == 1, "the person was asked {asked} times");
    Ok(())
}

/// Two outputs at once, one of which is resized.
///
/// # Errors
/// As [`one_output`].
pub async fn two_outputs() -> Result<Seen> {
    // So far away that the first one has room to grow: `grim` paints outputs that overlap over each
    // other.
    let second = Output { x: 1000, ..output(512, 384) };
    let session = Session::start_sharing_all(&[output(400, 300), second]).await?;
    let mut proof = Proof::begin(session).await?;
    let mut seen = Seen::new();
    let (time, stored) = proof.follows(&[(FIRST, 400, 300), (SECOND, 512, 384)]).await?;
    // xdg-desktop-portal-wlr says that each is at 0, 0: they stand in a row.
    expect(&stored, &[(0, 0, 1000), (400, 0, 1000)])?;
    seen.push(("two outputs".to_owned(), time));
    proof.session.sway(&format!("output {FIRST} resolution 640x480"))?;
    let (time, stored) = proof.follows(&[(FIRST, 640, 480), (SECOND, 512, 384)]).await?;
    expect(&stored, &[(0, 0, 1000), (640, 0, 1000)])?;
    seen.push(("two outputs, one resized".to_owned(), time));
    proof.verify()?;
    Ok(seen)
}

/// Places and scales of monitors must be these.
fn expect(stored: &[Stored], expected: &[(i32, i32, u32)]) -> Result<()> {
    let found: Vec<_> =
        stored.iter().map(|stored| (stored.place.0, stored.place.1, stored.scale_milli)).collect();
    ensure!(found == expected, "places and scales are {found:?}, not {expected:?}");
    Ok(())
}
