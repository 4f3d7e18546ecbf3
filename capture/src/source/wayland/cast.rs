//! Frames of the shared monitors, from PipeWire: a thread keeps the newest one of each.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pipewire::context::ContextRc;
use pipewire::main_loop::MainLoopRc;
use pipewire::properties::properties;
use pipewire::spa::buffer::meta::{MetaVideoTransform, Metadata};
use pipewire::spa::buffer::{ChunkFlags, Data};
use pipewire::spa::param::ParamType;
use pipewire::spa::param::format::{FormatProperties, MediaSubtype, MediaType};
use pipewire::spa::param::video::{VideoFormat, VideoInfoRaw};
use pipewire::spa::pod::serialize::PodSerializer;
use pipewire::spa::pod::{Pod, Property, Value, object, property};
use pipewire::spa::sys::{SPA_PARAM_META_size, SPA_PARAM_META_type};
use pipewire::spa::utils::{Direction, Fraction, Id, Rectangle, SpaTypes};
use pipewire::stream::{Stream, StreamBox, StreamFlags, StreamListener, StreamState};

use super::frame::{Chunk, Frame, Order, Shape, copy};
use super::turn::Turn;

/// More frames a second are not wanted: each is copied, and one in ten seconds is looked at.
const MOST_FRAMES: u32 = 2;

/// What the threads share.
#[derive(Default)]
struct Newest {
    frames: Vec<Option<Frame>>,
    lost: Option<String>,
}

#[derive(Clone, Default)]
struct Shared(Arc<(Mutex<Newest>, Condvar)>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, reason: String) {
        self.lock().lost.get_or_insert(reason);
        self.0.1.notify_all();
    }
}

struct Quit;

/// The streams, while they last.
pub(super) struct Cast {
    shared: Shared,
    quit: pipewire::channel::Sender<Quit>,
    thread: Option<JoinHandle<()>>,
}

impl Cast {
    /// Connects to the streams of these numbers over PipeWire's socket.
    pub(super) fn start(remote: OwnedFd, nodes: Vec<u32>) -> Result<Self, String> {
        let shared = Shared::default();
        shared.lock().frames = vec![None; nodes.len()];
        let (quit, quits) = pipewire::channel::channel();
        let told = shared.clone();
        let run = move || {
            let ended = match run(remote, &nodes, &told, quits) {
                Ok(()) => "it was closed".to_owned(),
                Err(error) => error.to_string(),
            };
            told.lose(ended);
        };
        let thread = std::thread::Builder::new().name("pipewire".to_owned()).spawn(run);
        let thread = Some(thread.map_err(|error| error.to_string())?);
        Ok(Self { shared, quit, thread })
    }

    /// The newest frame of each stream; waits for the first ones at most so long, and gives none where
    /// one is missing then.
    pub(super) fn frames(&self, patience: Duration) -> Result<Option<Vec<Frame>>, String> {
        let waiting = |newest: &mut Newest| {
            newest.lost.is_none() && newest.frames.iter().any(Option::is_none)
        };
        let waited = self.shared.0.1.wait_timeout_while(self.shared.lock(), patience, waiting);
        let (newest, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = &newest.lost {
            return Err(reason.clone());
        }
        Ok(newest.frames.iter().cloned().collect())
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        // A thread that has ended hears nothing, and need not.
        let _ = self.quit.send(Quit);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Receives frames until it is told to quit.
fn run(
    remote: OwnedFd,
    nodes: &[u32],
    shared: &Shared,
    quits: pipewire::channel::Receiver<Quit>,
) -> Result<(), pipewire::Error> {
    pipewire::init();
    let main_loop = MainLoopRc::new(None)?;
    let ending = main_loop.clone();
    let _quits = quits.attach(main_loop.loop_(), move |_| ending.quit());
    let context = ContextRc::new(&main_loop, None)?;
    let core = context.connect_fd_rc(remote, None)?;
    let (told, ending) = (shared.clone(), main_loop.clone());
    let _errors = core
        .add_listener_local()
        .error(move |_, _, _, message| {
            told.lose(message.to_owned());
            ending.quit();
        })
        .register();
    let format = wanted();
    let mut streams = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let properties = properties! {
            *pipewire::keys::MEDIA_TYPE => "Video",
            *pipewire::keys::MEDIA_CATEGORY => "Capture",
            *pipewire::keys::MEDIA_ROLE => "Screen",
        };
        let stream = StreamBox::new(&core, "deskreel", properties)?;
        let listener = listen(&stream, index, shared.clone(), main_loop.clone())?;
        let flags = StreamFlags::AUTOCONNECT | StreamFlags::MAP_BUFFERS;
        let mut params: Vec<&Pod> = Pod::from_bytes(&format).into_iter().collect();
        stream.connect(Direction::Input, Some(*node), flags, &mut params)?;
        // Heard as long as both live.
        streams.push((listener, stream));
    }
    main_loop.run();
    Ok(())
}

/// Keeps what a stream sends. Nothing here may panic: PipeWire calls it.
fn listen(
    stream: &Stream,
    index: usize,
    shared: Shared,
    main_loop: MainLoopRc,
) -> Result<StreamListener<Option<Shape>>, pipewire::Error> {
    let told = shared.clone();
    stream
        .add_local_listener_with_user_data(None)
        .state_changed(move |_, _, _, state| {
            let reason = match state {
                StreamState::Error(error) => error,
                StreamState::Unconnected => "the desktop ended the sharing".to_owned(),
                _ => return,
            };
            told.lose(reason);
            main_loop.quit();
        })
        .param_changed(|stream, shape, id, param| {
            if let Some(param) = param.filter(|_| id == ParamType::Format.as_raw()) {
                let mut info = VideoInfoRaw::new();
                *shape = info.parse(param).ok().and_then(|_| shape_of(info));
                let turns = turns();
                let mut params: Vec<&Pod> = Pod::from_bytes(&turns).into_iter().collect();
                // Where this fails, frames come as they lie: upright nearly everywhere.
                let _ = stream.update_params(&mut params);
            }
        })
        .process(move |stream, shape| {
            // Only the newest one with a picture counts; the others go back at once.
            let mut newest = None;
            while let Some(mut buffer) = stream.dequeue_buffer() {
                if buffer.datas_mut().first().is_some_and(|data| chunk(data).is_some()) {
                    newest = Some(buffer);
                }
            }
            let Some((mut buffer, shape)) = newest.zip(*shape) else { return };
            let turn = buffer.find_meta::<MetaVideoTransform>().map(|meta| meta.transform());
            let turn = turn.map_or(Turn::default(), |turn| Turn::of(turn.as_raw()));
            let Some(data) = buffer.datas_mut().first_mut() else { return };
            let Some(chunk) = chunk(data) else { return };
            let Some(memory) = data.data() else { return };
            let mut newest = shared.lock();
            let Some(slot) = newest.frames.get_mut(index) else { return };
            let mut frame = slot.take().unwrap_or_default();
            match copy(shape, chunk, memory, &mut frame) {
                Ok(()) => *slot = Some(turn.apply(frame)),
                Err(reason) => {
                    newest.lost.get_or_insert(format!("a frame is malformed: {reason}"));
                }
            }
            drop(newest);
            shared.0.1.notify_all();
        })
        .register()
}

/// Where in a buffer the picture lies; `None` when it brings none, or a broken one.
fn chunk(data: &Data) -> Option<Chunk> {
    if data.as_raw().chunk.is_null() {
        return None;
    }
    let told = data.chunk();
    let is_whole = told.size() > 0 && !told.flags().contains(ChunkFlags::CORRUPTED);
    is_whole.then(|| Chunk { offset: told.offset(), stride: told.stride() })
}

fn shape_of(info: VideoInfoRaw) -> Option<Shape> {
    let order = match info.format() {
        VideoFormat::RGBx | VideoFormat::RGBA => Order::Rgbx,
        VideoFormat::BGRx | VideoFormat::BGRA => Order::Bgrx,
        VideoFormat::xRGB | VideoFormat::ARGB => Order::Xrgb,
        VideoFormat::xBGR | VideoFormat::ABGR => Order::Xbgr,
        _ => return None,
    };
    let size = info.size();
    Some(Shape { order, width: size.width, height: size.height })
}

/// The formats that can be read, as PipeWire wants them told: in plain memory, because no modifiers of
/// graphics cards are named.
fn wanted() -> Vec<u8> {
    let largest = Rectangle { width: 32_768, height: 32_768 };
    let object = object!(
        SpaTypes::ObjectParamFormat,
        ParamType::EnumFormat,
        property!(FormatProperties::MediaType, Id, MediaType::Video),
        property!(FormatProperties::MediaSubtype, Id, MediaSubtype::Raw),
        property!(
            FormatProperties::VideoFormat,
            Choice,
            Enum,
            Id,
            VideoFormat::BGRx,
            VideoFormat::BGRx,
            VideoFormat::RGBx,
            VideoFormat::BGRA,
            VideoFormat::RGBA,
            VideoFormat::xRGB,
            VideoFormat::xBGR,
            VideoFormat::ARGB,
            VideoFormat::ABGR,
        ),
        property!(
            FormatProperties::VideoSize,
            Choice,
            Range,
            Rectangle,
            Rectangle { width: 1920, height: 1080 },
            Rectangle { width: 1, height: 1 },
            largest
        ),
        // 0/1: a frame whenever something changes.
        property!(
            FormatProperties::VideoFramerate,
            Choice,
            Range,
            Fraction,
            Fraction { num: 0, denom: 1 },
            Fraction { num: 0, denom: 1 },
            Fraction { num: 1000, denom: 1 }
        ),
        property!(
            FormatProperties::VideoMaxFramerate,
            Choice,
            Range,
            Fraction,
            Fraction { num: MOST_FRAMES, denom: 1 },
            Fraction { num: 1, denom: 1 },
            Fraction { num: MOST_FRAMES, denom: 1 }
        ),
    );
    bytes(&Value::Object(object))
}

/// That each frame should tell how it is turned.
fn turns() -> Vec<u8> {
    let kind = Value::Id(Id(MetaVideoTransform::META_TYPE));
    let size = Value::Int(size_of::<MetaVideoTransform>() as i32);
    bytes(&Value::Object(object!(
        SpaTypes::ObjectParamMeta,
        ParamType::Meta,
        Property::new(SPA_PARAM_META_type, kind),
        Property::new(SPA_PARAM_META_size, size),
    )))
}

fn bytes(value: &Value) -> Vec<u8> {
    // Writing into memory cannot fail.
    let written = PodSerializer::serialize(std::io::Cursor::new(Vec::new()), value);
    written.map(|(cursor, _)| cursor.into_inner()).unwrap_or_default()
}
