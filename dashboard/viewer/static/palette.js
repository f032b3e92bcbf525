// Colours of labels and classes: the project's own where it defines them, else Okabe and Ito's, told apart by colour-blind
// readers too. Colours are "#rrggbb"; tables hold them as the 32-bit pixels of a canvas.

// Label 1 first; black is left out, because tomograms are dark.
export const PALETTE = [
  "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999",
  "#882255", "#44AA99", "#DDCC77", "#332288", "#CC6677", "#117733", "#AA4499", "#661100",
];

export function labelColour(label) {
  return PALETTE[(((label - 1) % PALETTE.length) + PALETTE.length) % PALETTE.length];
}

/** A canvas pixel (little-endian RGBA) from "#rrggbb" and an opacity from 0 to 255. */
export function pixel(colour, alpha = 255) {
  const rgb = parseInt(colour.slice(1), 16);
  return ((alpha << 24) | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
}

/** Grey values for the 256 quantised densities between two of them; `inverted` swaps black and white. */
export function greyTable(from, to, inverted) {
  const table = new Uint32Array(256);
  const span = Math.max(to - from, 1e-6);
  for (let i = 0; i < 256; i++) {
    let grey = Math.round((255 * (i - from)) / span);
    grey = Math.min(Math.max(grey, 0), 255);
    if (inverted) grey = 255 - grey;
    table[i] = (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0;
  }
  return table;
}

/** Pixels for 256 quantised scores: nothing below `threshold` (0 to 255), then more and more of the colour. */
export function scoreTable(colour, threshold) {
  const table = new Uint32Array(256);
  for (let i = Math.max(1, Math.ceil(threshold)); i < 256; i++) table[i] = pixel(colour, Math.min(255, 90 + (165 * i) / 255));
  return table;
}
