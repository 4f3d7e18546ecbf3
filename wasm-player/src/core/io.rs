//! What goes into the player's core and what comes out of it.

use deskreel_format::grid::Rect;
use thiserror::Error;

use super::access::Ask;
use super::decoding::{DecodeId, DecodeJob};

/// Names a request from its [`Output`] to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(pub u64);

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Time passed, as [`Output::WakeAt`] asked for, or the player was just made.
    Tick,
    /// Show the newest screenshot at or before this time (the first one if there is none).
    Seek {
        /// UTC milliseconds.
        time_ms: u64,
    },
    /// Show the screenshot that many after (or before, if negative) the one shown.
    Step(i32),
    /// Start playing; from the start if the end was reached.
    Play,
    /// Stop playing.
    Pause,
    /// How many seconds pass per second; negative plays backward.
    SetRate(f64),
    /// Whether playing leaps over stretches in which nothing happened.
    SkipIdle(bool),
    /// Play this stretch (UTC milliseconds, in either order) again and again, or no longer.
    Repeat(Option<(u64, u64)>),
    /// Whether to go along with the newest screenshot.
    Follow(bool),
    /// The answer to [`Output::AskGrant`].
    GrantReply {
        /// HTTP status; 0 when no answer came.
        status: u16,
        /// The body.
        body: Vec<u8>,
        /// The server's clock, UTC milliseconds, if the answer told it.
        server_now_ms: Option<u64>,
    },
    /// A person asks for access again, perhaps with a token.
    Renew {
        /// The bearer token to present, if one was typed in.
        token: Option<String>,
    },
    /// The answer to [`Output::List`] or [`Output::Fetch`].
    Reply {
        /// Which request.
        id: TransferId,
        /// HTTP status; 0 when no answer came.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// More of the body of [`Output::Fetch`], up to one of its `parts` at least. Only of an answer with
    /// status 206; [`Input::Reply`] still brings all of it.
    Part {
        /// Which request.
        id: TransferId,
        /// Where in the body this starts: 0, or where the part before ended.
        from: usize,
        /// What lies there.
        bytes: Vec<u8>,
    },
    /// Find out when a rectangle of a surface changed, or when it showed what it shows now.
    Region {
        /// For the answer, [`Event::RegionFound`].
        id: u32,
        /// Index of the surface.
        surface: usize,
        /// In the surface's pixels; widened to whole cells.
        rect: Rect,
        /// When it showed what it shows now, rather than when it changed.
        seen: bool,
    },
    /// Somebody looks along the slider at this time (UTC milliseconds), or no longer: the storyboard
    /// of it is fetched, and [`Event::Storyboard`] tells when it is here.
    LookAt(Option<u64>),
    /// Nobody waits for the answer to [`Input::Region`] any more.
    EndRegion,
    /// The network is back: what waits for a retry is tried at once.
    Online,
    /// How many decoders there are beside the page's thread.
    Decoders {
        /// Those that can be given work now.
        ready: usize,
        /// Others are starting.
        coming: bool,
        /// Memory that all of them hold, bytes.
        bytes: usize,
    },
    /// The answer to [`Output::Decode`].
    Decoded {
        /// Which decoding.
        id: DecodeId,
        /// The tiles, as [`DecodeJob::decode`] gives them, or what is wrong with the pack.
        tiles: Result<Vec<u8>, String>,
    },
    /// The decoder that worked on it is gone.
    DecoderLost {
        /// Which decoding.
        id: DecodeId,
    },
}

/// What is to be done outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Ask for a grant.
    AskGrant(Ask),
    /// GET a listing of the bucket.
    List {
        /// For the answer.
        id: TransferId,
        /// Query parameters, unencoded.
        query: Vec<(&'static str, String)>,
    },
    /// GET an object.
    Fetch {
        /// For the answer.
        id: TransferId,
        /// The object's key, without the grant's prefix.
        key: String,
        /// First and last byte, or all.
        range: Option<(u64, u64)>,
        /// What the browser has cached of it was damaged and must not be used.
        fresh: bool,
        /// Lengths of the body, ascending, from which on something more in it is of use by itself. Empty
        /// if only the whole is.
        parts: Vec<usize>,
    },
    /// Decode a pack.
    Decode {
        /// For the answer.
        id: DecodeId,
        /// What to decode.
        job: DecodeJob,
        /// On this thread, because there is no other; else beside it.
        here: bool,
    },
    /// The answer to this request is no longer wanted; none needs to be given.
    Cancel {
        /// Which request.
        id: TransferId,
    },
    /// The desktop has another size: clear the picture and draw all of it.
    Resize {
        /// Width of all surfaces as laid out, pixels.
        width: u32,
        /// Height of all surfaces as laid out, pixels.
        height: u32,
    },
    /// Copy these rectangles of a surface's pixels to the screen.
    Draw {
        /// Index of the surface.
        surface: usize,
        /// In the surface's own pixels.
        rects: Vec<Rect>,
    },
    /// Tell whoever listens.
    Event(Event),
    /// Come back with [`Input::Tick`] as soon as the browser has drawn and done what else it has to.
    Soon,
    /// Come back at this time with [`Input::Tick`]; replaces the time said before.
    WakeAt(u64),
}

/// What listeners are told, in the words of `HTMLMediaElement` where it has any.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The window and every moment in it are known.
    LoadedMetadata,
    /// The timeline or what is buffered changed.
    Progress,
    /// A seek or step began.
    Seeking,
    /// A seek or step ended: its screenshot is on the screen.
    Seeked,
    /// The playing time changed.
    TimeUpdate,
    /// Another screenshot is on the screen.
    Shown {
        /// Its time, UTC milliseconds.
        time_ms: u64,
        /// Every pixel was proved to be what was captured.
        exact: bool,
        /// That is being found out: the event comes again when it is known.
        proving: bool,
    },
    /// Playing began.
    Play,
    /// Playing stopped.
    Pause,
    /// Playing waits for bytes.
    Waiting,
    /// Playing goes on after it waited.
    Playing,
    /// The rate changed.
    RateChange,
    /// The last screenshot (or the first, backward) was reached.
    Ended,
    /// How things stand changed.
    Status(Status),
    /// There are more small pictures to show.
    Storyboard,
    /// Manifests are read to answer [`Input::Region`].
    RegionProgress {
        /// Which question.
        id: u32,
        /// Manifests read.
        read: usize,
        /// Of so many.
        of: usize,
        /// What they tell already of [`super::regions::Question::History`], UTC milliseconds: certain,
        /// and not all.
        times: Vec<u64>,
    },
    /// The answer to [`Input::Region`].
    RegionFound {
        /// Which question.
        id: u32,
        /// UTC milliseconds: moments of changes; or starts and ends of stretches, alternating.
        times: Vec<u64>,
        /// Every tile in question could be compared, and nothing was asked since.
        sure: bool,
    },
    /// Something is wrong.
    Error(PlayerError),
}

/// How things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nothing is known yet.
    Loading,
    /// There are screenshots to show.
    Ready,
    /// The stream holds no screenshots.
    Empty,
    /// The server or the bucket does not answer; it is tried again.
    Offline,
    /// The grant is over and could not be renewed.
    Expired,
    /// The server wants a token.
    Locked {
        /// Its words on the one it was shown, if it was.
        reason: Option<String>,
    },
    /// The server refused.
    Denied {
        /// Its words.
        reason: String,
    },
}

/// What is wrong, with which object, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlayerError {
    /// An object is gone.
    #[error("{object} is missing: {effect}")]
    Missing {
        /// Its key.
        object: String,
        /// What cannot be shown.
        effect: &'static str,
    },
    /// An object's bytes are not what was written.
    #[error("{object} cannot be read ({reason}): {effect}")]
    Corrupt {
        /// Its key.
        object: String,
        /// Why.
        reason: String,
        /// What cannot be shown.
        effect: &'static str,
    },
    /// The store refuses an object.
    #[error("{object} was refused with status {status}: {effect}")]
    Refused {
        /// Its key.
        object: String,
        /// HTTP status.
        status: u16,
        /// What cannot be shown.
        effect: &'static str,
    },
    /// The pixels shown are not those that were captured.
    #[error(
        "the picture of surface {surface} at {time_ms} differs from what was captured; {object} lists its tiles"
    )]
    Mismatch {
        /// Key of the segment whose manifest made the picture.
        object: String,
        /// Index of the surface.
        surface: usize,
        /// Time of the screenshot, UTC milliseconds.
        time_ms: u64,
    },
    /// A screen is larger than this player draws.
    #[error("{object} holds a screen of {pixels} pixels, this player draws up to {limit}")]
    TooLarge {
        /// Key of the segment.
        object: String,
        /// Pixels of all surfaces.
        pixels: u64,
        /// Most pixels drawn.
        limit: u64,
    },
    /// A listing could not be read.
    #[error("the listing of {object} cannot be read: {reason}")]
    Listing {
        /// The prefix listed.
        object: String,
        /// Why.
        reason: String,
    },
}

impl PlayerError {
    /// The object or prefix that it is about.
    pub fn object(&self) -> &str {
        match self {
            Self::Missing { object, .. }
            | Self::Corrupt { object, .. }
            | Self::Refused { object, .. }
            | Self::Mismatch { object, .. }
            | Self::TooLarge { object, .. }
            | Self::Listing { object, .. } => object,
        }
    }

    /// A short word for programs: `missing`, `corrupt`, `refused`, `mismatch`, `too-large`,
    /// `listing`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Corrupt { .. } => "corrupt",
            Self::Refused { .. } => "refused",
            Self::Mismatch { .. } => "mismatch",
            Self::TooLarge { .. } => "too-large",
            Self::Listing { .. } => "listing",
        }
    }
}
