// The page around <deskreel-player>: opens streams, shows times and states, wires the controls.

import "./deskreel-player.js";
import { commandsOf, shownLink } from "./commands.js";
import { health } from "./health.js";
import { takeKeys } from "./keys.js";
import { readLink } from "./link.js";
import { hasPictureInPicture } from "./pip.js";
import { Regions } from "./regions.js";
import { Selection } from "./selection.js";
import { States } from "./states.js";
import { Streams } from "./streams.js";
import { Timeline } from "./timeline.js";
import { clock, date } from "./times.js";

const byId = (id) => document.getElementById(id);
const player = byId("player");
const states = new States();
const streams = new Streams(player, states);
states.loading("");
openLink();
// Before anything else is made, what the link names is asked for.
await null;
const timeline = new Timeline(player);
const selection = new Selection(player);
const regions = new Regions(player, timeline);
const commands = commandsOf({ player, timeline, selection, regions, wall: () => streams.toggleWall() });

window.deskreel = player;

/** What makes no sense without a picture cannot be pressed. */
function enable(isEnabled) {
  for (const button of document.querySelectorAll("[data-run]:not([data-always])")) {
    button.disabled = !isEnabled;
  }
}

// --- the link ---

function openLink() {
  const { time, stream, monitor, zoom, at } = readLink(location.hash);
  if (time !== undefined) {
    player.currentTime = time / 1000;
  }
  if (monitor !== undefined) {
    player.monitor = monitor;
  }
  if (stream) {
    streams.open(stream);
  }
  if (zoom) {
    // The scale means something only once the picture's size is known.
    const look = () => {
      player.zoom = zoom;
      if (at) {
        player.centre = at;
      }
    };
    Number.isNaN(player.shownTime) ? player.addEventListener("shown", look, { once: true }) : look();
  }
}

let linkTimer;

/** Keeps the address at what is shown, so that copying it is enough. */
function writeAddress() {
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => {
    if (player.paused && !player.live && player.readyState >= 2 && !streams.isWall) {
      history.replaceState(null, "", shownLink(player));
    }
  }, 400);
}

addEventListener("hashchange", openLink);

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

function showView() {
  byId("fit").textContent = player.fitted ? "Fit" : `${Math.round(player.zoom * 100)} %`;
  byId("fit").setAttribute("aria-pressed", String(!player.fitted));
}

/** The chooser of monitors, where there are several. */
function showMonitors() {
  const chooser = byId("monitors");
  const names = player.monitors.map(({ name }) => name);
  const shown = [...chooser.options].slice(1).map(({ value }) => value);
  if (names.join("\n") !== shown.join("\n")) {
    const options = names.map((name, index) => new Option(name || `Monitor ${index + 1}`, name));
    chooser.replaceChildren(new Option("All monitors", ""), ...options);
  }
  chooser.value = names.includes(player.monitor) ? player.monitor : "";
  chooser.parentElement.hidden = names.length < 2;
}

/** Errors of stored pixels; the others are about a name, a listing or access. */
const PIXEL_ERRORS = ["missing", "corrupt", "mismatch", "too-large"];

/** What is known of the shown pixels. */
function showProof(state, title) {
  const words = { checking: "Checking", verified: "Pixels verified", damaged: "Damaged" };
  const badge = byId("exact");
  badge.hidden = false;
  badge.dataset.state = state;
  byId("exact-text").textContent = words[state];
  badge.title = title;
}

function showHealth() {
  const isKnown = player.status === "ready" || player.status === "empty";
  byId("health").hidden = !isKnown || streams.isWall;
  if (isKnown) {
    const { serverTime: now, newestTime: newest, interval } = player;
    const { state, text, detail } = health({ now, newest, interval: interval * 1000 });
    byId("health").dataset.state = state;
    byId("health-text").textContent = text;
    byId("health").title = detail;
  }
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
    // A verdict that comes at once is not announced by flicker.
    clearTimeout(showProof.timer);
    showProof.timer = setTimeout(() => showProof("checking", "The pixels are being hashed"), 120);
    return; // The event comes again in a moment, with the verdict.
  }
  clearTimeout(showProof.timer);
  if (detail.exact) {
    showProof("verified", "Every pixel was hashed and is what was captured");
  } else {
    showProof("damaged", "Some pixels are not what was captured");
  }
  states.problem("");
  states.clear();
  enable(true);
});
on("error", ({ detail }) => {
  states.problem(detail.message);
  if (PIXEL_ERRORS.includes(detail.code)) {
    showProof("damaged", detail.message);
    byId("exact-text").textContent = `Damaged: ${detail.object}`;
  }
  console.error(detail.message);
});
on("timeupdate seeked seeking", showTime);
on("seeked pause viewchange", writeAddress);
on("viewchange shown", () => {
  showView();
  showMonitors();
});
on("loopchange", () => byId("loop").setAttribute("aria-pressed", String(player.loop !== null)));
on("loadedmetadata progress", () => timeline.load());
on("play pause seeking ended shown", showPlaying);
on("seeking waiting", () => showWaiting(true));
on("seeked playing pause ended", () => showWaiting(false));
on("status", ({ detail: { status, reason } }) => {
  const again = () => player.renew();
  const hasPicture = !Number.isNaN(player.shownTime);
  states.offline(status === "offline", hasPicture, again);
  showHealth();
  switch (status) {
    case "loading":
      enable(false);
      byId("exact").hidden = true;
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
      return states.locked(reason);
    case "denied":
      return states.denied(reason, again);
  }
});
addEventListener("unhandledrejection", ({ reason }) => states.broken(String(reason)));
addEventListener("error", ({ message }) => {
  // Browsers tell of resizes that go on in the next frame as if they were errors.
  if (!message.startsWith("ResizeObserver loop")) {
    states.broken(message);
  }
});

// --- what is pressed ---

takeKeys(commands);
for (const button of document.querySelectorAll("[data-run]")) {
  const by = button.dataset.by && JSON.parse(button.dataset.by);
  button.addEventListener("click", () => {
    commands[button.dataset.run](by);
    showPlaying();
  });
}
player.addEventListener("click", () => commands.toggle());
player.addEventListener("dblclick", ({ clientX, clientY }) => {
  const place = player.toDesktop(clientX, clientY);
  commands.fit();
  player.centre = place;
});
byId("speed").addEventListener("change", () => (player.playbackRate = Number(byId("speed").value)));
byId("skip").addEventListener("change", (event) => (player.skipIdle = event.target.checked));
byId("monitors").addEventListener("change", (event) => (player.monitor = event.target.value));
byId("pip").hidden = !hasPictureInPicture();
for (const choice of document.getElementsByName("span")) {
  choice.addEventListener("change", () => timeline.zoom(Number(choice.value) * 1000));
}
timeline.onzoom = (span) => {
  for (const choice of document.getElementsByName("span")) {
    choice.checked = Math.abs(Number(choice.value) * 1000 - span) < 1000;
  }
};
selection.onchange = () => {
  byId("select").setAttribute("aria-pressed", String(selection.isOpen));
  const { width, height } = selection.rect ?? { width: 0, height: 0 };
  byId("selection-size").textContent = `${width} × ${height}`;
};

// --- full screen: the controls leave with the pointer's rest ---

let restTimer;

function stir() {
  document.body.classList.remove("resting");
  clearTimeout(restTimer);
  if (document.fullscreenElement) {
    restTimer = setTimeout(() => document.body.classList.add("resting"), 3000);
  }
}

for (const name of ["pointermove", "pointerdown", "keydown", "fullscreenchange"]) {
  document.addEventListener(name, stir);
}

let nextFrame = 0;

/** The clock goes on with every frame while the player plays. */
function frame() {
  cancelAnimationFrame(nextFrame);
  if (!player.paused) {
    showTime();
    nextFrame = requestAnimationFrame(frame);
  }
}

player.addEventListener("play", frame);

player.playbackRate = Number(byId("speed").value);
enable(false);
setInterval(showHealth, 1000);
streams.find();
