//! Decoders beside the page's thread: Web Workers with this same module, shared by all players of a
//! page.
//!
//! A worker that cannot start or dies is told to the players, which decode on their own thread when
//! none is left; nothing is lost but time.

#![allow(unreachable_pub, reason = "wasm-bindgen exports only what is public")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use deskreel_format::codec::Codec;
use deskreel_format::{Pack, PackRef, SegmentId, TileSize};
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Event, MessageEvent, Worker};

use super::shell::Shell;
use super::tell::object;
use crate::core::player::Config;
use crate::core::{DecodeId, DecodeJob, Input};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn warn(text: &str);
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

#[derive(Default)]
struct Pool {
    members: Vec<Member>,
    work: HashMap<u32, Work>,
    next: u32,
    players: Vec<Weak<Shell>>,
    /// Gives a promise of the module for other codecs than the usual one.
    codecs: Option<Function>,
}

struct Member {
    worker: Worker,
    state: State,
    /// Memory it holds, bytes.
    bytes: usize,
    _listeners: [Closure<dyn FnMut(JsValue)>; 3],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    Gone,
}

struct Work {
    member: usize,
    player: Weak<Shell>,
    id: DecodeId,
}

/// Starts up to `count` decoders; `spawn` makes a worker, `codecs` loads the module for packs that
/// [`needs_codecs`]. Only the first call of a page counts.
#[wasm_bindgen(js_name = startDecoders)]
pub fn start_decoders(spawn: &Function, codecs: Function, count: u32) {
    if POOL.with_borrow(|pool| !pool.members.is_empty()) {
        return;
    }
    POOL.with_borrow_mut(|pool| pool.codecs = Some(codecs));
    for number in 0..count as usize {
        match start(spawn, number) {
            Ok(member) => POOL.with_borrow_mut(|pool| pool.members.push(member)),
            Err(error) => {
                complain(&error);
                break;
            }
        }
    }
    tell_players();
}

fn start(spawn: &Function, number: usize) -> Result<Member, JsValue> {
    let worker: Worker = spawn.call0(&JsValue::NULL)?.dyn_into()?;
    let heard = Closure::new(move |event: JsValue| {
        if let Ok(event) = event.dyn_into::<MessageEvent>() {
            hear(number, &event.data());
        }
    });
    let failed = Closure::new(move |event: JsValue| {
        if let Some(event) = event.dyn_ref::<Event>() {
            event.prevent_default();
        }
        let words = Reflect::get(&event, &"message".into()).unwrap_or_default();
        lose(number, &words);
    });
    let garbled = Closure::new(move |_: JsValue| lose(number, &"its answer cannot be read".into()));
    worker.set_onmessage(Some(heard.as_ref().unchecked_ref()));
    worker.set_onerror(Some(failed.as_ref().unchecked_ref()));
    worker.set_onmessageerror(Some(garbled.as_ref().unchecked_ref()));
    // Compiled code is shared: one worker is enough to rehearse.
    let rehearses = (number == 0).into();
    worker
        .post_message(&object(&[("module", wasm_bindgen::module()), ("rehearses", rehearses)]))?;
    let _listeners = [heard, failed, garbled];
    Ok(Member { worker, state: State::Starting, bytes: 0, _listeners })
}

/// A player that wants to know how many decoders there are; it is told at once.
pub(super) fn join(player: &Rc<Shell>) {
    let input = POOL.with_borrow_mut(|pool| {
        pool.players.retain(|player| player.strong_count() > 0);
        pool.players.push(Rc::downgrade(player));
        pool.count()
    });
    player.handle(input);
}

/// Memory that all decoders hold.
pub(super) fn bytes() -> usize {
    POOL.with_borrow(|pool| pool.members.iter().map(|member| member.bytes).sum())
}

/// Hands work to the decoder that has least to do.
pub(super) fn submit(player: &Rc<Shell>, id: DecodeId, job: &DecodeJob) {
    let posted = POOL.with_borrow_mut(|pool| {
        let ready = pool.members.iter().enumerate().filter(|(_, m)| m.state == State::Ready);
        let load = |number: usize| pool.work.values().filter(|w| w.member == number).count();
        let (member, _) = ready.min_by_key(|(number, _)| load(*number))?;
        pool.next = pool.next.wrapping_add(1);
        let number = pool.next;
        let bytes = Uint8Array::from(job.bytes.as_slice());
        let message = object(&[
            ("id", number.into()),
            ("tile", job.tile.pixels().into()),
            ("tiles", job.place.tiles.into()),
            ("bytes", bytes.clone().into()),
        ]);
        let transfer = Array::of1(&bytes.buffer());
        pool.members[member].worker.post_message_with_transfer(&message, &transfer).ok()?;
        pool.work.insert(number, Work { member, player: Rc::downgrade(player), id });
        Some(())
    });
    if posted.is_none() {
        // Told as a task of its own: the player is busy with its outputs.
        player.later(Input::DecoderLost { id });
    }
}

fn hear(number: usize, answer: &JsValue) {
    let get = |name: &str| Reflect::get(answer, &name.into()).unwrap_or_default();
    if let Some(reason) = get("failed").as_string() {
        lose(number, &reason.into());
        return;
    }
    let bytes = get("memory").as_f64().unwrap_or_default() as usize;
    let (work, has_news) = POOL.with_borrow_mut(|pool| {
        let Some(member) = pool.members.get_mut(number) else { return (None, false) };
        let has_news = member.state == State::Starting || member.bytes != bytes;
        if member.state == State::Starting {
            member.state = State::Ready;
        }
        member.bytes = bytes;
        let work = get("id").as_f64().and_then(|id| pool.work.remove(&(id as u32)));
        (work, has_news)
    });
    if has_news {
        tell_players();
    }
    if let Some((player, id)) = work.and_then(|work| Some((work.player.upgrade()?, work.id))) {
        let tiles = match get("rgb").dyn_into::<Uint8Array>() {
            Ok(rgb) => Ok(rgb.to_vec()),
            Err(_) => Err(get("error").as_string().unwrap_or_default()),
        };
        player.handle(Input::Decoded { id, tiles });
    }
}

fn lose(number: usize, reason: &JsValue) {
    let work = POOL.with_borrow_mut(|pool| {
        let Some(member) = pool.members.get_mut(number) else { return Vec::new() };
        member.state = State::Gone;
        member.bytes = 0;
        member.worker.terminate();
        pool.work.extract_if(|_, work| work.member == number).map(|(_, work)| work).collect()
    });
    complain(reason);
    tell_players();
    for work in work {
        if let Some(player) = work.player.upgrade() {
            player.handle(Input::DecoderLost { id: work.id });
        }
    }
}

fn complain(reason: &JsValue) {
    let reason = reason.as_string().unwrap_or_else(|| format!("{reason:?}"));
    warn(&format!("Deskreel: a decoding worker is not there, the page decodes itself: {reason}"));
}

fn tell_players() {
    let (input, players) = POOL.with_borrow(|pool| {
        let players: Vec<Rc<Shell>> = pool.players.iter().filter_map(Weak::upgrade).collect();
        (pool.count(), players)
    });
    for player in players {
        player.handle(input.clone());
    }
}

impl Pool {
    fn count(&self) -> Input {
        let count = |state| self.members.iter().filter(|m| m.state == state).count();
        let bytes = self.members.iter().map(|member| member.bytes).sum();
        Input::Decoders { ready: count(State::Ready), coming: count(State::Starting) > 0, bytes }
    }
}

/// What a worker does: decodes a pack of `tiles` tiles of `tile` pixels a side.
///
/// # Errors
/// A text that says what is wrong with the pack.
#[wasm_bindgen(js_name = decodePack)]
pub fn decode_pack(bytes: Vec<u8>, tile: u32, tiles: u32) -> Result<Vec<u8>, JsValue> {
    let tile = TileSize::new(tile).map_err(|error| error.to_string())?;
    // Where it lies tells nothing of its pixels.
    let segment = SegmentId { first_ms: 0, writer: 1 };
    let place = PackRef { segment, offset: 0, len: bytes.len() as u32, tiles };
    let decoded = DecodeJob { place, tile, bytes }.decode(&Config::limits());
    decoded.map_err(|error| error.to_string().into())
}

/// What a worker does until the first pack comes: decodes noise.
#[wasm_bindgen]
pub fn rehearse(seed: u32) {
    Codec::DEFAULT.rehearse(seed);
}

/// Whether a pack has another than the usual codec: the module `codecs.js` decodes it, this one does not.
#[wasm_bindgen(js_name = needsCodecs)]
pub fn needs_codecs(bytes: &[u8]) -> bool {
    Pack::codec(bytes).is_some_and(|codec| codec != Codec::DEFAULT)
}

/// Decodes on the page's own thread what [`needs_codecs`], once that module is here.
pub(super) fn decode_late(player: &Rc<Shell>, id: DecodeId, job: DecodeJob) {
    let player = Rc::downgrade(player);
    spawn_local(async move {
        let tiles = by_codecs(&job).await.map_err(|error| match error.as_string() {
            Some(text) => text,
            None => format!("its decoder cannot be loaded: {error:?}"),
        });
        if let Some(player) = player.upgrade() {
            player.handle(Input::Decoded { id, tiles });
        }
    });
}

async fn by_codecs(job: &DecodeJob) -> Result<Vec<u8>, JsValue> {
    let load =
        POOL.with_borrow(|pool| pool.codecs.clone()).ok_or("there is no decoder of its codec")?;
    let module = JsFuture::from(Promise::resolve(&load.call0(&JsValue::NULL)?)).await?;
    let decode: Function = Reflect::get(&module, &"decodePack".into())?.dyn_into()?;
    let bytes = Uint8Array::from(job.bytes.as_slice());
    let (tile, tiles) = (job.tile.pixels().into(), job.place.tiles.into());
    let rgb = decode.call3(&JsValue::NULL, &bytes, &tile, &tiles)?;
    Ok(rgb.dyn_into::<Uint8Array>()?.to_vec())
}

/// Memory that this thread's module holds, bytes.
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> f64 {
    (core::arch::wasm32::memory_size(0) * 65_536) as f64
}
