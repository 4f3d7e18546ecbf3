// Which part of the desktop is looked at, and how large, as pure numbers. The box is what there is
// room for, in device pixels; the area is what is shown of the desktop (all of it or one monitor), in
// its own pixels; the scale is device pixels per pixel.

export const LARGEST = 8;
const STEPS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, LARGEST];

export class Viewport {
  box = { width: 1, height: 1 };
  area = { x: 0, y: 0, width: 1, height: 1 };
  #scale = 0;
  #centre = { x: 0.5, y: 0.5 };

  /** As large as the box allows. */
  get fitting() {
    return Math.min(this.box.width / this.area.width, this.box.height / this.area.height);
  }

  get isFitted() {
    return this.#scale === 0;
  }

  get scale() {
    return this.#scale || this.fitting;
  }

  /** What lies in the middle of the box, in pixels of the desktop. */
  get centre() {
    return { x: this.area.x + this.#centre.x, y: this.area.y + this.#centre.y };
  }

  setBox(width, height) {
    this.box = { width: Math.max(1, width), height: Math.max(1, height) };
    this.#clamp();
  }

  setArea(area) {
    const { x, y, width, height } = this.area;
    if (area.x !== x || area.y !== y || area.width !== width || area.height !== height) {
      this.area = area;
      this.#centre = { x: area.width / 2, y: area.height / 2 };
      this.#clamp();
    }
  }

  fit() {
    this.#scale = 0;
    this.#clamp();
  }

  /** Shows the area at a scale; the place (`x`, `y` of the box) stays where it is. */
  zoom(scale, x = this.box.width / 2, y = this.box.height / 2) {
    const before = this.toArea(x, y);
    this.#scale = Math.min(Math.max(scale, Math.min(this.fitting, STEPS[0])), LARGEST);
    this.#centre = {
      x: before.x - this.area.x - (x - this.box.width / 2) / this.#scale,
      y: before.y - this.area.y - (y - this.box.height / 2) / this.#scale,
    };
    this.#clamp();
  }

  /** The next larger (or, down, smaller) of the usual scales; smaller than all that fits is to fit. */
  step(up, x, y) {
    const scale = this.scale;
    const next = up
      ? STEPS.find((step) => step > scale * 1.01)
      : STEPS.findLast((step) => step < scale * 0.99);
    if (!up && (next ?? 0) <= this.fitting) {
      this.fit();
    } else {
      this.zoom(next ?? LARGEST, x, y);
    }
  }

  pan(dx, dy) {
    this.#centre.x -= dx / this.scale;
    this.#centre.y -= dy / this.scale;
    this.#clamp();
  }

  lookAt({ x, y }) {
    this.#centre = { x: x - this.area.x, y: y - this.area.y };
    this.#clamp();
  }

  /** Where the area's upper left corner lies: whole device pixels, so that edges stay hard. */
  get origin() {
    return {
      left: Math.round(this.box.width / 2 - this.#centre.x * this.scale),
      top: Math.round(this.box.height / 2 - this.#centre.y * this.scale),
    };
  }

  get canPan() {
    const { width, height } = this.area;
    return width * this.scale > this.box.width + 1 || height * this.scale > this.box.height + 1;
  }

  /** A place of the box in pixels of the desktop. */
  toArea(x, y) {
    const { left, top } = this.origin;
    return { x: this.area.x + (x - left) / this.scale, y: this.area.y + (y - top) / this.scale };
  }

  /** The other way round. */
  toBox(x, y) {
    const { left, top } = this.origin;
    return { x: left + (x - this.area.x) * this.scale, y: top + (y - this.area.y) * this.scale };
  }

  /** Nothing is looked at beyond the edges; what is smaller than the box lies in its middle. */
  #clamp() {
    const scale = this.scale;
    const side = (centre, length, room) => {
      const half = room / scale / 2;
      return length <= half * 2 ? length / 2 : Math.min(Math.max(centre, half), length - half);
    };
    this.#centre = {
      x: side(this.#centre.x, this.area.width, this.box.width),
      y: side(this.#centre.y, this.area.height, this.box.height),
    };
  }
}
