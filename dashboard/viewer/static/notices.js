// What is wrong, said over the picture, and the thin line that shows that something is awaited.

const WAITING_MS = 300; // the line appears after this
const POLL_MS = 100;

export class Notices {
  constructor(viewer) {
    this.viewer = viewer;
    this.problems = new Map();
    this.progress = Object.assign(document.createElement("div"), { className: "progress" });
    this.alert = Object.assign(document.createElement("div"), { className: "alert", hidden: true });
    this.alert.setAttribute("role", "alert");
    this.opening = false;
  }

  /** Show what is wrong with `what`; null takes it away. */
  problem(what, text) {
    if (text) this.problems.set(what, text);
    else this.problems.delete(what);
    const [first] = this.problems.values();
    this.alert.hidden = !first;
    if (this.alert.textContent !== (first ?? "")) this.alert.textContent = first ?? "";
  }

  isWaiting() {
    return this.opening || this.viewer.store.isWaiting();
  }

  /** Begin to watch whether something is awaited, unless that is being watched already. */
  watch() {
    if (this.timer || !this.isWaiting()) return;
    const since = performance.now();
    this.timer = setInterval(() => {
      const waiting = this.isWaiting();
      this.progress.classList.toggle("on", waiting && performance.now() - since >= WAITING_MS);
      if (waiting) return;
      clearInterval(this.timer);
      this.timer = null;
    }, POLL_MS);
  }
}
