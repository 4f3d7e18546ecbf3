//! The object that JavaScript holds: the element's properties and methods, without the element.

use std::rc::Rc;

use deskreel_format::grid::Rect;
use deskreel_format::{AbsenceKind, StreamName};
use js_sys::{Array, Function, Object};
use wasm_bindgen::prelude::*;
use web_sys::{HtmlCanvasElement, ImageData};

use super::decoders;
use super::screen::{Screen, image};
use super::shell::{Shell, now_ms};
use super::tell::{self, object};
use crate::core::player::Config;
use crate::core::timeline::Gap;
use crate::core::{Input, Player, Source};

/// One player on one canvas. Times are milliseconds since 1970, UTC.
#[wasm_bindgen]
pub struct PlayerHandle {
    shell: Rc<Shell>,
}

#[wasm_bindgen]
impl PlayerHandle {
    /// Starts to load `stream` from `src` (see the element's attribute) onto a canvas. `listener` is
    /// called with the name and detail of every event. With `ahead`, what will likely be shown next is
    /// fetched before it is asked for. `asked` is a request for a grant that is under way already: an
    /// object of its `url`, `body` and `token`, and of `answer`, the promise of a response or of null.
    ///
    /// # Errors
    /// A text that says what is wrong with the stream's name or the canvas.
    #[allow(clippy::too_many_arguments, reason = "JavaScript passes what the element has")]
    #[wasm_bindgen(constructor)]
    pub fn new(
        canvas: HtmlCanvasElement,
        src: &str,
        stream: &str,
        token: Option<String>,
        start: Option<f64>,
        ahead: bool,
        asked: JsValue,
        listener: Function,
    ) -> Result<PlayerHandle, JsValue> {
        let stream = StreamName::parse(stream).map_err(|error| error.to_string())?;
        let mut config = Config {
            token,
            start_ms: start.map(|ms| ms as u64),
            ..Config::new(stream, Source::parse(src))
        };
        if !ahead {
            config.ahead = 0;
        }
        let shell = Shell::new(Player::new(config), Screen::new(canvas)?, asked, listener)?;
        Ok(Self { shell })
    }

    /// Begins: from here on, events come.
    pub fn start(&self) {
        decoders::join(&self.shell);
    }

    /// Shows the newest screenshot at or before a time.
    pub fn seek(&self, time: f64) {
        self.shell.handle(Input::Seek { time_ms: time as u64 });
    }

    /// Goes so many screenshots forward or back.
    pub fn step(&self, by: i32) {
        self.shell.handle(Input::Step(by));
    }

    /// Starts to play.
    pub fn play(&self) {
        self.shell.handle(Input::Play);
    }

    /// Stops playing.
    pub fn pause(&self) {
        self.shell.handle(Input::Pause);
    }

    /// Sets seconds per second; negative plays backward.
    #[wasm_bindgen(js_name = setRate)]
    pub fn set_rate(&self, rate: f64) {
        self.shell.handle(Input::SetRate(rate));
    }

    /// Whether playing leaps over idle stretches.
    #[wasm_bindgen(js_name = setSkipIdle)]
    pub fn set_skip_idle(&self, skip: bool) {
        self.shell.handle(Input::SkipIdle(skip));
    }

    /// Plays the stretch between two times again and again; no longer, without them.
    #[wasm_bindgen(js_name = setRepeat)]
    pub fn set_repeat(&self, from: Option<f64>, to: Option<f64>) {
        let stretch = from.zip(to).map(|(from, to)| (from as u64, to as u64));
        self.shell.handle(Input::Repeat(stretch));
    }

    /// The stretch that is played again and again, or nothing.
    #[wasm_bindgen(getter)]
    pub fn repeated(&self) -> Option<Vec<f64>> {
        let (from_ms, to_ms) = self.shell.player.borrow().repeated()?;
        Some(vec![from_ms as f64, to_ms as f64])
    }

    /// Whether to go along with the newest screenshot.
    #[wasm_bindgen(js_name = setFollow)]
    pub fn set_follow(&self, follow: bool) {
        self.shell.handle(Input::Follow(follow));
    }

    /// Asks for access again, perhaps with a token.
    pub fn renew(&self, token: Option<String>) {
        self.shell.handle(Input::Renew { token });
    }

    /// The network is back.
    pub fn online(&self) {
        self.shell.handle(Input::Online);
    }

    /// Finds out when a rectangle of a surface changed, or (`seen`) when it showed what it shows now.
    /// The answer is the event `regionfound` of the same `id`. Another question ends this one.
    #[allow(clippy::too_many_arguments, reason = "JavaScript passes a rectangle as four numbers")]
    pub fn region(
        &self,
        id: u32,
        surface: u32,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        seen: bool,
    ) {
        let rect = Rect { x, y, width, height };
        self.shell.handle(Input::Region { id, surface: surface as usize, rect, seen });
    }

    /// Ends the question of [`Self::region`].
    #[wasm_bindgen(js_name = endRegion)]
    pub fn end_region(&self) {
        self.shell.handle(Input::EndRegion);
    }

    /// The screenshot nearest to a time that is here whole, drawn no larger than `most` pixels a side:
    /// an object of `time` and `image`, or nothing.
    ///
    /// # Errors
    /// When the browser has no memory for it.
    pub fn preview(&self, time: f64, most: u32) -> Result<JsValue, JsValue> {
        let Some(small) = self.shell.player.borrow().preview(time as u64, most) else {
            return Ok(JsValue::UNDEFINED);
        };
        let rgba = wasm_bindgen::Clamped(small.rgba.as_slice());
        let image = ImageData::new_with_u8_clamped_array_and_sh(rgba, small.width, small.height)?;
        Ok(object(&[("time", (small.time_ms as f64).into()), ("image", owned(&image)?.into())]))
    }

    /// Fetches the storyboard of a time that somebody looks at, or, without one, no more. The event
    /// `storyboard` tells when it is here.
    #[wasm_bindgen(js_name = lookAt)]
    pub fn look_at(&self, time: Option<f64>) {
        self.shell.handle(Input::LookAt(time.map(|ms| ms as u64)));
    }

    /// The small picture nearest to a time out of the storyboards that are here: an object of its
    /// `time`, the `id` of its storyboard, and `x`, `y`, `width` and `height` of it in that image; or
    /// nothing.
    pub fn thumbnail(&self, time: f64) -> JsValue {
        let player = self.shell.player.borrow();
        let Some(thumbnail) = player.thumbnail(time as u64) else { return JsValue::UNDEFINED };
        let (x, y) = thumbnail.board.place(thumbnail.index);
        object(&[
            ("time", (thumbnail.time_ms() as f64).into()),
            ("id", thumbnail.id.to_string().into()),
            ("x", x.into()),
            ("y", y.into()),
            ("width", thumbnail.board.width.into()),
            ("height", thumbnail.board.height.into()),
        ])
    }

    /// The image of a storyboard that is here, a JPEG.
    pub fn storyboard(&self, id: &str) -> Option<Vec<u8>> {
        let player = self.shell.player.borrow();
        player.storyboard(id.parse().ok()?).map(<[u8]>::to_vec)
    }

    /// Ends all requests and timers.
    pub fn close(&self) {
        self.shell.close();
    }

    /// The playing time.
    #[wasm_bindgen(getter)]
    pub fn position(&self) -> f64 {
        self.shell.player.borrow().position(now_ms()) as f64
    }

    /// Start and end of the window, or nothing.
    #[wasm_bindgen(getter)]
    pub fn window(&self) -> Option<Vec<f64>> {
        let (start_ms, end_ms) = self.shell.player.borrow().window()?;
        Some(vec![start_ms as f64, end_ms as f64])
    }

    /// Time of the screenshot shown.
    #[wasm_bindgen(getter, js_name = shownTime)]
    pub fn shown_time(&self) -> Option<f64> {
        self.shell.player.borrow().shown().map(|(key, _)| key.time_ms as f64)
    }

    /// Whether every pixel shown was proved to be what was captured.
    #[wasm_bindgen(getter)]
    pub fn exact(&self) -> bool {
        self.shell.player.borrow().shown().is_some_and(|(_, exact)| exact)
    }

    /// Time of the newest screenshot known.
    #[wasm_bindgen(getter, js_name = newestTime)]
    pub fn newest_time(&self) -> Option<f64> {
        self.shell.player.borrow().newest_ms().map(|time_ms| time_ms as f64)
    }

    /// The server's clock.
    #[wasm_bindgen(getter, js_name = serverTime)]
    pub fn server_time(&self) -> f64 {
        self.shell.player.borrow().wall_ms(now_ms()) as f64
    }

    /// Whether the pixels shown are being proved.
    #[wasm_bindgen(getter)]
    pub fn proving(&self) -> bool {
        self.shell.player.borrow().is_proving()
    }

    /// Memory held, bytes: decoded tiles, packs as stored, manifests, picture; and by the decoders
    /// that all players of a page share.
    pub fn memory(&self) -> Vec<f64> {
        let player = self.shell.player.borrow();
        let (stored, manifests, picture) = player.other_bytes();
        [player.cached_bytes(), stored, manifests, picture, decoders::bytes()]
            .map(|bytes| bytes as f64)
            .to_vec()
    }

    /// Playing.
    #[wasm_bindgen(getter)]
    pub fn playing(&self) -> bool {
        self.shell.player.borrow().is_playing()
    }

    /// Seconds per second.
    #[wasm_bindgen(getter)]
    pub fn rate(&self) -> f64 {
        self.shell.player.borrow().rate()
    }

    /// A seek waits for its screenshot.
    #[wasm_bindgen(getter)]
    pub fn seeking(&self) -> bool {
        self.shell.player.borrow().is_seeking()
    }

    /// The end was reached.
    #[wasm_bindgen(getter)]
    pub fn ended(&self) -> bool {
        self.shell.player.borrow().has_ended()
    }

    /// Goes along with the newest screenshot.
    #[wasm_bindgen(getter)]
    pub fn following(&self) -> bool {
        self.shell.player.borrow().is_following()
    }

    /// As `HTMLMediaElement.readyState`.
    #[wasm_bindgen(getter, js_name = readyState)]
    pub fn ready_state(&self) -> u8 {
        self.shell.player.borrow().ready_state()
    }

    /// How things stand, in one word.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> String {
        tell::status(&self.shell.player.borrow().status()).0.to_owned()
    }

    /// Milliseconds between screenshots.
    #[wasm_bindgen(getter)]
    pub fn interval(&self) -> f64 {
        self.shell.player.borrow().interval_ms() as f64
    }

    /// Starts and ends, alternating, of the stretches whose screenshots are all here.
    pub fn buffered(&self) -> Vec<f64> {
        let spans = self.shell.player.borrow().buffered();
        spans.into_iter().flat_map(|(from, to)| [from as f64, to as f64]).collect()
    }

    /// Times of the screenshots known, ascending.
    pub fn moments(&self) -> Vec<f64> {
        let marks = self.shell.player.borrow().marks();
        marks.iter().map(|mark| mark.time_ms as f64).collect()
    }

    /// For each of [`Self::moments`], the share of the screen that changed, 0 to 127, plus 128 where
    /// nobody was there. Where only the bytes stored are known, they tell it roughly.
    pub fn activity(&self) -> Vec<u8> {
        let marks = self.shell.player.borrow().marks();
        marks.iter().map(|mark| mark.activity() | u8::from(mark.idle) << 7).collect()
    }

    /// The stretches without screenshots: objects of `from`, `to` and `kind`.
    pub fn gaps(&self) -> Array {
        let gaps = self.shell.player.borrow().gaps();
        gaps.iter().map(gap).collect()
    }

    /// Another number than before whenever something was drawn since.
    #[wasm_bindgen(getter)]
    pub fn drawings(&self) -> u32 {
        self.shell.screen.drawings()
    }

    /// The surfaces shown: objects of `name`, `x`, `y`, `width`, `height` and `scale`; `pixels` tells
    /// whether with `image`, an `ImageData` of their pixels.
    ///
    /// # Errors
    /// When the browser has no memory for them.
    pub fn surfaces(&self, pixels: bool) -> Result<Array, JsValue> {
        let player = self.shell.player.borrow();
        let surfaces = player.surfaces().iter().map(|surface| {
            let (width, height) = (surface.info.width, surface.info.height);
            let mut fields: Vec<(&str, JsValue)> = vec![
                ("name", surface.info.name.as_str().into()),
                ("x", surface.x.into()),
                ("y", surface.y.into()),
                ("width", width.into()),
                ("height", height.into()),
                ("scale", (f64::from(surface.info.scale_milli) / 1000.0).into()),
            ];
            if pixels {
                fields.push(("image", owned(&image(surface)?)?.into()));
            }
            Ok(object(&fields))
        });
        surfaces.collect()
    }
}

/// A copy that owns its pixels: a view ends with the call, or follows what is shown next.
fn owned(view: &ImageData) -> Result<ImageData, JsValue> {
    let copy = ImageData::new_with_sw(view.width(), view.height())?;
    let (to, from) = (data(&copy)?, data(view)?);
    to.set(&from, 0);
    Ok(copy)
}

/// The array behind an image, as JavaScript sees it.
fn data(image: &ImageData) -> Result<js_sys::Uint8ClampedArray, JsValue> {
    js_sys::Reflect::get(image, &"data".into())?.dyn_into()
}

fn gap(gap: &Gap) -> JsValue {
    let kind = gap.kind.map_or("unknown", |kind| match kind {
        AbsenceKind::Paused => "paused",
        AbsenceKind::Locked => "locked",
        AbsenceKind::Excluded => "excluded",
        AbsenceKind::Offline => "offline",
        AbsenceKind::NotRunning => "not running",
    });
    let (from, to) = (gap.from_ms as f64, gap.to_ms as f64);
    let gap: Object =
        object(&[("from", from.into()), ("to", to.into()), ("kind", kind.into())]).into();
    gap.into()
}
