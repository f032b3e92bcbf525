// The gallery's elements: only cells in sight exist. Click, shift, ctrl, arrows select; a, r, u judge; 1 to 9 relabel.

import { decodeColumns, fetchColumns } from "./columns.js";
import { element } from "./element.js";
import { Sheets } from "./gallery_sheets.js";
import { State, VERDICTS, asRows } from "./gallery_state.js";

const GAP = 6;
const OVERSCAN_ROWS = 1;
const SHEETS_AHEAD = 2;
const PLANE_NAMES = { z: "XY", y: "XZ", x: "YZ" };
const HELP = `Click, shift-click, ctrl-click, arrows (shift extends), ctrl+a, Escape: select
a accept · r reject · u undecided
1 to 9: class · Delete: delete
ctrl+z, ctrl+shift+z: undo, redo`;

const galleries = (globalThis.__tomodeckGalleries ??= new Map()); // survive a remount with place and pictures

export function mount(slot, data, send) {
  let gallery = galleries.get(data.owner);
  if (!gallery) galleries.set(data.owner, (gallery = new Gallery()));
  const { state } = gallery;
  gallery.attach(slot);
  state.outbox.connect(data.owner, data.acknowledged, send);
  gallery.apply(data);
  return () => {
    state.flush();
    state.outbox.disconnect();
  };
}

class Gallery {
  constructor() {
    this.state = new State();
    this.sheets = new Sheets((index) => this.arrived(index), (sentence) => this.say(sentence));
    this.cells = new Map(); // id → element
    this.pool = [];
    this.columns = 1;
    this.top = 0;
    this.sequence = 0;
    this.build();
    new ResizeObserver(() => this.layout()).observe(this.view);
  }

  build() {
    this.root = element("div", "gallery");
    this.bar = element("div", "bar");
    this.counts = element("span", "counts");
    const button = (text, hint, act) => {
      const made = element("button", "", text);
      made.type = "button";
      made.title = hint;
      made.onclick = () => {
        act();
        this.refresh();
        this.view.focus({ preventScroll: true });
      };
      return made;
    };
    this.button = button;
    this.chips = element("span", "chips");
    const help = element("span", "help", "?");
    help.title = HELP;
    this.bar.append(
      this.counts,
      element("span", "spring"),
      button("✓ Accept", "Accept the selected (a)", () => this.state.judge("accepted")),
      button("✕ Reject", "Reject the selected (r)", () => this.state.judge("rejected")),
      button("Undecided", "Take the verdict of the selected back (u)", () => this.state.judge("")),
      this.chips,
      help,
    );
    this.view = element("div", "view");
    this.view.tabIndex = 0;
    this.view.setAttribute("role", "listbox");
    this.view.setAttribute("aria-label", "Particles");
    this.view.setAttribute("aria-multiselectable", "true");
    this.space = element("div", "space");
    this.view.append(this.space);
    this.notice = element("div", "notice");
    this.notice.hidden = true;
    this.root.append(this.bar, this.view, this.notice);
    this.view.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.view.addEventListener("keydown", (event) => this.pressed(event));
    this.view.addEventListener("click", (event) => this.clicked(event));
  }

  attach(slot) {
    if (this.root.parentNode === slot) return;
    const { top } = this; // an element that is moved forgets how far it was scrolled
    slot.replaceChildren(this.root);
    this.view.scrollTop = top;
  }

  /** What the page says now. The rows are fetched first; until they are there all stays as it is. */
  async apply(data) {
    const mine = ++this.sequence;
    if (this.buffer?.key !== data.rows) {
      try {
        const bytes = await fetchColumns(data.rows);
        if (mine !== this.sequence) return;
        this.buffer = { key: data.rows, bytes };
        this.say("");
      } catch (error) {
        this.say(error.message);
        return;
      }
    }
    const done = data.acknowledged[this.state.outbox.boot] ?? 0;
    const selectedElsewhere = this.state.take(asRows(decodeColumns(this.buffer.bytes)), data.selected, done);
    this.look = data.look;
    this.perSheet = data.perSheet;
    this.sheetColumns = data.sheetColumns;
    this.classes = data.classes;
    this.colours = new Map(data.classes);
    const pixels = Math.min(512, Math.ceil((data.look.cell * devicePixelRatio) / 32) * 32);
    const { box_angstrom: box, average, planes } = data.look;
    this.sheets.configure(data.sheets, `box=${box}&average=${average}&planes=${planes}&pixels=${pixels}`);
    this.view.style.height = `${data.height}px`;
    this.root.style.setProperty("--cell", `${data.look.cell}px`);
    this.root.style.setProperty("--planes", planes.length);
    this.root.classList.toggle("several", planes.length > 1);
    this.chips.replaceChildren(
      ...data.classes.slice(0, 9).map(([name, colour], index) => {
        const chip = this.button(name, `Make the selected ${name} (${index + 1})`, () => this.state.relabel(name));
        const swatch = element("i");
        swatch.style.background = colour;
        chip.prepend(element("b", "", index + 1), swatch);
        return chip;
      }),
    );
    this.layout(true);
    if (selectedElsewhere && this.state.selected.size) this.showPlace(this.firstSelected());
    this.refresh();
  }

  firstSelected() {
    const place = Math.min(...[...this.state.selected].slice(0, 1000).map((id) => this.state.rows.place.get(id) ?? 0));
    this.state.focus = this.state.anchor = place;
    return place;
  }

  layout(anew = false) {
    if (!this.look || !this.view.clientWidth) return;
    const width = this.look.cell * this.look.planes.length;
    const columns = Math.max(1, Math.floor((this.view.clientWidth - GAP) / (width + GAP)));
    const rowHeight = this.look.cell + GAP;
    const first = Math.floor(this.top / (this.rowHeight || rowHeight)) * this.columns;
    const moved = columns !== this.columns || rowHeight !== this.rowHeight;
    if (!moved && !anew) return this.render();
    Object.assign(this, { columns, rowHeight, cellWidth: width });
    this.space.style.height = `${Math.ceil(this.state.rows.count / columns) * rowHeight + GAP}px`;
    // What was in sight stays in sight when the window or the pictures change their size.
    if (moved) this.view.scrollTop = Math.floor(first / columns) * rowHeight;
    this.render();
  }

  scrolled() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.render();
    });
  }

  /** Make the cells in sight, let go of the others, ask for the pictures. */
  render() {
    const { view, columns, rowHeight, state } = this;
    if (!rowHeight || !view.isConnected) return;
    const top = view.scrollTop;
    const downwards = top >= this.top;
    this.top = top;
    const count = state.rows.count;
    const firstRow = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN_ROWS);
    const lastRow = Math.floor((top + view.clientHeight) / rowHeight) + OVERSCAN_ROWS;
    const [first, last] = [firstRow * columns, Math.min(count, (lastRow + 1) * columns) - 1];
    for (const [id, cell] of this.cells) {
      const place = state.rows.place.get(id);
      if (place === undefined || place < first || place > last) {
        this.cells.delete(id);
        cell.hidden = true;
        this.pool.push(cell);
      }
    }
    for (let place = first; place <= last; place++) {
      const id = state.rows.id[place];
      let cell = this.cells.get(id);
      if (!cell) this.cells.set(id, (cell = this.takeCell(id)));
      if (cell.place !== place || cell.columns !== columns || cell.rowHeight !== rowHeight) {
        const [row, column] = [Math.floor(place / columns), place % columns];
        cell.style.transform = `translate(${GAP + column * (this.cellWidth + GAP)}px, ${GAP + row * rowHeight}px)`;
        Object.assign(cell, { place, columns, rowHeight });
      }
      this.mark(cell, place);
      this.draw(cell, place);
    }
    if (count) {
      const [begin, end] = [Math.floor(first / this.perSheet), Math.floor(Math.max(last, 0) / this.perSheet)];
      const wanted = [];
      for (let index = begin; index <= end; index++) wanted.push(index);
      if (!downwards) wanted.reverse();
      for (let far = 1; far <= SHEETS_AHEAD; far++) wanted.push(downwards ? end + far : begin - far);
      wanted.push(downwards ? begin - 1 : end + 1);
      this.sheets.want(wanted);
    }
  }

  takeCell(id) {
    let cell = this.pool.pop();
    if (!cell) {
      cell = element("div", "cell");
      cell.setAttribute("role", "option");
      cell.picture = element("canvas");
      cell.verdict = element("i", "verdict");
      cell.append(cell.picture, cell.verdict);
      this.space.append(cell);
    }
    cell.hidden = false;
    cell.id = `particle-${id}`;
    cell.drawn = cell.marked = cell.place = null;
    cell.picture.hidden = true;
    return cell;
  }

  draw(cell, place) {
    const index = Math.floor(place / this.perSheet);
    const slot = place % this.perSheet;
    const wanted = `${this.sheets.address(index)} ${slot}`;
    if (cell.drawn === wanted) return;
    const sheet = this.sheets.get(index);
    if (!sheet) return; // the old picture of the same particle stays until the new one is there
    const inSheet = Math.min(this.perSheet, this.state.rows.count - index * this.perSheet);
    const width = sheet.width / this.sheetColumns;
    const height = sheet.height / Math.ceil(inSheet / this.sheetColumns);
    const { picture } = cell;
    if (picture.width !== width || picture.height !== height) Object.assign(picture, { width, height });
    const [row, column] = [Math.floor(slot / this.sheetColumns), slot % this.sheetColumns];
    const pen = (cell.pen ??= picture.getContext("2d", { alpha: false }));
    pen.drawImage(sheet, column * width, row * height, width, height, 0, 0, width, height);
    picture.hidden = false;
    cell.drawn = wanted;
  }

  arrived(index) {
    for (const cell of this.cells.values()) {
      if (Math.floor(cell.place / this.perSheet) === index) this.draw(cell, cell.place);
    }
  }

  /** Selection, verdict, class and focus of a cell, where they changed. */
  mark(cell, place) {
    const { rows, selected, focus } = this.state;
    const id = rows.id[place];
    const chosen = selected.has(id);
    const verdict = VERDICTS[rows.verdict[place]];
    const marked = `${chosen} ${verdict} ${rows.class[place]} ${this.colours.get(rows.class[place])} ${focus === place}`;
    if (focus === place) this.view.setAttribute("aria-activedescendant", cell.id);
    if (cell.marked === marked) return;
    cell.marked = marked;
    cell.classList.toggle("selected", chosen);
    cell.classList.toggle("focus", focus === place);
    cell.dataset.verdict = verdict;
    cell.verdict.textContent = { accepted: "✓", rejected: "✕" }[verdict] ?? "";
    cell.style.setProperty("--class", this.colours.get(rows.class[place]) ?? "transparent");
    cell.setAttribute("aria-selected", String(chosen));
    cell.title = this.describe(place, verdict);
    cell.setAttribute("aria-label", cell.title);
  }

  describe(place, verdict) {
    const { rows } = this.state;
    const where = rows.tomogramNames.length > 1 ? ` in ${rows.tomogramNames[rows.tomogram[place]]}` : "";
    const score = Number.isNaN(rows.score[place]) ? "" : `, score ${Number(rows.score[place].toPrecision(4))}`;
    const [x, y, z] = ["x", "y", "z"].map((axis) => rows[axis][place].toFixed(0));
    const judged = verdict ? `, ${verdict}` : "";
    return `${rows.id[place]}: ${rows.class[place]}${where}${judged}${score}, x ${x} y ${y} z ${z}`;
  }

  /** Draw selection, verdicts and counts anew after something was done. */
  refresh() {
    for (const cell of this.cells.values()) this.mark(cell, cell.place);
    const { rows, selected } = this.state;
    const number = (n) => n.toLocaleString("en");
    const parts = [rows.count === 1 ? "1 particle" : `${number(rows.count)} particles`];
    if (this.look?.planes.length > 1) parts.push([...this.look.planes].map((p) => PLANE_NAMES[p]).join(" "));
    if (selected.size) parts.push(`${number(selected.size)} selected`);
    const [accepted, rejected] = [this.state.count(1), this.state.count(2)];
    if (accepted) parts.push(`✓ ${number(accepted)} accepted`);
    if (rejected) parts.push(`✕ ${number(rejected)} rejected`);
    this.counts.textContent = parts.join(" · ");
  }

  showPlace(place) {
    const top = Math.floor(place / this.columns) * this.rowHeight;
    if (top < this.view.scrollTop) this.view.scrollTop = top;
    const below = top + this.rowHeight + GAP - this.view.clientHeight;
    if (below > this.view.scrollTop) this.view.scrollTop = below;
    this.render();
  }

  range(from, to) {
    return this.state.rows.id.subarray(Math.min(from, to), Math.max(from, to) + 1);
  }

  clicked(event) {
    const cell = event.composedPath().find((part) => part.classList?.contains("cell"));
    if (!cell) return;
    const { state } = this;
    const id = state.rows.id[cell.place];
    const toggles = event.ctrlKey || event.metaKey;
    if (event.shiftKey) {
      state.select([...(toggles ? state.selected : []), ...this.range(state.anchor, cell.place)]);
    } else {
      const next = new Set(toggles ? state.selected : [id]);
      if (toggles && !next.delete(id)) next.add(id);
      state.select(next);
      state.anchor = cell.place;
    }
    state.focus = cell.place;
    this.view.focus({ preventScroll: true });
    this.refresh();
  }

  pressed(event) {
    if (!this.act(event)) return;
    event.preventDefault();
    event.stopPropagation(); // the page has shortcuts of its own: r would rerun it
    this.refresh();
  }

  /** Do what a key asks for; whether it asked for something. */
  act(event) {
    const { state } = this;
    const { count } = state.rows;
    const control = event.ctrlKey || event.metaKey;
    const way = control && { z: event.shiftKey ? "redo" : "undo", y: "redo" }[event.key.toLowerCase()];
    if (way) {
      state.flush([[way, {}]]);
      return true;
    }
    if (control && event.key.toLowerCase() === "a") {
      state.select(state.rows.id);
      return true;
    }
    if (control || event.altKey || !count) return false;
    const screen = Math.max(1, Math.floor(this.view.clientHeight / this.rowHeight)) * this.columns;
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      PageUp: -screen, PageDown: screen, Home: -count, End: count,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      const far = Math.abs(step) > 1 && event.key.startsWith("Arrow");
      const next = state.focus + step;
      if (far && (next < 0 || next >= count)) return true; // no row there
      state.focus = Math.max(0, Math.min(count - 1, next));
      if (!event.shiftKey) state.anchor = state.focus;
      state.select(this.range(state.anchor, state.focus));
      this.showPlace(state.focus);
      return true;
    }
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    if (digit) {
      const named = this.classes[Number(digit[1]) - 1];
      if (named) state.relabel(named[0]);
      return true;
    }
    const verdict = { a: "accepted", r: "rejected", u: "" }[event.key.toLowerCase()];
    if (verdict !== undefined) state.judge(verdict);
    else if (event.key === "Escape") state.select([]);
    else if (event.key === "Delete") state.delete();
    else return false;
    return true;
  }

  say(sentence) {
    this.notice.textContent = sentence;
    this.notice.hidden = !sentence;
  }
}
