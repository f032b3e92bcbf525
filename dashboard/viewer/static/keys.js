// The keyboard: what each key does, in one table from which the list under "?" is made too.

export const SHORTCUTS = [
  ["Wheel, ↑ ↓ ← →, Page Up, Page Down", "next or previous slice (Shift: 10)"],
  ["Ctrl + wheel, + −", "zoom"],
  ["Drag", "move the picture"],
  ["Click", "crosshair there; on an object: select it"],
  ["Double click", "bring to the middle"],
  ["1  2  3, with Shift too", "XY, YZ, XZ large"],
  ["0 or H", "small planes on or off"],
  ["F", "fit"],
  ["C", "contrast from the slice in view"],
  ["I", "black ↔ white"],
  ["O", "overlays on or off"],
  ["X", "crosshair on or off"],
  ["[  ]", "average fewer or more slices"],
  ["?", "this list"],
  ["Esc", "close; leave the mode; unselect"],
];

/** Where there are objects to select. */
export const OBJECT_SHORTCUTS = [
  ["N  P", "next or previous object"],
  ["Ctrl + click", "select one more, or one less"],
  ["Shift + drag", "select by a rectangle (Ctrl: add to the selection)"],
  ["Alt + drag", "select by a lasso (Ctrl: add to the selection)"],
];

/** Where the page lets them be changed. */
export const EDIT_SHORTCUTS = [
  ["R, L", "dragging selects by a rectangle, by a lasso"],
  ["A", "add objects by clicks, on or off"],
  ["Enter, while adding", "add an object under the pointer"],
  ["Double click", "add an object where none is"],
  ["Drag an object near its centre", "move it; a selected one anywhere"],
  ["Delete", "delete the selected objects"],
  ["Ctrl + Z, Ctrl + Shift + Z", "undo, redo"],
];

export const CLASS_SHORTCUTS = [["1 … 9", "class to add (planes: with Shift)"]];

export function listenToKeys(viewer) {
  viewer.root.addEventListener("keydown", (event) => {
    // Composed: inside a shadow tree the target of a bubbled event is the host.
    const target = event.composedPath()[0];
    if (target.matches?.("input, select, textarea")) {
      if (event.key === "Escape") viewer.root.focus({ preventScroll: true });
      event.stopPropagation();
      return;
    }
    const action = find(event, target);
    if (!action) return;
    action(viewer, event);
    event.preventDefault();
    event.stopPropagation(); // the page has shortcuts of its own, such as C
  });
}

const PLANE_KEYS = { 1: (v) => v.makeLarge("z"), 2: (v) => v.makeLarge("x"), 3: (v) => v.makeLarge("y") };

function find(event, target) {
  const onButton = target.matches?.("button, [role=slider]");
  if (onButton && ["Enter", " ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) return null;
  if (event.ctrlKey || event.metaKey) {
    const key = event.key.toLowerCase();
    if (key === "z") return (v) => v.edit(event.shiftKey ? "redo" : "undo");
    if (key === "y") return (v) => v.edit("redo");
    return null;
  }
  if (event.altKey) return null;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code ?? "")?.[1];
  if (digit) return event.shiftKey ? PLANE_KEYS[digit] : (v) => v.editing.chooseClass(+digit) || PLANE_KEYS[digit]?.(v);
  const stride = event.shiftKey ? 10 : 1;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return {
    ArrowUp: (v) => v.stepSlice(v.activeAxis, stride, event.timeStamp),
    ArrowRight: (v) => v.stepSlice(v.activeAxis, stride, event.timeStamp),
    PageUp: (v) => v.stepSlice(v.activeAxis, stride, event.timeStamp),
    ArrowDown: (v) => v.stepSlice(v.activeAxis, -stride, event.timeStamp),
    ArrowLeft: (v) => v.stepSlice(v.activeAxis, -stride, event.timeStamp),
    PageDown: (v) => v.stepSlice(v.activeAxis, -stride, event.timeStamp),
    0: (v) => v.toggleSmall(),
    h: (v) => v.toggleSmall(),
    f: (v) => v.fit(),
    c: (v) => v.autoContrast(),
    i: (v) => v.invert(),
    o: (v) => v.toggleOverlays(),
    x: (v) => v.toggleCrosshair(),
    "[": (v) => v.setSlab(v.slab - 2),
    "]": (v) => v.setSlab(v.slab + 2),
    n: (v) => v.nextObject(1),
    p: (v) => v.nextObject(-1),
    "+": (v) => v.zoomBy(1.25),
    "=": (v) => v.zoomBy(1.25),
    "-": (v) => v.zoomBy(0.8),
    a: (v) => v.editing.toggleMode("add"),
    r: (v) => v.editing.toggleMode("rectangle"),
    l: (v) => v.editing.toggleMode("lasso"),
    Enter: (v) => v.editing.mode === "add" && v.edit("added"),
    Delete: (v) => v.edit("deleted"),
    Backspace: (v) => v.edit("deleted"),
    "?": (v) => v.toggleHelp(),
    Escape: (v) => v.escape(),
  }[key];
}
