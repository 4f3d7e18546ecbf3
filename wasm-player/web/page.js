// The page around <deskreel-player>: chooses a stream, shows times and states, takes the keyboard.

import "./deskreel-player.js";
import { States } from "./states.js";
import { Timeline } from "./timeline.js";
import { clock, date, parse } from "./times.js";
import { takeKeys } from "./keys.js";

const byId = (id) => document.getElementById(id);
const player = byId("player");
const states = new States();
const timeline = new Timeline(player);
const streams = byId("streams");
const query = new URLSearchParams(location.search);
const server = query.get("src") ?? location.href.split("/-/player/")[0];

window.deskreel = player;

/** What makes no sense without a picture cannot be pressed. */
function enable(isEnabled) {
  for (const id of ["back", "play", "forward", "live", "fit", "share", "save"]) {
    byId(id).disabled = !isEnabled;
  }
}

// --- the link: #t=<ISO or ms>&stream=<name> ---

const readLink = () => new URLSearchParams(location.hash.slice(1));

function openLink() {
  const link = readLink();
  const time = parse(link.get("t") ?? "");
  if (Number.isFinite(time)) {
    player.currentTime = time / 1000;
  }
  const stream = link.get("stream");
  if (stream && stream !== player.stream) {
    open(stream);
  }
}

let linkTimer;

/** Keeps the address at what is shown, so that copying it is enough. */
function writeLink() {
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => {
    if (player.paused && !player.live && player.readyState >= 2) {
      const time = new Date(Math.round(player.currentTime * 1000)).toISOString();
      history.replaceState(null, "", `#t=${time}&stream=${encodeURIComponent(player.stream)}`);
    }
  }, 400);
}

/** The address of the screenshot shown, also while playing and live. */
function linkToShown() {
  const link = new URL(location.href);
  const time = new Date(player.shownTime).toISOString();
  link.hash = `t=${time}&stream=${encodeURIComponent(player.stream)}`;
  return link.href;
}

let saidTimer;

/** Says for a moment, also to screen readers, what a command did. */
function say(text) {
  clearTimeout(saidTimer);
  byId("said").textContent = text;
  saidTimer = setTimeout(() => (byId("said").textContent = ""), 2500);
}

/** Copies and says so; a page that is not served securely has no clipboard to write to. */
async function toClipboard(what, write) {
  if (Number.isNaN(player.shownTime)) {
    return;
  }
  try {
    await write();
    say(`${what} copied`);
  } catch (error) {
    say(`${what} not copied: the browser does not allow it`);
    console.warn(error);
  }
}

addEventListener("hashchange", openLink);

// --- streams ---

function open(stream) {
  choose(stream);
  document.title = `${stream} – Deskreel`;
  states.problem("");
  states.loading(stream);
  enable(false);
  player.src = server;
  player.stream = stream;
}

/** Shows `names` and `chosen` in the chooser. */
function choose(chosen, names = [...streams.options].map((option) => option.value)) {
  const all = names.includes(chosen) ? names : [chosen, ...names];
  streams.replaceChildren(...all.map((name) => new Option(name, name)));
  streams.value = chosen;
  streams.disabled = all.length < 2;
  streams.closest("label").hidden = false;
}

/** Lists the streams; opens one, unless the link has named one already. */
async function findStreams() {
  const headers = player.token ? { authorization: `Bearer ${player.token}` } : {};
  // Once a stream is open, its own state is what counts.
  const isOpen = () => player.stream !== "";
  let response;
  try {
    response = await fetch(`${server}/-/api/streams`, { headers });
  } catch {
    if (!isOpen()) {
      states.offline(true, false, findStreams);
    }
    setTimeout(findStreams, 4000);
    return;
  }
  if (!response.ok) {
    const failure = await response.json().catch(() => ({}));
    const reason = failure.error ?? `The server answers with status ${response.status}.`;
    if (!isOpen()) {
      response.status === 401 ? states.locked() : states.denied(reason, findStreams);
    }
    return;
  }
  const names = await response.json();
  if (isOpen()) {
    choose(player.stream, names);
  } else if (names.length > 0) {
    const wanted = query.get("stream") ?? names[0];
    choose(wanted, names);
    open(wanted);
  } else {
    states.noStreams();
    setTimeout(findStreams, 5000);
  }
}

streams.addEventListener("change", () => {
  history.replaceState(null, "", location.pathname + location.search);
  open(streams.value);
});

states.onunlock = (token) => {
  player.token = token;
  if (player.stream) {
    player.renew(token);
  }
  findStreams();
};

// --- what is shown ---

function showTime() {
  const time = player.currentTime * 1000;
  byId("time").textContent = clock(time);
  byId("time").dateTime = new Date(time).toISOString();
  byId("date").textContent = date(time);
  timeline.update();
}

function showPlaying() {
  const isPlaying = !player.paused;
  byId("play").classList.toggle("playing", isPlaying);
  byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  byId("play").title = isPlaying ? "Pause (space)" : "Play (space)";
  byId("live").setAttribute("aria-pressed", String(player.live));
}

let waitTimer;

/** A spell of waiting too short to notice is not shown. */
function showWaiting(isWaiting) {
  clearTimeout(waitTimer);
  const show = () => {
    document.body.classList.toggle("waiting", isWaiting);
    byId("play").classList.toggle("stalled", isWaiting);
  };
  waitTimer = setTimeout(show, isWaiting ? 250 : 0);
}

const on = (names, listener) => {
  names.split(" ").forEach((name) => player.addEventListener(name, listener));
};

on("shown", ({ detail }) => {
  if (detail.proving) {
    return; // The event comes again in a moment, with the verdict.
  }
  const badge = byId("exact");
  badge.hidden = false;
  badge.classList.toggle("wrong", !detail.exact);
  badge.textContent = detail.exact ? "Exact" : "Not exact";
  badge.title = detail.exact
    ? "Every pixel was hashed and is what was captured"
    : "Some pixels are not what was captured";
  states.problem("");
  states.clear();
  enable(true);
});
on("error", ({ detail }) => {
  states.problem(detail.message);
  console.error(detail.message);
});
on("timeupdate seeked seeking", showTime);
on("seeked pause", writeLink);
on("loadedmetadata progress", () => timeline.load());
on("play pause seeking ended shown", showPlaying);
on("seeking waiting", () => showWaiting(true));
on("seeked playing pause ended", () => showWaiting(false));
on("status", ({ detail: { status, reason } }) => {
  const again = () => player.renew();
  const hasPicture = !Number.isNaN(player.shownTime);
  states.offline(status === "offline", hasPicture, again);
  switch (status) {
    case "loading":
      return states.loading(player.stream);
    case "offline":
      return hasPicture && states.clear();
    case "ready":
      return states.clear();
    case "empty":
      return states.empty(player.stream);
    case "expired":
      return states.expired(again);
    case "locked":
      return states.locked();
    case "denied":
      return states.denied(reason, again);
  }
});
addEventListener("unhandledrejection", ({ reason }) => states.broken(String(reason)));
addEventListener("error", ({ message }) => states.broken(message));

// --- what is pressed ---

const commands = {
  toggle: () => (player.paused ? player.play() : player.pause()),
  step: (by) => player.step(by),
  skip: (seconds) => (player.currentTime += seconds),
  to: (share) => (player.currentTime = player.windowStart + share * player.duration),
  first: () => (player.currentTime = (player.moments[0] ?? 0) / 1000),
  last: () => (player.currentTime = (player.moments.at(-1) ?? 0) / 1000),
  live: () => {
    player.live = !player.live;
    showPlaying();
  },
  fit: () => {
    player.fit = player.fit === "actual" ? "contain" : "actual";
    byId("fit").setAttribute("aria-pressed", String(player.fit === "actual"));
  },
  share: () => toClipboard("Link", () => navigator.clipboard.writeText(linkToShown())),
  copy: () =>
    toClipboard("Picture", () =>
      navigator.clipboard.write([new ClipboardItem({ "image/png": player.toBlob() })]),
    ),
  skipIdle: () => {
    byId("skip").checked = !byId("skip").checked;
    player.skipIdle = byId("skip").checked;
    say(player.skipIdle ? "Idle stretches are skipped" : "Idle stretches are played");
  },
  full: () => {
    const change = document.fullscreenElement
      ? document.exitFullscreen()
      : document.querySelector(".stage").requestFullscreen();
    // A browser may not allow it; the page then stays as it is.
    change.catch((error) => console.warn(error.message));
  },
  save: async () => {
    const blob = await player.toBlob();
    if (blob && player.readyState >= 2) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      const time = new Date(player.shownTime).toISOString().replaceAll(":", "-");
      link.download = `${player.stream} ${time}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    }
  },
  faster: (by) => {
    const speed = byId("speed");
    speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.length - 1);
    player.playbackRate = Number(speed.value);
  },
  zoom: (by) => {
    const choices = [...document.getElementsByName("zoom")];
    const spans = choices.map((choice) => Number(choice.value) * 1000);
    const next = by > 0
      ? spans.findIndex((span) => span < timeline.span - 1)
      : spans.findLastIndex((span) => span > timeline.span + 1);
    if (next >= 0) {
      choices[next].checked = true;
      timeline.zoom(spans[next]);
    }
  },
  help: () => byId("keys").showModal(),
};

takeKeys(commands);
byId("play").addEventListener("click", commands.toggle);
byId("back").addEventListener("click", () => commands.step(-1));
byId("forward").addEventListener("click", () => commands.step(1));
byId("live").addEventListener("click", commands.live);
byId("fit").addEventListener("click", commands.fit);
byId("full").addEventListener("click", commands.full);
byId("share").addEventListener("click", commands.share);
byId("save").addEventListener("click", commands.save);
byId("help").addEventListener("click", commands.help);
byId("speed").addEventListener("change", () => commands.faster(0));
byId("skip").addEventListener("change", (event) => (player.skipIdle = event.target.checked));
for (const choice of document.getElementsByName("zoom")) {
  choice.addEventListener("change", () => timeline.zoom(Number(choice.value) * 1000));
}
timeline.onzoom = (span) => {
  for (const choice of document.getElementsByName("zoom")) {
    choice.checked = Math.abs(Number(choice.value) * 1000 - span) < 1000;
  }
};

function frame() {
  if (!player.paused) {
    showTime();
  }
  requestAnimationFrame(frame);
}

commands.faster(0);
enable(false);
states.loading("");
openLink();
frame();
if (!server.split("?")[0].endsWith(".json")) {
  findStreams();
} else if (!player.stream) {
  open(query.get("stream") ?? "");
}
