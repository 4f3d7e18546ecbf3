//! The loop between the core and the browser.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use js_sys::{Date, Function};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{AbortController, MessageChannel};

use super::decoders;
use super::fetch::{Question, already, answered, ask, ask_in_parts};
use super::screen::Screen;
use super::tell;
use crate::core::access::Ask;
use crate::core::player::Config;
use crate::core::{DecodeId, DecodeJob, Event, Input, Output, Player, TransferId};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, ms: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// A player and all that it has going on in the browser.
pub(super) struct Shell {
    pub(super) player: RefCell<Player>,
    pub(super) screen: Screen,
    listener: Function,
    /// A request for a grant that the page made before the program was here.
    asked: RefCell<JsValue>,
    flights: RefCell<HashMap<TransferId, AbortController>>,
    timer: RefCell<JsValue>,
    tick: RefCell<Option<Closure<dyn FnMut()>>>,
    tasks: MessageChannel,
    queue: RefCell<VecDeque<Task>>,
    on_task: RefCell<Option<Closure<dyn FnMut()>>>,
}

/// What is done as a task of its own, so that the browser comes to draw in between.
enum Task {
    Decode(DecodeId, DecodeJob),
    Handle(Input),
}

pub(super) fn now_ms() -> u64 {
    Date::now() as u64
}

impl Shell {
    pub(super) fn new(
        player: Player,
        screen: Screen,
        asked: JsValue,
        listener: Function,
    ) -> Result<Rc<Self>, JsValue> {
        let shell = Rc::new(Self {
            player: RefCell::new(player),
            screen,
            listener,
            asked: RefCell::new(asked),
            flights: RefCell::default(),
            timer: RefCell::new(JsValue::UNDEFINED),
            tick: RefCell::new(None),
            tasks: MessageChannel::new()?,
            queue: RefCell::default(),
            on_task: RefCell::new(None),
        });
        let weak = Rc::downgrade(&shell);
        let tick = Closure::new(move || {
            if let Some(shell) = weak.upgrade() {
                shell.handle(Input::Tick);
            }
        });
        shell.tick.replace(Some(tick));
        let weak = Rc::downgrade(&shell);
        let on_task = Closure::new(move || {
            if let Some(shell) = weak.upgrade() {
                shell.do_task();
            }
        });
        shell.tasks.port1().set_onmessage(Some(on_task.as_ref().unchecked_ref()));
        shell.on_task.replace(Some(on_task));
        Ok(shell)
    }

    /// Passes an input to the core as a task of its own.
    pub(super) fn later(&self, input: Input) {
        self.queue_task(Task::Handle(input));
    }

    fn queue_task(&self, task: Task) {
        self.queue.borrow_mut().push_back(task);
        // Only what cannot be copied cannot be posted.
        let _ = self.tasks.port2().post_message(&JsValue::NULL);
    }

    fn do_task(self: &Rc<Self>) {
        let task = self.queue.borrow_mut().pop_front();
        match task {
            Some(Task::Decode(id, job)) if decoders::needs_codecs(&job.bytes) => {
                decoders::decode_late(self, id, job);
            }
            Some(Task::Decode(id, job)) => {
                let tiles = job.decode(&Config::limits()).map_err(|error| error.to_string());
                self.handle(Input::Decoded { id, tiles });
            }
            Some(Task::Handle(input)) => self.handle(input),
            None => {}
        }
    }

    /// Passes an input to the core and does what it says. Listeners are told last, when nothing is
    /// borrowed: they may call back.
    pub(super) fn handle(self: &Rc<Self>, input: Input) {
        let mut events = Vec::new();
        {
            let mut player = self.player.borrow_mut();
            player.handle(now_ms(), input);
            while let Some(output) = player.poll_output() {
                self.carry_out(&player, output, &mut events);
            }
        }
        for event in &events {
            let (name, detail) = tell::event(event);
            // A listener that throws is its own affair; the browser reports it.
            let _ = self.listener.call2(&JsValue::NULL, &name.into(), &detail);
        }
    }

    fn carry_out(self: &Rc<Self>, player: &Player, output: Output, events: &mut Vec<Event>) {
        match output {
            Output::AskGrant(wanted) => self.ask_grant(wanted),
            Output::List { id, query } => {
                let url = player.grant(now_ms()).map(|grant| grant.list_url(&query));
                self.get(id, url, Vec::new(), false, Vec::new());
            }
            Output::Fetch { id, key, range, fresh, parts } => {
                let url = player.grant(now_ms()).map(|grant| grant.object_url(&key));
                let range = range.map(|(from, to)| ("range", format!("bytes={from}-{to}")));
                self.get(id, url, range.into_iter().collect(), fresh, parts);
            }
            Output::Decode { id, job, here: true } => self.queue_task(Task::Decode(id, job)),
            Output::Decode { id, job, here: false } => decoders::submit(self, id, &job),
            Output::Soon => self.later(Input::Tick),
            Output::Cancel { id } => {
                if let Some(flight) = self.flights.borrow_mut().remove(&id) {
                    flight.abort();
                }
            }
            Output::Resize { width, height } => self.screen.resize(width, height),
            Output::Draw { surface, rects } => {
                let drawn = player.surfaces().get(surface).map(|s| self.screen.draw(s, &rects));
                if let Some(Err(error)) = drawn {
                    // Only a lost canvas context can do this; the page has to be loaded again.
                    wasm_bindgen::throw_val(error);
                }
            }
            Output::Event(event) => events.push(event),
            Output::WakeAt(wake_ms) => self.wake_at(wake_ms),
        }
    }

    fn wake_at(&self, wake_ms: u64) {
        if let Some(tick) = &*self.tick.borrow() {
            let delay_ms = wake_ms.saturating_sub(now_ms()) as f64;
            // Browsers take at most 31 bits; the core names the time again when it is woken.
            let timer = set_timeout(tick.as_ref().unchecked_ref(), delay_ms.min(2e9));
            clear_timeout(&self.timer.replace(timer));
        }
    }

    fn ask_grant(self: &Rc<Self>, wanted: Ask) {
        let asked = self.asked.replace(JsValue::NULL);
        let is_same = already(&asked, &wanted);
        let token = wanted.token.map(|token| ("authorization", format!("Bearer {token}")));
        let json = wanted.body.is_some().then(|| ("content-type", "application/json".to_owned()));
        let question = Question {
            method: wanted.method,
            url: wanted.url,
            headers: token.into_iter().chain(json).collect(),
            body: wanted.body,
            fresh: true,
        };
        let weak = Rc::downgrade(self);
        spawn_local(async move {
            let early = if is_same { answered(&asked).await } else { None };
            let answer = match early {
                Some(answer) => answer,
                None => ask(question, None).await,
            };
            if let Some(shell) = weak.upgrade() {
                let (status, body, server_now_ms) = (answer.status, answer.body, answer.date_ms);
                shell.handle(Input::GrantReply { status, body, server_now_ms });
            }
        });
    }

    /// A missing URL (the grant ended this instant) is answered as any request that got nowhere.
    fn get(
        self: &Rc<Self>,
        id: TransferId,
        url: Option<String>,
        headers: Vec<(&'static str, String)>,
        fresh: bool,
        parts: Vec<usize>,
    ) {
        let controller = AbortController::new().ok();
        let signal = controller.as_ref().map(AbortController::signal);
        self.flights.borrow_mut().extend(controller.map(|controller| (id, controller)));
        let url = url.unwrap_or_default();
        let question = Question { method: "GET", url, headers, body: None, fresh };
        let weak = Rc::downgrade(self);
        spawn_local(async move {
            let came = |from, bytes: &[u8]| {
                if let Some(shell) = weak.upgrade()
                    && shell.flights.borrow().contains_key(&id)
                {
                    shell.handle(Input::Part { id, from, bytes: bytes.to_vec() });
                }
            };
            let answer = ask_in_parts(question, signal, &parts, came).await;
            let Some(shell) = weak.upgrade() else { return };
            let is_awaited = shell.flights.borrow_mut().remove(&id).is_some();
            if is_awaited {
                let (status, body) = (answer.status, answer.body);
                shell.handle(Input::Reply { id, status, body });
            }
        });
    }

    /// Ends everything that is going on.
    pub(super) fn close(&self) {
        clear_timeout(&self.timer.replace(JsValue::UNDEFINED));
        self.tick.replace(None);
        self.on_task.replace(None);
        self.tasks.port1().close();
        for (_, flight) in self.flights.borrow_mut().drain() {
            flight.abort();
        }
    }
}
