"""The colours of classes: the viewer's list is the project's."""

import re

from dashboard.viewer.routes import STATIC
from engine.annotation import PALETTE


def test_the_viewer_has_the_same_colours_in_the_same_order() -> None:
    script = (STATIC / "palette.js").read_text(encoding="utf-8")
    assert tuple(re.findall(r'"(#[0-9A-F]{6})"', script)) == PALETTE
    assert len(set(PALETTE)) == 16
