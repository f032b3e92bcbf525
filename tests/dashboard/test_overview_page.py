"""The two roads on Overview: which steps are done, and which one is the page's main action."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from engine.project import Project


def bold(app: AppTest) -> list[str]:
    """The steps that come next, one for each road."""
    found = [link.proto.label for link in app.get("page_link")]
    return [label.strip("*") for label in found if label.startswith("**")]


def test_without_training_until_something_is_annotated(filled: Project, draw: Callable[[str], AppTest]) -> None:
    app = draw("overview")
    assert bold(app) == ["4  Correct and export them", "2  Annotate some objects of each class"]
    assert [b.label for b in app.button if b.key == "next-step"] == ["Correct and export them"]


def test_training_once_targets_are_there(filled: Project, draw: Callable[[str], AppTest]) -> None:
    filled.tables.create("annotations", filled.table("picks"), {"task": "annotate"})
    path = filled.segmentation_path("ts_01", "balls")
    filled.write_provenance(path, {"task": "targets"})
    app = draw("overview")
    assert bold(app) == ["2  Segment without training", "4  Train, and watch it learn"]
    assert [b.label for b in app.button if b.key == "next-step"] == ["Train, and watch it learn"]
