// Which streams the server has: the chooser, the wall of all of them, and what stands there when there
// are none or they may not be listed.

import { Wall } from "./wall.js";

const byId = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const server = query.get("src") ?? location.href.split("/-/player/")[0];

export class Streams {
  #player;
  #states;
  #chooser = byId("streams");
  #wall = new Wall(server);
  #names = [];

  constructor(player, states) {
    this.#player = player;
    this.#states = states;
    this.#chooser.addEventListener("change", () => this.#go(this.#chooser.value));
    states.onunlock = (token) => {
      player.token = token;
      if (player.stream) {
        player.renew(token);
      }
      this.find();
    };
  }

  get isWall() {
    return this.#wall.isOpen;
  }

  /** Opens a stream, if it is not open. */
  open(stream) {
    this.#show(false);
    this.#choose(stream);
    if (stream === this.#player.stream) {
      return;
    }
    document.title = `${stream} – Deskreel`;
    this.#states.problem("");
    this.#states.loading(stream);
    this.#player.src = server;
    this.#player.stream = stream;
  }

  toggleWall() {
    if (this.isWall) {
      this.open(this.#player.stream || this.#names[0]);
    } else if (this.#names.length > 1) {
      this.#player.pause();
      history.replaceState(null, "", location.pathname + location.search);
      this.#show(true);
    }
  }

  #show(isWall) {
    document.body.classList.toggle("walled", isWall);
    byId("to-wall").setAttribute("aria-pressed", String(isWall));
    if (isWall) {
      document.title = "Deskreel";
      this.#wall.open(this.#names, this.#player.token);
    } else {
      this.#wall.close();
    }
  }

  /** Shows `names` and `chosen` in the chooser. */
  #choose(chosen) {
    const all = this.#names.includes(chosen) ? this.#names : [chosen, ...this.#names];
    this.#chooser.replaceChildren(...all.map((name) => new Option(name, name)));
    this.#chooser.value = chosen;
    this.#chooser.disabled = all.length < 2;
    this.#chooser.closest("label").hidden = false;
    byId("to-wall").hidden = this.#names.length < 2;
  }

  /** Another stream, at the time that is shown now. */
  #go(stream) {
    const time = this.#player.currentTime;
    const wasLive = this.#player.live;
    this.open(stream);
    if (!wasLive && time > 0) {
      this.#player.currentTime = time;
    }
  }

  /** Lists the streams; opens one, or the wall of several, unless the link has named one already. */
  async find() {
    const { token, stream } = this.#player;
    // A grant document is of one stream.
    if (server.split("?")[0].endsWith(".json")) {
      return stream || this.open(query.get("stream") ?? "");
    }
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    // Once a stream is open, its own state is what counts.
    const isOpen = () => this.#player.stream !== "";
    let response;
    try {
      response = await fetch(`${server}/-/api/streams`, { headers });
    } catch {
      if (!isOpen()) {
        this.#states.offline(true, false, () => this.find());
      }
      setTimeout(() => this.find(), 4000);
      return;
    }
    if (!response.ok) {
      const failure = await response.json().catch(() => ({}));
      const reason = failure.error ?? `The server answers with status ${response.status}.`;
      if (!isOpen()) {
        const again = () => this.find();
        if (response.status === 401) {
          this.#states.locked(token ? reason : "");
        } else {
          this.#states.denied(reason, again);
        }
      }
      return;
    }
    this.#names = await response.json();
    if (isOpen()) {
      this.#choose(this.#player.stream);
    } else if (query.get("stream") || this.#names.length === 1) {
      this.open(query.get("stream") ?? this.#names[0]);
    } else if (this.#names.length > 1) {
      this.#choose(this.#names[0]);
      this.#show(true);
    } else {
      this.#states.noStreams();
      setTimeout(() => this.find(), 5000);
    }
  }
}
