// Drawing of one plane: slice, overlays, preview box, objects, crosshair, scale bar. Reads the pane, changes nothing in it.

import { Picture } from "./picture.js";
import { scaleBar } from "./scale_bar.js";

export function drawPane(pane) {
  const { context: ctx, canvas, viewer, size } = pane;
  const ratio = canvas.width / (size.width || canvas.width);
  const { colours } = viewer;
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.fillStyle = colours.ground;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  if (!viewer.lengths) return;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  const { shown } = pane;
  if (shown) {
    pane.base.paint(shown.base, viewer.greys);
    drawPicture(pane, ctx, pane.base.canvas, shown.base, ratio);
    for (const [overlay, entry] of shown.overlays) {
      if (!overlay.visible || !viewer.overlaysOn || !viewer.overlays.includes(overlay)) continue;
      if (!pane.overlayPictures.has(overlay)) pane.overlayPictures.set(overlay, new Picture());
      const picture = pane.overlayPictures.get(overlay);
      picture.paint(entry, overlay.colourTable());
      ctx.globalAlpha = overlay.opacity;
      drawPicture(pane, ctx, picture.canvas, entry, ratio);
      ctx.globalAlpha = 1;
    }
    drawBox(pane, ctx);
    if (viewer.overlaysOn) for (const set of viewer.objectSets) set.draw(pane, ctx, shown.index);
    if (viewer.crosshairOn) drawCrosshair(pane, ctx, ratio);
    if (viewer.marquee?.pane === pane) viewer.marquee.draw(ctx, colours.accent);
    viewer.painted(pane);
  }
  const index = shown ? shown.index : pane.index;
  const title = `${pane.plane.name}  ${pane.axis} ${index}`;
  if (pane.title.textContent !== title) pane.title.textContent = title;
  scaleBar(pane);
}

function drawPicture(pane, ctx, picture, entry, ratio) {
  const { cols, rows } = pane.plane;
  const [z, y, x] = entry.layer.offset;
  const start = { x, y, z };
  const { step } = entry;
  // A thinned slice holds voxels 0, step, 2·step …: shifted so that their centres lie where they lie in the full slice.
  const shift = (step - 1) / 2;
  const from = pane.toScreen(start[cols] - shift, start[rows] - shift);
  const to = pane.toScreen(start[cols] - shift + entry.width * step, start[rows] - shift + entry.height * step);
  ctx.imageSmoothingEnabled = pane.scale().unit * ratio < 1 || step > 1;
  ctx.imageSmoothingQuality = pane.isMoving() ? "low" : "medium";
  // Only what is in sight, so that a strong zoom does not draw a canvas of many thousand pixels.
  const perPixelX = (to.x - from.x) / entry.width;
  const perPixelY = (to.y - from.y) / entry.height;
  const left = Math.max(0, Math.floor(-from.x / perPixelX));
  const top = Math.max(0, Math.floor(-from.y / perPixelY));
  const right = Math.min(entry.width, Math.ceil((pane.size.width - from.x) / perPixelX));
  const bottom = Math.min(entry.height, Math.ceil((pane.size.height - from.y) / perPixelY));
  if (right <= left || bottom <= top) return;
  ctx.drawImage(
    picture, left, top, right - left, bottom - top,
    from.x + left * perPixelX, from.y + top * perPixelY, (right - left) * perPixelX, (bottom - top) * perPixelY,
  );
}

function drawCrosshair(pane, ctx, ratio) {
  const { u, v } = pane.crosshair();
  const at = pane.toScreen(u, v);
  const x = (Math.round(at.x * ratio - 0.5) + 0.5) / ratio;
  const y = (Math.round(at.y * ratio - 0.5) + 0.5) / ratio;
  const gap = Math.min(14, Math.max(5, pane.scale().unit * 2));
  const { width, height } = pane.size;
  ctx.strokeStyle = pane.viewer.colours.accent;
  ctx.globalAlpha = 0.9;
  ctx.lineWidth = 1 / ratio;
  ctx.beginPath();
  ctx.moveTo(0, y);
  ctx.lineTo(x - gap, y);
  ctx.moveTo(x + gap, y);
  ctx.lineTo(width, y);
  ctx.moveTo(x, 0);
  ctx.lineTo(x, y - gap);
  ctx.moveTo(x, y + gap);
  ctx.lineTo(x, height);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

function drawBox(pane, ctx) {
  const frame = boxFrame(pane);
  if (!frame) return;
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = pane.viewer.colours.accent;
  ctx.setLineDash(frame.cuts ? [] : [5, 4]);
  ctx.strokeRect(frame.x, frame.y, frame.width, frame.height);
  ctx.setLineDash([]);
}

/** Where the preview box lies on a pane; `cuts` tells whether the slice goes through it. */
export function boxFrame(pane) {
  const range = pane.viewer.boxRange();
  if (!range) return null;
  const { cols, rows } = pane.plane;
  const from = pane.toScreen(range[cols][0], range[rows][0]);
  const to = pane.toScreen(range[cols][1], range[rows][1]);
  const cuts = pane.index >= range[pane.axis][0] && pane.index < range[pane.axis][1];
  return { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y, cuts };
}
