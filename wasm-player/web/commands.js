// What keys and buttons do.

import { writeLink } from "./link.js";
import { togglePictureInPicture } from "./pip.js";
import { clock } from "./times.js";

const byId = (id) => document.getElementById(id);

let saidTimer;

/** Says for a moment, also to screen readers, what a command did. */
export function say(text) {
  clearTimeout(saidTimer);
  byId("said").textContent = text;
  saidTimer = setTimeout(() => (byId("said").textContent = ""), 2500);
}

/** What a link to what is shown holds. */
export function shownLink(player) {
  const { shownTime: time, stream, monitor, zoom, centre: at } = player;
  return writeLink({ time, stream, monitor, zoom: player.fitted ? 0 : zoom, at });
}

/** Copies and says so; a page that is not served securely has no clipboard to write to. */
async function toClipboard(what, write) {
  try {
    await write();
    say(`${what} copied`);
  } catch (error) {
    say(`${what} not copied: the browser does not allow it`);
    console.warn(error);
  }
}

/** The rectangle that pictures are taken of: the one chosen, or the monitor, or everything. */
function wanted({ player, selection }) {
  const monitor = player.monitors.find((monitor) => monitor.name === player.monitor);
  return selection.rect ?? monitor;
}

const picture = (page) => ({
  share: () => {
    const link = new URL(location.href);
    link.hash = shownLink(page.player);
    return toClipboard("Link", () => navigator.clipboard.writeText(link.href));
  },
  copy: () => {
    const what = page.selection.rect ? "Rectangle" : "Picture";
    const blob = page.player.toBlob(wanted(page));
    return toClipboard(what, () =>
      navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]),
    );
  },
  save: async () => {
    const { player } = page;
    const time = new Date(player.shownTime).toISOString().replaceAll(":", "-");
    const area = wanted(page);
    const blob = await player.toBlob(area);
    const part = area ? ` ${area.width}x${area.height}` : "";
    if (blob) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${player.stream} ${time}${part}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    }
  },
  fit: () => (page.player.zoom = page.player.fitted ? 1 : 0),
  fitAll: () => (page.player.zoom = 0),
  zoom: (larger) => page.player.zoomStep(larger),
  nextMonitor: () => {
    const names = ["", ...page.player.monitors.map(({ name }) => name)];
    if (names.length > 2) {
      const next = names[(names.indexOf(page.player.monitor) + 1) % names.length];
      page.player.monitor = next;
      say(next ? `Monitor ${next}` : "All monitors");
    }
  },
  pip: () => togglePictureInPicture(page.player).catch((error) => {
    say("This browser does not open a small window now");
    console.warn(error);
  }),
  full: () => {
    const change = document.fullscreenElement
      ? document.exitFullscreen()
      : document.documentElement.requestFullscreen();
    // A browser may not allow it; the page then stays as it is.
    change.catch((error) => console.warn(error.message));
  },
});

const region = ({ player, selection, regions }) => {
  const ask = (question) => {
    if (!selection.rect) {
      selection.open();
      say("Choose a rectangle first");
    } else {
      regions[question](selection.onSurface, selection.surface);
    }
  };
  return {
    select: () => (selection.isOpen ? selection.close() : selection.open()),
    changes: () => ask("changes"),
    seen: () => ask("seen"),
    stepFound: (by) => regions.step(by),
    escape: () => {
      if (selection.isOpen) {
        selection.close();
      } else if (regions.isOpen) {
        regions.close();
      } else {
        player.loop = null;
      }
    },
  };
};

const time = ({ player, timeline }) => ({
  toggle: () => (player.paused ? player.play() : player.pause()),
  step: (by) => player.step(by),
  skip: (seconds) => (player.currentTime += seconds),
  to: (share) => (player.currentTime = player.windowStart + share * player.duration),
  first: () => (player.currentTime = (player.moments[0] ?? 0) / 1000),
  last: () => (player.currentTime = (player.moments.at(-1) ?? 0) / 1000),
  live: () => (player.live = !player.live),
  skipIdle: () => {
    byId("skip").checked = !byId("skip").checked;
    player.skipIdle = byId("skip").checked;
    say(player.skipIdle ? "Idle stretches are skipped" : "Idle stretches are played");
  },
  faster: (by) => {
    const speed = byId("speed");
    speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.length - 1);
    player.playbackRate = Number(speed.value);
  },
  /** The slider shows less (1) or more (-1). */
  span: (by) => {
    const spans = [...document.getElementsByName("span")].map(({ value }) => Number(value) * 1000);
    const next = by > 0
      ? spans.find((span) => span < timeline.span - 1)
      : spans.findLast((span) => span > timeline.span + 1);
    if (next) {
      timeline.zoom(next);
    }
  },
  loopFrom: () => {
    const end = player.loop?.[1] ?? player.windowEnd;
    player.loop = [player.currentTime, Math.max(end, player.currentTime + 1)];
    say(`Loop from ${clock(player.currentTime * 1000)}`);
  },
  loopTo: () => {
    const start = player.loop?.[0] ?? player.windowStart;
    player.loop = [Math.min(start, player.currentTime - 1), player.currentTime];
    say(`Loop to ${clock(player.currentTime * 1000)}`);
  },
  /** Ends the loop, or loops ten minutes about here. */
  loop: () => {
    const [start, end] = [player.currentTime - 300, player.currentTime + 300];
    player.loop = player.loop
      ? null
      : [Math.max(start, player.windowStart), Math.min(end, player.windowEnd)];
    say(player.loop ? "Ten minutes are looped" : "Loop ended");
  },
});

/** All commands of a page: its player, timeline, selection and regions, and what `wall` does. */
export function commandsOf(page) {
  const all = { ...picture(page), ...region(page), ...time(page) };
  const always = { wall: page.wall, help: () => byId("keys").showModal(), full: all.full };
  const isIdle = () => Number.isNaN(page.player.shownTime);
  // What makes no sense without a picture does nothing without one.
  const guarded = Object.entries(all).map(([name, run]) => [name, (...by) => isIdle() || run(...by)]);
  return { ...Object.fromEntries(guarded), ...always };
}
