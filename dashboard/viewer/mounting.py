"""How a page gets one of our browser sides: a few lines that load a module of `static` and hand it its slot.

The module comes from our own route, so that it can import its neighbours, the browser keeps it, and a rerun does not
send it again. It exports `mount(slot, data, send)`, which shows `data` in the slot, calls `send` with its list of
events, and returns what to do when the page goes away.
"""

from dashboard.viewer.routes import STATIC, STATIC_URL

HTML = '<div class="slot"></div>'
"""What stands in the component's place until the module is there."""

_SCRIPT = """
const module = import(new URL("{url}/{file}", location.origin));
export default function ({ data, parentElement, setStateValue }) {
  const slot = parentElement.querySelector(".slot");
  let leave = null;
  let left = false;
  module.then(
    ({ mount }) => {
      if (!left) leave = mount(slot, data, (events) => setStateValue("outbox", events));
    },
    () => { slot.textContent = "{name} could not be loaded: reload the page."; },
  );
  return () => { left = true; leave?.(); };
}
"""


def script(file: str, name: str) -> str:
    """The JavaScript of a component.

    Parameters
    ----------
    file
        The module in `static`.
    name
        What a person calls it, for the sentence where it cannot be loaded: "The viewer".
    """
    return _SCRIPT.replace("{url}", STATIC_URL).replace("{file}", file).replace("{name}", name)


def style(file: str) -> str:
    """The CSS of a component, a file in `static`."""
    return (STATIC / file).read_text(encoding="utf-8")
