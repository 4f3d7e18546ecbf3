// The slider over the window: what happened when, where there is nothing, where we are.

import { KINDS, drawStrip, labels, pattern } from "./strip.js";
import { Preview } from "./preview.js";
import { Timescale } from "./timescale.js";
import { spoken } from "./times.js";

const byId = (id) => document.getElementById(id);

export class Timeline {
  #player;
  #root = byId("timeline");
  #strip = byId("strip");
  #ticks = byId("ticks");
  #head = byId("head");
  #preview;
  #scale = new Timescale();
  #marks = { times: [], activity: [], gaps: [] };
  #found = [];
  #pointers = new Map();
  #marking = null;
  /** Where the pointer is, CSS pixels from the left; null while it is elsewhere. */
  #hoveredAt = null;
  #wanted = null;
  #drawn = "";
  #frame = 0;
  #follows = true;
  #position = NaN;
  #spokenAt = 0;

  /** Called with the length shown (ms) when it changed. */
  onzoom = () => {};

  constructor(player) {
    this.#player = player;
    this.#preview = new Preview(player);
    new ResizeObserver(() => this.refresh()).observe(this.#root);
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => {
      this.refresh();
      this.#explain();
    });
    player.addEventListener("loopchange", () => this.refresh());
    const listen = (name, listener) => {
      this.#root.addEventListener(name, listener.bind(this), { passive: false });
    };
    listen("pointerdown", this.#press);
    listen("pointermove", this.#move);
    listen("pointerup", this.#release);
    listen("pointercancel", this.#release);
    listen("pointerleave", () => this.#leave());
    listen("wheel", this.#wheel);
  }

  get span() {
    return this.#scale.span;
  }

  /** Times that a search found: marked on the strip. */
  set found(times) {
    this.#found = times;
    this.refresh();
  }

  /** Reads the moments anew and draws. */
  load() {
    const { moments, activity, gaps } = this.#player;
    this.#marks = { times: moments, activity, gaps };
    this.#drawn = "";
    this.update();
    this.#explain();
  }

  /** Draws everything, in this frame. */
  refresh() {
    this.#drawn = "";
    this.update();
    if (this.#frame) {
      this.#draw();
    }
  }

  /** Shows so many milliseconds, around `anchor` or the present time. */
  zoom(span, anchor = this.#player.currentTime * 1000) {
    this.#scale.zoom(span, anchor);
    this.#zoomed();
  }

  #zoomed() {
    this.refresh();
    this.onzoom(this.#scale.span);
  }

  /** Moves the head. What is shown goes along with it, unless somebody panned elsewhere. */
  update() {
    const [start, end] = [this.#player.windowStart * 1000, this.#player.windowEnd * 1000];
    if (!(end > start)) {
      return;
    }
    const scale = this.#scale;
    scale.width = Math.max(1, this.#root.clientWidth);
    scale.setWindow(start, end);
    const now = Math.min(Math.max(this.#player.currentTime * 1000, start), end);
    if (now !== this.#position && this.#pointers.size === 0) {
      this.#follows ||= Math.abs(now - this.#position) > 1000 || !this.#player.paused;
      this.#position = now;
      if (this.#follows) {
        scale.reveal(now, this.#player.paused ? 0.5 : 0.1);
      }
    }
    // A window that ends now moves with every millisecond; a quarter of a pixel is seen by nobody.
    const quarters = (4 * scale.start * scale.width) / scale.span;
    const key = [quarters, scale.span, scale.width].map(Math.round).join();
    if (key !== this.#drawn) {
      this.#drawn = key;
      this.#frame ||= requestAnimationFrame(() => this.#draw());
    }
    // Out of what is shown, it waits at the edge that it left by.
    const x = Math.min(Math.max(scale.x(now), 0), scale.width);
    this.#head.hidden = false;
    this.#head.classList.toggle("outside", !scale.shows(now));
    this.#head.style.transform = `translateX(${x}px)`;
    this.#speak(start, end, now);
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    // Asked for once each: a strip has a thousand bars.
    const style = getComputedStyle(this.#root);
    const colours = {};
    const colour = (name) => (colours[name] ??= style.getPropertyValue(`--${name}`).trim());
    drawStrip(this.#strip, this.#scale, this.#marks, {
      interval: this.#player.interval * 1000,
      found: this.#found,
      loop: this.#marking ?? this.#player.loop,
      colour,
    });
    this.#ticks.replaceChildren(...labels(this.#scale));
    this.#look();
  }

  /** The legend: activity, and the kinds of absence that there are. */
  #explain() {
    const kinds = new Set(this.#marks.gaps.map((gap) => gap.kind));
    const isIdle = this.#marks.activity.some((byte) => byte >> 7);
    for (const item of byId("legend").children) {
      const { kind } = item.dataset;
      item.hidden = kind === "idle" ? !isIdle : kind !== "active" && !kinds.has(kind);
      const canvas = item.querySelector("canvas");
      if (canvas && !item.hidden) {
        const context = canvas.getContext("2d");
        const colour = getComputedStyle(this.#root).getPropertyValue("--gap").trim();
        context.clearRect(0, 0, canvas.width, canvas.height);
        context.setTransform(2, 0, 0, 2, 0, 0);
        context.fillStyle = pattern(context, kind, colour, 2);
        context.fillRect(0, 0, canvas.width, canvas.height);
      }
    }
  }

  #gapAt(time) {
    return this.#marks.gaps.find(({ from, to }) => time >= from && time < to);
  }

  /** Tells assistive technology; while playing, not more often than one can listen. */
  #speak(start, end, now) {
    if (!this.#player.paused && performance.now() - this.#spokenAt < 2000) {
      return;
    }
    this.#spokenAt = performance.now();
    this.#root.setAttribute("aria-valuemin", Math.round(start / 1000));
    this.#root.setAttribute("aria-valuemax", Math.round(end / 1000));
    this.#root.setAttribute("aria-valuenow", Math.round(now / 1000));
    const gap = this.#gapAt(now);
    const words = spoken(now) + (gap ? `, ${KINDS[gap.kind].words.toLowerCase()}` : "");
    this.#root.setAttribute("aria-valuetext", words);
  }

  #x(event) {
    return event.clientX - this.#root.getBoundingClientRect().left;
  }

  #press(event) {
    if (event.button !== 0 || !this.#scale.isPlaced) {
      return;
    }
    this.#pointers.set(event.pointerId, this.#x(event));
    this.#root.setPointerCapture(event.pointerId);
    const time = this.#scale.time(this.#x(event));
    if (this.#pointers.size > 1) {
      this.#marking = null;
    } else if (event.shiftKey) {
      this.#marking = [time / 1000, time / 1000];
    } else {
      this.#seek(time);
    }
  }

  #move(event) {
    if (!this.#scale.isPlaced) {
      return;
    }
    const [x, before] = [this.#x(event), this.#pointers.get(event.pointerId)];
    const time = this.#scale.time(x);
    if (before !== undefined && this.#pointers.size === 2) {
      const places = [...this.#pointers.values()];
      this.#pointers.set(event.pointerId, x);
      this.#follows = false;
      this.#scale.pinch(places, [...this.#pointers.values()]);
      this.#zoomed();
    } else if (before !== undefined && this.#marking) {
      this.#marking[1] = time / 1000;
      this.#drawn = "";
      this.update();
    } else if (before !== undefined) {
      this.#seek(time);
    }
    this.#hoveredAt = x;
    this.#look();
  }

  /** Previews what lies under the pointer now: the slider may have moved below it. */
  #look() {
    if (this.#hoveredAt !== null) {
      const [x, time] = [this.#hoveredAt, this.#scale.time(this.#hoveredAt)];
      this.#preview.show(x, time, this.#gapAt(time), this.#root.clientWidth);
    }
  }

  #leave() {
    this.#hoveredAt = null;
    this.#preview.hide();
  }

  #release(event) {
    this.#pointers.delete(event.pointerId);
    const marked = this.#marking;
    this.#marking = null;
    if (marked && event.type === "pointerup") {
      const isStretch = Math.abs(this.#scale.x(marked[1] * 1000) - this.#scale.x(marked[0] * 1000)) > 4;
      this.#player.loop = isStretch ? marked : null;
    }
    if (event.pointerType === "touch") {
      this.#leave();
    }
  }

  /** At most one seek a frame, and the last one counts. */
  #seek(time) {
    if (this.#wanted === null) {
      requestAnimationFrame(() => {
        this.#player.currentTime = this.#wanted / 1000;
        this.#wanted = null;
        this.update();
      });
    }
    this.#wanted = time;
  }

  #wheel(event) {
    if (!this.#scale.isPlaced) {
      return;
    }
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      this.#follows = false;
      this.#scale.pan(event.deltaX || event.deltaY);
      this.refresh();
      return;
    }
    this.zoom(this.span * 1.0025 ** event.deltaY, this.#scale.time(this.#x(event)));
  }
}
