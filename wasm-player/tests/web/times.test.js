// Ticks and clocks on days of 24, 23 and 25 hours, in the zone of Berlin.

import assert from "node:assert/strict";
import { test } from "node:test";

process.env.TZ = "Europe/Berlin";
const { clock, length, parse, ticks } = await import("../../web/times.js");

const HOUR = 3_600_000;
const local = ({ time }) => new Date(time).toTimeString().slice(0, 5);
const dayFrom = (iso, hours) => {
  const start = Date.parse(iso);
  return ticks(start, start + hours * HOUR - 1, 24);
};

test("an ordinary day has a tick at each full hour", () => {
  const day = dayFrom("2026-11-24T00:00:00+01:00", 24);
  assert.deepEqual(day.map(local), Array.from({ length: 24 }, (_, h) => `${String(h).padStart(2, 0)}:00`));
  assert.deepEqual(day.filter((tick) => tick.isMidnight).length, 1);
});

test("on the day of 23 hours two o'clock is missing, and ticks stay an hour apart", () => {
  const day = dayFrom("2026-03-29T00:00:00+01:00", 23);
  assert.equal(day.length, 23);
  assert.deepEqual(day.slice(0, 4).map(local), ["00:00", "01:00", "03:00", "04:00"]);
  assert.ok(day.every((tick, i) => i === 0 || tick.time - day[i - 1].time === HOUR));
});

test("on the day of 25 hours two o'clock comes twice, and ticks stay an hour apart", () => {
  const start = Date.parse("2026-10-25T00:00:00+02:00");
  const day = ticks(start, start + 25 * HOUR - 1, 25);
  assert.equal(day.length, 25);
  assert.deepEqual(day.slice(1, 5).map(local), ["01:00", "02:00", "02:00", "03:00"]);
  assert.ok(day.every((tick, i) => i === 0 || tick.time - day[i - 1].time === HOUR));
  const [summer, winter] = [clock(day[2].time), clock(day[3].time)];
  assert.notEqual(summer, winter, "the zone tells the two apart");
});

test("zoomed to a minute, ticks are seconds; there are never more than asked for and one", () => {
  const start = Date.parse("2026-11-24T10:00:03Z");
  for (const [span, most] of [[60_000, 12], [600_000, 7], [HOUR, 16], [24 * HOUR, 4]]) {
    const found = ticks(start, start + span, most);
    assert.ok(found.length > 1 && found.length <= most + 1, `${span}: ${found.length}`);
  }
  assert.deepEqual(ticks(start, start + 20_000, 4).map(({ time }) => (time - start) / 1000), [2, 7, 12, 17]);
});

test("lengths and times out of links", () => {
  assert.deepEqual([4_000, 200_000, 7_800_000, 7_200_000, 3 * 24 * HOUR].map(length),
    ["4 s", "3 min", "2 h 10 min", "2 h", "3 days"]);
  assert.equal(parse("1763900000000"), 1763900000000);
  assert.equal(parse("1763900000.5"), 1763900000500);
  assert.equal(parse("2026-11-24T10:00:00Z"), Date.parse("2026-11-24T10:00:00Z"));
  assert.ok(Number.isNaN(parse("soon")));
});
