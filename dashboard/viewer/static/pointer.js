// Mouse and touch on a pane: wheel = slice, ctrl+wheel = zoom to the cursor, drag = pan, click = crosshair and selection.

import { boxFrame } from "./draw.js";

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
    const held = event.button === 0 ? viewer.editableObjectAt(pane, at) : null;
    const mode = held ? "object" : event.button === 0 && onFrame(pane, at) ? "box" : "pan";
    press = { start: at, last: at, mode, held, moved: false };
    event.preventDefault();
  });

  canvas.addEventListener("pointermove", (event) => {
    const at = place(event);
    viewer.pointAt(pane, at);
    if (!press) {
      canvas.style.cursor = onFrame(pane, at) ? "move" : "";
      return;
    }
    if (!press.moved && Math.hypot(at.x - press.start.x, at.y - press.start.y) < DRAG_FROM) return;
    press.moved = true;
    const dx = at.x - press.last.x;
    const dy = at.y - press.last.y;
    if (press.mode === "pan") {
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
      else viewer.dragObject(press.held, by);
    }
  });

  const release = (event) => {
    if (!press) return;
    const { moved, mode, held } = press;
    press = null;
    canvas.style.cursor = "";
    if (moved && mode === "object") viewer.dropObject(held);
    if (!moved && event.type === "pointerup" && event.button === 0) viewer.clickAt(pane, place(event));
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => viewer.pointAt(null));
  canvas.addEventListener("dblclick", (event) => {
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
