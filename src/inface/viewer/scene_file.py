"""Scene files: a scene as JSON text and back. Never a pickle; numbers and names only."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache

import numpy as np

from inface._validate import FloatArray, floats
from inface.errors import FormatError
from inface.landmarks import LandmarkSet
from inface.mesh import Mesh
from inface.transforms import Similarity
from inface.viewer.scene import Blend, Look, Mark, Marks, Measurement, Opened, Scene, Shape, SurfacePoint

FORMAT, VERSION = "inface-scene", 1


def to_json(scene: Scene, model_name: str = "", model_hash: str = "") -> str:
    """The scene as text that `from_json` reads again; the model is named, not stored."""
    shape = scene.shape and {
        "latent": _list(scene.shape.latent),
        "blend": asdict(scene.shape.blend),
        "source": scene.shape.source,
        "detail": _list(scene.shape.detail),
        "keep_detail": scene.shape.keep_detail,
        "unknown": None if scene.shape.unknown is None else scene.shape.unknown.tolist(),
        "std": _list(scene.shape.std),
        "seed": scene.shape.seed,
    }
    look = asdict(scene.look) | {"hidden": sorted(scene.look.hidden), "measure": list(scene.look.measure)}
    head = {
        "format": FORMAT,
        "format_version": VERSION,
        "model": model_name,
        "model_hash": model_hash,
        "shape": shape,
        "look": look,
        "marks": {
            "landmarks": [asdict(mark) for mark in scene.marks.landmarks],
            "measurements": [asdict(measurement) for measurement in scene.marks.measurements],
            "pulls": [[vertex, list(place)] for vertex, place in scene.marks.pulls],
            "pull_base": scene.marks.pull_base,
        },
    }
    meshes = ",".join(_mesh_text(one) for one in scene.opened)
    return _dumps(head)[:-1] + f',"meshes":[{meshes}]}}'


def is_scene(text: str | bytes) -> bool:
    """Whether the beginning of a file says that it is a scene."""
    start = text[:200]
    return FORMAT in (start if isinstance(start, str) else start.decode("utf-8", "replace"))


def from_json(text: str | bytes) -> tuple[Scene, str, str]:
    """Scene, name of its model and that model's hash; `FormatError` when it is no scene or damaged."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise FormatError(f"expected a scene file (format '{FORMAT}'), got '{data['format']}'")
        if data["format_version"] != VERSION:
            raise FormatError(f"expected a scene of version {VERSION}, got {data['format_version']}")
        meshes = tuple(_opened(one) for one in data["meshes"])
        look = data["look"] | {"hidden": frozenset(data["look"]["hidden"]), "measure": tuple(data["look"]["measure"])}
        shape = data["shape"] and _shape(data["shape"])
        scene = Scene(shape, meshes, Look(**look), _marks(data.get("marks") or {}))
        return scene, str(data["model"]), str(data["model_hash"])
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise FormatError(f"the scene file is damaged or incomplete ({error})") from None


def _marks(data: Mapping) -> Marks:
    def place(point: Mapping | None) -> SurfacePoint | None:
        if point is None:
            return None
        corners, weights = (int(i) for i in point["corners"]), (float(w) for w in point["weights"])
        a, b, c = corners
        u, v, w = weights
        return SurfacePoint(str(point["body"]), (a, b, c), (u, v, w))

    landmarks = [
        Mark(str(m["name"]), str(m["body"]), place(m["place"]), None if m["std"] is None else float(m["std"]))
        for m in data.get("landmarks", ())
    ]
    measurements = [
        Measurement(str(m["kind"]), tuple(p for p in map(place, m["points"]) if p is not None))
        for m in data.get("measurements", ())
    ]
    pulls = []
    for vertex, (x, y, z) in data.get("pulls", ()):
        pulls.append((int(vertex), (float(x), float(y), float(z))))
    base = data.get("pull_base")
    pull_base = None if base is None else tuple(float(x) for x in base)
    return Marks(tuple(landmarks), tuple(measurements), tuple(pulls), pull_base)


def _shape(data: Mapping) -> Shape:
    latent = floats("latent", data["latent"], (None,))
    detail = None if data["detail"] is None else floats("detail", data["detail"], (None, 3))
    std = None if data["std"] is None else floats("std", data["std"], (None,))
    unknown = None if data["unknown"] is None else np.asarray(data["unknown"], np.int64).reshape(-1)
    blend, seed = Blend(**data["blend"]), data["seed"]
    return Shape(latent, blend, str(data["source"]), detail, bool(data["keep_detail"]), unknown, std, seed)


def _opened(data: Mapping) -> Opened:
    vertices = [[np.nan] * 3 if row is None else row for row in data["vertices"]]
    landmarks = None if data["landmarks"] is None else LandmarkSet.of(data["landmarks"])
    mesh = Mesh(vertices, data["triangles"], data["colors"], landmarks)
    latent = None if data["latent"] is None else floats("latent", data["latent"], (None,))
    home = data.get("to_file")
    to_file = None if home is None else Similarity(np.array(home[0]), np.array(home[1]), float(home[2]))
    support = data.get("support")
    seen = None if support is None else np.isin(np.arange(len(mesh.vertices)), support)
    words, verdict = str(data.get("words", "")), str(data.get("verdict", ""))
    distance = None if data.get("distance") is None else floats("distance", data["distance"], (len(mesh.vertices),))
    scan = str(data.get("scan", ""))
    return Opened(str(data["name"]), mesh, latent, to_file, verdict, words, seen, distance, scan)


@lru_cache(maxsize=16)
def _mesh_text(one: Opened) -> str:
    """A mesh as JSON; what was written lately is kept, because a session is written after every step."""
    return _dumps(_mesh_json(one))


def _dumps(data: object) -> str:
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def _mesh_json(one: Opened) -> dict:
    mesh, home = one.mesh, one.to_file
    rows = [row if np.isfinite(row).all() else None for row in np.round(mesh.vertices, 4)]
    landmarks = None
    if mesh.landmarks is not None:
        landmarks = {n: p.tolist() for n, p in mesh.landmarks.items() if np.isfinite(p).all()}
    return {
        "name": one.name,
        "latent": _list(one.latent),
        "vertices": [None if row is None else row.tolist() for row in rows],
        "triangles": mesh.triangles.tolist(),
        "colors": None if mesh.colors is None else np.round(mesh.colors, 3).tolist(),
        "landmarks": landmarks,
        "to_file": home and [home.rotation.tolist(), home.translation.tolist(), float(home.scale)],
        "verdict": one.verdict,
        "words": one.words,
        "distance": _list(one.distance),
        "scan": one.scan,
        "support": None if one.support is None else np.flatnonzero(one.support).tolist(),
    }


def _list(array: FloatArray | None) -> list | None:
    return None if array is None else np.round(np.asarray(array, float), 6).tolist()
