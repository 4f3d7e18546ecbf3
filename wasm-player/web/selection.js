// A rectangle of the screen, chosen by mouse, finger or keys: drawn over the picture, kept in the
// desktop's pixels, inside of one monitor.

const byId = (id) => document.getElementById(id);

export class Selection {
  #player;
  #layer = byId("selecting");
  #box = byId("selection");
  #anchor = null;
  #rect = null;
  #surface = 0;

  /** Called when another rectangle is chosen, or none. */
  onchange = () => {};

  constructor(player) {
    this.#player = player;
    const listen = (name, listener) => this.#layer.addEventListener(name, listener.bind(this));
    listen("pointerdown", this.#press);
    listen("pointermove", this.#drag);
    listen("pointerup", this.#release);
    listen("pointercancel", this.#release);
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    for (const name of ["viewchange", "shown"]) {
      player.addEventListener(name, () => this.draw());
    }
  }

  get isOpen() {
    return !this.#layer.hidden;
  }

  /** The rectangle in the desktop's pixels, or null. */
  get rect() {
    return this.#rect;
  }

  /** The surface that it lies on. */
  get surface() {
    return this.#surface;
  }

  /** The rectangle in its surface's own pixels. */
  get onSurface() {
    const { x, y } = this.#player.monitors[this.#surface];
    return { ...this.#rect, x: this.#rect.x - x, y: this.#rect.y - y };
  }

  /** Begins with the middle of what is looked at, so that keys have something to move. */
  open() {
    this.#layer.hidden = false;
    const { x, y } = this.#player.centre;
    this.#surface = this.#surfaceAt(x, y);
    const { width, height } = this.#player.monitors[this.#surface];
    this.#set({ x: x - width / 8, y: y - height / 8 }, { x: x + width / 8, y: y + height / 8 });
    this.#box.focus();
  }

  close() {
    this.#layer.hidden = true;
    this.#rect = null;
    this.onchange();
  }

  draw() {
    if (!this.#rect || !this.isOpen) {
      return;
    }
    const { x, y, width, height } = this.#rect;
    const from = this.#player.toElement(x, y);
    const to = this.#player.toElement(x + width, y + height);
    const style = this.#box.style;
    style.transform = `translate(${from.x}px, ${from.y}px)`;
    style.width = `${to.x - from.x}px`;
    style.height = `${to.y - from.y}px`;
    this.#box.setAttribute("aria-label", `Rectangle of ${width} by ${height} pixels at ${x}, ${y}`);
  }

  #surfaceAt(x, y) {
    const inside = (m) => x >= m.x && y >= m.y && x < m.x + m.width && y < m.y + m.height;
    return Math.max(0, this.#player.monitors.findIndex(inside));
  }

  /** The rectangle between two places, whole pixels of its monitor. */
  #set(a, b) {
    const monitor = this.#player.monitors[this.#surface];
    if (!monitor) {
      return;
    }
    const side = (one, other, start, length) => {
      const from = Math.max(start, Math.floor(Math.min(one, other)));
      const to = Math.min(start + length, Math.ceil(Math.max(one, other)));
      return [Math.min(from, start + length - 1), Math.max(1, to - from)];
    };
    const [x, width] = side(a.x, b.x, monitor.x, monitor.width);
    const [y, height] = side(a.y, b.y, monitor.y, monitor.height);
    this.#rect = { x, y, width, height };
    this.draw();
    this.onchange();
  }

  #press(event) {
    if (event.button !== 0 || event.target.closest("button")) {
      return;
    }
    this.#anchor = this.#player.toDesktop(event.clientX, event.clientY);
    this.#surface = this.#surfaceAt(this.#anchor.x, this.#anchor.y);
    this.#layer.setPointerCapture(event.pointerId);
  }

  #drag(event) {
    if (this.#anchor) {
      this.#set(this.#anchor, this.#player.toDesktop(event.clientX, event.clientY));
    }
  }

  #release() {
    this.#anchor = null;
  }

  /** Arrows move the rectangle, with Shift its lower right corner; with Alt by single pixels. */
  #key(event) {
    const step = event.altKey ? 1 : 16;
    const [dx, dy] = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    }[event.key] ?? [0, 0];
    if (dx === 0 && dy === 0) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const { x, y, width, height } = this.#rect;
    const monitor = this.#player.monitors[this.#surface];
    const kept = (at, length, start, room) => Math.min(Math.max(at, start), start + room - length);
    const corner = event.shiftKey
      ? { x, y }
      : {
          x: kept(x + dx, width, monitor.x, monitor.width),
          y: kept(y + dy, height, monitor.y, monitor.height),
        };
    const size = event.shiftKey
      ? { width: Math.max(1, width + dx), height: Math.max(1, height + dy) }
      : { width, height };
    this.#set(corner, { x: corner.x + size.width, y: corner.y + size.height });
  }
}
