"""Screenshots of the viewer and of a shared page, at 1280 x 720 (needs the extras `viewer` and `dev`, and Chromium).

    python examples/render_screens.py disentangled docs/images

writes `viewer.png` (a child, its age and expression) and `shared_page.png`.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver

import inface
from inface.reports import share
from inface.viewer import view
from inface.viewer.scene import Blend

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader"
)


def browser() -> webdriver.Chrome:
    """A headless Chromium at 1280 x 720."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in [*FLAGS.split(), f"--user-data-dir={tempfile.mkdtemp()}"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    size = {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return driver


def main(model_name: str = "disentangled", folder: str = "pictures") -> None:
    """Take the pictures of a model."""
    path, out = Path(model_name), Path(folder)
    model = inface.load_model(path) if path.exists() else inface.load_default_model(model_name)
    out.mkdir(parents=True, exist_ok=True)
    window, driver = view(model, port=0, open_browser=False, block=False), browser()
    try:
        driver.get(window.url)
        while not window.sessions:
            time.sleep(0.1)
        time.sleep(4)
        for close in driver.find_elements("css selector", ".mantine-Notification-closeButton"):
            close.click()  # the browser's remark on rendering without a graphics card
        session, editor = next(iter(window.sessions.values())), window.editor
        session.act(lambda s: editor.random_child(s, 2))
        if editor.months_range:
            session.act(lambda s: editor.set_months(s, 9.0))
        if "smiling" in editor.presets:
            session.act(lambda s: editor.set_blend(s, Blend(end="smiling")))
        time.sleep(2)
        driver.save_screenshot(str(out / "viewer.png"))
        with tempfile.TemporaryDirectory() as place:
            page = Path(place) / "page.html"
            share(model, page)
            driver.get(page.as_uri())
            time.sleep(2)
            driver.execute_script("window.inface.shaper.random()")
            time.sleep(1)
            driver.save_screenshot(str(out / "shared_page.png"))
    finally:
        driver.quit()
        window.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
