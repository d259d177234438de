"""Small models made by code, and a headless browser."""

import contextlib
import json
import shutil
import tempfile
from urllib.parse import urlparse

import numpy as np
import pytest

from inface.models import AEMorphableModel, PCAMorphableModel
from inface.models.ages import AgeCalibration
from inface.models.latent import LatentSpace
from inface.models.network import Network
from inface.synthetic import template as synthetic_template

BLOCKS = {"identity": 10, "expression": 4, "age": 1}


def smooth_modes(count: int, seed: int) -> np.ndarray:
    """Orthonormal `(count, 3V)` smooth displacement fields on the infant template; the last one is growth."""
    points = synthetic_template().mesh.vertices
    rng = np.random.default_rng(seed)
    fields = [np.cos(points @ rng.normal(0, 1 / 45, (3, 3)).T + rng.uniform(0, 6, 3)).ravel() for _ in range(count - 1)]
    fields.append((points - points.mean(0)).ravel())
    basis = np.linalg.qr(np.array(fields[::-1]).T)[0].T[::-1]
    return basis * np.sign((basis * np.array(fields)).sum(1))[:, None]


def blocks() -> dict[str, slice]:
    ends = np.cumsum([0, *BLOCKS.values()])
    return {name: slice(int(a), int(b)) for name, a, b in zip(BLOCKS, ends[:-1], ends[1:], strict=True)}


def extras(std: np.ndarray) -> dict:
    template = synthetic_template()
    part = blocks()["expression"]
    codes = np.random.default_rng(5).normal(size=(2, part.stop - part.start)) * std[part] * 1.5
    return {
        "template": template,
        "expressions": {"smiling": codes[0], "crying": codes[1]},
        "age_calibration": AgeCalibration([1.0], np.array([-2, 0, 2]) * std[-1], [0.0, 6.0, 36.0]),
        "noise_std": 0.3,
    }


@pytest.fixture(scope="session")
def linear_model() -> PCAMorphableModel:
    """Three blocks, two expressions, an age calibration: linear, 11k vertices, 15 latent entries."""
    mesh = synthetic_template().mesh
    components = smooth_modes(sum(BLOCKS.values()), 1)
    std = 1.5 * np.sqrt(len(mesh.vertices)) * np.linspace(1.2, 0.3, len(components))
    std[-1] = 4 * np.sqrt(len(mesh.vertices))
    space = LatentSpace(np.zeros(len(std)), std, blocks())
    return PCAMorphableModel(
        components=components.astype(np.float32),
        eigenvalues=std.astype(np.float32) ** 2,
        mean_vertices=mesh.vertices.astype(np.float32),
        latent=space,
        **extras(std),
    )


@pytest.fixture(scope="session")
def network_model() -> AEMorphableModel:
    """The same blocks behind a decoder with two hidden layers; its last layer has rank 40 within noise."""
    mesh = synthetic_template().mesh
    rng = np.random.default_rng(2)
    width, hidden = sum(BLOCKS.values()), (32, 64)
    modes = smooth_modes(40, 3)
    last = modes.T @ (rng.normal(size=(40, hidden[1])) * np.geomspace(60, 0.5, 40)[:, None])
    weights = (rng.normal(size=(hidden[0], width)) / 4, rng.normal(size=hidden[::-1]) / 4, last)
    biases = (rng.normal(size=hidden[0]) / 2, rng.normal(size=hidden[1]) / 2, np.zeros(len(last)))
    decoder = Network([w.astype(np.float32) for w in weights], [b.astype(np.float32) for b in biases], 0.2)
    encoders = {
        name: Network([rng.normal(size=(n, len(last))).astype(np.float32) / 1e4], [np.zeros(n, np.float32)], 0.2)
        for name, n in BLOCKS.items()
    }
    std = rng.uniform(0.6, 1.4, width)
    return AEMorphableModel(
        encoders=encoders,
        decoder=decoder,
        mean_vertices=mesh.vertices.astype(np.float32),
        latent=LatentSpace(rng.normal(size=width) / 5, std),
        **extras(std),
    )


CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--window-size=1280,720",
)


@contextlib.contextmanager
def _chromium(downloads: str | None = None):
    """A headless Chromium at 1280 x 720 that keeps its console and network logs; skips where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver_binary = shutil.which("chromedriver")
    if not binary or not driver_binary:
        pytest.skip("no Chromium with chromedriver on this machine")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        for flag in (*CHROMIUM_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        if downloads:
            options.add_experimental_option("prefs", {"download.default_directory": downloads})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_binary))
        try:
            driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False},
            )
            if downloads:
                driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": downloads})
            yield Browser(driver)
        finally:
            driver.quit()


class Browser:
    """A page and what went on behind it."""

    def __init__(self, driver) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get(url)
        self.driver.implicitly_wait(5)

    def run(self, script: str, *arguments):
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def picture(self) -> str:
        return self.driver.get_screenshot_as_base64()

    def console_errors(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def foreign_requests(self) -> list[str]:
        """Addresses the page asked for that are on no file of this machine and not on localhost."""
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                url = message["params"].get("url") or message["params"]["request"]["url"]
                parts = urlparse(url)
                if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("localhost", "127.0.0.1"):
                    asked.append(url)
        return asked


@pytest.fixture
def chromium():
    """Opens a browser: `with chromium() as browser: browser.open(url)`."""
    return _chromium
