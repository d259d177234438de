"""What tests do in a page of the viewer: wait, press, type, click on the surface, upload."""

import time

import numpy as np
import pytest

from inface.errors import InfaceError
from inface.viewer.points_layer import Eye

WAIT = 60.0


def until(condition, what: str):
    """The first true value of `condition()`; fails after a while."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    pytest.fail(f"waited {WAIT:g} s for {what}")


def enter(browser, window):
    """Open the viewer and wait for its session."""
    known = set(window.sessions)
    browser.open(window.url)
    until(lambda: set(window.sessions) - known, "a session")
    (number,) = set(window.sessions) - known
    until(lambda: window.sessions[number].drawing, "a first drawing")
    until(lambda: browser.run("return document.querySelectorAll('[role=slider]').length") > 5, "the sliders")
    time.sleep(1.0)
    return window.sessions[number]


def slider(browser, label: str):
    """The slider whose row has this label."""
    script = """
      const label = [...document.querySelectorAll('label')].find((l) => l.textContent.trim() === arguments[0]);
      for (let box = label; box; box = box.parentElement) {
        const found = box.querySelector('[role=slider]');
        if (found) return found;
      }"""
    return browser.run(script, label)


def press(browser, text: str, what: str = "button") -> None:
    """Click the button (or tab) with this text once it is there."""
    script = """
      return [...document.querySelectorAll(arguments[1])].filter((b) => b.offsetParent)
        .find((b) => b.textContent.trim() === arguments[0])"""
    found = until(lambda: browser.run(script, text, what), f"the {what} '{text}'")
    browser.run("arguments[0].scrollIntoView({block: 'center'})", found)  # as a person would before pressing it
    found.click()


def tab(browser, text: str) -> None:
    press(browser, text, "[role=tab]")


def changed(browser, old: str) -> str:
    """The first picture that differs from `old`."""
    seen = []

    def other() -> bool:
        seen.append(browser.picture())
        return seen[-1] != old

    until(other, "the picture to change")
    return seen[-1]


def picture_of_the_shape(browser) -> str:
    """What is seen left of the panel and below the messages, once it rests."""
    clip = {"x": 0, "y": 200, "width": 600, "height": 400, "scale": 1}
    last = ""
    for _ in range(20):
        now = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})["data"]
        if now == last:
            break
        last = now
        time.sleep(0.2)
    return last


def upload(browser, path) -> None:
    browser.driver.find_element("css selector", "input[type=file]").send_keys(str(path))


def client_of(window, session):
    """The browser library's handle of a session's page."""
    number = next(n for n, s in window.sessions.items() if s is session)
    return window._server.get_clients()[number]


def click_at(browser, window, session, point) -> None:
    """Click where a point `(3,)` of the scene is on the page."""
    x, y = pixel(browser, window, session, point)
    mouse(browser, "mouseMoved", x, y)
    mouse(browser, "mousePressed", x, y)
    mouse(browser, "mouseReleased", x, y)


def pixel(browser, window, session, point) -> tuple[float, float]:
    """Where a point of the scene is on the page."""
    camera = client_of(window, session).camera
    eye = Eye(camera.position, camera.look_at, camera.up_direction, camera.image_height, camera.fov)
    right, below, _ = eye.see(np.array([point], float))
    script = "const r = document.querySelector('canvas').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]"
    left, top, width, height = browser.run(script)
    return left + width / 2 + float(right[0]), top + height / 2 + float(below[0])


def mouse(browser, kind: str, x: float, y: float) -> None:
    """One event of the left button, or a move."""
    event = {"type": kind, "x": x, "y": y, "button": "none" if kind == "mouseMoved" else "left", "clickCount": 1}
    browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def drag(browser, start, end, steps: int = 6) -> None:
    """Press at a place of the page, move to another, let go."""
    mouse(browser, "mouseMoved", *start)
    mouse(browser, "mousePressed", *start)
    for k in range(1, steps + 1):
        x, y = (a + (b - a) * k / steps for a, b in zip(start, end, strict=True))
        event = {"type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1}
        browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
        time.sleep(0.06)
    mouse(browser, "mouseReleased", *end)


def says(browser, text: str):
    """Whether the page shows a text."""
    return text in browser.run("return document.body.textContent")


def slow_work(seconds: float) -> str:
    """Work for a process of its own."""
    print("a line that must not get between")
    time.sleep(seconds)
    return "done"


def failing_work() -> None:
    """Work that is refused."""
    raise InfaceError("no luck")
