// What a link to a screenshot says: #t=<ISO or ms>&stream=<name>, and where one looks at it.

import { parse } from "./times.js";

/** What the part of an address after # says; what is missing or nonsense is left out. */
export function readLink(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const link = {};
  const time = parse(fields.get("t") ?? "");
  if (Number.isFinite(time)) {
    link.time = time;
  }
  for (const name of ["stream", "monitor"]) {
    if (fields.get(name)) {
      link[name] = fields.get(name);
    }
  }
  const zoom = Number(fields.get("zoom"));
  if (zoom > 0) {
    link.zoom = Math.min(Math.max(zoom / 100, 0.01), 8);
  }
  const at = (fields.get("at") ?? "").split(",").map(Number);
  if (at.length === 2 && at.every((n) => Number.isFinite(n) && n >= 0)) {
    link.at = { x: at[0], y: at[1] };
  }
  return link;
}

/** The other way round: `#...` for a moment, and for what of it is looked at. */
export function writeLink({ time, stream, monitor, zoom, at }) {
  const fields = [`t=${new Date(Math.round(time)).toISOString()}`];
  fields.push(`stream=${encodeURIComponent(stream)}`);
  if (monitor) {
    fields.push(`monitor=${encodeURIComponent(monitor)}`);
  }
  if (zoom > 0) {
    fields.push(`zoom=${Math.round(zoom * 100)}`);
    if (at) {
      fields.push(`at=${Math.round(at.x)},${Math.round(at.y)}`);
    }
  }
  return `#${fields.join("&")}`;
}
