"""Events from the browser, acted on to the end: neither a rerun nor a second script run may cut one short.

Streamlit ends a running script, and its callbacks with it, at any access to the session as soon as another rerun is
wanted; and it starts the next run beside the one that is ending. A person who clicks fast would lose the edit that was
being saved, or have two of them written at once. So a run is not ended while it acts on events, one run after the
other acts for each browser tab, and what was taken is remembered outside the session.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.viewer.outbox import Acknowledged, Event, take

KEPT = 2000


class _Inbox:
    """What one tab was heard of already."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.acknowledged: Acknowledged = {}
        self.answered = threading.Condition()
        self.acted: Acknowledged = {}
        self.answer: Any = None


_lock = threading.Lock()
_inboxes: OrderedDict[str, _Inbox] = OrderedDict()


def acknowledged(tab: str) -> Acknowledged:
    """The numbers of the last events taken from the tab, by page load: what its browser may forget."""
    return dict(_inbox(tab).acknowledged)


def answer(tab: str, boot: str, number: int, seconds: float) -> Any:
    """What the last event was answered with, as soon as all up to `number` are acted on; None after `seconds`.

    A rerun draws the page before its browser hears of it; this tells sooner that an edit is saved.
    """
    with _lock:
        inbox = _inboxes.get(tab)
    if inbox is None:
        return None
    with inbox.answered:
        done = inbox.answered.wait_for(lambda: inbox.acted.get(boot, 0) >= number, seconds)
        return inbox.answer if done else None


def hear(tab: str, outbox: Iterable[Mapping[str, Any]] | None, act: Callable[[Event], object]) -> None:
    """Call `act` for each event of `outbox` that is new, in order, and return when all is done.

    Parameters
    ----------
    tab
        A name for the browser tab, and for what sends events in it.
    outbox
        The events that the browser keeps.
    act
        May use the session as any callback; an error in it is raised here, and the events after it are acted on
        nevertheless. What it returns for the last event is kept for `answer`.
    """
    inbox = _inbox(tab)
    failed: list[Exception] = []
    with inbox.lock, _uninterrupted():
        events, inbox.acknowledged = take(outbox, inbox.acknowledged)
        answered: object = None
        for event in events:
            try:
                answered = act(event)
            except Exception as error:
                answered = None
                failed.append(error)
        if events:
            with inbox.answered:
                inbox.acted, inbox.answer = dict(inbox.acknowledged), answered
                inbox.answered.notify_all()
    if failed:
        raise failed[0]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """While it lasts, access to the session does not end this run.

    Streamlit has no public way to say so; the attribute that it calls at each access is put back afterwards. Should it
    be called otherwise one day, the browser tests of fast clicks fail.
    """
    context = get_script_run_ctx(suppress_warning=True)
    state = context.session_state if context else None
    name = "_yield_callback"
    if state is None or not hasattr(state, name):
        yield
        return
    before = getattr(state, name)
    object.__setattr__(state, name, lambda: None)  # past the class's own, which would make it an entry of the session
    try:
        yield
    finally:
        object.__setattr__(state, name, before)


def _inbox(tab: str) -> _Inbox:
    with _lock:
        inbox = _inboxes.setdefault(tab, _Inbox())
        _inboxes.move_to_end(tab)
        while len(_inboxes) > KEPT:
            _inboxes.popitem(last=False)
        return inbox
