// The bar above the planes: tomogram, slice, zoom, slab, contrast, layers, small planes, help.

import { ContrastControl } from "./contrast.js";
import { CLASS_SHORTCUTS, EDIT_SHORTCUTS, OBJECT_SHORTCUTS, SHORTCUTS } from "./keys.js";
import { LayersMenu } from "./layers_menu.js";

const SMALL_PLANES = `<svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.3"><rect x="1.5" y="2.5" width="13" height="11" rx="1"/><path d="M10 2.5v11M10 8h4.5"/></svg>`;
const LAYERS = `<svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linejoin="round"><path d="M8 2 1.8 5.5 8 9l6.2-3.5L8 2Z"/><path d="M1.8 8.5 8 12l6.2-3.5M1.8 11.2"/></svg>`;

const ICON = `viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.3"`;
const ADD = `<svg ${ICON}><circle cx="8" cy="8" r="6.2"/><path d="M8 5v6M5 8h6"/></svg>`;
const RECTANGLE = `<svg ${ICON} stroke-dasharray="2.4 1.8"><rect x="1.8" y="3" width="12.4" height="10"/></svg>`;
const LASSO = `<svg ${ICON} stroke-dasharray="2.4 1.8"><path d="M8 2.6c3.6 0 6.2 1.8 6.2 4.2S11.6 11 8 11 1.8 9.2 1.8 6.8 4.4 2.6 8 2.6ZM5 10.6c.6 1.6.2 2.6-1 3.4"/></svg>`;

export class Toolbar {
  constructor(viewer) {
    this.viewer = viewer;
    this.element = document.createElement("div");
    this.element.className = "toolbar";
    this.element.setAttribute("role", "toolbar");
    this.element.innerHTML = `
      <span class="tomogram"></span>
      <label class="slice" title="Slice of the active plane: wheel, arrows or type a number"><span class="axis">z</span>
        <input type="text" inputmode="numeric" size="4" aria-label="slice"><span class="quiet of"></span></label>
      <span class="group"><button type="button" data-act="fit" title="Fit (F)">fit</button>
        <button type="button" data-act="one" title="One voxel per screen pixel">1:1</button>
        <span class="zoom number" title="Zoom: 100 % is one voxel per screen pixel"></span></span>
      <span class="group slab" title="Average of neighbouring slices ([ and ])"><span class="quiet">slab</span>
        <button type="button" data-act="thinner" aria-label="average fewer slices">−</button><span class="number value">1</span>
        <button type="button" data-act="thicker" aria-label="average more slices">+</button></span>
      <span class="group contrast-group"><button type="button" data-act="auto" title="Contrast from the slice in view (C)">auto</button></span>
      <span class="group tools" hidden>
        <span class="active-class" title="Class that is added"><i></i><span></span></span>
        <button type="button" class="icon" data-mode="add" title="Add objects by clicks (A)" aria-label="add objects by clicks">${ADD}</button>
        <button type="button" class="icon" data-mode="rectangle" title="Select by a rectangle (R, or Shift + drag)" aria-label="select by a rectangle">${RECTANGLE}</button>
        <button type="button" class="icon" data-mode="lasso" title="Select by a lasso (L, or Alt + drag)" aria-label="select by a lasso">${LASSO}</button></span>
      <span class="spring"></span>
      <button type="button" class="with-icon" data-act="layers" title="Layers" aria-expanded="false">${LAYERS}<span>layers</span></button>
      <button type="button" class="icon" data-act="small" title="Small planes on or off (H)" aria-label="small planes on or off">${SMALL_PLANES}</button>
      <button type="button" class="icon" data-act="help" title="Keyboard (?)" aria-label="keyboard shortcuts">?</button>`;
    const find = (selector) => this.element.querySelector(selector);
    this.tomogram = find(".tomogram");
    this.axis = find(".axis");
    this.input = find("input");
    this.of = find(".of");
    this.zoom = find(".zoom");
    this.slab = find(".slab .value");
    this.layersButton = find("[data-act=layers]");
    this.tools = find(".tools");
    this.activeClass = find(".active-class");
    this.modeButtons = [...this.element.querySelectorAll("button[data-mode]")];
    this.contrast = new ContrastControl(viewer);
    find(".contrast-group").prepend(this.contrast.element);
    this.menu = new LayersMenu(viewer);
    this.help = makeHelp();
    const acts = {
      fit: () => viewer.fit(), one: () => viewer.oneToOne(), thinner: () => viewer.setSlab(viewer.slab - 2),
      thicker: () => viewer.setSlab(viewer.slab + 2), auto: () => viewer.autoContrast(), small: () => viewer.toggleSmall(),
      layers: () => this.openMenu(), help: () => this.toggleHelp(),
    };
    this.element.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-act]");
      if (button) acts[button.dataset.act]();
      const tool = event.target.closest("button[data-mode]");
      if (!tool) return;
      viewer.editing.toggleMode(tool.dataset.mode);
      viewer.root.focus({ preventScroll: true }); // so that the keys work at once
    });
    this.input.addEventListener("change", () => {
      const number = Number.parseInt(this.input.value, 10);
      if (Number.isFinite(number)) viewer.stepSlice(viewer.activeAxis, number - viewer.position[viewer.activeAxis]);
      this.update();
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      this.input.blur(); // fires "change"
      viewer.root.focus({ preventScroll: true });
    });
  }

  openMenu() {
    this.help.hidden = true;
    this.menu.toggle();
    this.layersButton.setAttribute("aria-expanded", String(!this.menu.element.hidden));
  }

  toggleHelp() {
    this.menu.element.hidden = true;
    this.help.hidden = !this.help.hidden;
    const { editing } = this.viewer;
    const set = editing.editableSet();
    this.help.querySelector(".objects").hidden = !editing.selectableSet();
    this.help.querySelector(".editing").hidden = !set;
    this.help.querySelector(".classes").hidden = !set?.spec.class_keys;
  }

  /** Close what is open; true when something was. */
  close() {
    const open = !this.menu.element.hidden || !this.help.hidden;
    this.menu.element.hidden = this.help.hidden = true;
    this.layersButton.setAttribute("aria-expanded", "false");
    return open;
  }

  update() {
    const { viewer } = this;
    set(this.tomogram, viewer.tomogram ?? "");
    this.tomogram.title = viewer.tomogram ?? "";
    this.updateTools();
    if (!viewer.lengths) return;
    const axis = viewer.activeAxis;
    set(this.axis, axis);
    const number = String(viewer.position[axis]);
    if (this.input.value !== number && !this.input.matches(":focus")) this.input.value = number;
    set(this.of, `/ ${viewer.lengths[axis] - 1}`);
    const scale = viewer.panes[viewer.large].scale().unit * window.devicePixelRatio;
    set(this.zoom, `${Math.round(scale * 100)} %`);
    set(this.slab, String(viewer.slab));
  }

  updateTools() {
    const { editing } = this.viewer;
    const objects = editing.editableSet();
    this.tools.hidden = !objects;
    this.element.classList.toggle("with-tools", Boolean(objects));
    if (!objects) return;
    this.activeClass.hidden = !objects.activeClass;
    if (objects.activeClass) {
      this.activeClass.firstElementChild.style.background = objects.colour(objects.activeClass);
      set(this.activeClass.lastElementChild, objects.activeClass);
    }
    for (const button of this.modeButtons) button.setAttribute("aria-pressed", String(button.dataset.mode === editing.mode));
  }
}

function makeHelp() {
  const help = document.createElement("div");
  help.className = "popover help";
  help.hidden = true;
  help.setAttribute("role", "dialog");
  help.setAttribute("aria-label", "Keyboard shortcuts");
  const list = (shortcuts) => shortcuts.map(([keys, what]) => `<dt>${keys}</dt><dd>${what}</dd>`).join("");
  help.innerHTML = `<dl>${list(SHORTCUTS)}</dl><dl class="objects">${list(OBJECT_SHORTCUTS)}</dl>
    <dl class="editing">${list(EDIT_SHORTCUTS)}</dl><dl class="classes">${list(CLASS_SHORTCUTS)}</dl>`;
  return help;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
