// What hovers over the slider: the time, and a small picture of the nearest moment that is here, out
// of the tiles of the player or else of storyboards.

import { KINDS } from "./strip.js";
import { clock, length } from "./times.js";

const byId = (id) => document.getElementById(id);

export class Preview {
  #player;
  #root = byId("hover");
  #canvas = byId("hover-picture");
  #pending = null;
  /** What is shown. */
  #last = null;

  constructor(player) {
    this.#player = player;
    player.addEventListener("storyboard", () => this.#last && this.#draw(this.#last));
  }

  hide() {
    this.#pending = null;
    this.#last = null;
    this.#root.hidden = true;
    this.#player.storyboard(null);
  }

  /** Shows `time`, at `x` of a slider so wide. Pictures are drawn once a frame at most. */
  show(x, time, gap, width) {
    const isFirst = this.#pending === null;
    this.#pending = { x, time, gap, width };
    if (isFirst) {
      requestAnimationFrame(() => this.#pending && this.#draw(this.#pending));
    }
  }

  #draw({ x, time, gap, width }) {
    this.#pending = null;
    this.#last = { x, time, gap, width };
    this.#root.hidden = false;
    byId("hover-time").textContent = clock(time);
    const isBefore = !(time >= this.#player.moments[0]);
    const small = gap || isBefore ? null : this.#nearest(time);
    const interval = this.#player.interval * 1000;
    const away = small ? Math.abs(small.time - time) : 0;
    const hasPicture = small !== null && away < Math.max(1_800_000, interval);
    this.#canvas.hidden = !hasPicture;
    if (hasPicture) {
      this.#paint(small);
    }
    const isOther = hasPicture && away > interval * 1.5;
    // A storyboard shows every minute: nearer than that is near enough to look right.
    this.#canvas.classList.toggle("other", away > Math.max(60_000, interval * 1.5));
    byId("hover-note").textContent = gap
      ? `${KINDS[gap.kind].words} for ${length(gap.to - gap.from)}`
      : isOther
        ? `Picture of ${clock(small.time)}`
        : isBefore
          ? "Before the recording"
          : "";
    const room = width - this.#root.offsetWidth;
    const left = Math.max(0, Math.min(x - this.#root.offsetWidth / 2, room));
    this.#root.style.transform = `translateX(${left}px)`;
  }

  /** Out of tiles when they are of just this moment, else whichever is nearer. */
  #nearest(time) {
    const away = (picture) => (picture ? Math.abs(picture.time - time) : Infinity);
    const sharp = this.#player.preview(time / 1000);
    if (away(sharp) <= this.#player.interval * 1500) {
      return sharp;
    }
    const rough = this.#player.storyboard(time / 1000);
    return away(rough) < away(sharp) ? rough : sharp;
  }

  #paint({ image, x = 0, y = 0, width = image.width, height = image.height }) {
    this.#canvas.width = width;
    this.#canvas.height = height;
    const context = this.#canvas.getContext("2d");
    if (image instanceof ImageData) {
      context.putImageData(image, 0, 0);
    } else {
      context.drawImage(image, x, y, width, height, 0, 0, width, height);
    }
  }
}
