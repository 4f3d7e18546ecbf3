// Times for people: local clock, local words. Everything passed in is milliseconds since 1970.

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const shortFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dateFormat = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
});
const spokenFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric" });

export const clock = (time) => clockFormat.format(time);
export const shortClock = (time) => shortFormat.format(time);
export const date = (time) => dateFormat.format(time);
export const spoken = (time) => spokenFormat.format(time);
export const day = (time) => dayFormat.format(time);

/** A length of time in one or two units: "45 s", "3 min", "2 h 10 min". */
export function length(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) {
    return `${seconds} s`;
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) {
    return `${minutes} min`;
  }
  const rest = minutes % 60;
  return rest ? `${Math.floor(minutes / 60)} h ${rest} min` : `${minutes / 60} h`;
}

const STEPS_MIN = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];

/**
 * The ticks between two times, no more than fit: on full local minutes and hours, so that they are
 * right on days of 23 and 25 hours too.
 */
export function ticks(start, end, most) {
  const wanted = (end - start) / 60_000 / Math.max(1, most);
  const step = STEPS_MIN.find((minutes) => minutes >= wanted) ?? 1440;
  const ticks = [];
  const at = new Date(start);
  at.setHours(0, 0, 0, 0);
  const midnight = new Date(at);
  for (let minute = 0; ; minute += step) {
    const time = new Date(midnight).setMinutes(minute);
    if (time > end) {
      return ticks;
    }
    if (time >= start && time !== ticks.at(-1)?.time) {
      const local = new Date(time);
      const isMidnight = local.getHours() === 0 && local.getMinutes() === 0;
      ticks.push({ time, isMidnight });
    }
  }
}

/** A time out of a link: milliseconds, seconds or ISO 8601. */
export function parse(text) {
  if (/^\d{12,}$/.test(text)) {
    return Number(text);
  }
  if (/^\d+(\.\d+)?$/.test(text)) {
    return Number(text) * 1000;
  }
  return Date.parse(text);
}
