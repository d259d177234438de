"""The shape of the code itself: circles, lengths, private doors, twins, public calls, and the table in CONTRIBUTING."""

import ast
import json
import re
from collections import defaultdict
from pathlib import Path

import grimp
import pytest
from house_signatures import FILE, public_calls

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "inface"
LONGEST_MODULE, LONGEST_FUNCTION, MOST_PARAMETERS, TWIN_LINES = 350, 60, 8, 10
ARROWS_UP = {
    ("inface.mesh", "inface.viewer"),  # Mesh.show
    ("inface.models.base", "inface.viewer"),  # model.visualize
    ("inface.models.base", "inface.torch_layer"),  # model.to_torch
}


def sources() -> dict[str, str]:
    """Path below `src/inface` -> text."""
    return {p.relative_to(SOURCE).as_posix(): p.read_text() for p in sorted(SOURCE.rglob("*.py"))}


def room_of(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def functions(text: str):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_explained(text: str, node) -> bool:
    """A comment `# long: why` or `# options: why` stands on the line above the function or its decorators."""
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    above = text.splitlines()[first - 2].strip() if first > 1 else ""
    return bool(re.match(r"# (long|options): \w+", above))


def code_lines(node) -> int:
    doc = ast.get_docstring(node, clean=False)
    return node.end_lineno - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)


def parameter_count(node) -> int:
    a = node.args
    names = [x.arg for x in a.posonlyargs + a.args + a.kwonlyargs]
    return len([n for n in names if n not in ("self", "cls")]) + bool(a.vararg) + bool(a.kwarg)


def test_no_module_is_too_long():
    long = {p: n for p, t in sources().items() if (n := t.count("\n")) > LONGEST_MODULE}
    assert not long


def test_no_function_is_too_long_without_a_word_why():
    long = [
        (path, node.name, code_lines(node))
        for path, text in sources().items()
        for node in functions(text)
        if code_lines(node) > LONGEST_FUNCTION and not is_explained(text, node)
    ]
    assert not long


def test_no_function_carries_a_bag_of_parameters():
    """Verbs of the command line are exempt: there the signature is the record of options."""
    many = [
        (path, node.name, parameter_count(node))
        for path, text in sources().items()
        if room_of(path) != "cli"
        for node in functions(text)
        if parameter_count(node) > MOST_PARAMETERS and not is_explained(text, node)
    ]
    assert not many


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one file."""
    reach = {}
    for start in edges:
        seen, todo = set(), list(edges[start])
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo.extend(edges.get(node, ()))
        reach[start] = seen
    return sorted({tuple(sorted(b for b in edges if b in reach[a] and a in reach[b])) for a in edges} - {()})


def test_there_is_no_circle_of_files():
    graph = grimp.build_graph("inface")
    edges = {m: set(graph.find_modules_directly_imported_by(m)) for m in graph.modules}
    for importer, imported in ARROWS_UP:
        edges[importer].discard(imported)
    assert circles(edges) == []


def test_a_circle_would_be_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [("a", "b", "c")]


def private_uses(path: str, text: str, own: set[str], others: set[str]) -> list[tuple[str, int, str]]:
    found = []
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("inface."):
            names = [a.name for a in node.names]
            if node.module == "inface":
                names = []
        for name in names:
            if re.match(r"_[a-z]\w*$", name) and name in others - own:
                found.append((path, node.lineno, name))
    return found


def test_nothing_reaches_for_a_private_name_of_another_room():
    own: dict[str, set[str]] = defaultdict(set)
    texts = sources()
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                own[room_of(path)].add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own[room_of(path)].add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                own[room_of(path)].add(node.attr)
    everywhere = set().union(*own.values())
    found = [use for path, text in texts.items() for use in private_uses(path, text, own[room_of(path)], everywhere)]
    assert not found


def test_no_two_places_share_ten_lines():
    places = defaultdict(list)
    for path, text in sources().items():
        lines = [(i, s) for i, raw in enumerate(text.splitlines(), 1) if (s := raw.strip())]
        for k in range(len(lines) - TWIN_LINES + 1):
            places[tuple(s for _, s in lines[k : k + TWIN_LINES])].append(f"{path}:{lines[k][0]}")
    twins = [where for where in places.values() if len(where) > 1]
    assert not twins


def test_kinds_of_models_are_told_apart_in_one_module():
    pattern = re.compile(r"isinstance\([^()]*,\s*\(?[^()]*(PCAMorphableModel|AEMorphableModel)")
    found = [
        f"{path}:{text[: m.start()].count(chr(10)) + 1}"
        for path, text in sources().items()
        if room_of(path) == "models" and not path.endswith("store.py")
        for m in pattern.finditer(text)
    ]
    assert not found
    assert not [p for p, t in sources().items() if "WeakKeyDictionary" in t]


# a posterior is made by `model.posterior`, nobody else calls its constructor;
# the weights of the losses stand in a record of their own, `LossWeights`, which `Settings` holds
CHANGED_ON_PURPOSE = {"inface.training.Settings", "inface.Posterior"}
CALLS = json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def now():
    return public_calls()


@pytest.mark.parametrize("name", sorted(set(CALLS) - CHANGED_ON_PURPOSE))
def test_a_public_call_keeps_its_names_and_positions(name, now):
    before, after = CALLS[name], now.get(name)
    assert after is not None, f"{name} is gone"
    places = [p[0] for p in after if p[1].startswith("POSITIONAL")]
    wanted = [p[0] for p in before if p[1].startswith("POSITIONAL")]
    assert places[: len(wanted)] == wanted
    names = {p[0]: p for p in after}
    takes_any = any(p[1] == "VAR_KEYWORD" for p in after)
    for parameter, kind, default in before:
        if kind == "KEYWORD_ONLY":
            assert parameter in names or takes_any
        if default is not None and parameter in names:
            assert names[parameter][2] is not None, f"{parameter} was optional"
    known = {p[0] for p in before}
    asked = [p[0] for p in after if p[2] is None and not p[1].startswith("VAR") and p[0] not in known]
    assert not asked, "a new parameter must be optional"


def test_contributing_draws_the_house_as_it_is():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text[text.index("## Where things live") : text.index("## House rules")]
    first_cells = "".join(re.findall(r"^\|([^|]*)\|", table, re.M))
    told = set(re.findall(r"`([a-z_]+)(?:/|\.py)`", first_cells))
    there = {room_of(p) for p in sources()} - {"__init__", "__main__"}
    there |= {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name not in ("__pycache__",)}
    assert told >= there, f"not in the table: {sorted(there - told)}"
    assert told <= there, f"no such room: {sorted(told - there)}"
    for path in re.findall(r"`(src/inface/[\w/.]+|tests/[\w/.]+|docs/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), path
