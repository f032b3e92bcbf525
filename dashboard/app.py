"""The launcher: server, own routes, guard, address. `python -m dashboard.app` from the project root, or `make run`.

Pages are in `main.py` and `views/`; this file knows none of them.
"""

import argparse
import gc
import importlib
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import psutil
import streamlit as st
from starlette.middleware import Middleware
from streamlit import config

from dashboard import served
from dashboard.guard import Guard, require_token
from dashboard.viewer import crop_routes
from dashboard.viewer.routes import ROUTES
from engine.errors import UserError
from engine.jobs import launch, list_jobs
from engine.project import Project

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = REPOSITORY / "demo"
ADDRESS = "127.0.0.1"


@asynccontextmanager
async def _lifespan(app: st.App) -> AsyncIterator[dict[str, object]]:
    # Started by `streamlit run` or uvicorn instead of main(): the same project and the same guard.
    try:
        served.root()
    except UserError:
        prepare(os.environ.get("TOMODECK_PROJECT"), config.get_option("server.port"), no_token=False)
    threading.Thread(target=_end_if_reachable, daemon=True).start()
    threading.Thread(target=_warm_up, daemon=True).start()
    yield {}


def _warm_up() -> None:
    """Import what the first preview needs, once the first page had the processor for itself."""
    time.sleep(4)
    importlib.import_module("engine.features")
    # Streamlit looks for garbage after every run; with torch's million objects that stops the server for 0.2 s.
    gc.collect()
    gc.freeze()


def _end_if_reachable() -> None:
    """End this process if it listens on anything but loopback, as a foreign starter may have told it to."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        listening = [c.laddr for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        for address in listening:
            if not ip_address(address.ip).is_loopback:
                print(
                    f"Tomodeck ends: it was told to listen on {address.ip}, which other machines can reach. "
                    "Start it with 'make run' and reach it through 'ssh -L'.",
                    file=sys.stderr,
                    flush=True,
                )
                os._exit(2)
        if listening:
            return
        time.sleep(0.1)


app = st.App(
    Path(__file__).with_name("main.py"),
    routes=[*ROUTES, *crop_routes.ROUTES],
    middleware=[Middleware(Guard)],
    lifespan=_lifespan,
)


def prepare(project: str | None, port: int, *, no_token: bool) -> None:
    """Open or create the project, set the guard's token, print the address.

    Raises
    ------
    UserError
        The project cannot be opened or created.
    """
    opened = Project.create(project) if project else open_demo(DEMO)
    served.serve(opened.root)
    token = None if no_token else os.environ.get("TOMODECK_TOKEN") or secrets.token_urlsafe(24)
    require_token(token, port)
    link = f"http://localhost:{port}/" + (f"?token={token}" if token else "")
    print(f"\n  Project   {opened.root}\n  Open      {link}\n", flush=True)
    if token is None:
        print(
            "  No token: every user of this machine can open this dashboard and read its tomograms.\n",
            flush=True,
        )


def open_demo(root: Path) -> Project:
    """The demo project; on first start its tomogram is simulated by a job that the page follows."""
    project = Project.create(root, "Demo")
    if not project.settings().sources and not any(job.active for job in list_jobs(root)):
        launch(project, "simulate", {})
    return project


def free_port(port: int) -> int:
    """`port`, or the next one that nobody listens on.

    Raises
    ------
    UserError
        None of the next hundred is free, or it is no port.
    """
    if not 1 <= port <= 65535:
        raise UserError(f"{port} is not a port: give one from 1 to 65535, such as PORT=8501.")
    for candidate in range(port, min(port + 100, 65536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, candidate))
            except PermissionError as error:
                raise UserError(f"Port {port} needs administrator rights: give one above 1023.") from error
            except OSError:
                continue
            return candidate
    raise UserError(f"No free port from {port} to {port + 99}: give another one with PORT=.")


def main(arguments: list[str] | None = None) -> int:
    """Start the server; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m dashboard.app", description="Serve the Tomodeck dashboard on this machine."
    )
    parser.add_argument("--project", help="folder of a project, opened or created; without it the demo project")
    parser.add_argument("--port", type=int, default=8501, help="port on 127.0.0.1 (default 8501)")
    parser.add_argument(
        "--no-token",
        action="store_true",
        help="ask for no token: every user of this machine may open the dashboard",
    )
    given = parser.parse_args(arguments)
    try:
        port = free_port(given.port)
        if port != given.port:
            print(f"Port {given.port} is in use; this dashboard uses {port}.", flush=True)
        prepare(given.project, port, no_token=given.no_token)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    app.run(
        config={
            "server.address": ADDRESS,
            "server.port": port,
            "server.headless": True,
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": False,
            "client.toolbarMode": "minimal",
            "logger.hideWelcomeMessage": True,  # its address lacks the token, and followed it is refused
            "runner.magicEnabled": False,  # a bare string in a page is a docstring, not something to show
            "client.showErrorLinks": False,
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
