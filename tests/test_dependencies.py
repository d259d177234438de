"""What is required is what is imported: the base install and every extra, read from pyproject.toml and the source."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from inface import _optional

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {name: rows for name, rows in PROJECT["optional-dependencies"].items() if name not in ("dev", "docs")}
# distribution -> what is imported of it, where the two names differ
MODULES = {
    "pillow": "PIL",
    "pyyaml": "yaml",
    "libigl": "igl",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "vtk": "vtkmodules",
}
# onnx is what torch.onnx imports by itself; onnxscript likewise: the package calls torch.onnx.export
CALLED_BY_TORCH = {"onnx", "onnxscript"}
TOOLS = {"pytest-xdist", "pytest-timeout", "ruff", "mypy", "import-linter"}  # run, not imported


def modules(requirements: list[str]) -> set[str]:
    """The modules that requirements such as "pillow>=10" bring."""
    names = [re.split(r"[\[<>=!~; ]", row)[0].lower() for row in requirements]
    return {MODULES.get(name, name.replace("-", "_")) for name in names if name != "inface"}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(top module, how) of each import of a file; how is "plain", "typing" or "asked for" (by `require`)."""
    tree = ast.parse(path.read_text())
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        how = "typing" if id(node) in typing else "plain"
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif _asks(node):
            names, how = [node.args[0].value], "asked for"  # type: ignore[attr-defined]
        for name in names:
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in ("inface", "__future__"):
                yield top, how


def _asks(node: ast.AST) -> bool:
    """Whether it is a call of `require`, or of pytest's `importorskip`, with a written name."""
    call = isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("require", "importorskip")
    return call and bool(node.args) and isinstance(node.args[0], ast.Constant)


def of_folder(folder: str) -> set[tuple[str, str]]:
    return {found for path in (ROOT / folder).rglob("*.py") for found in imports(path)}


SOURCE = of_folder("src/inface")
BASE = modules(PROJECT["dependencies"])


def test_the_base_install_is_what_is_imported_plainly():
    plain = {
        top for top, how in SOURCE if how == "plain" and not (top in _optional.EXTRAS and (top, "asked for") in SOURCE)
    }
    assert plain == BASE, f"required and not imported: {BASE - plain}; imported and not required: {plain - BASE}"


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_what_an_extra_brings_is_asked_for_somewhere(extra):
    asked = {top for top, how in SOURCE if how == "asked for"} | CALLED_BY_TORCH
    unused = modules(EXTRAS[extra]) - asked
    assert not unused, f"'{extra}' brings {unused}, which no module asks for"


def test_what_is_asked_for_is_brought_by_the_extra_that_the_message_names():
    asked = {top for top, how in SOURCE if how == "asked for"}
    assert asked <= set(_optional.EXTRAS), f"no install line for {asked - set(_optional.EXTRAS)}"
    for module, extra in _optional.EXTRAS.items():
        assert module in modules(EXTRAS[extra]), f"'{module}' is said to come with '{extra}', which does not bring it"
        assert module in asked | CALLED_BY_TORCH, f"nothing asks for '{module}'"


def test_tests_benchmarks_and_examples_run_with_the_extra_dev():
    dev = PROJECT["optional-dependencies"]["dev"]
    named = next(row for row in dev if row.startswith("inface["))
    brought = BASE | modules(dev)
    for extra in re.findall(r"\[(.*)\]", named)[0].split(","):
        brought |= modules(PROJECT["optional-dependencies"][extra])
    own = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {p.stem for p in (ROOT / "benchmarks").glob("*.py")}
    used = {top for folder in ("tests", "benchmarks", "examples") for top, _ in of_folder(folder)} - own
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    skips = {name for text in texts for name in re.findall(r'importorskip\("(\w+)", reason', text)}  # done without
    missing = {
        module
        for module in {MODULES.get(name, name) for name in used} - brought - skips
        if module not in modules(EXTRAS.get("build", []))
    }
    assert not missing, f"imported and not in the extra 'dev': {missing}"
    only_dev = {MODULES.get(name, name) for name in (re.split(r"[\[<>=]", row)[0] for row in dev)} - TOOLS
    idle = {name for name in only_dev if name.replace("-", "_") not in used and name != "inface"}
    assert not idle, f"in the extra 'dev' and not imported: {idle}"


def test_every_pin_is_of_one_version():
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.\-]+==[\w.+!]+", line) for line in pins)
    names = [line.split("==")[0].lower().replace("_", "-") for line in pins]
    assert len(set(names)) == len(names)
