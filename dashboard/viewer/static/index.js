// The door between Streamlit and the viewer: one viewer per browser tab, moved to wherever the page wants it.

import { Viewer } from "./viewer.js";

/** Put the tab's viewer into `slot` and tell it what the page says. Returns what to do when the page goes away. */
export function mount(slot, data, sendOutbox) {
  const viewer = (globalThis.__tomodeckViewer ??= new Viewer());
  // The same element is moved, so that its canvases keep their pixels while the page changes around them.
  if (viewer.root.parentNode !== slot) {
    slot.replaceChildren(viewer.root);
    // Moving takes the focus away, and with it the keys.
    if (viewer.focused && (document.activeElement ?? document.body) === document.body) viewer.root.focus({ preventScroll: true });
  }
  viewer.outbox.connect(data.owner, data.acknowledged, sendOutbox);
  viewer.apply(data);
  viewer.place.changed(); // another page has another address
  const resized = () => viewer.fitHeight();
  window.addEventListener("resize", resized);
  const watch = new ResizeObserver(resized);
  watch.observe(document.body);
  return () => {
    window.removeEventListener("resize", resized);
    watch.disconnect();
    if (viewer.root.parentNode !== slot) return; // another page has it already
    viewer.outbox.disconnect();
    viewer.place.flush();
  };
}
