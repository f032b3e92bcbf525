// Tiles to choose one workflow from. Click, Enter or arrow keys; the page hears of it through `picked`.
let count = 0;

export default function ({ data, parentElement, setStateValue }) {
  const grid = parentElement.querySelector("#tiles");
  const { tiles, selected } = data;
  const choose = (index) => {
    const tile = tiles[index];
    if (!tile || grid.children[index].classList.contains("selected")) return;
    grid.querySelector(".selected")?.classList.remove("selected");
    grid.children[index].classList.add("selected");
    setStateValue("picked", { id: tile.id, count: ++count + Date.now() });
  };
  // The tiles stay the same elements from answer to answer, so that neither focus nor picture flickers.
  while (grid.children.length > tiles.length) grid.lastChild.remove();
  tiles.forEach((tile, index) => {
    let button = grid.children[index];
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.setAttribute("role", "option");
      button.append(document.createElement("img"), document.createElement("b"), document.createElement("small"));
      grid.append(button);
    }
    const [picture, title, line] = button.children;
    if (picture.src !== tile.image) picture.src = tile.image;
    picture.alt = "";
    title.textContent = tile.id;
    line.textContent = tile.caption;
    button.title = tile.problem || `Use ${tile.id}`;
    button.tabIndex = tile.id === selected ? 0 : -1;
    button.classList.toggle("selected", tile.id === selected);
    button.setAttribute("aria-selected", String(tile.id === selected));
    button.setAttribute("aria-label", `${tile.id}: ${tile.caption}`);
    button.onclick = () => choose(index);
  });
  grid.onkeydown = (event) => {
    const here = [...grid.children].indexOf(grid.getRootNode().activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -2, ArrowDown: 2 }[event.key];
    if (step === undefined || here < 0) return;
    event.preventDefault();
    const next = grid.children[here + step];
    if (!next) return;
    next.focus();
    choose(here + step);
  };
}
