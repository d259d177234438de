"""Who may talk to the server, and what it takes from them."""

import json
import socket
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest

from inface.errors import FileAccessError
from inface.viewer import view
from inface.viewer.editor import SceneEditor
from inface.viewer.guard import Guard, is_local, page_of, settled_page
from inface.viewer.session import Session
from inface.viewer.store import SessionStore

pytest.importorskip("viser", reason="viser is not installed")

KEY = "0123456789abcdef" * 2


def test_a_name_that_was_pointed_here_is_refused():
    guard = Guard("127.0.0.1")
    for host in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"):
        assert guard.check("/", {"Host": host}) is None
    for host in ("evil.example:8080", "127.0.0.1.evil.example", "", "[", "localhost@evil.example"):
        assert guard.check("/", {"Host": host}).status == 403


def test_a_request_from_another_page_is_refused():
    guard = Guard("127.0.0.1")
    fine = {"Host": "localhost:8080", "Origin": "http://localhost:8080"}
    assert guard.check("/s/" + KEY, fine) is None
    for origin in ("http://evil.example", "http://localhost:9999", "null", "http://localhost:8080.evil.example"):
        assert guard.check("/s/" + KEY, fine | {"Origin": origin}).status == 403


def test_other_addresses_need_the_token_which_stays_as_a_cookie():
    guard = Guard("0.0.0.0", "secret")
    host = {"Host": "192.168.1.7:8080"}
    assert guard.check("/", host).status == 401 and guard.check("/?token=wrong", host).status == 401
    assert guard.check("/?token=secret", host) is None
    cookie = guard.cookie("/?token=secret")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and guard.cookie("/?token=wrong") is None
    assert guard.check("/", host | {"Cookie": cookie.split(";")[0]}) is None
    assert guard.check("/?token=secret", {"Host": "evil.example"}).status == 403
    assert "secret" not in repr(guard)


def test_which_addresses_are_this_machine():
    assert is_local("127.0.0.1") and is_local("::1") and is_local("localhost") and is_local("127.0.0.2")
    assert not is_local("0.0.0.0") and not is_local("192.168.1.7") and not is_local("example.org")


def test_only_a_proper_key_names_a_page():
    assert page_of(f"/s/{KEY}/") == page_of(f"/s/{KEY}?x=1") == KEY
    for path in ("/s/../../etc/passwd", f"/s/{KEY[:-1]}", f"/s/{KEY}/more", "/s/" + "G" * 32, "/"):
        assert page_of(path) == ""
    assert settled_page(f"/s/{KEY}/settled") == KEY and settled_page(f"/s/{KEY}/") == settled_page("/settled") == ""


@pytest.fixture(scope="module")
def window(linear_model):
    made = view(linear_model, port=0, open_browser=False, block=False)
    yield made
    made.stop()


def answer(window, request: str) -> bytes:
    with socket.create_connection(("127.0.0.1", window.port), timeout=5) as wire:
        wire.sendall(request.encode())
        return wire.recv(65536)


def test_the_running_server_refuses_them_too(window):
    upgrade = (
        "GET /s/%s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    here = f"localhost:{window.port}"
    assert b" 101 " in answer(window, upgrade % (KEY, here, "http://" + here)).split(b"\r\n")[0]
    assert b" 403 " in answer(window, upgrade % (KEY, here, "http://evil.example")).split(b"\r\n")[0]
    assert b" 403 " in answer(window, upgrade % (KEY, "evil.example", "http://evil.example")).split(b"\r\n")[0]
    assert b" 403 " in answer(window, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").split(b"\r\n")[0]
    page = urllib.request.urlopen(f"http://127.0.0.1:{window.port}/", timeout=5)
    assert "/s/" in page.url and "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]


def test_elsewhere_only_the_token_opens_the_page(linear_model, capsys):
    made = view(linear_model, port=0, host="0.0.0.0", open_browser=False, block=False)
    try:
        plain = f"http://127.0.0.1:{made.port}/"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(plain, timeout=5)
        token = made.url.split("?token=")[1]
        assert len(token) >= 20 and made.url in capsys.readouterr().err
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        assert opener.open(f"{plain}?token={token}", timeout=5).status == 200
        assert opener.open(plain, timeout=5).status == 200, "the cookie stays"
    finally:
        made.stop()


def test_half_open_sockets_and_noise_do_not_stop_it(window):
    rng = np.random.default_rng(0)
    held = [socket.create_connection(("127.0.0.1", window.port)) for _ in range(30)]
    try:
        for i, wire in enumerate(held):
            wire.sendall(b"GET / HTTP/1.1\r\nHost: loc" if i % 2 else rng.bytes(200))
        began = time.monotonic()
        page = urllib.request.urlopen(f"http://127.0.0.1:{window.port}/", timeout=10)
        assert page.status == 200 and time.monotonic() - began < 5
    finally:
        for wire in held:
            wire.close()


def test_a_state_file_of_another_kind_is_told_and_not_used(linear_model, tmp_path):
    editor = SceneEditor(linear_model)

    def store() -> SessionStore:
        return SessionStore(lambda: Session(editor, editor.start()), tmp_path, ("m", linear_model.hash))

    said = []
    screen = SimpleNamespace(draw=lambda drawing: False, tell=lambda text, wrong=False: said.append((text, wrong)))
    path = tmp_path / f"inface-session-{KEY}.json"
    rng = np.random.default_rng(1)
    first = store()
    session = first.take(KEY)
    session.act(lambda s: editor.set_months(s, 30))
    first.close()
    good = path.read_bytes()
    again = store().take(KEY)
    assert editor.months(again.scene) == pytest.approx(30, abs=1e-3)
    for wrong in (
        b"",
        b"\x80\x04pickle",
        b"{}",
        good[: len(good) // 2],
        good.replace(b'"sliders":6', b'"sliders":"x"'),
    ):
        path.write_bytes(wrong)
        fresh = store().take(KEY)
        fresh.attach(screen, lambda: None)
        assert editor.months(fresh.scene) == pytest.approx(6)
        assert "could not be restored" in said[-1][0] and said[-1][1]
        assert path.read_bytes() == wrong, "what could not be read is not written over"
    for _ in range(200):
        noisy = bytearray(good)
        for place in rng.integers(0, len(noisy), 8):
            noisy[place] = rng.integers(32, 127)
        path.write_bytes(bytes(noisy))
        noise = store()
        noise.take(KEY).attach(screen, lambda: None)
        noise.close()
    path.write_bytes(good.replace(linear_model.hash.encode(), b"0" * len(linear_model.hash)))
    store().take(KEY).attach(screen, lambda: None)
    assert "another model" in said[-1][0]
    with pytest.raises(FileAccessError, match="does not exist"):
        SessionStore(lambda: session, tmp_path / "none", ("", ""))


def test_a_key_names_no_file_elsewhere(linear_model, tmp_path):
    editor = SceneEditor(linear_model)
    (tmp_path / "state").mkdir()
    store = SessionStore(lambda: Session(editor, editor.start()), tmp_path / "state", ("m", linear_model.hash))
    session = store.take("../evil")
    session.act(lambda s: editor.set_months(s, 30))
    store.forget("../evil")
    store.close()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["state"]


def test_kept_sessions_are_bounded(linear_model):
    editor = SceneEditor(linear_model)
    store = SessionStore(lambda: Session(editor, editor.start()), None, ("", ""))
    for i in range(40):
        key = f"{i:032x}"
        store.take(key)
        store.release(key)
    assert len(store._sessions) == 8
    assert json.dumps(store.newest()) == '""'
