// The keyboard, as people know it from video players.

const KEYS = {
  " ": (run) => run.toggle(),
  k: (run) => run.toggle(),
  ",": (run) => run.step(-1),
  ".": (run) => run.step(1),
  ArrowLeft: (run, event) => run.skip(-jump(event)),
  ArrowRight: (run, event) => run.skip(jump(event)),
  j: (run, event) => run.skip(-jump(event)),
  l: (run, event) => run.skip(jump(event)),
  Home: (run) => run.first(),
  End: (run) => run.last(),
  "<": (run) => run.faster(-1),
  ">": (run) => run.faster(1),
  PageUp: (run) => run.skip(-600),
  PageDown: (run) => run.skip(600),
  "+": (run) => run.zoom(true),
  "=": (run) => run.zoom(true),
  "-": (run) => run.zoom(false),
  "[": (run) => run.span(-1),
  "]": (run) => run.span(1),
  a: (run) => run.loopFrom(),
  b: (run) => run.loopTo(),
  o: (run) => run.loop(),
  r: (run) => run.select(),
  h: (run) => run.changes(),
  w: (run) => run.seen(),
  p: (run) => run.stepFound(-1),
  x: (run) => run.stepFound(1),
  m: (run) => run.nextMonitor(),
  i: (run) => run.pip(),
  g: (run) => run.wall(),
  Escape: (run) => run.escape(),
  n: (run) => run.live(),
  s: (run) => run.skipIdle(),
  z: (run) => run.fit(),
  c: (run) => run.copy(),
  u: (run) => run.share(),
  d: (run) => run.save(),
  f: (run) => run.full(),
  "?": (run) => run.help(),
};

function jump({ shiftKey, ctrlKey }) {
  return ctrlKey ? 600 : shiftKey ? 60 : 10;
}

/** Runs `commands` by key, wherever the focus is not in something that needs the key itself. */
export function takeKeys(commands) {
  addEventListener("keydown", (event) => {
    const target = event.target;
    const isField = target.matches?.("input:not([type=checkbox], [type=radio]), select, textarea");
    const isPressed = event.key === " " && target.matches?.("button, input, summary");
    const isChosen = event.key.startsWith("Arrow") && target.matches?.("input[type=radio]");
    const isForeign = event.altKey || event.metaKey || (event.ctrlKey && !event.key.startsWith("Arrow"));
    if (isField || isPressed || isChosen || isForeign || document.querySelector("dialog[open]")) {
      return;
    }
    // With Shift or Caps Lock a letter comes as a capital, and is the same key.
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.shiftKey && event.code === "Digit0") {
      commands.fitAll();
    } else if (/^[0-9]$/.test(key)) {
      commands.to(Number(key) / 10);
    } else if (Object.hasOwn(KEYS, key)) {
      KEYS[key](commands, event);
    } else {
      return;
    }
    event.preventDefault();
  });
}
