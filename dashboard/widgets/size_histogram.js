// Bars over a logarithmic axis of sizes, and two limits to drag. The page hears of a change through `limits`.
const NS = "http://www.w3.org/2000/svg";
const TOP = 18;
const BOTTOM = 108;
let count = 0;

function element(name, attributes, text) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector("#sizes");
  const { edges, counts } = data;
  let limits = [...data.limits];
  const first = Math.log10(Math.max(edges[0], 0.5));
  const last = Math.log10(edges[edges.length - 1]);
  const width = () => Math.max(root.clientWidth, 120);
  const place = (size) => 6 + ((Math.log10(size) - first) / (last - first || 1)) * (width() - 12);
  const size = (x) => 10 ** (first + ((x - 6) / (width() - 12)) * (last - first));
  const ends = [edges[0], edges[edges.length - 1]];
  const shown = (side) => limits[side] ?? ends[side];

  const tell = () => setStateValue("limits", { limits, count: ++count + Date.now() });
  const set = (side, value) => {
    // At the very end of the axis there is no limit.
    const rounded = Math.round(value);
    const none = side === 0 ? rounded <= edges[0] + 0.5 : rounded >= ends[1];
    limits[side] = none ? null : Math.max(1, rounded);
    if (limits[0] !== null && limits[1] !== null && limits[0] > limits[1]) limits[side] = limits[1 - side];
  };

  const draw = () => {
    const held = root.getRootNode().activeElement?.dataset?.side;
    const svg = element("svg", { viewBox: `0 0 ${width()} 124` });
    const tallest = Math.max(...counts.map(Math.sqrt), 1);
    counts.forEach((n, i) => {
      if (!n) return;
      const [a, b] = [place(Math.max(edges[i], ends[0])), place(edges[i + 1])];
      const height = (Math.sqrt(n) / tallest) * (BOTTOM - TOP);
      const middle = Math.sqrt(edges[i] * edges[i + 1]);
      const out = (limits[0] !== null && middle < limits[0]) || (limits[1] !== null && middle > limits[1]);
      const bar = element("rect", {
        class: out ? "bar out" : "bar",
        x: a,
        width: Math.max(b - a - 1, 1),
        y: BOTTOM - height,
        height,
      });
      bar.append(element("title", {}, `${Math.ceil(edges[i])} to ${Math.floor(edges[i + 1])} voxels: ${n} pieces`));
      svg.append(bar);
    });
    svg.append(element("line", { class: "axis", x1: 0, x2: width(), y1: BOTTOM, y2: BOTTOM }));
    for (let power = 0; power <= last; power++) {
      const x = place(10 ** power);
      if (x < 0 || x > width() - 4) continue;
      svg.append(element("text", { x, y: BOTTOM + 14, "text-anchor": "middle" }, (10 ** power).toLocaleString("en")));
    }
    [0, 1].forEach((side) => {
      const x = place(shown(side));
      const names = ["Smallest", "Largest"];
      const handle = element("g", {
        class: "limit",
        tabindex: 0,
        role: "slider",
        "data-side": side,
        "aria-label": `${names[side]} size to keep`,
        "aria-valuenow": Math.round(shown(side)),
        "aria-valuetext": limits[side] === null ? "no limit" : `${limits[side]} voxels`,
      });
      handle.append(element("rect", { x: x - 7, y: 0, width: 14, height: BOTTOM }));
      handle.append(element("line", { x1: x, x2: x, y1: TOP - 4, y2: BOTTOM }), element("circle", { cx: x, cy: TOP - 4, r: 4 }));
      if (limits[side] !== null) {
        const anchor = x < 40 ? "start" : x > width() - 40 ? "end" : "middle";
        handle.append(element("text", { x, y: 8, "text-anchor": anchor }, limits[side].toLocaleString("en")));
      }
      handle.onpointerdown = (event) => {
        event.preventDefault();
        const box = root.getBoundingClientRect();
        const move = (e) => {
          set(side, size(e.clientX - box.left));
          draw();
        };
        const stop = () => {
          window.removeEventListener("pointermove", move);
          window.removeEventListener("pointerup", stop);
          tell();
        };
        window.addEventListener("pointermove", move);
        window.addEventListener("pointerup", stop);
      };
      handle.onkeydown = (event) => {
        const factor = { ArrowLeft: 1 / 1.1, ArrowRight: 1.1 }[event.key];
        if (!factor) return;
        event.preventDefault();
        const here = shown(side);
        const next = here * factor;
        set(side, factor > 1 ? Math.max(next, here + 1) : Math.min(next, here - 1));
        draw();
        tell();
      };
      svg.append(handle);
    });
    root.replaceChildren(svg);
    if (held !== undefined) root.querySelector(`[data-side="${held}"]`)?.focus();
  };
  draw();
  const watch = new ResizeObserver(draw);
  watch.observe(root);
  return () => watch.disconnect();
}
