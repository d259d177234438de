"""Landmark files of other programs: MeshLab `.pp`, Slicer `.fcsv` and `.mrk.json`, Scalismo JSON, iBUG lists, our CSV.

All become name -> point `(3,)`, NaN where the file marks a point as not set. Slicer files say in which patient frame
they are; points are returned in LPS, the frame of the meshes that Slicer writes.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from inface._validate import FloatArray
from inface.codecs.landmark_csv import read_landmarks, write_landmarks
from inface.codecs.text_files import read_text, write_text
from inface.errors import FormatError

Points = dict[str, FloatArray]
IBUG = tuple(f"ibug_{i:02d}" for i in range(68))
SUFFIXES = (".csv", ".txt", ".pts", ".pp", ".fcsv", ".mrk.json", ".json")


def read_landmark_file(path: str | Path) -> Points:
    """Landmarks of any known kind; the suffix names the kind, the content is checked.

    `.csv`, `.txt`: ours; 68 unnamed points are taken as iBUG order and named `ibug_00` ... `ibug_67`.
    `.pts`: iBUG. `.pp`: MeshLab. `.fcsv`, `.mrk.json`: 3D Slicer. `.json`: Scalismo (or Slicer, by its content).

    Raises:
        FormatError: an unknown suffix, damaged content, or a name that stands twice.
    """
    return _reader(path)(path)


def write_landmark_file(path: str | Path, landmarks: Mapping[str, FloatArray]) -> None:
    """Write landmarks; the suffix names the kind (`.csv`, `.pts`, `.pp`, `.fcsv`, `.mrk.json`, `.json` = Scalismo).

    Raises `FormatError` for an unknown suffix, or for points that the kind cannot hold.
    """
    suffix = _suffix(path)
    writers: dict[str, Callable[[Mapping[str, FloatArray]], str]] = {
        ".pts": _ibug_text,
        ".pp": _meshlab_text,
        ".fcsv": _fcsv_text,
        ".mrk.json": _markups_text,
        ".json": _scalismo_text,
    }
    if suffix in (".csv", ".txt"):
        write_landmarks(path, landmarks)
    else:
        write_text(path, writers[suffix](landmarks))


def find_landmark_file(mesh_path: str | Path) -> Path | None:
    """The landmark file that belongs to a mesh: exactly its name with another suffix, beside it; None if there is none.

    Never by a prefix: `anna.ply` has `anna.csv`, not `anna_2.csv`. Raises `FormatError` when two files fit.
    """
    mesh_path = Path(mesh_path)
    found = [p for suffix in SUFFIXES if (p := mesh_path.with_name(mesh_path.stem + suffix)).is_file()]
    if len(found) > 1:
        names = " and ".join(f"'{p.name}'" for p in found)
        raise FormatError(f"'{mesh_path.name}' has two landmark files, {names}; keep one")
    return found[0] if found else None


def _suffix(path: str | Path) -> str:
    name = Path(path).name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise FormatError(f"'{path}': expected a landmark file with one of the suffixes {', '.join(SUFFIXES)}")


def _reader(path: str | Path) -> Callable[[str | Path], Points]:
    return {
        ".csv": _read_own,
        ".txt": _read_own,
        ".pts": _read_ibug,
        ".pp": _read_meshlab,
        ".fcsv": _read_fcsv,
        ".mrk.json": _read_markups,
        ".json": _read_json,
    }[_suffix(path)]


def _read_own(path: str | Path) -> Points:
    points = read_landmarks(path)
    if list(points) == [str(i) for i in range(68)]:
        return dict(zip(IBUG, points.values(), strict=True))
    return points


def _read_ibug(path: str | Path) -> Points:
    """68 rows `x y z`, with or without the `version`, `n_points` and brace lines of the original files."""
    rows = []
    for line in read_text(path).splitlines():
        if not line.strip() or ":" in line or line.strip() in "{}":
            continue
        rows.append(_numbers(path, line.replace(",", " ").split(), 3))
    if len(rows) != 68:
        raise FormatError(f"'{path}': expected 68 points in iBUG order, got {len(rows)}")
    return dict(zip(IBUG, rows, strict=True))


def _read_meshlab(path: str | Path) -> Points:
    try:
        root = ElementTree.fromstring(read_text(path).replace("<!DOCTYPE PickedPoints>", ""))
    except ElementTree.ParseError as error:
        raise FormatError(f"'{path}': no MeshLab picked points ({error})") from None
    if root.tag != "PickedPoints":
        raise FormatError(f"'{path}': expected <PickedPoints>, got <{root.tag}>")
    out: Points = {}
    for number, point in enumerate(root.iter("point")):
        place = _numbers(path, [point.get(axis, "") for axis in "xyz"], 3)
        _add(path, out, point.get("name", str(number)), place if point.get("active", "1") != "0" else place * np.nan)
    return out


def _read_fcsv(path: str | Path) -> Points:
    out: Points = {}
    sign = np.array([1.0, 1, 1])
    columns = ["id", "x", "y", "z", "ow", "ox", "oy", "oz", "vis", "sel", "lock", "label"]
    body = []
    for line in read_text(path).splitlines():
        if not line.startswith("#"):
            body.append(line)
            continue
        key, _, value = line[1:].partition("=")
        if key.strip() == "CoordinateSystem":
            sign = _to_lps(path, value.strip())
        elif key.strip() == "columns":
            columns = [c.strip() for c in value.split(",")]
    if not {"x", "y", "z"} <= set(columns):
        raise FormatError(f"'{path}': the columns lack x, y or z")
    at = [columns.index(axis) for axis in "xyz"]
    label = columns.index("label") if "label" in columns else None
    for number, row in enumerate(csv.reader(io.StringIO("\n".join(body)))):
        if not row:
            continue
        if len(row) <= max(at):
            raise FormatError(f"'{path}': row {number + 1} has {len(row)} columns, expected {len(columns)}")
        name = row[label].strip() if label is not None and len(row) > label and row[label].strip() else str(number)
        _add(path, out, name, sign * _numbers(path, [row[i] for i in at], 3))
    return out


def _read_json(path: str | Path) -> Points:
    content = _json(path)
    if isinstance(content, dict) and "markups" in content:
        return _markups(path, content)
    if not isinstance(content, list):
        raise FormatError(f"'{path}': expected a list of landmarks (Scalismo) or Slicer markups")
    out: Points = {}
    for entry in content:
        if not isinstance(entry, dict) or "id" not in entry or "coordinates" not in entry:
            raise FormatError(f"'{path}': expected entries with 'id' and 'coordinates'")
        _add(path, out, str(entry["id"]), _numbers(path, entry["coordinates"], 3))
    return out


def _read_markups(path: str | Path) -> Points:
    content = _json(path)
    if not isinstance(content, dict) or "markups" not in content:
        raise FormatError(f"'{path}': expected Slicer markups (a key 'markups')")
    return _markups(path, content)


def _markups(path: str | Path, content: dict) -> Points:
    out: Points = {}
    for markup in content["markups"]:
        sign = _to_lps(path, str(markup.get("coordinateSystem", "LPS")))
        for number, point in enumerate(markup.get("controlPoints", [])):
            defined = point.get("positionStatus", "defined") == "defined"
            place = _numbers(path, point.get("position", []), 3) if defined else np.full(3, np.nan)
            _add(path, out, str(point.get("label") or point.get("id") or number), sign * place)
    return out


def _ibug_text(landmarks: Mapping[str, FloatArray]) -> str:
    missing = [name for name in IBUG if name not in landmarks]
    if missing:
        raise FormatError(f"an iBUG file needs {', '.join(IBUG[:2])} ... {IBUG[-1]}; missing: {', '.join(missing[:5])}")
    rows = [" ".join(repr(float(c)) for c in landmarks[name]) for name in IBUG]
    return "version: 1\nn_points: 68\n{\n" + "\n".join(rows) + "\n}\n"


def _meshlab_text(landmarks: Mapping[str, FloatArray]) -> str:
    root = ElementTree.Element("PickedPoints")
    for name, point in landmarks.items():
        active = np.isfinite(point).all()
        place = {axis: repr(float(c) if active else 0.0) for axis, c in zip("xyz", point, strict=True)}
        ElementTree.SubElement(root, "point", {**place, "name": name, "active": "1" if active else "0"})
    ElementTree.indent(root)
    return "<!DOCTYPE PickedPoints>\n" + ElementTree.tostring(root, encoding="unicode") + "\n"


def _fcsv_text(landmarks: Mapping[str, FloatArray]) -> str:
    stream = io.StringIO()
    stream.write("# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n")
    stream.write("# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n")
    writer = csv.writer(stream, lineterminator="\n")
    for number, (name, point) in enumerate(_defined(landmarks).items(), 1):
        writer.writerow([number, *(repr(float(c)) for c in point), 0, 0, 0, 1, 1, 1, 0, name, "", ""])
    return stream.getvalue()


def _markups_text(landmarks: Mapping[str, FloatArray]) -> str:
    points = []
    for number, (name, point) in enumerate(landmarks.items(), 1):
        known = bool(np.isfinite(point).all())
        entry: dict = {"id": str(number), "label": name, "positionStatus": "defined" if known else "undefined"}
        if known:
            entry["position"] = [float(c) for c in point]
        points.append(entry)
    markup = {"type": "Fiducial", "coordinateSystem": "LPS", "controlPoints": points}
    return json.dumps({"markups": [markup]}, indent=1) + "\n"


def _scalismo_text(landmarks: Mapping[str, FloatArray]) -> str:
    entries = [{"id": n, "coordinates": [float(c) for c in p]} for n, p in _defined(landmarks).items()]
    return json.dumps(entries, indent=1) + "\n"


def _defined(landmarks: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """These kinds have no mark for an undefined point: it is left out."""
    return {name: point for name, point in landmarks.items() if np.isfinite(point).all()}


def _json(path: str | Path):
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FormatError(f"'{path}': no JSON ({error})") from None


def _to_lps(path: str | Path, frame: str) -> FloatArray:
    """Signs that bring a patient frame to LPS; Slicer wrote 0 for RAS and 1 for LPS before it wrote the names."""
    if frame.upper() in ("LPS", "1"):
        return np.array([1.0, 1, 1])
    if frame.upper() in ("RAS", "0"):
        return np.array([-1.0, -1, 1])
    raise FormatError(f"'{path}': expected the frame LPS or RAS, got '{frame}'")


def _numbers(path: str | Path, cells, count: int) -> FloatArray:
    try:
        point = np.array([float(c) for c in cells])
    except (TypeError, ValueError):
        point = np.zeros(0)
    if point.shape != (count,) or np.isinf(point).any():
        raise FormatError(f"'{path}': expected {count} coordinates, got {str(cells)[:60]}")
    return point


def _add(path: str | Path, out: Points, name: str, point: FloatArray) -> None:
    if name in out:
        raise FormatError(f"'{path}': the landmark '{name}' stands more than once")
    out[name] = point
