// The list of classes: one is active; click, arrows or the keys 1 to 9 choose it, the pencil opens it.

const PENCIL = `<svg viewBox="0 0 16 16" width="14" height="14" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linejoin="round"><path d="m10.8 2.6 2.6 2.6-7.6 7.6-3.3.7.7-3.3 7.6-7.6Z"/></svg>`;

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector("#classes");
  const { classes } = data;
  let active = data.active;
  const focused = list.contains(parentElement.activeElement ?? document.activeElement);

  const choose = (name) => {
    if (name === active) return;
    active = name; // at once; the page follows
    mark();
    setTriggerValue("chosen", name);
  };
  const mark = () => {
    [...list.children].forEach((row, i) => {
      const on = classes[i].name === active;
      row.setAttribute("aria-selected", String(on));
      row.tabIndex = on || (i === 0 && !classes.some((c) => c.name === active)) ? 0 : -1;
    });
  };

  parentElement.querySelector("#head").hidden = !classes.length;
  list.replaceChildren(...classes.map((c, i) => {
    const row = document.createElement("div");
    row.className = c.known ? "row" : "row unknown";
    row.setAttribute("role", "option");
    row.setAttribute("aria-label", c.known ? `${c.name}, radius ${c.radius} Å, ${c.count} here` : `${c.name}, not in the library`);
    row.title = c.known ? c.notes || "" : "Objects have this class, but the library does not: click to add it.";
    const part = (className, text) => Object.assign(document.createElement("span"), { className, textContent: text });
    const swatch = part("swatch", "");
    swatch.style.background = c.colour;
    const pencil = Object.assign(document.createElement("button"), { type: "button", className: "pencil", innerHTML: PENCIL, tabIndex: -1 });
    pencil.title = c.known ? "Edit (Enter)" : "Add to the library";
    pencil.setAttribute("aria-label", c.known ? `edit ${c.name}` : `add ${c.name} to the library`);
    row.append(
      part("key", i < 9 && c.known ? String(i + 1) : ""), swatch, part("number", c.known ? String(c.label) : "–"), part("name", c.name),
      part("radius", c.known ? `${c.radius} Å` : ""), part("count", String(c.count)), pencil,
    );
    const open = () => setTriggerValue("opened", c.name);
    row.addEventListener("click", () => (c.known ? choose(c.name) : open()));
    row.addEventListener("dblclick", open);
    pencil.addEventListener("click", (event) => { event.stopPropagation(); open(); });
    row.addEventListener("keydown", (event) => {
      const turn = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (turn) {
        const next = classes[i + turn];
        if (next?.known) choose(next.name);
        list.children[i + turn]?.focus();
      } else if (event.key === "Enter" || event.key === "F2") open();
      else if (event.key === " ") (c.known ? choose(c.name) : open());
      else return;
      event.preventDefault();
    });
    return row;
  }));
  mark();
  if (focused) list.querySelector("[aria-selected=true]")?.focus({ preventScroll: true });

  // The viewer takes these keys itself while it has the focus, and lets none of them through.
  const onKey = (event) => {
    if (!data.keys || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const target = event.composedPath()[0];
    if (target.isContentEditable || target.matches?.("input, textarea, select, [role=grid] *, canvas")) return;
    if (document.querySelector("[role=dialog][aria-modal=true], [data-testid=stDialog]")) return;
    const chosen = /^[1-9]$/.test(event.key) ? classes[+event.key - 1] : null;
    if (!chosen?.known) return;
    choose(chosen.name);
    event.preventDefault();
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
