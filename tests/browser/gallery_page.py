"""A page that holds nothing but the gallery, and a server for it: `python gallery_page.py PROJECT PORT TABLE`.

The gallery is tested and timed here apart from the pages that use it: by tests/browser/test_gallery.py and by
benchmarks/gallery.py. What the page hears is acted on as pages do, and written down in `heard.jsonl` in the project.
"""

import json
import sys
from pathlib import Path

import streamlit as st

if not st.runtime.exists():  # started by hand, not by the server
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from dashboard import served
    from dashboard.viewer import crop_routes
    from dashboard.viewer.routes import ROUTES

    served.serve(Path(sys.argv[1]))
    app = st.App(Path(__file__), routes=[*ROUTES, *crop_routes.ROUTES])
    app.run(
        config={
            "server.address": "127.0.0.1",
            "server.port": int(sys.argv[2]),
            "server.headless": True,
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": False,
            "runner.magicEnabled": False,
            "client.toolbarMode": "minimal",
        }
    )
    sys.exit()

from dashboard import served
from dashboard.widgets.gallery import GallerySettings, gallery
from engine.objects import delete
from engine.objects.review import set_class, set_verdict, sorted_ids

st.set_page_config(layout="wide")
project = served.project()
name = sys.argv[3]
planes = st.segmented_control("Planes", ["z", "zyx"], default="z", required=True)
by = st.segmented_control("Sort by", ["id", "score"], default="id", required=True)
refuse = st.checkbox("Refuse edits")
callback = st.checkbox("Use a callback")
table, version = project.tables.read_version(name)


def act(event: dict) -> None:
    with (project.root / "heard.jsonl").open("a") as log:
        log.write(json.dumps(event) + "\n")
    kind, ids = event["type"], event["ids"]
    if kind == "selected":
        st.session_state["chosen"] = ids
    elif not st.session_state.get("refused"):
        now, at = project.tables.read_version(name)
        edits = {
            "verdict": lambda: set_verdict(now, ids, event["verdict"]),
            "class": lambda: set_class(now, ids, event["name"]),
            "delete": lambda: delete(now, ids),
        }
        project.tables.save(name, edits[kind](), based_on=at)


st.session_state["refused"] = refuse
events = gallery(
    project,
    table,
    version,
    sorted_ids(table, by, descending=by == "score"),
    GallerySettings(box_angstrom=640, average=5, planes=tuple(planes), cell=88),
    st.session_state.get("chosen", []),
    [("ball", "#E69F00"), ("cube", "#56B4E9")],
    act if callback else None,
    height=600,
)
for event in events:
    act(event)
if events:
    st.rerun()
