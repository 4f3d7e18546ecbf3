// The slider over the window: what happened when, where there is nothing, where we are.

import { clock, length, shortClock, day, spoken, ticks } from "./times.js";

const KINDS = {
  "paused": "Paused by the person",
  "locked": "Locked",
  "excluded": "Excluded",
  "offline": "Asleep or offline",
  "not running": "Recorder not running",
  "unknown": "No screenshots",
};

export class Timeline {
  #player;
  #root = document.getElementById("timeline");
  #strip = document.getElementById("strip");
  #ticks = document.getElementById("ticks");
  #head = document.getElementById("head");
  #hover = document.getElementById("hover");
  #span = 86_400_000;
  #start = NaN;
  #marks = { times: [], activity: [], gaps: [] };
  #pointer = null;
  #wanted = null;
  #drawn = "";
  #spokenAt = 0;

  /** Called with the length shown (ms) when the wheel or a key changes it. */
  onzoom = () => {};

  constructor(player) {
    this.#player = player;
    new ResizeObserver(() => this.refresh()).observe(this.#root);
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.refresh());
    this.#root.addEventListener("pointerdown", (event) => this.#press(event));
    this.#root.addEventListener("pointermove", (event) => this.#move(event));
    this.#root.addEventListener("pointerup", () => (this.#pointer = null));
    this.#root.addEventListener("pointercancel", () => (this.#pointer = null));
    this.#root.addEventListener("pointerleave", () => (this.#hover.hidden = true));
    this.#root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  get #window() {
    return [this.#player.windowStart * 1000, this.#player.windowEnd * 1000];
  }

  get span() {
    return this.#span;
  }

  /** Reads the moments anew and draws. */
  load() {
    const { moments, activity, gaps } = this.#player;
    this.#marks = { times: moments, activity, gaps };
    this.refresh();
  }

  /** Draws everything, in this frame. */
  refresh() {
    this.#drawn = "";
    this.update();
  }

  /** Shows so many milliseconds, around `anchor` or the present time. */
  zoom(span, anchor = this.#player.currentTime * 1000) {
    const [start, end] = this.#window;
    const before = this.#span;
    this.#span = Math.min(Math.max(span, 120_000), 86_400_000);
    const share = Number.isNaN(this.#start) ? 0.5 : (anchor - this.#start) / before;
    const inside = share >= 0 && share <= 1 ? share : 0.5;
    this.#start = this.#clamp(anchor - this.#span * inside, start, end);
    this.refresh();
  }

  /** Moves the head; scrolls when it leaves the part that is shown. */
  update() {
    const [start, end] = this.#window;
    if (!(end > start)) {
      return;
    }
    const now = Math.min(Math.max(this.#player.currentTime * 1000, start), end);
    const isOutside = !(now >= this.#start && now <= this.#start + this.#span);
    if (isOutside && this.#pointer === null) {
      this.#start = now - this.#span * (this.#player.paused ? 0.5 : 0.1);
    }
    this.#start = this.#clamp(this.#start, start, end);
    const key = [this.#start, this.#span, this.#root.clientWidth].map(Math.round).join();
    if (key !== this.#drawn) {
      this.#drawn = key;
      this.#draw();
    }
    this.#head.hidden = false;
    this.#head.style.transform = `translateX(${this.#x(now)}px)`;
    this.#speak(start, end, now);
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
    this.#root.setAttribute("aria-valuetext", spoken(now));
  }

  #clamp(start, from, to) {
    return Math.max(from, Math.min(start, to - this.#span));
  }

  #x(time) {
    return ((time - this.#start) / this.#span) * this.#root.clientWidth;
  }

  #time(event) {
    const x = event.clientX - this.#root.getBoundingClientRect().left;
    const share = Math.min(Math.max(x / this.#root.clientWidth, 0), 1);
    return this.#start + share * this.#span;
  }

  #draw() {
    const colours = getComputedStyle(this.#root);
    const colour = (name) => colours.getPropertyValue(`--${name}`).trim();
    const width = this.#root.clientWidth;
    const height = this.#strip.clientHeight;
    const ratio = devicePixelRatio;
    this.#strip.width = Math.round(width * ratio);
    this.#strip.height = Math.round(height * ratio);
    const context = this.#strip.getContext("2d");
    context.scale(ratio, ratio);
    this.#drawGaps(context, height, colour);
    this.#drawBars(context, width, height, colour);
    this.#drawTicks(context, width, height, colour);
  }

  #drawGaps(context, height, colour) {
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const { from, to, kind } of this.#marks.gaps) {
      const left = Math.max(this.#x(from), 0);
      const right = Math.min(this.#x(to), this.#root.clientWidth);
      if (right - left < 1) {
        continue;
      }
      context.save();
      context.beginPath();
      context.rect(left, 0, right - left, height);
      context.clip();
      context.strokeStyle = colour("gap");
      context.lineWidth = 1.5;
      context.beginPath();
      for (let x = left - (left % 8) - height; x < right; x += 8) {
        context.moveTo(x, height);
        context.lineTo(x + height, 0);
      }
      context.stroke();
      const words = KINDS[kind];
      if (context.measureText(words).width + 28 < right - left) {
        const half = context.measureText(words).width / 2 + 8;
        const middle = (left + right) / 2;
        context.fillStyle = colour("raised");
        context.fillRect(middle - half, height / 2 - 10, half * 2, 20);
        context.fillStyle = colour("quiet");
        context.fillText(words, middle, height / 2 + 0.5);
      }
      context.restore();
    }
  }

  /** One bar per pixel: the most that changed in its time. */
  #drawBars(context, width, height, colour) {
    const { times, activity } = this.#marks;
    const interval = this.#player.interval * 1000;
    const columns = new Float32Array(Math.ceil(width) + 1).fill(-1);
    const idle = new Uint8Array(columns.length).fill(1);
    let from = lowerBound(times, this.#start - interval);
    for (; from < times.length && times[from] < this.#start + this.#span; from++) {
      const byte = activity[from];
      const changed = Math.sqrt((byte & 127) / 127);
      const first = Math.max(0, Math.floor(this.#x(times[from])));
      const next = Math.min(times[from + 1] ?? Infinity, times[from] + interval * 1.5);
      const last = Math.min(columns.length - 1, Math.max(first, Math.ceil(this.#x(next)) - 1));
      for (let column = first; column <= last; column++) {
        columns[column] = Math.max(columns[column], changed);
        idle[column] &= byte >> 7;
      }
    }
    for (const isIdle of [1, 0]) {
      context.fillStyle = colour(isIdle ? "bar-idle" : "bar");
      for (let column = 0; column < columns.length; column++) {
        if (columns[column] >= 0 && idle[column] === isIdle) {
          const bar = 3 + columns[column] * (height - 13);
          context.fillRect(column, height - bar, 1, bar);
        }
      }
    }
  }

  #drawTicks(context, width, height, colour) {
    const labels = [];
    context.fillStyle = colour("line");
    for (const { time, isMidnight } of ticks(this.#start, this.#start + this.#span, width / 84)) {
      const x = this.#x(time);
      context.fillRect(Math.round(x), 0, 1, isMidnight ? height : 5);
      if (x > 22 && x < width - 22) {
        const label = document.createElement("span");
        label.textContent = isMidnight ? day(time) : shortClock(time);
        label.classList.toggle("midnight", isMidnight);
        label.style.left = `${x}px`;
        labels.push(label);
      }
    }
    this.#ticks.replaceChildren(...labels);
  }

  #press(event) {
    if (event.button !== 0 || Number.isNaN(this.#start)) {
      return;
    }
    this.#pointer = event.pointerId;
    this.#root.setPointerCapture(event.pointerId);
    this.#seek(this.#time(event));
  }

  #move(event) {
    if (Number.isNaN(this.#start)) {
      return;
    }
    const time = this.#time(event);
    if (this.#pointer === event.pointerId) {
      this.#seek(time);
    }
    const gap = this.#marks.gaps.find(({ from, to }) => time >= from && time < to);
    const words = gap ? ` · ${KINDS[gap.kind]} for ${length(gap.to - gap.from)}` : "";
    this.#hover.textContent = clock(time) + words;
    this.#hover.hidden = false;
    const room = this.#root.clientWidth - this.#hover.offsetWidth;
    const left = this.#x(time) - this.#hover.offsetWidth / 2;
    this.#hover.style.transform = `translateX(${Math.max(0, Math.min(left, room))}px)`;
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
    if (Number.isNaN(this.#start)) {
      return;
    }
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      const [start, end] = this.#window;
      const by = ((event.deltaX || event.deltaY) / this.#root.clientWidth) * this.#span;
      this.#start = this.#clamp(this.#start + by, start, end);
      this.#drawn = "";
      requestAnimationFrame(() => this.#draw());
      return;
    }
    this.zoom(this.#span * 1.0015 ** event.deltaY, this.#time(event));
    this.onzoom(this.#span);
  }
}

/** Index of the first of ascending `times` that is at least `time`. */
function lowerBound(times, time) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
