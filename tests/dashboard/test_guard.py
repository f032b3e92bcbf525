import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.guard import Guard, require_token

TOKEN = "a-long-secret"


async def page(request):
    return PlainTextResponse("inside")


async def socket(websocket: WebSocket):
    await websocket.accept()
    await websocket.send_text("inside")
    await websocket.close()


@pytest.fixture
def client():
    require_token(TOKEN, 8501)
    app = Starlette(routes=[Route("/page", page), WebSocketRoute("/stream", socket)], middleware=[Middleware(Guard)])
    yield TestClient(app, base_url="http://localhost:8501")
    require_token(None, 8501)


def test_no_token_no_page(client: TestClient) -> None:
    answer = client.get("/page")
    assert answer.status_code == 403 and "?token=" in answer.text


def test_a_wrong_token_is_no_token(client: TestClient) -> None:
    assert client.get("/page?token=guess").status_code == 403
    client.cookies.set("tomodeck-8501", "guess")
    assert client.get("/page").status_code == 403


def test_the_printed_link_sets_the_cookie_and_keeps_the_rest(client: TestClient) -> None:
    answer = client.get(f"/page?tomogram=a&token={TOKEN}", follow_redirects=False)
    assert answer.status_code == 303
    assert TOKEN not in answer.headers["location"] and "tomogram=a" in answer.headers["location"]
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert client.get("/page").text == "inside"


@pytest.fixture
def known(client: TestClient) -> TestClient:
    client.cookies.set("tomodeck-8501", TOKEN)
    return client


def test_foreign_hosts_are_refused_even_with_the_cookie(known: TestClient) -> None:
    for host in ("evil.example", "evil.example:8501", "localhost.evil.example", ""):
        assert known.get("/page", headers={"host": host}).status_code == 403, host
    for host in ("localhost:8501", "127.0.0.1:8501", "localhost:9000", "[::1]:8501"):
        assert known.get("/page", headers={"host": host, "cookie": f"tomodeck-8501={TOKEN}"}).status_code == 200, host


def test_foreign_origins_are_refused_even_with_the_cookie(known: TestClient) -> None:
    for origin in ("http://evil.example", "http://localhost:8502", "null"):
        assert known.get("/page", headers={"origin": origin}).status_code == 403, origin
    assert known.get("/page", headers={"origin": "http://localhost:8501"}).status_code == 200


def test_the_websocket_has_the_same_guard(known: TestClient) -> None:
    with known.websocket_connect(
        "/stream", headers={"origin": "http://localhost:8501", "host": "localhost:8501"}
    ) as stream:
        assert stream.receive_text() == "inside"
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}, {"cookie": "none=1"}):
        with (
            pytest.raises(WebSocketDisconnect) as closed,
            known.websocket_connect("/stream", headers={"host": "localhost:8501", **headers}),
        ):
            pass
        assert closed.value.code == 1008


def test_other_machines_are_refused_however_the_server_was_bound(known: TestClient) -> None:
    away = TestClient(known.app, base_url="http://localhost:8501", client=("192.0.2.7", 1234))
    away.cookies.set("tomodeck-8501", TOKEN)
    assert away.get("/page").status_code == 403


def test_no_token_still_checks_host_and_origin(client: TestClient) -> None:
    require_token(None, 8501)
    assert client.get("/page").text == "inside"
    assert client.get("/page", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/page", headers={"origin": "http://evil.example"}).status_code == 403


def test_the_token_leaves_the_address_on_every_visit(known: TestClient) -> None:
    for token in (TOKEN, "outdated"):
        answer = known.get(f"/page?x=1&token={token}", follow_redirects=False)
        assert answer.status_code == 303 and answer.headers["location"].endswith("/page?x=1")
