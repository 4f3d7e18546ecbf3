// A decoder: a Web Worker that turns stored packs into tiles, so that the page's own thread stays
// free. The page sends its compiled module first, then packs.

import init, { decodePack, memoryBytes, needsCodecs, rehearse } from "./player.js";

/** The module for packs of other codecs, once one came. */
let codecs = null;

async function loadCodecs() {
  const module = await import("./codecs.js");
  await module.default();
  return module;
}

/** Milliseconds in which browsers compile well what runs all the time. */
const REHEARSAL = 150;
let isNeeded = false;

/** Until there is a pack to decode, for a while: the first ones take half the time then. */
function rehearseUntil(end, round = 0) {
  if (!isNeeded && performance.now() < end) {
    rehearse(round);
    setTimeout(rehearseUntil, 0, end, round + 1);
  }
}

onmessage = async ({ data }) => {
  if (data.module) {
    try {
      await init({ module_or_path: data.module });
      postMessage({ ready: true, memory: memoryBytes() });
      if (data.rehearses) {
        rehearseUntil(performance.now() + REHEARSAL);
      }
    } catch (error) {
      postMessage({ failed: String(error) });
    }
    return;
  }
  isNeeded = true;
  let decode = decodePack;
  let memory = memoryBytes;
  if (needsCodecs(data.bytes)) {
    try {
      const module = await (codecs ??= loadCodecs());
      decode = module.decodePack;
      memory = () => memoryBytes() + module.memoryBytes();
    } catch (error) {
      // Says nothing about the pack either: the page tries it itself.
      postMessage({ failed: String(error) });
      return;
    }
  }
  try {
    const rgb = decode(data.bytes, data.tile, data.tiles);
    postMessage({ id: data.id, rgb, memory: memory() }, [rgb.buffer]);
  } catch (error) {
    // A trap (no memory, say) says nothing about the pack: the page tries it itself.
    const message = { id: data.id, error: String(error), memory: memory() };
    postMessage(error instanceof WebAssembly.RuntimeError ? { failed: String(error) } : message);
  }
};
