// What the slider's strip shows: a bar per pixel for what changed, a pattern for each kind of absence.

import { columns } from "./timescale.js";
import { day, shortClock, clock, ticks } from "./times.js";

/** Why there are no screenshots: words, and the pattern's name. Patterns differ, not only colours. */
export const KINDS = {
  paused: { words: "Paused", pattern: "bars" },
  locked: { words: "Locked", pattern: "grid" },
  excluded: { words: "Excluded", pattern: "dots" },
  offline: { words: "Asleep or offline", pattern: "rising" },
  "not running": { words: "Recorder not running", pattern: "falling" },
  unknown: { words: "No screenshots", pattern: "line" },
};

const SIZE = 8;

/** Draws one tile of a pattern. */
function drawPattern(context, name) {
  const line = (...places) => {
    context.beginPath();
    for (let at = 0; at < places.length; at += 4) {
      context.moveTo(places[at], places[at + 1]);
      context.lineTo(places[at + 2], places[at + 3]);
    }
    context.stroke();
  };
  context.lineWidth = 1.4;
  switch (name) {
    case "bars":
      context.fillRect(1, 0, 2, SIZE);
      return context.fillRect(4, 0, 1, SIZE);
    case "grid":
      return line(0, 4, SIZE, 4, 4, 0, 4, SIZE);
    case "dots":
      context.beginPath();
      context.arc(4, 4, 1.5, 0, 7);
      return context.fill();
    case "rising":
      return line(-2, 2, 2, -2, 0, SIZE, SIZE, 0, 6, 10, 10, 6);
    case "falling":
      return line(-2, 6, 2, 10, 0, 0, SIZE, SIZE, 6, -2, 10, 2);
    default:
      return line(0, SIZE - 1, 3, SIZE - 1);
  }
}

/** A kind's pattern in a colour, as what a canvas fills with. */
export function pattern(context, kind, colour, ratio) {
  const tile = new OffscreenCanvas(SIZE * ratio, SIZE * ratio);
  const drawing = tile.getContext("2d");
  drawing.scale(ratio, ratio);
  drawing.fillStyle = drawing.strokeStyle = colour;
  drawPattern(drawing, (KINDS[kind] ?? KINDS.unknown).pattern);
  const made = context.createPattern(tile, "repeat");
  made.setTransform(new DOMMatrix().scale(1 / ratio));
  return made;
}

/** Draws the strip. `marks`: times, activity, gaps; `found`: times that a search found. */
export function drawStrip(canvas, scale, marks, { interval, found, loop, colour }) {
  const ratio = Math.max(1, Math.round(devicePixelRatio));
  const height = canvas.clientHeight;
  const [width, tall] = [Math.round(scale.width * ratio), Math.round(height * ratio)];
  if (canvas.width !== width || canvas.height !== tall) {
    [canvas.width, canvas.height] = [width, tall];
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, scale.width, height);
  const patterns = {};
  for (const { from, to, kind } of marks.gaps) {
    const [left, right] = [Math.max(scale.x(from), 0), Math.min(scale.x(to), scale.width)];
    if (right - left >= 0.5) {
      context.fillStyle = colour("gap-ground");
      context.fillRect(left, 0, right - left, height);
      context.fillStyle = patterns[kind] ??= pattern(context, kind, colour("gap"), ratio);
      context.fillRect(left, 0, right - left, height);
      drawWords(context, KINDS[kind].words, left, right, height, colour);
    }
  }
  const { most, idle } = columns(scale, marks, interval);
  for (let column = 0; column < most.length; column++) {
    if (most[column] >= 0) {
      const bar = 3 + most[column] * (height - 16);
      context.fillStyle = colour(idle[column] ? "bar-idle" : "bar");
      context.fillRect(column, height - bar, 1, bar);
    }
  }
  if (loop) {
    const [left, right] = [scale.x(loop[0] * 1000), scale.x(loop[1] * 1000)];
    context.fillStyle = colour("loop");
    context.fillRect(left, 0, Math.max(2, right - left), height);
    context.fillStyle = colour("accent");
    context.fillRect(left - 1, 0, 2, height);
    context.fillRect(right - 1, 0, 2, height);
  }
  context.fillStyle = colour("found");
  for (const time of found) {
    const x = scale.x(time);
    if (x > -2 && x < scale.width + 2) {
      context.fillRect(x - 1, 0, 2, 9);
    }
  }
}

function drawWords(context, words, left, right, height, colour) {
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  const half = context.measureText(words).width / 2 + 8;
  if (half * 2 + 16 < right - left) {
    const middle = (left + right) / 2;
    context.fillStyle = colour("panel");
    context.beginPath();
    context.roundRect(middle - half, height / 2 - 10, half * 2, 20, 10);
    context.fill();
    context.fillStyle = colour("quiet");
    context.fillText(words, middle, height / 2 + 0.5);
  }
}

/** The labels below the strip. */
export function labels(scale) {
  const room = parseFloat(getComputedStyle(document.documentElement).fontSize) * 5.2;
  return ticks(scale.start, scale.end, scale.width / room).flatMap((tick) => {
    const x = scale.x(tick.time);
    if (x < room / 3 || x > scale.width - room / 3) {
      return [];
    }
    const label = document.createElement("span");
    label.textContent = tick.isMidnight ? day(tick.time) : (tick.hasSeconds ? clock : shortClock)(tick.time);
    label.classList.toggle("midnight", tick.isMidnight);
    label.style.left = `${x}px`;
    return [label];
  });
}
