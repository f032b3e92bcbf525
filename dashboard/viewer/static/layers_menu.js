// The layers menu: for each label map, score map and object table an eye, opacity, colour, and its classes.

export class LayersMenu {
  constructor(viewer) {
    this.viewer = viewer;
    this.element = document.createElement("div");
    this.element.className = "popover layers-menu";
    this.element.hidden = true;
    this.element.setAttribute("role", "dialog");
    this.element.setAttribute("aria-label", "Layers");
    this.openKeys = new Set(); // layers whose classes are unfolded
  }

  toggle() {
    this.element.hidden = !this.element.hidden;
    this.update();
  }

  update() {
    if (this.element.hidden) return;
    const { viewer } = this;
    const rows = [this.tomogramRow()];
    for (const overlay of viewer.overlays) rows.push(this.overlayRow(overlay));
    for (const set of viewer.objectSets) rows.push(this.objectsRow(set));
    if (rows.length === 1) rows.push(text("p", "quiet", "No label maps or objects over this tomogram."));
    // New rows for old: the focus and the place scrolled to must not be lost with them.
    const focusable = () => [...this.element.querySelectorAll("button, input, summary")];
    const focused = focusable().findIndex((element) => element.matches(":focus"));
    const scroll = this.element.scrollTop;
    this.element.replaceChildren(...rows);
    this.element.scrollTop = scroll;
    if (focused >= 0) (focusable()[focused] ?? viewer.root).focus({ preventScroll: true });
  }

  tomogramRow() {
    const { viewer } = this;
    const row = block();
    const head = line(text("span", "grow name", viewer.tomogram), text("span", "quiet", "tomogram"));
    const invert = document.createElement("label");
    invert.className = "check";
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: viewer.inverted });
    box.addEventListener("change", () => viewer.invert());
    invert.append(box, "black ↔ white");
    row.append(head, invert);
    return row;
  }

  overlayRow(overlay) {
    const { viewer } = this;
    const row = block();
    const changed = () => {
      viewer.layersChanged();
      this.update();
    };
    const scores = overlay.layer?.kind === "scores";
    const head = line(
      eye(overlay.visible, overlay.name, () => { overlay.visible = !overlay.visible; overlay.chosen = true; changed(); }),
      text("span", "grow name", overlay.name),
      text("span", "quiet", scores ? "score map" : "label map"),
    );
    row.append(head);
    if (overlay.problem) row.append(text("p", "problem", overlay.problem));
    row.append(line(text("span", "caption", "opacity"), range(overlay.opacity, (v) => { overlay.opacity = v; viewer.redraw(); })));
    if (scores) {
      row.append(line(text("span", "caption", "threshold"), range(overlay.threshold, (v) => { overlay.setThreshold(v); viewer.redraw(); })));
      row.append(line(text("span", "caption", "colour"), colour(overlay.colour(1), overlay.name, (c) => { overlay.setColour(1, c); viewer.redraw(); })));
      return row;
    }
    const labels = overlay.labels();
    if (!labels.length) return row;
    row.append(this.fold(overlay.key, `${labels.length} ${labels.length === 1 ? "label" : "labels"}`, () => {
      const total = labels.reduce((sum, l) => sum + l.count, 0);
      return labels.slice(0, 200).map(({ label, name, count }) => line(
        eye(!overlay.hidden.has(label), name, (event) => { event.altKey ? overlay.showOnly(label) : overlay.toggle(label); changed(); }),
        colour(overlay.colour(label), name, (c) => { overlay.setColour(label, c); viewer.redraw(); }),
        text("span", "grow", name),
        text("span", "quiet number", percent(count / total)),
      ));
    }));
    return row;
  }

  objectsRow(set) {
    const { viewer } = this;
    const row = block();
    const changed = () => {
      viewer.redraw();
      viewer.toolbar.update();
      this.update();
    };
    row.append(line(
      eye(set.visible, set.name, () => { set.visible = !set.visible; set.chosen = true; changed(); }),
      text("span", "grow name", set.name),
      text("span", "quiet", set.editable ? "objects, editable" : "objects"),
    ));
    if (set.problem) row.append(text("p", "problem", set.problem));
    const counts = [...set.counts()].sort((a, b) => b[1] - a[1]);
    if (!counts.length) {
      if (!set.problem) row.append(text("p", "quiet", "None in this tomogram."));
      return row;
    }
    row.append(this.fold(set.key, `${counts.length} ${counts.length === 1 ? "class" : "classes"}`, () =>
      counts.map(([name, count]) => line(
        eye(!set.hidden.has(name), name, () => { set.toggle(name); changed(); }),
        colour(set.colour(name), name, (c) => { set.colours.set(name, c); viewer.redraw(); }),
        text("span", "grow", name),
        text("span", "quiet number", String(count)),
      )),
    ));
    return row;
  }

  fold(key, title, rows) {
    const details = document.createElement("details");
    details.open = !this.openKeys.has(`closed:${key}`);
    details.append(text("summary", "", title));
    const list = document.createElement("div");
    list.append(...rows());
    details.append(list);
    details.addEventListener("toggle", () => (details.open ? this.openKeys.delete(`closed:${key}`) : this.openKeys.add(`closed:${key}`)));
    return details;
  }
}

const EYE = `<svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.3"><path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8Z"/><circle cx="8" cy="8" r="2"/></svg>`;
const EYE_OFF = `<svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.3"><path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8Z"/><path d="M3 13 13 3"/></svg>`;

function eye(on, name, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = on ? "eye" : "eye off";
  button.innerHTML = on ? EYE : EYE_OFF;
  button.setAttribute("aria-label", `${on ? "hide" : "show"} ${name}`);
  button.addEventListener("click", act);
  return button;
}

function range(value, act) {
  const input = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1, step: 0.01, value });
  const shown = text("span", "quiet number", percent(value));
  input.addEventListener("input", () => {
    act(+input.value);
    shown.textContent = percent(+input.value);
  });
  const both = document.createElement("span");
  both.className = "grow range";
  both.append(input, shown);
  return both;
}

function colour(value, name, act) {
  const input = Object.assign(document.createElement("input"), { type: "color", value });
  input.setAttribute("aria-label", `colour of ${name}`);
  input.addEventListener("input", () => act(input.value));
  return input;
}

function text(tag, className, content) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = content; // never as HTML: names come from files
  return element;
}

function line(...children) {
  const element = document.createElement("div");
  element.className = "line";
  element.append(...children);
  return element;
}

function block() {
  return Object.assign(document.createElement("section"), { className: "layer" });
}

const percent = (part) => (part > 0 && part < 0.01 ? "< 1 %" : `${Math.round(part * 100)} %`);
