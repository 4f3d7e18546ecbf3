// What stands before the picture, or instead of it: loading, nothing there, no access, no network.

const byId = (id) => document.getElementById(id);

/** Words of a server as a sentence. */
const sentence = (words) => words.replace(/^./u, (first) => first.toUpperCase()).replace(/[^.!?]$/u, "$&.");

export class States {
  #state = byId("state");
  #again = byId("again");
  #unlock = byId("unlock");
  #banner = byId("banner");
  #problem = "";
  #offline = false;
  #action = () => {};

  /** Called with the token that was typed in. */
  onunlock = () => {};

  constructor() {
    this.#again.addEventListener("click", () => this.#action());
    this.#unlock.addEventListener("submit", (event) => {
      event.preventDefault();
      this.onunlock(byId("token").value);
    });
  }

  /** Nothing stands before the picture. */
  clear() {
    this.#state.hidden = true;
  }

  loading(name) {
    this.#show({ title: name ? `Opening ${name}` : "Opening", busy: true });
  }

  noStreams() {
    const text = "When a desktop starts to record to this server, it appears here by itself.";
    this.#show({ title: "No recordings yet", text });
  }

  empty(name) {
    const text = "No screenshots are stored for this desktop. The first one appears by itself.";
    this.#show({ title: `${name} is empty`, text });
  }

  expired(action) {
    const text = "The permission to read this recording is over.";
    this.#show({ title: "Access has expired", text, button: "Renew access", action });
  }

  /** `reason`: what is wrong with the token that was tried. */
  locked(reason) {
    const [title, text] = reason
      ? ["That token does not open it", sentence(reason)]
      : ["This server is locked", "It opens with its token."];
    this.#show({ title, text, form: true });
  }

  denied(reason, action) {
    const title = "No access to this recording";
    this.#show({ title, text: sentence(reason), button: "Try again", action, form: true });
  }

  broken(reason) {
    const action = () => location.reload();
    this.#show({ title: "The player failed", text: reason, button: "Load again", action });
  }

  /** The server does not answer. A picture that is there stays visible. */
  offline(isOffline, hasPicture, action) {
    this.#offline = isOffline && hasPicture;
    this.#tell();
    if (isOffline && !hasPicture) {
      const text = "The server does not answer. It is tried again until it does.";
      this.#show({ title: "Server unreachable", text, button: "Try now", action });
    }
  }

  /** What is wrong with the picture; empty if nothing is. */
  problem(text) {
    this.#problem = text;
    this.#tell();
  }

  #tell() {
    const offline = "The server does not answer. It is tried again until it does.";
    const text = this.#problem || (this.#offline ? offline : "");
    this.#banner.textContent = text;
    this.#banner.hidden = !text;
  }

  #show({ title, text = "", button = "", action = () => {}, busy = false, form = false }) {
    byId("state-title").textContent = title;
    byId("state-text").textContent = text;
    this.#state.classList.toggle("busy", busy);
    this.#again.textContent = button;
    this.#again.hidden = !button;
    this.#action = action;
    this.#state.hidden = false;
    if (this.#unlock.hidden === form) {
      this.#unlock.hidden = !form;
      if (form) {
        byId("token").focus();
      }
    }
  }
}
