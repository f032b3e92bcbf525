// The rectangle or lasso that a person draws over a plane to select what lies in it. Points are CSS pixels of the pane.

export class Marquee {
  constructor(pane, kind, at) {
    this.pane = pane;
    this.kind = kind; // "rectangle" or "lasso"
    this.points = [at];
  }

  to(at) {
    if (this.kind === "rectangle") this.points = [this.points[0], at];
    else this.points.push(at);
  }

  holds({ x, y }) {
    if (this.kind === "lasso") return insidePolygon(this.points, x, y);
    const [from, to] = [this.points[0], this.points.at(-1)];
    return x >= Math.min(from.x, to.x) && x <= Math.max(from.x, to.x) && y >= Math.min(from.y, to.y) && y <= Math.max(from.y, to.y);
  }

  draw(ctx, colour) {
    ctx.beginPath();
    if (this.kind === "rectangle") {
      const [from, to] = [this.points[0], this.points.at(-1)];
      ctx.rect(from.x, from.y, to.x - from.x, to.y - from.y);
    } else {
      this.points.forEach(({ x, y }, i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
      ctx.closePath();
    }
    ctx.globalAlpha = 0.14;
    ctx.fillStyle = colour;
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.lineWidth = 3;
    ctx.strokeStyle = "rgba(0, 0, 0, 0.5)";
    ctx.stroke();
    ctx.lineWidth = 1.25;
    ctx.strokeStyle = "#ffffff";
    ctx.setLineDash([5, 3]);
    ctx.stroke();
    ctx.setLineDash([]);
  }
}

/** Whether (x, y) lies in the closed polygon: a ray to the right crosses its border an odd number of times. */
export function insidePolygon(points, x, y) {
  let inside = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [a, b] = [points[i], points[j]];
    if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) inside = !inside;
  }
  return inside;
}
