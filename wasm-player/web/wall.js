// All streams at once: a card each, with the newest screenshot and how the recording is doing.

import { health } from "./health.js";

const byId = (id) => document.getElementById(id);

export class Wall {
  #root = byId("wall");
  #cards = byId("cards");
  #server;
  #timer = 0;

  constructor(server) {
    this.#server = server;
  }

  get isOpen() {
    return !this.#root.hidden;
  }

  open(names, token) {
    this.#root.hidden = false;
    const known = new Map([...this.#cards.children].map((card) => [card.dataset.stream, card]));
    const cards = names.map((name) => known.get(name) ?? this.#card(name, token));
    this.#cards.replaceChildren(...cards);
    byId("wall-count").textContent = names.length === 1 ? "1 desktop" : `${names.length} desktops`;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tell(), 5000);
    this.#tell();
  }

  /** Nothing is loaded for a wall that nobody sees. */
  close() {
    this.#root.hidden = true;
    this.#cards.replaceChildren();
    clearInterval(this.#timer);
  }

  #card(name, token) {
    const card = document.createElement("li");
    card.dataset.stream = name;
    card.innerHTML = `<a><div class="shot"></div><strong></strong><span class="health"></span></a>`;
    card.querySelector("a").href = `#stream=${encodeURIComponent(name)}`;
    card.querySelector("strong").textContent = name;
    const player = document.createElement("deskreel-player");
    player.token = token;
    player.setAttribute("preload", "none");
    player.setAttribute("aria-hidden", "true");
    player.src = this.#server;
    player.addEventListener("shown", () => this.#tell());
    player.addEventListener("status", () => this.#tell());
    card.querySelector(".shot").append(player);
    this.#watch.observe(card);
    return card;
  }

  /** Cards load when they come into sight. */
  #watch = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      const player = target.querySelector("deskreel-player");
      if (isIntersecting && player && !player.stream) {
        player.stream = target.dataset.stream;
        player.live = true;
      }
    }
  });

  #tell() {
    for (const card of this.#cards.children) {
      const player = card.querySelector("deskreel-player");
      const words = { loading: "Opening", offline: "Server unreachable", denied: "No access" };
      const told = health({
        now: player.serverTime,
        newest: player.newestTime,
        interval: player.interval * 1000 || 10_000,
      });
      const line = card.querySelector(".health");
      const isKnown = player.status === "ready" || player.status === "empty";
      line.textContent = isKnown ? told.text : (words[player.status] ?? "No access");
      line.dataset.state = isKnown ? told.state : "unknown";
      card.classList.toggle("shown", player.readyState >= 2);
    }
  }
}
