// The maths of the slider and of the picture's zoom, links, health, and PNG files.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";

import { health } from "../../web/health.js";
import { readLink, writeLink } from "../../web/link.js";
import { encodePng } from "../../web/png.js";
import { Timescale, columns } from "../../web/timescale.js";
import { Viewport } from "../../web/viewport.js";

const DAY = 86_400_000;

function day() {
  const scale = new Timescale();
  scale.width = 1000;
  scale.setWindow(DAY, 2 * DAY);
  return scale;
}

test("the slider shows the window, zooms about a time and never leaves the window", () => {
  const scale = day();
  assert.deepEqual([scale.x(DAY), scale.x(2 * DAY)], [0, 1000]);
  const anchor = scale.time(250);
  scale.zoom(3_600_000, anchor);
  assert.ok(Math.abs(scale.x(anchor) - 250) < 1e-6);
  scale.zoom(1, anchor);
  assert.equal(scale.span, 60_000);
  scale.pan(-1e9);
  assert.equal(scale.start, DAY);
  scale.pan(1e9);
  assert.equal(scale.end, 2 * DAY);
  scale.zoom(1e12, DAY);
  assert.deepEqual([scale.start, scale.span], [DAY, DAY]);
});

test("two fingers keep hold of the times under them", () => {
  const scale = day();
  const times = [scale.time(400), scale.time(500)];
  scale.pinch([400, 500], [300, 700]);
  assert.ok(Math.abs(scale.x(times[0]) - 300) < 1e-6);
  assert.ok(Math.abs(scale.x(times[1]) - 700) < 1e-6);
  scale.pinch([500, 500], [500, 500]);
  assert.equal(scale.span, 60_000, "fingers in one place do not divide by zero");
});

test("a time outside is brought in, a time inside moves nothing", () => {
  const scale = day();
  scale.zoom(3_600_000, DAY);
  const start = scale.start;
  scale.reveal(scale.time(990), 0.1);
  assert.equal(scale.start, start);
  scale.reveal(DAY + 7_200_000, 0.1);
  assert.ok(Math.abs(scale.x(DAY + 7_200_000) - 100) < 1e-6);
});

test("each column tells the most that happened in it, and whether anybody was there", () => {
  const scale = day();
  scale.width = 24;
  const hour = (h) => DAY + h * 3_600_000;
  const marks = { times: [hour(1), hour(1) + 10_000, hour(3)], activity: [127, 128, 128] };
  const { most, idle } = columns(scale, marks, 10_000);
  assert.deepEqual([most[0], most[1], most[2], most[3]], [-1, 1, -1, 0]);
  assert.deepEqual([idle[1], idle[3]], [0, 1]);
});

function view() {
  const viewport = new Viewport();
  viewport.setBox(1000, 500);
  viewport.setArea({ x: 0, y: 0, width: 2000, height: 1000 });
  return viewport;
}

test("a picture fits, and zooms about the place that was pointed at", () => {
  const viewport = view();
  assert.deepEqual([viewport.scale, viewport.isFitted, viewport.canPan], [0.5, true, false]);
  const before = viewport.toArea(200, 100);
  viewport.zoom(2, 200, 100);
  const after = viewport.toArea(200, 100);
  assert.ok(Math.abs(before.x - after.x) < 1 && Math.abs(before.y - after.y) < 1);
  assert.deepEqual(viewport.toBox(after.x, after.y), { x: 200, y: 100 });
  viewport.zoom(99);
  assert.equal(viewport.scale, 8);
});

test("nothing is looked at beyond the edges, and corners lie on whole pixels", () => {
  const viewport = view();
  viewport.zoom(3);
  viewport.pan(1e6, 1e6);
  assert.deepEqual(viewport.toArea(0, 0), { x: 0, y: 0 });
  viewport.pan(-1e6, -1e6);
  assert.deepEqual(viewport.toArea(1000, 500), { x: 2000, y: 1000 });
  viewport.zoom(1.37, 311, 57);
  assert.ok(Number.isInteger(viewport.origin.left) && Number.isInteger(viewport.origin.top));
  viewport.zoom(0.1);
  viewport.pan(50, 50);
  assert.deepEqual(viewport.centre, { x: 1000, y: 500 });
});

test("steps go through the usual scales and back to what fits", () => {
  const viewport = view();
  const scales = [];
  for (let i = 0; i < 9; i++) {
    viewport.step(true);
    scales.push(viewport.scale);
  }
  assert.deepEqual(scales, [0.75, 1, 1.5, 2, 3, 4, 6, 8, 8]);
  for (let i = 0; i < 8; i++) {
    viewport.step(false);
  }
  assert.ok(viewport.isFitted);
});

test("a monitor is an area of its own", () => {
  const viewport = view();
  viewport.setArea({ x: 1200, y: 0, width: 800, height: 600 });
  assert.equal(viewport.scale, 500 / 600);
  assert.deepEqual(viewport.centre, { x: 1600, y: 300 });
  viewport.zoom(4);
  viewport.lookAt({ x: 1300, y: 100 });
  assert.deepEqual(viewport.centre, { x: 1325, y: 100 });
});

test("links say what is looked at, and are read back", () => {
  const link = {
    time: Date.parse("2026-11-24T10:00:00.123Z"), stream: "a b&c", monitor: "DP-1", zoom: 2,
    at: { x: 640, y: 400 },
  };
  const hash = writeLink(link);
  assert.equal(hash, "#t=2026-11-24T10:00:00.123Z&stream=a%20b%26c&monitor=DP-1&zoom=200&at=640,400");
  assert.deepEqual(readLink(hash), link);
  assert.deepEqual(readLink("#t=1763900000000"), { time: 1763900000000 });
  assert.deepEqual(readLink("#t=never&zoom=-1&at=1,x&stream="), {});
  assert.equal(readLink("#zoom=99999").zoom, 8);
});

test("a recording's health is the age of its newest screenshot", () => {
  const state = (seconds) => health({ now: 1e12 + seconds * 1000, newest: 1e12, interval: 10_000 }).state;
  assert.deepEqual([0, 39, 45, 175, 200, 86_000, 90_000].map(state),
    ["fresh", "fresh", "late", "late", "stopped", "stopped", "past"]);
  assert.equal(state(-500), "fresh", "a clock that is behind");
  assert.equal(health({ now: 1e12, newest: NaN, interval: 10_000 }).state, "stopped");
});

test("a PNG holds exactly the pixels, of several surfaces and of a part", async () => {
  const image = (width, height, seed) => ({
    width, height, data: Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
      i % 4 === 3 ? 255 : (i * 37 + seed) % 256),
  });
  const surfaces = [{ x: 0, y: 0, image: image(5, 4, 1) }, { x: 6, y: 1, image: image(3, 2, 9) }];
  const area = { x: 3, y: 1, width: 5, height: 3 };
  const blob = await encodePng(surfaces, area);
  const bytes = Buffer.from(await blob.arrayBuffer());
  assert.equal(blob.type, "image/png");
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [5, 3]);
  const at = bytes.indexOf("IDAT");
  const rows = inflateSync(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)));
  const expected = [];
  for (let y = 1; y < 4; y++) {
    expected.push(0);
    for (let x = 3; x < 8; x++) {
      const hit = surfaces.find((s) => x >= s.x && x < s.x + s.image.width && y >= s.y && y < s.y + s.image.height);
      const from = hit && ((y - hit.y) * hit.image.width + x - hit.x) * 4;
      expected.push(...(hit ? hit.image.data.slice(from, from + 3) : [0, 0, 0]));
    }
  }
  assert.deepEqual([...rows], expected);
});
