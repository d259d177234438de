"""A script that shows something goes on when its window is closed."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from inface.errors import InfaceError
from inface.viewer.app import has_screen, patience

pytest.importorskip("viser", reason="viser is not installed")

SCRIPT = """
from inface.mesh import Mesh
Mesh([[0, 0, 0], [40, 0, 0], [0, 40, 0]], [[0, 1, 2]]).show()
print("went on", flush=True)
"""


def heed_ctrl_c() -> None:
    """A test run in the background hands on that Ctrl-C is ignored; a terminal does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(**variables: str) -> subprocess.Popen:
    """The script as a process without a screen."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "INFACE_WAIT")}
    kept.pop("INFACE_NO_WINDOW", None)
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kept | variables,
        preexec_fn=heed_ctrl_c,
    )


def address(process: subprocess.Popen) -> str:
    """Where the script's window listens."""
    for line in process.stderr:
        if found := re.search(r"viewer at (http://\S+)", line):
            return found[1]
    pytest.fail("no address was printed")


def test_with_no_window_it_goes_on_at_once():
    out, err = start(INFACE_NO_WINDOW="1").communicate(timeout=60)
    assert out == "went on\n" and "INFACE_NO_WINDOW is set" in err


def test_without_a_page_it_goes_on_after_a_while():
    out, err = start(INFACE_WAIT="0.5").communicate(timeout=60)
    assert out == "went on\n"
    assert "viewer at http://" in err and "no page was opened within 0.5 s" in err


@pytest.mark.browser
def test_it_goes_on_when_the_last_page_is_closed_but_not_when_it_is_loaded_again(chromium):
    process = start(INFACE_WAIT="60")
    try:
        url = address(process)
        with chromium() as browser:
            browser.open(url)
            time.sleep(2)
            browser.driver.refresh()
            time.sleep(6)
            assert process.poll() is None, "loaded again is not closed"
        out, err = process.communicate(timeout=30)
        assert out == "went on\n" and "the last page was closed" in err
    finally:
        process.kill()


def test_ctrl_c_still_stops_the_wait():
    import signal

    process = start(INFACE_WAIT="60")
    try:
        address(process)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert out == "went on\n" and "viewer stopped" in err
    finally:
        process.kill()


def test_how_long_it_waits(monkeypatch):
    monkeypatch.delenv("INFACE_WAIT", raising=False)
    assert patience(False) == 30 and patience(True) is None
    monkeypatch.setenv("INFACE_WAIT", "2.5")
    assert patience(True) == 2.5
    for wrong in ("soon", "-1", "inf"):
        monkeypatch.setenv("INFACE_WAIT", wrong)
        with pytest.raises(InfaceError, match="INFACE_WAIT: expected seconds"):
            patience(False)
    monkeypatch.setenv("BROWSER", "firefox")
    assert has_screen()
