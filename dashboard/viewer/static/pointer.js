// Mouse and touch on a pane: wheel = slice, ctrl+wheel = zoom to the cursor, drag = pan, click = crosshair and selection,
// drag of an object = move it, shift or alt and drag = rectangle or lasso.

import { boxFrame } from "./draw.js";
import { Marquee } from "./marquee.js";

const DRAG_FROM = 4; // CSS pixels before a press becomes a drag
const BORDER = 6; // how near to the frame of the box it can be taken
const NOTCH = 50; // a wheel event from here on is one turn of a wheel, below it comes from a touchpad
const TOUCHPAD_PER_SLICE = 24;

export function listenToPointer(pane) {
  const { canvas, viewer } = pane;
  let press = null;
  let rest = 0;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const marqueeKind = (event) => {
    if (!viewer.editing.selectableSet()) return null;
    if (event.altKey) return "lasso";
    if (event.shiftKey) return "rectangle";
    return ["rectangle", "lasso"].includes(viewer.editing.mode) ? viewer.editing.mode : null;
  };

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    viewer.activate(pane.axis);
    // With shift, browsers turn the wheel sideways.
    const delta = (event.deltaY || event.deltaX) * (event.deltaMode === 1 ? 33 : 1);
    const at = place(event);
    if (event.ctrlKey || event.metaKey) {
      const turn = Math.abs(delta) >= NOTCH ? Math.sign(delta) * 100 : delta * 2;
      return viewer.zoomBy(Math.exp(-turn * 0.0018), pane, at);
    }
    let slices;
    if (Math.abs(delta) >= NOTCH) {
      slices = Math.sign(delta);
      rest = 0;
    } else {
      rest += delta;
      slices = Math.trunc(rest / TOUCHPAD_PER_SLICE);
      rest -= slices * TOUCHPAD_PER_SLICE;
    }
    if (slices) viewer.stepSlice(pane.axis, slices * (event.shiftKey ? 10 : 1), event.timeStamp);
  }, { passive: false });

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 && event.button !== 1) return;
    viewer.activate(pane.axis);
    viewer.root.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const at = place(event);
    const kind = event.button === 0 ? marqueeKind(event) : null;
    const held = event.button === 0 && !kind ? viewer.editing.graspable(pane, at) : null;
    const mode = kind ? "marquee" : held ? "object" : event.button === 0 && onFrame(pane, at) ? "box" : "pan";
    press = { start: at, last: at, mode, held, kind, moved: false };
    event.preventDefault();
  });

  canvas.addEventListener("pointermove", (event) => {
    const at = place(event);
    viewer.pointAt(pane, at);
    if (!press) {
      canvas.style.cursor = onFrame(pane, at) ? "move" : !marqueeKind(event) && viewer.editing.graspable(pane, at) ? "grab" : "";
      return;
    }
    if (!press.moved && Math.hypot(at.x - press.start.x, at.y - press.start.y) < DRAG_FROM) return;
    press.moved = true;
    const dx = at.x - press.last.x;
    const dy = at.y - press.last.y;
    if (press.mode === "marquee") {
      viewer.marquee ??= new Marquee(pane, press.kind, press.start);
      viewer.marquee.to(at);
      viewer.redraw();
    } else if (press.mode === "pan") {
      canvas.style.cursor = "grabbing";
      pane.pan(dx, dy);
      viewer.requestFrame();
      press.last = at;
    } else {
      const scale = pane.scale();
      const columns = Math.round(dx / scale.x);
      const rows = Math.round(dy / scale.y);
      if (!columns && !rows) return;
      press.last = { x: press.last.x + columns * scale.x, y: press.last.y + rows * scale.y };
      const by = { [pane.plane.cols]: columns, [pane.plane.rows]: rows };
      if (press.mode === "box") viewer.moveBox(by);
      else viewer.editing.drag(press.held, by);
    }
  });

  const release = (event) => {
    if (!press) return;
    const { moved, mode, held } = press;
    press = null;
    canvas.style.cursor = "";
    if (moved && mode === "object") viewer.editing.drop(held);
    if (moved && mode === "marquee" && viewer.marquee) {
      const { marquee } = viewer;
      viewer.marquee = null;
      if (event.type === "pointerup") viewer.editing.selectInside(marquee, event.ctrlKey || event.metaKey);
      viewer.redraw();
    }
    if (!moved && event.type === "pointerup" && event.button === 0) viewer.editing.click(pane, place(event), event);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => viewer.pointAt(null));
  canvas.addEventListener("dblclick", (event) => {
    if (viewer.editing.addByDoubleClick(pane, place(event))) return;
    const { u, v } = pane.fromScreen(place(event).x, place(event).y);
    pane.centreOn(u, v);
    viewer.requestFrame();
  });
}

function onFrame(pane, { x, y }) {
  const frame = boxFrame(pane);
  if (!frame) return false;
  const near = (value, edge) => Math.abs(value - edge) <= BORDER;
  const insideX = x >= frame.x - BORDER && x <= frame.x + frame.width + BORDER;
  const insideY = y >= frame.y - BORDER && y <= frame.y + frame.height + BORDER;
  if (!insideX || !insideY) return false;
  return near(x, frame.x) || near(x, frame.x + frame.width) || near(y, frame.y) || near(y, frame.y + frame.height);
}
