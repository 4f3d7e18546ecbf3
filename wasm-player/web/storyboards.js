// Small pictures out of storyboards. Their images are decoded by the browser, and those of a few are
// kept.

const KEPT = 12;

export class Storyboards {
  #handle;
  #ready;
  /** By storyboard; null while it is being decoded, and when it cannot be. */
  #images = new Map();

  /** `ready` is called when a picture that was asked for can be shown. */
  constructor(handle, ready) {
    this.#handle = handle;
    this.#ready = ready;
  }

  /** The picture nearest to `time`, if one is here; fetches the right one. `null` looks no longer. */
  at(time) {
    this.#handle.lookAt(time ?? undefined);
    const cell = time === null ? undefined : this.#handle.thumbnail(time);
    if (!cell) {
      return null;
    }
    if (!this.#images.has(cell.id)) {
      this.#decode(cell.id);
    }
    const image = this.#images.get(cell.id);
    return image ? { ...cell, image } : null;
  }

  async #decode(id) {
    this.#images.set(id, null);
    const [oldest] = this.#images.keys();
    if (this.#images.size > KEPT) {
      this.#images.get(oldest)?.close();
      this.#images.delete(oldest);
    }
    try {
      const jpeg = new Blob([this.#handle.storyboard(id)], { type: "image/jpeg" });
      const image = await createImageBitmap(jpeg);
      if (this.#images.has(id)) {
        this.#images.set(id, image);
        this.#ready();
      } else {
        image.close();
      }
    } catch {
      // It stays null: what is no JPEG has no picture.
    }
  }
}
