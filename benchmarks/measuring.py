"""How far measures of registered scans lie from the truth, what their errors are, and whether the intervals hold.

    python benchmarks/measuring.py scan ROWS.jsonl --heads 16 --views full --seed 100
    python benchmarks/measuring.py scan ROWS.jsonl --heads 8 --views no_back --seed 200
    python benchmarks/measuring.py learn ROWS.jsonl --out src/inface/data/norms/measure_errors.json
    python benchmarks/measuring.py scan CHECK.jsonl --heads 10 --views full --seed 300 --second
    python benchmarks/measuring.py check CHECK.jsonl

`scan` draws heads (a fifth each: normal, plagiocephaly, brachycephaly, both, scaphocephaly), scans each, registers
the scan from its true pose (finding the pose is registration's own business, see `benchmarks/registration.py`) and
appends one line a scan: truth, value, posterior spread, share seen. `--again 1` scans each head twice, for the repeat
error. `learn` finds factor and repeat error of each measure. `check` prints the table of errors and how often
the intervals hold; its rows must be of the second generator setting, on which nothing was learnt. Synthetic heads: no
figure here is a clinical figure.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import inface
from inface.measurement.catalogue import CATALOGUE
from inface.measurement.head import Head
from inface.measurement.measuring import values_of
from inface.measurement.uncertainty import SURE, ErrorRule, error_rules, posterior_offsets, spreads
from inface.registration import register
from inface.registration.settings import Settings
from inface.reports.measure import measure
from inface.synthetic import SECOND_SETTING, Variation, shapes_for, simulate_scan
from inface.synthetic.head import head_maker

DRAWN = 4  # scans that the factor of a measure's group weighs
LEAST = 0.9  # no factor below this
KINDS = ([0, 0, 0, 0], [-8, 0, 0, 0], [0, 8, 0, 0], [6, 6, 0, 0], [0, 0, 8, 0])
SHOWN = (
    "circ.go", "circ.ml", "length.dyn", "length.ml", "width.ml", "ci.go", "ci.ml", "cva.30", "cvai.30.short",
    "ear.shift", "height", "v.tot", "asr.zero", "psr.zero", "vno.alae", "nfa", "nla", "frontal.ft", "n-gn", "n-sn",
    "en-en", "ex-ex",
    "al-al", "sn-ls", "ch-ch", "zy-zy", "asym.face", "asym.vault",
)  # fmt: skip


def scan(arguments) -> None:
    """Append a line a scan."""
    model = inface.load_default_model("pca")
    settings = replace(Settings(), check_pose=False)
    variation = SECOND_SETTING if arguments.second else Variation()
    size = head_maker(variation).identity.size
    with Path(arguments.rows).open("a", encoding="utf-8") as file:
        for k in range(arguments.heads):
            seed = arguments.seed + k
            rng = np.random.default_rng(seed)
            age, sex = float(rng.uniform(1, 30)), ("male", "female")[seed % 2]
            kind = np.array([KINDS[k % len(KINDS)]], float)
            vertices = shapes_for(rng.normal(size=(1, size)), age, sex, None, kind, variation=variation)[0]
            head = inface.Mesh(np.asarray(vertices, float), model.triangles)
            for again in range(1 + arguments.again):
                row = _row(model, head, settings, arguments, seed, again)
                file.write(json.dumps(row) + "\n")
                file.flush()
                print(seed, again, row["verdict"], f"{row['seconds']:.1f} s", flush=True)


def _row(model, head, settings, arguments, seed: int, again: int) -> dict:
    made = simulate_scan(
        head, 1000 * again + seed, views=arguments.views, cap=arguments.cap, vertices=arguments.vertices
    )  # fmt: skip
    clock = time.process_time()
    done = register(made.mesh, model, start=made.pose, settings=settings)
    seconds = time.process_time() - clock
    clock = time.process_time()
    found = measure(done, model=model, samples=0)
    value = found.values_by_id()
    spread = {}
    if found.head is not None and done.covariance is not None:
        spread = spreads(found.head, posterior_offsets(model, done.latent, done.covariance, arguments.samples), value)
    truth = values_of(Head(found.head.anatomy, head.vertices), CATALOGUE) if found.head is not None else {}
    return {
        "seed": seed, "again": again, "second": arguments.second, "views": arguments.views, "cap": arguments.cap,
        "verdict": done.verdict, "reasons": list(done.reasons), "seconds": seconds,
        "measuring": time.process_time() - clock, "worn": bool(done.cap.worn) if done.cap else None, "truth": truth,
        "value": value, "spread": spread, "seen": {id: found[id].seen for id in value},
    }  # fmt: skip


def read(path) -> list[dict]:
    """The rows of scans that did not fail."""
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    failed = sum(row["verdict"] == "failed" for row in rows)
    print(f"{len(rows)} scans, {failed} failed and left out")
    return [row for row in rows if row["verdict"] != "failed"]


def pairs(rows: list[dict], id: str) -> tuple[np.ndarray, np.ndarray]:
    """Errors and spreads of one measure."""
    have = [r for r in rows if id in r["value"] and id in r["truth"] and id in r["spread"]]
    return np.array([r["value"][id] - r["truth"][id] for r in have]), np.array([r["spread"][id] for r in have])


def learn(arguments) -> None:
    """The factor of each measure: root mean square error over that of the spread, drawn towards its group's and widened
    for the few scans it is known from; the repeat error from pairs of scans of one head."""
    rows = read(arguments.rows)
    ratios = {}
    for id in CATALOGUE:
        error, spread = pairs(rows, id)
        if len(error) >= 6:
            ratios[id] = float(np.sqrt((error**2).mean() / (spread**2).mean())), len(error)
    groups: dict[str, list[float]] = {}
    for id, (ratio, _) in ratios.items():
        groups.setdefault(CATALOGUE[id].group, []).append(np.log(max(ratio, 0.3)))
    centre = {group: float(np.mean(logs)) for group, logs in groups.items()}
    rules: dict[str, list[float | None]] = {}
    for id, definition in CATALOGUE.items():
        if definition.group not in centre:
            continue
        ratio, count = ratios.get(id, (1.0, 0))
        drawn = (count * np.log(max(ratio, 0.3)) + DRAWN * centre[definition.group]) / (count + DRAWN)
        factor = max(float(np.exp(drawn)) * np.sqrt(1 + 3 / max(count, 6)), LEAST)
        rules[id] = [float(f"{factor:.3g}"), 0.0, float(f"{_repeat(rows, id):.3g}") if count else None]
    told = {
        "made": f"benchmarks/measuring.py learn, {len(rows)} scans of synthetic heads of the first generator setting, "
        "model pca; no clinical figures",
        "rules": rules,
    }  # fmt: skip
    Path(arguments.out).write_text(json.dumps(told, indent=0) + "\n", encoding="utf-8")
    print(f"{len(rules)} rules -> {arguments.out}")


def _repeat(rows: list[dict], id: str) -> float:
    """Standard deviation between new scans of one head, at most that of the error; without pairs: 0.6 of it."""
    by_head: dict[tuple, list[float]] = {}
    for row in rows:
        if id in row["value"]:
            by_head.setdefault((row["seed"], row["views"]), []).append(row["value"][id])
    apart = [np.ptp(values) ** 2 / 2 for values in by_head.values() if len(values) == 2]
    error = pairs(rows, id)[0]
    size = float(np.sqrt((error**2).mean()))
    return min(float(np.sqrt(np.mean(apart))) * np.sqrt(1 + 2 / len(apart)), size) if len(apart) >= 3 else 0.6 * size


def check(arguments) -> None:
    """The table of errors and of how often 95 % intervals hold."""
    rows = read(arguments.rows)
    rules = error_rules()
    print(f"CPU seconds a scan: registering {np.median([r['seconds'] for r in rows]):.1f}, measuring with "
          f"{arguments.samples} samples {np.median([r['measuring'] for r in rows]):.1f}")  # fmt: skip
    print("| measure | n | bias | RMS | largest | SD told | holds |\n|---|---|---|---|---|---|---|")
    held: dict[str, list[bool]] = {}
    for id in CATALOGUE:
        error, spread = pairs(rows, id)
        if not len(error):
            continue
        std = np.array([rules.get(id, ErrorRule()).std(s) for s in spread])
        holds = np.abs(error) <= SURE * std
        held.setdefault(CATALOGUE[id].group, []).extend(holds.tolist())
        if id in SHOWN:
            unit = CATALOGUE[id].unit
            print(
                f"| {id} ({unit}) | {len(error)} | {error.mean():+.2f} | {np.sqrt((error**2).mean()):.2f} | "
                f"{np.abs(error).max():.2f} | {np.median(std):.2f} | {holds.mean():.0%} |"
            )
    for group, holds in held.items():
        print(f"{group}: {np.mean(holds):.1%} of {len(holds)} intervals hold")
    every = [h for holds in held.values() for h in holds]
    print(f"all: {np.mean(every):.1%} of {len(every)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["scan", "learn", "check"])
    parser.add_argument("rows")
    parser.add_argument("--out", default="src/inface/data/norms/measure_errors.json")
    parser.add_argument("--heads", type=int, default=10)
    parser.add_argument("--views", default="full")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--vertices", type=int, default=30000)
    parser.add_argument("--again", type=int, default=0, help="further scans of each head")
    parser.add_argument("--second", action="store_true", help="the second generator setting")
    parser.add_argument("--cap", action="store_true")
    arguments = parser.parse_args()
    {"scan": scan, "learn": learn, "check": check}[arguments.what](arguments)


if __name__ == "__main__":
    main()
