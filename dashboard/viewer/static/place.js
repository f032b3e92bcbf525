// Telling others where the crosshair is: the server, so that pages know it without a rerun, and the address of the page,
// so that a copied link opens the same place.

const POST_MS = 120;
const ADDRESS_MS = 350;

export class Place {
  constructor(viewer) {
    this.viewer = viewer;
    this.posted = null;
  }

  changed() {
    clearTimeout(this.posting);
    clearTimeout(this.writing);
    this.posting = setTimeout(() => this.post(), POST_MS);
    this.writing = setTimeout(() => this.writeAddress(), ADDRESS_MS);
  }

  /** Send now what is still waiting: the pointer leaves for the page's own buttons. */
  flush() {
    this.post();
  }

  post() {
    clearTimeout(this.posting);
    const { session, tomogram, position } = this.viewer;
    if (!session || !position || !this.viewer.layer) return;
    const body = JSON.stringify({ session, tomogram, ...position });
    if (body === this.posted) return;
    this.posted = body;
    fetch("/viewer/position", { method: "POST", body, keepalive: true, headers: { "Content-Type": "application/json" } })
      .catch(() => (this.posted = null)); // the next move tries again; slices already say that the server is gone
  }

  writeAddress() {
    clearTimeout(this.writing);
    const { tomogram, position, layer, root } = this.viewer;
    if (!layer || !position || !root.isConnected) return;
    const url = new URL(location.href);
    url.searchParams.delete("token"); // a copied link must not let others in
    url.searchParams.set("tomogram", tomogram);
    for (const axis of "xyz") url.searchParams.set(axis, position[axis]);
    if (url.href !== location.href) history.replaceState(history.state, "", url);
  }
}
