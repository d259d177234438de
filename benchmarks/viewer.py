"""How fast the viewer answers: from a slider's event to the new vertices on the wire, first page, idle load.

    python benchmarks/viewer.py            # prints a table

A client in a process of its own speaks the viewer's protocol: it sends the message that a dragged slider sends, and
waits for the bytes of the new vertices. The yardstick, in the same run and the same server process, is a bare server
whose handler decodes and assigns the vertices and does nothing else.
"""

import argparse
import contextlib
import io
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from itertools import pairwise

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import msgspec
import numpy as np

VERTICES = 20_000
EVENTS = 100
EVERY = 0.05  # seconds between two events of a dragged slider, as the page sends them


CAMERA = {
    "type": "ViewerCameraMessage",
    "wxyz": [1.0, 0, 0, 0],
    "position": [0.0, 0, 500],
    "fov": 0.5,
    "near": 0.1,
    "far": 1000.0,
    "image_height": 720,
    "image_width": 1280,
    "look_at": [0.0, 0, 0],
    "up_direction": [0.0, 1, 0],
}


def grid_triangles(vertices: int) -> np.ndarray:
    """Triangles of a rolled-up grid of about as many vertices."""
    columns = 200
    a = np.arange(vertices - columns - 1)
    return np.concatenate([np.stack([a, a + 1, a + columns], 1), np.stack([a + 1, a + columns + 1, a + columns], 1)])


def models(vertices: int) -> dict:
    """A PCA model of 200 modes and a disentangled autoencoder 97-256-512-3V, both with three blocks."""
    from inface.models import AEMorphableModel, AgeCalibration, LatentSpace, Network, PCAMorphableModel

    rng = np.random.default_rng(0)
    angle, height = np.linspace(0, 200 * np.pi, vertices), np.linspace(-80, 80, vertices)
    radius = 70 * np.sqrt(np.maximum(1 - (height / 90) ** 2, 0.05))
    mean = np.stack([radius * np.sin(angle), height, radius * np.cos(angle)], 1).astype(np.float32)
    blocks = {"identity": slice(0, 100), "expression": slice(100, 199), "age": slice(199, 200)}
    basis = np.linalg.qr(rng.standard_normal((3 * vertices, 200)))[0].T.astype(np.float32)
    std = np.linspace(300, 20, 200)
    pca = PCAMorphableModel(
        components=basis, eigenvalues=std**2, mean_vertices=mean, triangles=grid_triangles(vertices),
        latent=LatentSpace(np.zeros(200), std, blocks),
        age_calibration=AgeCalibration([1.0], [-40, 0, 40], [0, 6, 36]),
    )  # fmt: skip
    sizes = (97, 256, 512, 3 * vertices)
    layers = [rng.standard_normal((o, i)).astype(np.float32) / np.float32(np.sqrt(i)) for i, o in pairwise(sizes)]
    decoder = Network(layers, [np.zeros(len(w), np.float32) for w in layers])
    widths = {"identity": 32, "expression": 64, "age": 1}
    encoders = {
        name: Network([np.zeros((n, 3 * vertices), np.float32)], [np.zeros(n, np.float32)])
        for name, n in widths.items()
    }
    network = AEMorphableModel(
        encoders=encoders, decoder=decoder, mean_vertices=mean, triangles=grid_triangles(vertices),
        latent=LatentSpace(np.zeros(97), np.ones(97)), age_calibration=AgeCalibration([1.0], [-2, 0, 2], [0, 6, 36]),
    )  # fmt: skip
    return {"PCA": pca, "disentangled": network}


def client(port: int, label: str, vertices: int, events: int, answer) -> None:
    """Drag the slider called `label`; put the seconds from each event to its vertices into `answer`."""
    import viser
    import zstandard
    from websockets.sync.client import connect

    def messages(data: bytes):
        size = int.from_bytes(data[8:16], "little")
        return msgspec.msgpack.decode(zstandard.decompress(data[16 : 16 + size]))["messages"]

    def send(wire, message: dict) -> None:
        wire.send(msgspec.msgpack.encode(message))

    protocol = f"viser-v{viser.__version__}"
    with connect(f"ws://127.0.0.1:{port}", subprotocols=[protocol], max_size=None, compression=None) as wire:
        send(wire, CAMERA)
        uuid, quiet = None, 0
        while uuid is None or quiet < 3:
            try:
                for message in messages(wire.recv(timeout=0.5)):
                    if message["type"] == "GuiSliderMessage" and message["props"]["label"] == label:
                        uuid = message["uuid"]
                quiet = 0
            except TimeoutError:
                quiet += 1
        times = []
        for event in range(events):
            value = round(0.05 * (event % 40 + 1), 2)
            with contextlib.suppress(TimeoutError):  # what belongs to an earlier event
                while True:
                    wire.recv(timeout=0.001)
            began = time.perf_counter()
            send(wire, {"type": "GuiUpdateMessage", "uuid": uuid, "updates": {"value": value}})
            while len(wire.recv(timeout=10)) < 12 * vertices:
                pass
            times.append(time.perf_counter() - began)
            time.sleep(max(0.0, EVERY - times[-1]))
        answer.put(times)


def drag(port: int, label: str, vertices: int) -> float:
    """Median seconds of an event."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=client, args=(port, label, vertices, EVENTS, answer), daemon=True)
    process.start()
    times = answer.get(timeout=120)
    process.join()
    return statistics.median(times)


def bare_server(model, index: int):
    """The yardstick: decode and push, nothing else."""
    import viser

    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host="127.0.0.1", port=9100, verbose=False)

    @server.on_client_connect
    def _(client) -> None:
        latent = np.array(model.latent_mean)
        mesh = client.scene.add_mesh_simple("/mesh", model.decode(latent), model.triangles)
        slider = client.gui.add_slider("bare", -3.0, 3.0, 0.05, 0.0)

        @slider.on_update
        def _(event) -> None:
            latent[index] = model.latent_mean[index] + event.target.value * model.latent_std[index]
            mesh.vertices = model.decode(latent)
            client.flush()

    return server


def page_seconds() -> float:
    """Seconds of a fresh process from `view` to the first page served; imports and the model's making not counted."""
    script = (
        "import sys, time, urllib.request\n"
        "sys.path.insert(0, 'benchmarks')\n"
        "import numpy, viser, inface.viewer.app as app, viewer\n"
        "model = viewer.models(20000)['PCA']\n"
        "t = time.perf_counter()\n"
        "window = app.view(model, port=9200, open_browser=False, block=False)\n"
        "urllib.request.urlopen(f'http://127.0.0.1:{window.port}/').read()\n"
        "print(time.perf_counter() - t)\n"
        "window.stop()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def idle_share(port: int) -> float:
    """Share of one core that this process uses in ten seconds with one page open and nobody touching it."""
    import psutil

    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=sit, args=(port, answer), daemon=True)
    process.start()
    answer.get(timeout=60)
    own = psutil.Process()
    before, began = own.cpu_times(), time.monotonic()
    time.sleep(10)
    after, seconds = own.cpu_times(), time.monotonic() - began
    process.terminate()
    return (after.user + after.system - before.user - before.system) / seconds


def sit(port: int, answer) -> None:
    """A client that only listens."""
    import viser
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{port}", subprotocols=[f"viser-v{viser.__version__}"], max_size=None) as wire:
        wire.send(msgspec.msgpack.encode(CAMERA))
        end = time.monotonic() + 3
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                wire.recv(timeout=0.3)
        answer.put(True)
        while True:
            with contextlib.suppress(TimeoutError):
                wire.recv(timeout=5)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vertices", type=int, default=VERTICES)
    vertices = parser.parse_args().vertices
    from inface.viewer.app import view

    print(f"{vertices} vertices, median of {EVENTS} events, one every {1e3 * EVERY:g} ms")
    print("| model | colours | decode, ms | decode + bare push, ms | viewer, ms | ratio |\n|---|---|---|---|---|---|")
    for name, model in models(vertices).items():
        latent = np.array(model.latent_mean)
        runs = []
        for _ in range(30):
            began = time.perf_counter()
            model.decode(latent)
            runs.append(time.perf_counter() - began)
        decode = statistics.median(runs)
        server = bare_server(model, 0)
        bare = drag(server.get_port(), "bare", vertices)
        server.stop()
        for colours, shown in (("clay", model), ("own", model.with_extras(colors=np.full((vertices, 3), 0.7)))):
            window = view(shown, port=9300, open_browser=False, block=False)
            own = drag(window.port, "Identity 1", vertices)
            figures = (f"{1e3 * decode:.2f}", f"{1e3 * bare:.2f}", f"{1e3 * own:.2f}", f"{own / bare:.2f}")
            print("|", " | ".join((name, colours, *figures)), "|")
            if name == "PCA" and colours == "clay":
                idle = idle_share(window.port)
            window.stop()
    print(f"idle, one page open: {100 * max(idle, 0):.2f} % of a core over 10 s")
    print(f"first page after start, imports not counted: {page_seconds():.2f} s")


if __name__ == "__main__":
    with contextlib.redirect_stderr(io.StringIO()):
        main()
