// How the planes are laid out: which one is large, whether the small ones are there, and the height that is left.

import { ORDER } from "./planes.js";

export function setLayout(viewer, layout, height) {
  viewer.single = layout === "single";
  viewer.root.classList.toggle("single", viewer.single);
  viewer.fill = height === "fill";
  if (viewer.fill) fitHeight(viewer);
  else viewer.root.style.height = typeof height === "number" ? `${height}px` : height;
  arrange(viewer);
}

/** Take the height that the window leaves below the top of the viewer. */
export function fitHeight(viewer) {
  if (!viewer.fill || !viewer.root.isConnected) return;
  const scroller = viewer.root.getRootNode().host?.closest("section") ?? document.scrollingElement;
  const top = viewer.root.getBoundingClientRect().top + scroller.scrollTop;
  const height = Math.max(420, Math.floor(window.innerHeight - top - 16));
  if (viewer.root.style.height !== `${height}px`) viewer.root.style.height = `${height}px`;
}

export function arrange(viewer) {
  const small = ORDER.filter((axis) => axis !== viewer.large);
  const hideSmall = viewer.single || !viewer.smallOn;
  viewer.main.classList.toggle("alone", hideSmall);
  for (const axis of ORDER) {
    const { element } = viewer.panes[axis];
    element.style.gridArea = axis === viewer.large ? "large" : small.indexOf(axis) === 0 ? "upper" : "lower";
    element.hidden = hideSmall && axis !== viewer.large;
    element.classList.toggle("active", axis === viewer.activeAxis);
    const wasVisible = viewer.panes[axis].visible;
    viewer.panes[axis].visible = !element.hidden;
    if (!wasVisible && !element.hidden && viewer.layer) viewer.panes[axis].moved(viewer.panes[axis].index);
  }
}

export function makeLarge(viewer, axis) {
  viewer.large = viewer.activeAxis = axis;
  arrange(viewer);
  viewer.toolbar.update();
}

export function toggleSmall(viewer) {
  viewer.smallOn = !viewer.smallOn;
  if (!viewer.smallOn) viewer.activeAxis = viewer.large;
  arrange(viewer);
  viewer.toolbar.update();
}
