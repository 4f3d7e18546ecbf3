// <deskreel-player>: a recorded desktop as a media element. The documented interface is
// deskreel-player.d.ts; everything is decided in WebAssembly, this file only translates.

import { PlayerHandle } from "./player.js";
import { encodePng } from "./png.js";
import { askAhead, program } from "./start.js";
import { Storyboards } from "./storyboards.js";
import { View, style } from "./view.js";

/** What `buffered` gives: as `TimeRanges`. */
class Ranges {
  #edges;

  constructor(edges) {
    this.#edges = edges;
  }

  get length() {
    return this.#edges.length / 2;
  }

  start(index) {
    return this.#edge(index, 0);
  }

  end(index) {
    return this.#edge(index, 1);
  }

  #edge(index, side) {
    if (!(index >= 0 && index < this.length)) {
      throw new DOMException(`there is no range ${index}`, "IndexSizeError");
    }
    return this.#edges[index * 2 + side] / 1000;
  }
}

export class DeskreelPlayer extends HTMLElement {
  static observedAttributes = ["src", "stream", "fit", "monitor"];

  #handle = null;
  #view = new View();
  #loop = null;
  /** Asked for before there was anything to go along with. */
  #live = false;
  #generation = 0;
  #token;
  #error = null;
  #startTime;
  #rate = 1;
  #skipIdle = false;
  #events = [];
  #questions = 0;
  #answers = new Map();
  #storyboards = null;
  #tasks = new MessageChannel();
  #resizes = new ResizeObserver(() => this.#resized());
  #online = () => this.#handle?.online();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    root.append(this.#view.root);
    this.#view.onchange = () => this.dispatchEvent(new CustomEvent("viewchange"));
    this.#tasks.port1.onmessage = () => this.dispatchEvent(this.#events.shift());
  }

  connectedCallback() {
    this.#resizes.observe(this);
    addEventListener("online", this.#online);
    this.#reload();
  }

  disconnectedCallback() {
    this.#resizes.disconnect();
    removeEventListener("online", this.#online);
    this.#close();
  }

  attributeChangedCallback(name, before, now) {
    if (name === "fit") {
      this.zoom = now === "actual" ? 1 : 0;
    } else if (name === "monitor") {
      this.#view.change(() => (this.#view.monitor = now ?? ""));
    } else if (before !== now && this.isConnected) {
      this.#reload();
    }
  }

  get src() {
    return this.getAttribute("src") ?? "";
  }

  set src(value) {
    this.setAttribute("src", value);
  }

  get stream() {
    return this.getAttribute("stream") ?? "";
  }

  set stream(value) {
    this.setAttribute("stream", value);
  }

  get fit() {
    return this.getAttribute("fit") === "actual" ? "actual" : "contain";
  }

  set fit(value) {
    this.setAttribute("fit", value);
  }

  get zoom() {
    return this.#view.viewport.scale;
  }

  set zoom(scale) {
    this.#view.change((view) => (Number(scale) > 0 ? view.zoom(Number(scale)) : view.fit()));
  }

  get fitted() {
    return this.#view.viewport.isFitted;
  }

  zoomStep(up, clientX, clientY) {
    const { left, top, width, height } = this.getBoundingClientRect();
    const x = ((clientX ?? left + width / 2) - left) * devicePixelRatio;
    const y = ((clientY ?? top + height / 2) - top) * devicePixelRatio;
    this.#view.change((view) => view.step(up, x, y));
  }

  get centre() {
    return this.#view.viewport.centre;
  }

  set centre(place) {
    this.#view.change((view) => view.lookAt(place));
  }

  get monitors() {
    return this.#view.monitors;
  }

  get monitor() {
    return this.getAttribute("monitor") ?? "";
  }

  set monitor(name) {
    this.setAttribute("monitor", name);
  }

  toDesktop(clientX, clientY) {
    return this.#view.toDesktop(clientX, clientY);
  }

  toElement(x, y) {
    return this.#view.toElement(x, y);
  }

  get token() {
    return this.#token;
  }

  set token(value) {
    this.#token = value || undefined;
  }

  get currentTime() {
    return (this.#handle ? this.#handle.position : (this.#startTime ?? 0)) / 1000;
  }

  set currentTime(seconds) {
    const time = Number(seconds) * 1000;
    if (!Number.isFinite(time)) {
      throw new TypeError("currentTime is a number of seconds since 1970");
    }
    if (this.#handle) {
      this.#handle.seek(Math.round(time));
    } else {
      this.#startTime = Math.round(time);
    }
  }

  get windowStart() {
    return (this.#handle?.window?.[0] ?? NaN) / 1000;
  }

  get windowEnd() {
    return (this.#handle?.window?.[1] ?? NaN) / 1000;
  }

  get duration() {
    return this.windowEnd - this.windowStart;
  }

  get shownTime() {
    return this.#handle?.shownTime ?? NaN;
  }

  get exact() {
    return this.#handle?.exact ?? false;
  }

  get newestTime() {
    return this.#handle?.newestTime ?? NaN;
  }

  get serverTime() {
    return this.#handle?.serverTime ?? Date.now();
  }

  get loop() {
    return this.#loop;
  }

  set loop(stretch) {
    const times = stretch?.map((seconds) => Math.round(Number(seconds) * 1000));
    if (times && !(times.length === 2 && times.every(Number.isFinite))) {
      throw new TypeError("loop is null or two times, seconds since 1970");
    }
    this.#loop = times ? [Math.min(...times) / 1000, Math.max(...times) / 1000] : null;
    this.#handle?.setRepeat(times?.[0], times?.[1]);
    this.dispatchEvent(new CustomEvent("loopchange"));
  }

  preview(seconds, most = 240) {
    return this.#handle?.preview(Math.round(seconds * 1000), most) ?? null;
  }

  storyboard(seconds) {
    return this.#storyboards?.at(seconds === null ? null : Math.round(seconds * 1000)) ?? null;
  }

  get proving() {
    return this.#handle?.proving ?? false;
  }

  get memory() {
    const held = this.#handle?.memory() ?? new Float64Array(5);
    const [tiles, stored, manifests, picture, decoders] = held;
    return { tiles, stored, manifests, picture, decoders };
  }

  get paused() {
    return !this.#handle?.playing;
  }

  get ended() {
    return this.#handle?.ended ?? false;
  }

  get seeking() {
    return this.#handle?.seeking ?? false;
  }

  get readyState() {
    return this.#handle?.readyState ?? 0;
  }

  get status() {
    return this.#handle?.status ?? "loading";
  }

  get error() {
    return this.#error;
  }

  get interval() {
    return (this.#handle?.interval ?? NaN) / 1000;
  }

  get playbackRate() {
    return this.#handle?.rate ?? this.#rate;
  }

  set playbackRate(rate) {
    if (!Number.isFinite(Number(rate)) || Number(rate) === 0) {
      throw new DOMException("playbackRate is a number other than 0", "NotSupportedError");
    }
    this.#rate = Number(rate);
    this.#handle?.setRate(this.#rate);
  }

  get skipIdle() {
    return this.#skipIdle;
  }

  set skipIdle(skip) {
    this.#skipIdle = Boolean(skip);
    this.#handle?.setSkipIdle(this.#skipIdle);
  }

  get live() {
    return this.#handle?.following ?? false;
  }

  set live(live) {
    this.#live = Boolean(live);
    this.#handle?.setFollow(this.#live);
  }

  get buffered() {
    return new Ranges(this.#handle?.buffered() ?? []);
  }

  get moments() {
    return this.#handle?.moments() ?? new Float64Array();
  }

  get activity() {
    return this.#handle?.activity() ?? new Uint8Array();
  }

  get gaps() {
    return this.#handle?.gaps() ?? [];
  }

  async play() {
    this.#handle?.play();
  }

  pause() {
    this.#handle?.pause();
  }

  step(count = 1) {
    this.#handle?.step(Math.trunc(count));
  }

  renew(token) {
    this.#token = token || this.#token;
    this.#handle?.renew(this.#token);
  }

  /** Asks the core about a rectangle; its answer comes as `regionfound`. */
  #ask({ x, y, width, height }, surface, seen, signal) {
    if (![x, y, width, height, surface].every((n) => Number.isFinite(n) && n >= 0)) {
      return Promise.reject(new TypeError("a rectangle is x, y, width and height in pixels"));
    }
    if (!this.#handle) {
      return Promise.reject(new DOMException("nothing is loaded", "InvalidStateError"));
    }
    if (signal?.aborted) {
      return Promise.reject(signal.reason);
    }
    const id = ++this.#questions;
    const edges = [x, y, x + width, y + height];
    const [left, top] = edges.slice(0, 2).map(Math.floor);
    const [right, bottom] = edges.slice(2).map(Math.ceil);
    signal?.addEventListener("abort", () => this.#answers.has(id) && this.#handle?.endRegion());
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      this.#handle.region(id, surface, left, top, right - left, bottom - top, seen);
    });
  }

  regionHistory(rect, surface = 0, { signal } = {}) {
    return this.#ask(rect, surface, false, signal);
  }

  async seenWhen(rect, surface = 0, { signal } = {}) {
    return new Ranges(await this.#ask(rect, surface, true, signal));
  }

  capture() {
    return this.#handle?.surfaces(true) ?? [];
  }

  pixels(surface = 0) {
    return this.capture()[surface]?.image ?? null;
  }

  captureStream() {
    const { canvas } = this.#view;
    const stream = canvas.captureStream();
    // A canvas gives a frame when something is drawn, and a still picture never is: one pixel of it is
    // drawn where it is.
    requestAnimationFrame(() => {
      canvas.getContext("2d").drawImage(canvas, 0, 0, 1, 1, 0, 0, 1, 1);
    });
    return stream;
  }

  async toBlob(rect) {
    const surfaces = this.capture();
    if (surfaces.length === 0 || Number.isNaN(this.shownTime)) {
      return null;
    }
    const { width, height } = this.#view.canvas;
    return encodePng(surfaces, rect ?? { x: 0, y: 0, width, height });
  }

  /** Listeners hear of it in the next frame: what they change must not resize this one again. */
  #resized() {
    this.#view.layOut();
    requestAnimationFrame(() => this.#view.onchange());
  }

  /** Starts anew, once for all attributes that change together. */
  async #reload() {
    const generation = ++this.#generation;
    // From here on, a time that is set is for what will be loaded.
    this.#close();
    // Attributes that change together have changed once this goes on.
    await null;
    if (generation !== this.#generation || !this.isConnected || !this.stream) {
      return;
    }
    const source = new URL(this.src || "/", document.baseURI).href;
    const asked = askAhead(source, this.stream, this.#token);
    await program;
    if (generation !== this.#generation || !this.isConnected || !this.stream) {
      return;
    }
    const listener = (name, detail) => {
      if (generation === this.#generation) {
        this.#hear(name, detail);
      }
    };
    const start = this.#startTime;
    this.#startTime = undefined;
    const [canvas, ahead] = [this.#view.canvas, this.getAttribute("preload") !== "none"];
    try {
      this.#handle =
        new PlayerHandle(canvas, source, this.stream, this.#token, start, ahead, asked, listener);
    } catch (error) {
      this.#hear("error", { code: "stream", object: this.stream, message: String(error) });
      return;
    }
    this.#storyboards = new Storyboards(this.#handle, () => listener("storyboard", null));
    this.#handle.setRate(this.#rate);
    this.#handle.setSkipIdle(this.#skipIdle);
    this.loop = this.#loop;
    this.#handle.setFollow(this.#live && start === undefined);
    this.#live = false;
    this.#handle.start();
  }

  #close() {
    this.#handle?.close();
    this.#handle?.free();
    this.#handle = null;
    this.#storyboards = null;
    this.#error = null;
    for (const { reject } of this.#answers.values()) {
      reject(new DOMException("the player was closed", "AbortError"));
    }
    this.#answers.clear();
    if (this.#view.monitors.length > 0) {
      this.#view.setMonitors([]);
    }
  }

  #hear(name, detail) {
    if (name === "regionfound") {
      const answer = this.#answers.get(detail.id);
      this.#answers.delete(detail.id);
      if (detail.sure) {
        answer?.resolve(detail.times);
      } else {
        const words = "another question was asked, or a tile could not be compared";
        answer?.reject(new DOMException(words, "AbortError"));
      }
      return;
    }
    if (name === "error") {
      this.#error = detail;
    } else if (name === "shown") {
      this.#error = null;
      this.#view.setMonitors(this.#handle.surfaces(false), this.#handle.drawings);
      const time = new Date(detail.shownTime).toLocaleString();
      this.#view.label = `Screenshot of ${this.stream}, ${time}`;
    }
    // Events are tasks of their own, as those of media elements: whoever sets `currentTime` has
    // time to listen for `seeked`, even when the screenshot is there at once.
    this.#events.push(new CustomEvent(name, { detail }));
    this.#tasks.port2.postMessage(null);
  }
}

customElements.define("deskreel-player", DeskreelPlayer);
