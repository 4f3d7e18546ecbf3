//! `deskreel status`, `pause`, `resume`, `toggle`, `stop`: talking to an agent that runs.

use std::io::IsTerminal;

use serde_json::json;

use super::common::{Failure, Place, Resolved, print};
use super::status::{Paint, headline, page};
use crate::config::parse_duration;
use crate::control::protocol::{Request, Status};
use crate::control::{AskError, Conversation, address, ask};

/// No agent runs for the stream.
const NOT_RUNNING: u8 = 3;
/// It runs, but a person should look.
const TROUBLED: u8 = 4;

/// Tells how the agent of this stream does: recording or why not, last screenshot, last upload
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel status
  deskreel status --json | jq .mode
  watch -n 5 deskreel status

Exit codes: 0 it runs and does well, also when paused, locked or idle; 3 no agent runs for this
stream; 4 it runs, but cannot photograph the screen or reach the store.

The keys of --json are described in docs/SERVICE.md.")]
pub(crate) struct StatusArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Records nothing until `deskreel resume`, or for a while
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel pause
  deskreel pause 30m

A pause holds even if the agent or the machine is started again. The player shows the time as
paused.")]
pub(crate) struct PauseArgs {
    /// How long, such as 30m; without it until `deskreel resume`
    #[arg(value_name = "DURATION", value_parser = parse_duration)]
    length: Option<u32>,
    #[command(flatten)]
    place: Place,
}

/// Goes on after a pause
#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    place: Place,
}

/// Pauses if it records, else goes on: for a key of the keyboard
#[derive(Debug, clap::Args)]
#[command(after_help = "Bind it to a key in your desktop's settings, with a note on the screen:
  sh -c 'notify-send Deskreel \"$(deskreel toggle)\"'")]
pub(crate) struct ToggleArgs {
    #[command(flatten)]
    place: Place,
}

/// Ends the agent once the last screenshots are stored
#[derive(Debug, clap::Args)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    place: Place,
}

pub(super) async fn status(args: StatusArgs) -> Result<u8, Failure> {
    let place = args.place.resolve()?;
    match ask(&address::candidates(&place.state), Request::Status).await {
        Ok(Conversation { status, .. }) => {
            let text = if args.json { running_json(&status)? } else { page(&status, paint()) };
            print(&text)?;
            Ok(if status.is_troubled() { TROUBLED } else { 0 })
        }
        Err(AskError::NotRunning) if args.json => {
            let store = place.store.address();
            let told = json!({ "running": false, "stream": place.stream.as_str(), "store": store });
            print(&format!("{told:#}\n"))?;
            Ok(NOT_RUNNING)
        }
        Err(error) => Err(refusal(error, &place).await),
    }
}

fn running_json(status: &Status) -> Result<String, Failure> {
    let mut told = serde_json::to_value(status).map_err(Failure::failed)?;
    told["running"] = json!(true);
    told["troubled"] = json!(status.is_troubled());
    Ok(format!("{told:#}\n"))
}

pub(super) async fn pause(args: PauseArgs) -> Result<u8, Failure> {
    tell(&args.place, Request::Pause { for_ms: args.length.map(u64::from) }).await
}

pub(super) async fn resume(args: ResumeArgs) -> Result<u8, Failure> {
    tell(&args.place, Request::Resume).await
}

pub(super) async fn toggle(args: ToggleArgs) -> Result<u8, Failure> {
    tell(&args.place, Request::Toggle).await
}

/// Asks for something, and says in a line how it is then.
async fn tell(place: &Place, request: Request) -> Result<u8, Failure> {
    let place = place.resolve()?;
    match ask(&address::candidates(&place.state), request).await {
        Ok(Conversation { status, .. }) => {
            print(&format!("{}\n", headline(&status, paint())))?;
            Ok(0)
        }
        Err(error) => Err(refusal(error, &place).await),
    }
}

pub(super) async fn stop(args: StopArgs) -> Result<u8, Failure> {
    let place = args.place.resolve()?;
    let conversation = match ask(&address::candidates(&place.state), Request::Stop).await {
        Ok(conversation) => conversation,
        Err(error) => return Err(refusal(error, &place).await),
    };
    let pid = conversation.status.pid;
    conversation.ended().await;
    print(&format!("the agent of stream '{}' (pid {pid}) has ended\n", place.stream))?;
    Ok(0)
}

/// What to tell when the agent did not answer as it should.
async fn refusal(error: AskError, place: &Resolved) -> Failure {
    if !matches!(error, AskError::NotRunning) {
        return Failure::failed(error);
    }
    let (stream, store) = (&place.stream, place.store.address());
    let mut text = format!("no agent records stream '{stream}' into {store}");
    let others = others(place).await;
    if others.is_empty() {
        text += &format!(
            "\nstart one with `deskreel record --stream {stream}`, or for good with `deskreel service install`"
        );
    } else {
        text += "\nthese run; name one by --stream and --store:";
        others
            .iter()
            .for_each(|other| text += &format!("\n  {} into {}", other.stream, other.store));
    }
    Failure { text, code: NOT_RUNNING }
}

/// The agents of this person that do run.
async fn others(place: &Resolved) -> Vec<Status> {
    let mut found = Vec::new();
    for path in address::all(&place.state) {
        if let Ok(Conversation { status, .. }) = ask(&[path], Request::Status).await {
            found.push(status);
        }
    }
    found
}

fn paint() -> Paint {
    Paint(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
}
