"""`inface photo`: photographs of one child to a head with error bars."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from inface.ages import months_of
from inface.cli.inputs import refuse_overwriting
from inface.cli.options import flat
from inface.cli.progress import bar
from inface.errors import InfaceError

_READ, _WRITE = "What is known", "What is written"


@dataclass(frozen=True)
class Known:
    """What is known of child and photographs."""

    age: Annotated[
        str | None, typer.Option(help="Age, such as 7m, 183d, 1y; tells the size.", rich_help_panel=_READ)
    ] = None
    known: Annotated[
        list[str] | None,
        typer.Option(metavar="A-B=MM", help="A known length, such as ex_l-ex_r=74; repeat it.", rich_help_panel=_READ),
    ] = None
    landmarks: Annotated[
        list[Path] | None,
        typer.Option(
            help="Landmark file of each photo, in their order; else found beside each.", rich_help_panel=_READ
        ),
    ] = None
    mask: Annotated[
        list[Path] | None,
        typer.Option(help="Mask image of the bare head, one a photo, in their order.", rich_help_panel=_READ),
    ] = None
    focal: Annotated[
        list[float] | None, typer.Option(help="Focal length in pixels, of all photos or each.", rich_help_panel=_READ)
    ] = None
    noise: Annotated[
        float | None, typer.Option(help="Error of a landmark in pixels; 1 mm when not given.", rich_help_panel=_READ)
    ] = None
    share: Annotated[str, typer.Option(help="all: one face; identity: expressions differ.", rich_help_panel=_READ)] = (
        "all"
    )
    detect: Annotated[
        bool, typer.Option("--detect", help="First guess by the detector of the extra 'photo'.", rich_help_panel=_READ)
    ] = False


@dataclass(frozen=True)
class Written:
    """What is written beside mesh and record."""

    name: Annotated[str, typer.Option(help="Stem of the results.", rich_help_panel=_WRITE)] = "child"
    overlay: Annotated[
        bool, typer.Option(help="Pictures with the head alone over blank ground.", rich_help_panel=_WRITE)
    ] = True
    show_photos: Annotated[
        bool, typer.Option("--show-photos", help="Put the photos under the overlays.", rich_help_panel=_WRITE)
    ] = False
    colours: Annotated[
        bool, typer.Option("--colours", help="Colour the mesh from the photos.", rich_help_panel=_WRITE)
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.", rich_help_panel=_WRITE)] = False


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("photo")(fit_files)


@flat
def fit_files(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Photographs of ONE child.")],
    known: Known,
    written: Written,
    model: Annotated[str, typer.Option(help="A model file, or an embedded model's name.")] = "pca",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("photo"),
) -> None:
    """Fit one child's head to photographs with landmarks. Writes NAME.ply, NAME.json and an overlay of each photo; no
    photo, path or EXIF goes into them unless asked. Faces in results are identifying. Exits 1 when the fit failed."""
    from inface.cli.batch import load_model
    from inface.photos import fit_photos

    loaded = load_model(model)
    files = [*photos, *(known.landmarks or []), *(known.mask or [])]
    results = {"mesh": out / f"{written.name}.ply", "record": out / f"{written.name}.json"}
    pictures = [out / f"{written.name}-{i + 1}.png" for i in range(len(photos))] if written.overlay else []
    refuse_overwriting([*results.values(), *pictures], files)
    with bar("photo") as progress:
        progress(0, 2)
        given = read_all(photos, known)
        progress(1, 2)
        fit = fit_photos(given, loaded, _months(known.age), _lengths(known.known or []), known.noise, known.share)  # type: ignore[arg-type]
        progress(2, 2)
    _write(fit, results, pictures, written)
    if fit.verdict == "failed":
        raise typer.Exit(1)


def read_all(photos: list[Path], known: Known) -> list[Any]:
    """The photographs with their landmarks, masks and focal lengths."""
    from inface.photos import Photo
    from inface.photos.files import read_mask, read_photo
    from inface.photos.points import find_points, read_points

    for what, values in (("--landmarks", known.landmarks), ("--mask", known.mask)):
        if values is not None and len(values) != len(photos):
            raise InfaceError(f"{what}: expected {len(photos)} files, one a photo, got {len(values)}")
    focal: list[float | None] = [*known.focal] if known.focal else [None] * len(photos)
    focal = focal * len(photos) if len(focal) == 1 else focal
    if len(focal) != len(photos):
        raise InfaceError(f"--focal: expected 1 or {len(photos)} numbers, got {len(focal)}")
    out = []
    for i, path in enumerate(photos):
        image, seen = read_photo(path)
        file = known.landmarks[i] if known.landmarks is not None else find_points(path)
        if file is not None:
            points = read_points(file, (image.shape[1], image.shape[0]))
        elif known.detect:
            from inface.photos.detect import detect

            points = detect(image)
        else:
            raise InfaceError(
                f"'{path}': no landmarks: expected a file {path.stem}.pts, .txt, .csv or .json beside it, --landmarks, "
                "or --detect"
            )
        mask = None if known.mask is None else read_mask(known.mask[i])
        try:
            out.append(Photo(image, points, focal[i] or seen, mask))
        except ValueError as error:
            raise InfaceError(f"'{path}': {error}") from None
    return out


def _months(age: str | None) -> float | None:
    return None if age is None else months_of(age, "--age")


def _lengths(texts: list[str]) -> dict[str, float]:
    out = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            out[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise InfaceError(f"--known '{text}': expected NAME=MM, such as ex_l-ex_r=74")
    return out


def _write(fit: Any, results: dict[str, Path], pictures: list[Path], written: Written) -> None:
    from inface.codecs import atomic_write
    from inface.codecs.text_files import write_text
    from inface.photos.report import record_of

    results["mesh"].parent.mkdir(parents=True, exist_ok=True)
    record = record_of(fit)
    write_text(results["record"], json.dumps(record, indent=1) + "\n")
    if fit.verdict != "failed":
        (fit.coloured() if written.colours else fit.mesh).export(results["mesh"])
    for i, path in enumerate(pictures):
        with atomic_write(path) as temporary:
            temporary.write_bytes(fit.overlay(i, photo_under=written.show_photos))
    if written.as_json:
        typer.echo(json.dumps(record, indent=1))
        return
    typer.echo(f"{fit}; size +- {fit.size_sd:.1f} %")
    for name in ("ex-ex", "en-en", "al-al", "ch-ch", "n-sn", "n-gn", "circumference"):
        if name in record["measures_mm"] and fit.verdict != "failed":
            m = record["measures_mm"][name]
            typer.echo(f"  {name:13s} {m['value']:6.1f} mm  90 %: {m['low90']:.1f} to {m['high90']:.1f}")
