// Times for people: local clock, local words. Everything passed in is milliseconds since 1970.

const format = (options) => {
  const formatter = new Intl.DateTimeFormat(undefined, options);
  return (time) => formatter.format(time);
};

const clockPlain = format({ timeStyle: "medium" });
const clockZoned = format({
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});
export const shortClock = format({ timeStyle: "short" });
export const date = format({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
export const spoken = format({ dateStyle: "full", timeStyle: "medium" });
export const day = format({ weekday: "short", day: "numeric" });

const offset = (time) => new Date(time).getTimezoneOffset();

/** On days on which clocks change, an hour comes twice: only the zone tells which one it is. */
export function clock(time) {
  const half = 43_200_000;
  return offset(time - half) === offset(time + half) ? clockPlain(time) : clockZoned(time);
}

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
  const hours = Math.floor(minutes / 60);
  if (hours < 48) {
    return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  }
  return `${Math.round(hours / 24)} days`;
}

const MINUTE = 60;
const HOUR = 3600;
const STEPS = [
  1, 2, 5, 10, 15, 30,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR,
];

/**
 * The ticks between two times, no more than `most`: where local clocks show a round time. No zone is
 * off by a part of a quarter of an hour, so that every quarter is looked at, and days of 23 and 25
 * hours come right: a tick is missing there, or comes twice, as on the clock.
 */
export function ticks(start, end, most) {
  const wanted = (end - start) / 1000 / Math.max(1, most);
  const step = STEPS.find((seconds) => seconds >= wanted) ?? STEPS.at(-1);
  const stride = Math.min(step, 15 * MINUTE) * 1000;
  const ticks = [];
  for (let time = Math.ceil(start / stride) * stride; time <= end; time += stride) {
    const local = new Date(time);
    const seconds = local.getHours() * HOUR + local.getMinutes() * MINUTE + local.getSeconds();
    if (seconds % step === 0) {
      ticks.push({ time, isMidnight: seconds === 0, hasSeconds: step < MINUTE });
    }
  }
  return ticks;
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
