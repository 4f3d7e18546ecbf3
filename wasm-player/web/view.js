// The picture on the page: the canvas in its place, and what wheel, fingers and mouse do to it.

import { Reduced } from "./reduced.js";
import { Viewport } from "./viewport.js";

export const style = new CSSStyleSheet();
style.replaceSync(`
  :host { display: block; position: relative; overflow: hidden; contain: strict; }
  :host([hidden]) { display: none; }
  .view { position: absolute; inset: 0; overflow: hidden; touch-action: none; }
  .view.pans { cursor: grab; }
  .view.held { cursor: grabbing; }
  .area { position: absolute; left: 0; top: 0; overflow: hidden; }
  canvas { display: block; position: absolute; left: 0; top: 0; transform-origin: 0 0; }
  canvas.sharp { image-rendering: pixelated; }
  /* What is covered is not composed with the page: a desktop's pixels would be copied each time. */
  canvas.blank, canvas.covered { visibility: hidden; }
  canvas.reduced { width: 100%; height: 100%; }
  canvas.reduced[hidden] { display: none; }
`);

/** A press that moved less than so many CSS pixels is a click. */
const CLICK = 4;

export class View {
  root = document.createElement("div");
  canvas = document.createElement("canvas");
  viewport = new Viewport();
  #area = document.createElement("div");
  #reduced = new Reduced();
  #monitor = "";
  #monitors = [];
  #version = 0;
  #pointers = new Map();
  #moved = 0;

  /** Called when something else is looked at, or at another scale. */
  onchange = () => {};

  constructor() {
    this.root.className = "view";
    this.root.part = "view";
    this.#area.className = "area";
    this.canvas.part = "canvas";
    this.canvas.className = "blank";
    this.#area.setAttribute("role", "img");
    this.label = "No screenshot yet";
    this.#area.append(this.canvas, this.#reduced.canvas);
    this.root.append(this.#area);
    const listen = (name, listener) => {
      this.root.addEventListener(name, listener.bind(this), { passive: false });
    };
    listen("wheel", this.#wheel);
    listen("pointerdown", this.#press);
    listen("pointermove", this.#drag);
    listen("pointerup", this.#release);
    listen("pointercancel", this.#release);
    // What ended a drag is no click on the picture.
    this.root.addEventListener("click", (event) => this.#moved > CLICK && event.stopPropagation());
  }

  /** What the picture is, in words. */
  set label(words) {
    this.#area.setAttribute("aria-label", words);
  }

  get monitors() {
    return this.#monitors;
  }

  get monitor() {
    return this.#monitor;
  }

  set monitor(name) {
    this.#monitor = name;
    this.layOut();
  }

  /**
   * Of which surfaces the canvas consists now: a layout may change. None: nothing is shown. `version` is
   * another one whenever something was drawn.
   */
  setMonitors(monitors, version = 0) {
    this.#monitors = monitors;
    this.#version = version;
    this.layOut();
  }

  /** Does something to the viewport, and shows it. */
  change(act) {
    act(this.viewport);
    this.layOut();
    this.onchange();
  }

  /** A place of the page in pixels of the desktop. */
  toDesktop(clientX, clientY) {
    const [x, y] = this.#box(clientX, clientY);
    return this.viewport.toArea(x, y);
  }

  /** A place of the desktop on the page, relative to the element, in CSS pixels. */
  toElement(x, y) {
    const place = this.viewport.toBox(x, y);
    return { x: place.x / devicePixelRatio, y: place.y / devicePixelRatio };
  }

  layOut() {
    const { width, height } = this.canvas;
    const { clientWidth, clientHeight } = this.root;
    const ratio = devicePixelRatio;
    const chosen = this.#monitors.find((monitor) => monitor.name === this.#monitor);
    const area = chosen ?? { x: 0, y: 0, width, height };
    const view = this.viewport;
    view.setBox(Math.round(clientWidth * ratio), Math.round(clientHeight * ratio));
    view.setArea({ x: area.x, y: area.y, width: area.width, height: area.height });
    const { left, top } = view.origin;
    const scale = view.scale / ratio;
    this.#area.style.transform = `translate(${left / ratio}px, ${top / ratio}px)`;
    this.#area.style.width = `${area.width * scale}px`;
    this.#area.style.height = `${area.height * scale}px`;
    this.canvas.style.width = `${width * scale}px`;
    this.canvas.style.height = `${height * scale}px`;
    this.canvas.style.transform = `translate(${-area.x * scale}px, ${-area.y * scale}px)`;
    // Enlarged pixels stay square; only a reduced picture is smoothed.
    const drawn = view.scale >= 0.999 ? "sharp" : "";
    const shownScale = this.#monitors.length > 0 ? view.scale : 1;
    const isCovered = this.#reduced.show(this.canvas, this.#version, area, shownScale);
    this.canvas.className = isCovered ? "covered" : this.#monitors.length > 0 ? drawn : "blank";
    this.root.classList.toggle("pans", view.canPan);
  }

  #box(clientX, clientY) {
    const { left, top } = this.root.getBoundingClientRect();
    return [(clientX - left) * devicePixelRatio, (clientY - top) * devicePixelRatio];
  }

  /** With Ctrl (so do touchpads tell a pinch) the wheel zooms; alone it pans what is larger. */
  #wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const by = Math.min(Math.max(event.deltaY * (event.deltaMode ? 24 : 1), -120), 120);
      this.#zoomTo(this.viewport.scale * 1.004 ** -by, event.clientX, event.clientY);
    } else if (this.viewport.canPan) {
      event.preventDefault();
      const [dx, dy] = event.shiftKey ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
      this.change((view) => view.pan(-dx * devicePixelRatio, -dy * devicePixelRatio));
    }
  }

  /** Smaller than what fits is no use by gesture. */
  #zoomTo(scale, clientX, clientY) {
    const [x, y] = this.#box(clientX, clientY);
    this.change((view) => (scale <= view.fitting ? view.fit() : view.zoom(scale, x, y)));
  }

  #press(event) {
    if (event.button !== 0) {
      return;
    }
    this.#moved = this.#pointers.size ? Infinity : 0;
    this.#pointers.set(event.pointerId, event);
    this.root.setPointerCapture(event.pointerId);
  }

  #drag(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      return;
    }
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    this.#moved += Math.abs(dx) + Math.abs(dy);
    if (this.#moved <= CLICK) {
      return;
    }
    const other = [...this.#pointers.values()].find((p) => p.pointerId !== event.pointerId);
    this.#pointers.set(event.pointerId, event);
    if (other) {
      const apart = (p) => Math.hypot(p.clientX - other.clientX, p.clientY - other.clientY);
      const scale = (this.viewport.scale * apart(event)) / Math.max(apart(before), 1);
      this.#zoomTo(scale, (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
    }
    // Each of two fingers moves the middle between them by half.
    const share = (other ? 0.5 : 1) * devicePixelRatio;
    if (this.viewport.canPan) {
      this.root.classList.add("held");
      this.change((view) => view.pan(dx * share, dy * share));
    }
  }

  #release(event) {
    this.#pointers.delete(event.pointerId);
    this.root.classList.remove("held");
  }
}
