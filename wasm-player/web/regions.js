// Questions about a rectangle: when did it change, when did it look exactly like this? The answers are
// marked on the slider and can be stepped through.

import { clock, length } from "./times.js";

const byId = (id) => document.getElementById(id);

export class Regions {
  #player;
  #timeline;
  #panel = byId("region");
  #asking = null;
  #times = [];
  #words = "";

  constructor(player, timeline) {
    this.#player = player;
    this.#timeline = timeline;
    byId("region-previous").addEventListener("click", () => this.step(-1));
    byId("region-next").addEventListener("click", () => this.step(1));
    byId("region-close").addEventListener("click", () => this.close());
    player.addEventListener("regionprogress", ({ detail: { read, of, times } }) => {
      if (this.#asking && of > 0) {
        // What is certain is marked while the rest is read.
        this.#timeline.found = [...times];
        byId("region-progress").value = read / of;
        this.#say(read < of ? `Reading ${read} of ${of} parts of the day` : "Comparing pixels");
      }
    });
    player.addEventListener("seeked", () => this.#tellPlace());
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  async changes(rect, surface) {
    const ask = (signal) => this.#player.regionHistory(rect, surface, { signal });
    const times = await this.#ask(ask);
    if (times) {
      this.#show([...times], times.length === 1 ? "1 change" : `${times.length} changes`);
    }
  }

  async seen(rect, surface) {
    const ask = (signal) => this.#player.seenWhen(rect, surface, { signal });
    const ranges = await this.#ask(ask);
    if (ranges) {
      const starts = Array.from({ length: ranges.length }, (_, i) => Math.round(ranges.start(i) * 1000));
      const total = starts.reduce((sum, start, i) => sum + ranges.end(i) * 1000 - start, 0);
      const times = starts.length === 1 ? "once" : `${starts.length} times`;
      this.#show(starts, `Seen ${times}, ${length(total)} in all`);
    }
  }

  /** Goes to the change before or after the time shown. */
  step(by) {
    const now = this.#player.shownTime;
    const time = by > 0
      ? this.#times.find((time) => time > now)
      : this.#times.findLast((time) => time < now);
    if (time !== undefined) {
      this.#player.pause();
      this.#player.currentTime = time / 1000;
    }
  }

  /** Ends a question under way and takes its marks away. */
  close() {
    this.#asking?.abort();
    this.#asking = null;
    this.#times = [];
    this.#timeline.found = [];
    this.#panel.hidden = true;
  }

  async #ask(ask) {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.#times = [];
    this.#words = "";
    this.#timeline.found = [];
    this.#panel.hidden = false;
    this.#panel.classList.add("busy");
    byId("region-progress").value = 0;
    byId("region-close").textContent = "Cancel";
    this.#say("Reading the day");
    this.#enable();
    try {
      return await ask(asking.signal);
    } catch (error) {
      if (this.#asking === asking) {
        this.#say(`No answer: ${error.message}`);
      }
      return null;
    } finally {
      if (this.#asking === asking) {
        this.#asking = null;
        this.#panel.classList.remove("busy");
        byId("region-close").textContent = "Close";
      }
    }
  }

  #show(times, words) {
    this.#times = times;
    this.#timeline.found = times;
    this.#words = words;
    this.#tellPlace();
  }

  #tellPlace() {
    if (this.#asking || !this.isOpen || !this.#words) {
      return;
    }
    const at = this.#times.indexOf(this.#player.shownTime);
    const place = at >= 0 ? ` · ${at + 1} of ${this.#times.length}, ${clock(this.#times[at])}` : "";
    this.#say(this.#words + place);
    this.#enable();
  }

  #enable() {
    const now = this.#player.shownTime;
    byId("region-previous").disabled = !this.#times.some((time) => time < now);
    byId("region-next").disabled = !this.#times.some((time) => time > now);
  }

  #say(text) {
    byId("region-text").textContent = text;
  }
}
