"""Six simulated scans registered without landmarks, in pictures: scan, fit, distance.

    python examples/register_scans.py [folder] [--model model.h5]

Writes `registration.png` (one row a scan: scan, fit, distance of the fit from the scan in front and in profile; red is
2 mm and more, grey is extrapolated) and prints each verdict. Without --model a model is trained first (half a minute).
"""

import argparse
from pathlib import Path

import numpy as np

from inface.codecs import atomic_write
from inface.models import PCAMorphableModel
from inface.pictures.shade import png_bytes
from inface.registration import register
from inface.registration.contact_sheet import picture
from inface.synthetic import cohort, head, simulate_scan
from inface.training import fit_pca

BARE = {"cap": False, "collar": False, "hair": 0}
SCANS = [
    (head(6, "female", 1001), {"views": "full", "unit": "mm", **BARE}),
    (head(3, "male", 1002, "crying"), {"views": "front", "unit": "m", **BARE}),
    (head(18, "male", 1003), {"views": "no_back", "unit": "mm", "cap": True, "collar": False}),
    (head(30, "female", 1004, "smiling"), {"views": "front", "unit": "cm", "cap": False, "shoulders": True}),
    (head(10, "female", 1005, "surprised"), {"views": "full", "unit": "mm", "cap": True, "shoulders": True, "hair": 6}),
    (head(5, "male", 1006, deformity="plagiocephaly"), {"views": "full", "unit": "m", "holes": 0.08, **BARE}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("pictures"))
    parser.add_argument("--model", type=Path, help="a model file of the synthetic template")
    given = parser.parse_args()
    model = PCAMorphableModel(given.model) if given.model else fit_pca(cohort(250, 2, seed=1), 0.9995)
    rows = []
    for seed, (child, options) in enumerate(SCANS):
        scan = simulate_scan(child, seed, **options)
        done = register(scan.mesh, model)
        error = np.linalg.norm(done.mesh.vertices - scan.truth, axis=1)[scan.seen] / scan.pose.scale
        print(f"{done}\n  true error where seen: mean {error.mean():.2f} mm, 95 % below {np.percentile(error, 95):.2f}")
        rows.append(picture(scan.mesh, done, pixels=300))
    given.folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(given.folder / "registration.png") as temporary:
        temporary.write_bytes(png_bytes(np.vstack(rows)))
    print(given.folder / "registration.png")


if __name__ == "__main__":
    main()
