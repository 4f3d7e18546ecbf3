// A copy of the picture for where it is shown much smaller than it is: browsers sample a canvas that is
// reduced to less than half with gaps, which breaks its text.

/** Pictures that follow each other within so many milliseconds are drawn faster, and not as well. */
const HURRY = 100;

export class Reduced {
  canvas = document.createElement("canvas");
  #drawnAt = 0;
  #rest = 0;
  /** What was last drawn: of which version of the picture, which part of it. */
  #drawn = "";

  constructor() {
    this.canvas.className = "reduced";
    this.canvas.hidden = true;
    this.canvas.setAttribute("aria-hidden", "true");
  }

  /**
   * Shows an area of `source` at `scale` device pixels per pixel; nothing where that is not needed. A
   * picture that has the `version` of the last one is not drawn again. Whether it covers the picture.
   */
  show(source, version, area, scale) {
    const [width, height] = [area.width * scale, area.height * scale].map(Math.round);
    this.canvas.hidden = scale >= 0.5 || width < 1 || height < 1;
    const isNeeded = !this.canvas.hidden;
    const { x, y } = area;
    const wanted = isNeeded ? [version, x, y, area.width, area.height, width, height].join() : "";
    const isDrawn = wanted === this.#drawn;
    this.#drawn = wanted;
    if (!isNeeded) {
      clearTimeout(this.#rest);
    }
    if (!isNeeded || isDrawn) {
      return isNeeded;
    }
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    // To reduce a desktop well takes most of a frame's time: whoever scrubs sees it when they rest.
    const now = performance.now();
    const isHurried = now - this.#drawnAt < HURRY;
    this.#drawnAt = now;
    clearTimeout(this.#rest);
    this.#draw(source, area, isHurried ? "low" : "high");
    if (isHurried) {
      this.#rest = setTimeout(() => this.#draw(source, area, "high"), HURRY);
    }
    return true;
  }

  #draw(source, area, quality) {
    const { width, height } = this.canvas;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingQuality = quality;
    // Between monitors there is nothing.
    context.clearRect(0, 0, width, height);
    context.drawImage(source, area.x, area.y, area.width, area.height, 0, 0, width, height);
  }
}
