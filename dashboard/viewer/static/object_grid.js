// The grid's elements: only rows in sight exist, however long the table.

import { decodeColumns, fetchColumns } from "./columns.js";
import { element } from "./element.js";
import { CellEditor, plain, written } from "./object_grid_cells.js";
import { FilterPanel } from "./object_grid_filter.js";
import { Head } from "./object_grid_head.js";
import { GridState } from "./object_grid_state.js";

const ROW = 27; // pixels
const TALLEST = 8_000_000; // pixels of a scrolled element: browsers allow little more
const HELP = `Click, shift-click, ctrl-click, arrows (shift extends), ctrl+a, Escape: select
Double-click or Enter: edit a cell · Tab: the next one · Delete: delete the selected
Click a column's name: sort, again: from the largest, again: as in the table
ctrl+c: copy the selected rows · ctrl+z, ctrl+shift+z: undo, redo`;

const grids = (globalThis.__tomodeckGrids ??= new Map()); // survive a remount with place, order and columns

export function mount(slot, data, send) {
  let grid = grids.get(data.owner);
  if (!grid) grids.set(data.owner, (grid = new Grid()));
  const { state } = grid;
  grid.attach(slot);
  state.outbox.connect(data.owner, data.acknowledged, send);
  grid.apply(data);
  return () => {
    state.flush();
    state.outbox.disconnect();
  };
}

class Grid {
  constructor() {
    this.state = new GridState();
    this.panel = new FilterPanel(this.state, () => this.refresh(true));
    this.head = new Head(
      this.state,
      (name) => this.sort(name),
      (wanted) => this.selectShown(wanted),
    );
    this.editor = new CellEditor(this);
    this.kept = new Map(); // bytes of the states seen last: undo goes back to them
    this.rows = [];
    this.focus = 0; // among the shown
    this.anchor = 0;
    this.column = 0;
    this.top = 0;
    this.sequence = 0;
    this.build();
    new ResizeObserver(() => this.render()).observe(this.view);
    document.addEventListener("pointerdown", (event) => {
      const path = event.composedPath();
      if (!path.includes(this.panel.root) && !path.includes(this.filterButton)) this.panel.open(false);
    });
  }

  build() {
    this.root = element("div", "grid");
    const bar = element("div", "bar");
    const button = (text, hint, act) => {
      const made = element("button", "", text);
      made.type = "button";
      made.title = hint;
      made.onclick = act;
      bar.append(made);
      return made;
    };
    const { state } = this;
    this.filterButton = button("Filter", "Show some of the objects only", () => this.panel.open(this.panel.root.hidden));
    this.filterButton.setAttribute("aria-haspopup", "dialog");
    this.undoButton = button("Undo", "Take the last edit back (ctrl+z)", () => this.ask("undo"));
    this.redoButton = button("Redo", "Do it again (ctrl+shift+z)", () => this.ask("redo"));
    this.deleteButton = button("Delete", "Delete the selected objects; Undo brings them back", () => this.delete());
    this.keepButton = button("Keep", "Delete every object that the filter hides; Undo brings them back", () => this.ask("kept"));
    const help = element("span", "help", "?");
    help.title = HELP;
    bar.append(element("span", "spring"), help);
    this.view = element("div", "view");
    this.view.tabIndex = 0;
    this.view.setAttribute("role", "grid");
    this.view.setAttribute("aria-label", "Objects");
    this.view.setAttribute("aria-multiselectable", "true");
    this.space = element("div", "space");
    this.view.append(this.head.root, this.space);
    this.foot = element("div", "foot");
    for (const each of [this.undoButton, this.redoButton, this.deleteButton]) each.disabled = true;
    this.keepButton.hidden = true;
    const rule = element("span", "rule", "voxels, 0-based");
    rule.title = "x, y, z and size are in voxels; the centre of the first voxel is 0";
    this.foot.append(element("span", "", "loading …"), rule);
    this.foot.firstChild.setAttribute("role", "status");
    this.notice = element("div", "notice");
    this.notice.hidden = true;
    this.root.append(bar, this.panel.root, this.view, this.notice, this.foot);
    this.view.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.view.addEventListener("keydown", (event) => this.pressed(event));
    this.view.addEventListener("copy", (event) => this.copy(event));
    this.space.addEventListener("click", (event) => this.clicked(event));
    this.space.addEventListener("dblclick", (event) => this.clicked(event, true));
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.panel.root.hidden) {
        this.panel.open(false);
        this.filterButton.focus();
        event.stopPropagation();
      }
    });
  }

  attach(slot) {
    if (this.root.parentNode === slot) return;
    // An element that is moved forgets how far it was scrolled and what had the focus.
    const { top } = this;
    const focused = this.root.getRootNode().activeElement;
    this.moving = true;
    slot.replaceChildren(this.root);
    this.view.scrollTop = top;
    if (focused && this.root.contains(focused)) focused.focus({ preventScroll: true });
    this.moving = false;
  }

  /** What the page says now. The columns are fetched first; until they are there the rows stay as they are. */
  async apply(data) {
    const mine = ++this.sequence;
    const { state } = this;
    this.data = data;
    this.view.style.height = `${data.height}px`;
    let bytes = this.kept.get(data.rows);
    if (!bytes) {
      state.done = state.acknowledged(data); // what is saved need not wait for the rows to be seen
      if (this.key) this.count();
      try {
        bytes = await fetchColumns(data.rows);
      } catch (error) {
        this.say(error.message);
        return;
      }
      if (mine !== this.sequence) return;
      this.say("");
    }
    this.kept.delete(data.rows);
    this.kept.set(data.rows, bytes);
    while (this.kept.size > 3) this.kept.delete(this.kept.keys().next().value);
    const focused = state.ids?.[state.order[this.focus]];
    const anew = this.key !== data.rows;
    this.key = data.rows;
    const elsewhere = state.take(anew ? () => decodeColumns(bytes) : null, data);
    this.colours = new Map(data.classes);
    this.editor.keepUp();
    this.shape();
    const at = state.at(focused);
    this.focus = this.anchor = Math.max(0, Math.min(at ?? this.focus, state.order.length - 1));
    if (elsewhere && state.selected.size) this.showSelected();
    if (!this.panel.root.hidden && anew) this.panel.build();
    this.refresh();
  }

  /** Rows for the columns that there are now. */
  shape() {
    const widths = this.head.take(this.data.columns);
    if (!widths) return;
    this.root.style.setProperty("--columns", widths);
    this.column = Math.min(this.column, this.specs.length - 1);
    for (const row of this.rows) row.remove();
    this.rows = [];
  }

  get specs() {
    return this.head.specs;
  }

  sort(name) {
    this.state.sortBy(name);
    this.refresh(true);
  }

  scrolled() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.editor.hasMoved()) this.editor.stop(true);
      this.render();
    });
  }

  /** Pixels from the first row to the top of the view, as if no element had a greatest height. */
  offset() {
    const height = this.state.order.length * ROW;
    const room = this.view.clientHeight - ROW;
    if (height <= TALLEST) return this.view.scrollTop;
    return (this.view.scrollTop / Math.max(1, TALLEST - room)) * (height - room);
  }

  scrollTo(offset) {
    const height = this.state.order.length * ROW;
    const room = this.view.clientHeight - ROW;
    this.view.scrollTop = height <= TALLEST ? offset : (offset / (height - room)) * (TALLEST - room);
  }

  /** Fill the rows in sight. */
  render() {
    const { view, state, specs } = this;
    if (!specs.length || !view.clientHeight || !view.isConnected) return;
    const count = state.order.length;
    this.space.style.height = `${Math.min(count * ROW, TALLEST)}px`;
    this.top = view.scrollTop;
    const offset = this.offset();
    const first = Math.max(0, Math.floor(offset / ROW));
    const needed = Math.min(Math.ceil(view.clientHeight / ROW) + 1, count - first);
    while (this.rows.length < needed) this.rows.push(this.makeRow());
    this.rows.forEach((row, index) => {
      const at = first + index;
      row.hidden = at >= count || index >= needed;
      if (row.hidden) return;
      row.at = at;
      row.style.transform = `translateY(${this.top + at * ROW - offset}px)`;
      this.fill(row, state.order[at]);
    });
    view.setAttribute("aria-rowcount", count + 1);
  }

  makeRow() {
    const row = element("div", "row");
    row.setAttribute("role", "row");
    row.box = element("i", "box");
    const mark = element("span", "mark");
    mark.append(row.box);
    row.cells = this.specs.map(({ name }) => {
      const cell = element("span", this.state.columns.get(name).names ? "" : "number");
      cell.setAttribute("role", "gridcell");
      return cell;
    });
    row.append(mark, ...row.cells);
    this.space.append(row);
    return row;
  }

  fill(row, place) {
    const { state } = this;
    const chosen = state.selected.has(state.ids[place]);
    row.id = `object-${state.ids[place]}`;
    row.classList.toggle("selected", chosen);
    row.setAttribute("aria-selected", String(chosen));
    row.setAttribute("aria-rowindex", row.at + 2);
    const focused = row.at === this.focus;
    row.classList.toggle("focus", focused);
    if (focused) this.view.setAttribute("aria-activedescendant", row.id);
    this.specs.forEach(({ name, digits }, index) => {
      const cell = row.cells[index];
      cell.classList.toggle("active", focused && index === this.column);
      if (cell.editing) return;
      const text = written(state.content(place, name), digits);
      if (cell.shown !== text) {
        cell.shown = text;
        cell.textContent = text;
        cell.title = text.length > 10 ? text : "";
      }
      if (name === "class") cell.style.setProperty("--class", this.colours.get(text) ?? "transparent");
    });
  }

  /** Draw everything anew after something was done; `filtered`: other rows are shown than before. */
  refresh(filtered = false) {
    const { state } = this;
    const shown = state.order.length;
    if (filtered) {
      this.focus = this.anchor = 0;
      this.view.scrollTop = 0;
    }
    this.focus = Math.max(0, Math.min(this.focus, shown - 1));
    this.render();
    const active = this.panel.active();
    this.filterButton.textContent = active ? `Filter (${active})` : "Filter";
    this.filterButton.setAttribute("aria-pressed", active > 0);
    const pending = !state.saved();
    this.undoButton.disabled = !(this.data.undo || pending);
    this.redoButton.disabled = !this.data.redo || pending;
    this.count();
  }

  /** The line below, and the buttons whose words say how many objects they mean. */
  count() {
    const { state } = this;
    const number = (n) => n.toLocaleString("en");
    const [shown, total] = [state.order.length, state.total()];
    let chosen = 0;
    let seen = 0;
    for (const id of state.selected) {
      if (state.place(id) === undefined || state.deleted.has(id)) continue;
      chosen++;
      seen += state.shows(id);
    }
    const parts = [shown === 1 ? "1 object" : `${number(shown)} objects`];
    if (shown < total) parts[0] += ` of ${number(total)}`;
    if (seen) parts.push(`${number(seen)} selected`);
    if (chosen > seen) parts.push(`${number(chosen - seen)} selected behind the filter`);
    parts.push(state.saved() ? "saved" : "saving …");
    this.foot.firstChild.textContent = parts.join(" · ");
    this.deleteButton.disabled = !seen;
    this.deleteButton.textContent = seen ? `Delete ${number(seen)}` : "Delete";
    this.keepButton.hidden = shown === total;
    this.keepButton.textContent = `Keep these ${number(shown)}`;
    this.head.mark(seen, shown);
  }

  // Selecting

  showSelected() {
    const shown = [...this.state.selected].filter((id) => this.state.shows(id));
    if (!shown.length) return;
    const last = this.state.at(shown.at(-1));
    this.focus = this.anchor = last;
    this.reveal(last);
  }

  reveal(at) {
    const offset = this.offset();
    const room = this.view.clientHeight - ROW; // below the head
    if (at * ROW < offset) this.scrollTo(at * ROW);
    else if ((at + 1) * ROW > offset + room) this.scrollTo((at + 1) * ROW - room);
  }

  range(from, to) {
    const { order, ids } = this.state;
    return Array.from(order.subarray(Math.min(from, to), Math.max(from, to) + 1), (place) => ids[place]);
  }

  selectShown(wanted) {
    const { state } = this;
    const hidden = [...state.selected].filter((id) => !state.shows(id));
    state.select(wanted ? [...hidden, ...this.range(0, state.order.length - 1)] : hidden);
    this.refresh();
  }

  clicked(event, edits = false) {
    const path = event.composedPath();
    const row = path.find((part) => part.classList?.contains("row"));
    if (!row || path.some((part) => part.tagName === "INPUT")) return;
    const { state } = this;
    const index = row.cells.findIndex((cell) => path.includes(cell));
    this.focus = row.at;
    if (index >= 0) this.column = index;
    if (edits) {
      this.refresh();
      if (index >= 0) this.editor.begin();
      return;
    }
    const id = state.ids[state.order[row.at]];
    const toggles = event.ctrlKey || event.metaKey || index < 0;
    if (event.shiftKey) {
      state.select([...(toggles ? state.selected : []), ...this.range(this.anchor, row.at)]);
    } else {
      const next = new Set(toggles ? state.selected : [id]);
      if (toggles && !next.delete(id)) next.add(id);
      state.select(next);
      this.anchor = row.at;
    }
    this.view.focus({ preventScroll: true });
    this.refresh();
  }

  pressed(event) {
    if (event.composedPath()[0].tagName === "INPUT" || !this.act(event)) return;
    event.preventDefault();
    event.stopPropagation(); // the page has shortcuts of its own: r would rerun it
    this.refresh();
  }

  /** Do what a key asks for; whether it asked for something. */
  act(event) {
    const { state } = this;
    const count = state.order.length;
    const control = event.ctrlKey || event.metaKey;
    const way = control && { z: event.shiftKey ? "redo" : "undo", y: "redo" }[event.key.toLowerCase()];
    if (way) {
      this.ask(way);
      return true;
    }
    if (control && event.key.toLowerCase() === "a") {
      this.selectShown(true);
      return true;
    }
    if (control || event.altKey || !count) return false;
    const screen = Math.max(1, Math.floor(this.view.clientHeight / ROW) - 2);
    const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -screen, PageDown: screen, Home: -count, End: count };
    const step = steps[event.key];
    if (step !== undefined) {
      this.focus = Math.max(0, Math.min(count - 1, this.focus + step));
      if (!event.shiftKey) this.anchor = this.focus;
      state.select(this.range(this.anchor, this.focus));
      this.reveal(this.focus);
      return true;
    }
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const next = this.column + (event.key === "ArrowLeft" ? -1 : 1);
      this.column = Math.max(0, Math.min(this.specs.length - 1, next));
      return true;
    }
    if (event.key === "Enter" || event.key === "F2") this.editor.begin();
    else if (event.key === "Escape") state.select([]);
    else if (event.key === "Delete") this.delete();
    else return false;
    return true;
  }

  /** An edit that only the server can do. */
  ask(type) {
    this.confirm(this.state.send(type));
    this.refresh();
  }

  /** Say that an edit is saved as soon as the server has; the page is drawn after it. */
  async confirm(number) {
    const { state } = this;
    const answer = await state.outbox.answer(this.data.tab, number);
    if (!answer?.saved || state.done >= number) return;
    state.confirmed = Math.max(state.confirmed, number);
    // Rows that were seen before, as after an undo, are shown again at once.
    const bytes = state.edited === number && this.key !== answer.rows && this.kept.get(answer.rows);
    if (bytes) {
      const acknowledged = { ...this.data.acknowledged, [state.outbox.boot]: number };
      state.take(() => decodeColumns(bytes), { ...this.data, acknowledged, selected: null });
      this.key = answer.rows;
      this.editor.keepUp();
      this.shape(); // the edit may have brought a column, such as that of verdicts
    }
    this.refresh();
  }

  delete() {
    this.state.delete();
    this.confirm(this.state.edited);
    this.refresh();
    this.view.focus({ preventScroll: true });
  }

  copy(event) {
    const { state, specs } = this;
    if (event.composedPath()[0].tagName === "INPUT") return;
    const places = Array.from(state.order).filter((place) => state.selected.has(state.ids[place]));
    if (!places.length) return;
    const lines = places.map((place) => specs.map(({ name }) => plain(state.content(place, name))).join("\t"));
    event.clipboardData.setData("text/plain", [specs.map(({ name }) => name).join("\t"), ...lines].join("\n"));
    event.preventDefault();
  }

  say(sentence) {
    this.notice.textContent = this.notice.title = sentence;
    this.notice.hidden = !sentence;
  }
}
