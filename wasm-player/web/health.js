// How the recording is doing, from nothing but how old its newest screenshot is.

import { length } from "./times.js";

/** Uploads take a while, and a screenshot may come a slot late, before anything is wrong. */
const SLACK = 15_000;

/**
 * What to say of a stream: `state` is `fresh`, `late`, `stopped` or `past`, `text` for people. `now` is
 * the server's clock, `newest` the newest screenshot (milliseconds), `interval` what is planned between
 * two.
 */
export function health({ now, newest, interval }) {
  if (!(newest > 0)) {
    return { state: "stopped", text: "Nothing recorded", detail: "No screenshot is stored" };
  }
  const age = Math.max(0, now - newest);
  const ago = `newest ${length(age)} ago`;
  if (age <= interval * 2.5 + SLACK) {
    return { state: "fresh", text: "Recording", detail: `The recorder is well: ${ago}` };
  }
  if (age <= interval * 12 + 60_000) {
    return { state: "late", text: `Late: ${ago}`, detail: `A screenshot is overdue: ${ago}` };
  }
  if (age < 86_400_000) {
    const detail = `Paused, locked, asleep, offline or ended: ${ago}`;
    return { state: "stopped", text: `Not recording, ${ago}`, detail };
  }
  return { state: "past", text: `Recorded ${length(age)} ago`, detail: `A past recording: ${ago}` };
}
