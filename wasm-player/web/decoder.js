// A decoder: a Web Worker that turns stored packs into tiles, so that the page's own thread stays
// free. The page sends its compiled module first, then packs.

import init, { decodePack, memoryBytes } from "./player.js";

onmessage = async ({ data }) => {
  if (data.module) {
    try {
      await init({ module_or_path: data.module });
      postMessage({ ready: true, memory: memoryBytes() });
    } catch (error) {
      postMessage({ failed: String(error) });
    }
    return;
  }
  try {
    const rgb = decodePack(data.bytes, data.tile, data.tiles);
    postMessage({ id: data.id, rgb, memory: memoryBytes() }, [rgb.buffer]);
  } catch (error) {
    // A trap (no memory, say) says nothing about the pack: the page tries it itself.
    const message = { id: data.id, error: String(error), memory: memoryBytes() };
    postMessage(error instanceof WebAssembly.RuntimeError ? { failed: String(error) } : message);
  }
};
