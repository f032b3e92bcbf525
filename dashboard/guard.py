"""One guard for pages, websocket and own routes alike: who may talk to this server.

Loopback is open to every user of the machine, and a browser will carry any page's requests to it; so a request needs
a loopback client, a Host and an Origin that name this server, and the start-up token, once in the printed link and from
then on in a cookie.
"""

from hmac import compare_digest
from ipaddress import ip_address

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost", "[::1]")

_token: str | None = None
_cookie = "tomodeck"


def require_token(token: str | None, port: int) -> None:
    """Ask for `token` from now on; None asks for none. The port names the cookie, since cookies ignore ports."""
    global _token, _cookie
    _token = token
    _cookie = f"tomodeck-{port}"


class Guard:
    """ASGI middleware in front of everything that the server answers."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        connection = HTTPConnection(scope)
        refusal = _refusal(connection)
        if refusal is None:
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        return await refusal(scope, receive, send)


def _refusal(connection: HTTPConnection) -> Response | None:
    """What to answer instead of the page; None lets the request through."""
    client = connection.client.host if connection.client else ""
    if not _is_loopback(client):
        return PlainTextResponse("Tomodeck answers on this machine only; reach it through an ssh tunnel.\n", 403)
    host = connection.headers.get("host", "")
    if _name(host) not in HOSTS:
        return PlainTextResponse(f"Tomodeck does not answer for the host {_name(host)[:80]!r}: use localhost.\n", 403)
    origin = connection.headers.get("origin")
    if origin is not None and origin.split("://")[-1] != host:
        return PlainTextResponse("Tomodeck does not answer to pages of other sites.\n", 403)
    if _token is None:
        return None
    known = _matches(connection.cookies.get(_cookie, ""))
    asked = "token" in connection.query_params and connection.scope["type"] == "http"
    if known and not asked:
        return None
    if known or _matches(connection.query_params.get("token", "")):
        # The token leaves the address at once, also on a later visit: links to a place are copied from there.
        answer: Response = RedirectResponse(str(connection.url.remove_query_params("token")), 303)
        answer.set_cookie(_cookie, _token, httponly=True, samesite="strict")
        return answer
    text = "Open the address that was printed when Tomodeck started (it ends in ?token=…).\n"
    return PlainTextResponse(text, 403)


def _matches(given: str) -> bool:
    return _token is not None and compare_digest(given.encode(), _token.encode())


def _name(host: str) -> str:
    """The host without its port; an IPv6 address keeps its brackets."""
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def _is_loopback(client: str) -> bool:
    try:
        return ip_address(client).is_loopback
    except ValueError:
        return client in ("", "testclient")  # a Unix socket, or Starlette's test client: no network at all
