// A grid of particle pictures cut from one sheet. Click or arrow keys select; the page hears of it through `picked`.
let count = 0;

export default function ({ data, parentElement, setStateValue }) {
  const grid = parentElement.querySelector("#grid");
  const { sheet, ids, labels, cell, sheetColumns, selected } = data;
  const rows = Math.ceil(ids.length / sheetColumns);
  grid.style.setProperty("--cell", `${cell}px`);
  const choose = (index) => {
    if (index < 0 || index >= ids.length) return;
    grid.querySelector(".selected")?.classList.remove("selected");
    const chosen = grid.children[index];
    chosen.classList.add("selected");
    chosen.scrollIntoView({ block: "nearest" });
    setStateValue("picked", { id: ids[index], count: ++count + Date.now() });
  };
  grid.replaceChildren(
    ...ids.map((id, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = index === 0 ? 0 : -1;
      button.title = labels[index];
      button.setAttribute("aria-label", labels[index]);
      button.classList.toggle("selected", selected.includes(id));
      const picture = document.createElement("span");
      picture.style.backgroundImage = `url(${sheet})`;
      picture.style.backgroundSize = `${cell * sheetColumns}px ${cell * rows}px`;
      const [column, row] = [index % sheetColumns, Math.floor(index / sheetColumns)];
      picture.style.backgroundPosition = `${-column * cell}px ${-row * cell}px`;
      button.append(picture);
      button.onclick = () => choose(index);
      return button;
    }),
  );
  grid.onkeydown = (event) => {
    const here = [...grid.children].indexOf(grid.getRootNode().activeElement);
    const perRow = Math.max(1, Math.floor(grid.clientWidth / (cell + 6)));
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -perRow, ArrowDown: perRow }[event.key];
    if (step === undefined || here < 0) return;
    event.preventDefault();
    const next = grid.children[here + step];
    if (!next) return;
    next.focus();
    choose(here + step);
  };
}
