"""What the template's landmarks are called in full [Farkas 1994]."""

_NAMES = {
    "v": "vertex, the top of the head",
    "g": "glabella",
    "n": "nasion",
    "prn": "pronasale, the tip of the nose",
    "sn": "subnasale",
    "ls": "labiale superius",
    "li": "labiale inferius",
    "pg": "pogonion",
    "gn": "gnathion, the chin's lowest point",
    "sl": "sublabiale",
    "op": "opisthocranion, the back of the head",
    "sto": "stomion, upper lip",
    "sto_lower": "stomion, lower lip",
    "zy": "zygion, the cheekbone's widest point",
    "go": "gonion, the angle of the jaw",
    "ft": "frontotemporale",
    "cheek": "cheek",
    "en": "endocanthion, the eye's inner corner",
    "ex": "exocanthion, the eye's outer corner",
    "ps": "palpebrale superius",
    "pi": "palpebrale inferius",
    "eu": "eurion, the skull's widest point",
    "al": "alare, the nostril's outer edge",
    "ac": "alar curvature point",
    "sbal": "subalare",
    "cph": "crista philtri",
    "ch": "cheilion, the corner of the mouth",
    "t": "tragion, above the tragus",
    "pra": "preaurale",
    "sa": "superaurale, the ear's highest point",
    "obs": "otobasion superius",
    "obi": "otobasion inferius",
    "sba": "subaurale, the ear's lowest point",
    "pa": "postaurale",
}
_SIDES = {"l": "left", "r": "right"}


def full_name(name: str) -> str:
    """The name in full with the subject's side; the name itself where it has none.

    >>> full_name("ex_l")
    "exocanthion, the eye's outer corner (left)"
    """
    stem, _, side = name.rpartition("_")
    if side in _SIDES and stem in _NAMES:
        return f"{_NAMES[stem]} ({_SIDES[side]})"
    return _NAMES.get(name, name)


def label(name: str) -> str:
    """The name in full with the abbreviation behind it, as menus show it.

    >>> label("prn")
    'pronasale, the tip of the nose · prn'
    """
    full = full_name(name)
    return name if full == name else f"{full} · {name}"


def of_label(text: str) -> str:
    """The name of a `label`."""
    return text.rsplit(" · ", 1)[-1]
