// How the program starts: while its module is on its way, workers start and the first grant is asked for.

import init, { startDecoders } from "./player.js";

/** The program is here. */
let isReady = false;
const running = init();
/** Workers start while the program is still on its way. */
const count = Math.min(4, navigator.hardwareConcurrency || 2);
const early = Array.from({ length: count }, startEarly);

/** The program, once it runs. */
export const program = running.then((module) => {
  startDecoders(() => early.shift()?.() ?? spawnDecoder(), loadCodecs, count);
  isReady = true;
  return module;
});

/** A function that hands a worker over; it throws what kept the worker from starting. */
function startEarly() {
  let failure = null;
  let worker = null;
  try {
    worker = spawnDecoder();
    worker.onerror = (event) => {
      event.preventDefault();
      failure = event.message || "it does not start";
    };
  } catch (error) {
    failure = error;
  }
  return () => {
    if (failure !== null) {
      worker?.terminate();
      throw failure;
    }
    return worker;
  };
}

/** Asks for a grant as the program would, unless that is here; it takes the answer if it would have asked
 * the same. */
export function askAhead(source, stream, token) {
  if (isReady) {
    return null;
  }
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const isDocument = source.split(/[?#]/)[0].endsWith(".json");
  const url = isDocument ? source : `${source.replace(/\/+$/, "")}/-/api/grant`;
  const body = isDocument ? undefined : JSON.stringify({ role: "view", stream });
  if (body) {
    headers["content-type"] = "application/json";
  }
  const init = { method: isDocument ? "GET" : "POST", headers, body, cache: "reload" };
  const came = (response) => ({ response, at: Date.now() });
  return { url, body, token, answer: fetch(url, init).then(came, () => null) };
}

/** What decodes packs coded as WebP, which few streams have. */
async function loadCodecs() {
  const module = await import("./codecs.js");
  await module.default();
  return module;
}

/** A worker of ./decoder.js. Where this module comes from another origin than the page, browsers
 * start no worker from it, but from a line of the page's own that imports it. */
function spawnDecoder() {
  const url = new URL("./decoder.js", import.meta.url);
  if (url.origin === location.origin) {
    return new Worker(url, { type: "module" });
  }
  const line = new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" });
  const local = URL.createObjectURL(line);
  setTimeout(() => URL.revokeObjectURL(local), 60_000);
  return new Worker(local, { type: "module" });
}
