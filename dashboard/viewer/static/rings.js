// Rings on a canvas: stroked while they are few; stamped from small pictures where many thousand are in sight, because
// stroking those would take seconds.

const STROKED = 300; // so many are stroked, which is a little finer
const LARGEST_STAMP = 80; // CSS pixels of radius; larger ones are always stroked
const STEP = 0.5; // stamps are kept for radii this far apart, CSS pixels
const MOST_STAMPS = 2000;

const stamps = new Map(); // colour, radius, dot, ratio → canvas

/** Draw `rings`, a list of {x, y, radius, colour, dot} in CSS pixels, each in a dark rim. */
export function drawRings(ctx, rings, ratio) {
  if (rings.length <= STROKED) return strokeRings(ctx, rings);
  const large = rings.filter((ring) => ring.radius > LARGEST_STAMP);
  ctx.save();
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.imageSmoothingEnabled = false;
  for (const ring of rings) {
    if (ring.radius > LARGEST_STAMP) continue;
    const picture = stamp(ring, ratio);
    ctx.drawImage(picture, Math.round(ring.x * ratio - picture.width / 2), Math.round(ring.y * ratio - picture.height / 2));
  }
  ctx.restore();
  strokeRings(ctx, large);
}

function strokeRings(ctx, rings) {
  const paths = new Map(); // colour → path
  for (const { x, y, radius, colour, dot } of rings) {
    if (!paths.has(colour)) paths.set(colour, new Path2D());
    const path = paths.get(colour);
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
    if (!dot) continue;
    path.moveTo(x + 1.5, y);
    path.arc(x, y, 1.5, 0, 2 * Math.PI);
  }
  ctx.lineWidth = 3;
  ctx.strokeStyle = "rgba(0, 0, 0, 0.45)";
  for (const path of paths.values()) ctx.stroke(path);
  ctx.lineWidth = 1.5;
  for (const [colour, path] of paths) {
    ctx.strokeStyle = colour;
    ctx.stroke(path);
  }
}

function stamp({ radius, colour, dot }, ratio) {
  const rounded = Math.max(STEP, Math.round(radius / STEP) * STEP);
  const key = `${colour}|${rounded}|${dot}|${ratio}`;
  let picture = stamps.get(key);
  if (picture) return picture;
  if (stamps.size >= MOST_STAMPS) stamps.clear();
  picture = document.createElement("canvas");
  picture.width = picture.height = Math.ceil((2 * rounded + 6) * ratio);
  const ctx = picture.getContext("2d");
  ctx.scale(ratio, ratio);
  const middle = picture.width / ratio / 2;
  strokeRings(ctx, [{ x: middle, y: middle, radius: rounded, colour, dot }]);
  stamps.set(key, picture);
  return picture;
}
