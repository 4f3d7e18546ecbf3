// The part of the window that the slider shows, as pure numbers: times are milliseconds since 1970,
// places are CSS pixels from the slider's left edge.

/** The shortest and the longest stretch that fills the slider. */
export const SHORTEST = 60_000;
export const LONGEST = 86_400_000;

export class Timescale {
  /** The window: nothing outside of it is ever shown. */
  from = NaN;
  to = NaN;
  start = NaN;
  span = LONGEST;
  width = 1;

  get end() {
    return this.start + this.span;
  }

  get isPlaced() {
    return this.start >= 0;
  }

  /** Moves the window; what is shown stays, as far as it is inside. */
  setWindow(from, to) {
    this.from = from;
    this.to = to;
    this.span = Math.min(this.span, to - from);
    this.#place(this.isPlaced ? this.start : from);
  }

  x(time) {
    return ((time - this.start) / this.span) * this.width;
  }

  time(x) {
    const share = Math.min(Math.max(x / this.width, 0), 1);
    return this.start + share * this.span;
  }

  shows(time) {
    return time >= this.start && time <= this.end;
  }

  /** Shows `span` milliseconds; `anchor` stays where it is, or comes to the middle from outside. */
  zoom(span, anchor) {
    const share = this.shows(anchor) ? (anchor - this.start) / this.span : 0.5;
    this.span = Math.min(Math.max(span, SHORTEST), LONGEST, this.to - this.from);
    this.#place(anchor - share * this.span);
  }

  /** Two fingers went from `before` to `now` (two places each): what was under them stays there. */
  pinch(before, now) {
    const [first, second] = before.map((x) => this.time(x));
    const apart = Math.max(Math.abs(now[0] - now[1]), 1);
    const span = (Math.abs(first - second) / apart) * this.width;
    this.span = Math.min(Math.max(span, SHORTEST), LONGEST, this.to - this.from);
    const middle = (now[0] + now[1]) / 2 / this.width;
    this.#place((first + second) / 2 - middle * this.span);
  }

  pan(pixels) {
    this.#place(this.start + (pixels / this.width) * this.span);
  }

  /** Brings a time into what is shown, at `share` of its width, if it is not there. */
  reveal(time, share) {
    if (!this.shows(time)) {
      this.#place(time - this.span * share);
    }
  }

  #place(start) {
    this.start = Math.max(this.from, Math.min(start, this.to - this.span));
  }
}

/** Index of the first of ascending `times` that is at least `time`. */
export function lowerBound(times, time) {
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

/**
 * Per pixel column: what is the most that changed (0 to 1), -1 where there is no screenshot; and
 * whether nobody was there all along.
 */
export function columns(scale, { times, activity }, interval) {
  const most = new Float32Array(Math.ceil(scale.width)).fill(-1);
  const idle = new Uint8Array(most.length).fill(1);
  let at = Math.max(0, lowerBound(times, scale.start) - 1);
  for (; at < times.length && times[at] < scale.end; at++) {
    const next = Math.min(times[at + 1] ?? Infinity, times[at] + interval * 1.5);
    const first = Math.max(0, Math.floor(scale.x(times[at])));
    const last = Math.min(most.length - 1, Math.max(first, Math.ceil(scale.x(next)) - 1));
    if (scale.x(next) < 0) {
      continue;
    }
    const changed = Math.sqrt((activity[at] & 127) / 127);
    for (let column = first; column <= last; column++) {
      most[column] = Math.max(most[column], changed);
      idle[column] &= activity[at] >> 7;
    }
  }
  return { most, idle };
}
