"""Events from the browser, acted on to the end: neither a rerun nor a second script run may cut one short.

Streamlit ends a running script, and its callbacks with it, at any access to the session as soon as another rerun is
wanted; and it starts the next run beside the one that is ending. A person who clicks fast would lose the edit that was
being saved, or have two of them written at once. So events are acted on in a thread that Streamlit does not end, one
after the other for each browser tab, and what was taken is remembered outside the session.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streamlit.runtime.scriptrunner import add_script_run_ctx

from dashboard.viewer.outbox import Acknowledged, Event, take

KEPT = 2000


class _Inbox:
    """What one tab was heard of already."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.acknowledged: Acknowledged = {}


_lock = threading.Lock()
_inboxes: OrderedDict[str, _Inbox] = OrderedDict()


def acknowledged(tab: str) -> Acknowledged:
    """The numbers of the last events taken from the tab, by page load: what its browser may forget."""
    return dict(_inbox(tab).acknowledged)


def hear(tab: str, outbox: Iterable[Mapping[str, Any]] | None, act: Callable[[Event], None]) -> None:
    """Call `act` for each event of `outbox` that is new, in order, and return when all is done.

    Parameters
    ----------
    tab
        A name for the browser tab, and for what sends events in it.
    outbox
        The events that the browser keeps.
    act
        May use the session as any callback; an error in it is raised here, and the events after it are acted on
        nevertheless.
    """
    entries = list(outbox or ())
    failed: list[BaseException] = []

    def work() -> None:
        inbox = _inbox(tab)
        with inbox.lock:
            events, inbox.acknowledged = take(entries, inbox.acknowledged)
            for event in events:
                try:
                    act(event)
                except BaseException as error:
                    failed.append(error)

    worker = threading.Thread(target=work, name="hearing")
    add_script_run_ctx(worker)
    worker.start()
    worker.join()
    if failed:
        raise failed[0]


def _inbox(tab: str) -> _Inbox:
    with _lock:
        inbox = _inboxes.setdefault(tab, _Inbox())
        _inboxes.move_to_end(tab)
        while len(_inboxes) > KEPT:
            _inboxes.popitem(last=False)
        return inbox
