// Colours of the canvas from the page's theme. CSS follows light and dark by itself; a canvas must ask.

export function readColours(root) {
  const style = getComputedStyle(root.isConnected ? root : document.documentElement);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const background = read("--st-background-color", "#ffffff");
  const dark = luminance(background) < 0.4;
  root.dataset.theme = dark ? "dark" : "light";
  return {
    dark,
    ground: dark ? "#0b0b0c" : "#b9bbbf",
    accent: read("--st-primary-color", "#3b82f6"),
    muted: dark ? "#a3a7ae" : "#5c6068",
  };
}

function luminance(colour) {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}
