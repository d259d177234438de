"""All measures by id, and the reference's names for them."""

from collections.abc import Mapping
from dataclasses import replace

from inface.measurement.cleft import CLEFTS
from inface.measurement.definition import Definition
from inface.measurement.face import FACE
from inface.measurement.head import Head
from inface.measurement.vault import INDICES, SIZES, SKEWS, VOLUMES, cvai

# ratios left over right that the reference turns over where the back is flat on the right
ADJUSTED = (
    "tr", "tr.x", "tr.y", "tr.z", "tr.top", "tsr", "eor", "eir", "ewr", "vr.left-right", "vr.back-lr", "vr.front-lr",
)  # fmt: skip


def _adjusted(definition: Definition) -> Definition:
    def value(head: Head) -> float:
        ratio = definition.value(head)
        return 1 / ratio if cvai(head, "go_middle") < 0 else ratio

    return replace(
        definition, id=definition.id + ".adj", words=definition.words + ", side-adjusted", value=value,
        text=f"{definition.id}, turned over where cvai.mid.short is below 0 (flat back RIGHT)",
        marks=tuple(dict.fromkeys((*definition.marks, "g", "op", "t_l", "t_r"))), parts=(*definition.parts, "go"),
        mirrored="same",
    )  # fmt: skip


_PLAIN = {d.id: d for d in (*SIZES, *INDICES, *SKEWS, *VOLUMES, *FACE, *CLEFTS)}
CATALOGUE: Mapping[str, Definition] = _PLAIN | {
    d.id: d for d in (_adjusted(_PLAIN[name]) for name in ADJUSTED)
}  # every measure, by its id

# the reference's name -> our id; its lateral direction is the normal of the midline, so its indices are the `.mid` ones
REFERENCE_NAMES: Mapping[str, str] = {
    "CI": "ci.mid", "CVA": "cva.mid.abs", "CVAI": "cvai.mid.abs", "CVAI_signed": "cvai.mid.short", "FI": "fi",
    "MI": "mi", "SA": "sa", "TI": "ti.arc", "VNO": "vno.lids", "NFA": "nfa", "circumference": "circ.go",
    "TR": "tr", "TRx": "tr.x", "TRy": "tr.y", "TRz": "tr.z", "TRtop": "tr.top", "TSR": "tsr", "EOR": "eor",
    "EIR": "eir", "EWR": "ewr", "v_front_left": "v.fl", "v_front_right": "v.fr", "v_back_left": "v.bl",
    "v_back_right": "v.br", "v_tot": "v.tot", "VR_front_back": "vr.front-back", "VR_left_right": "vr.left-right",
    "VR_back_left_right": "vr.back-lr", "VR_front_left_right": "vr.front-lr", "VR_left_front_back": "vr.left-fb",
    "VR_right_front_back": "vr.right-fb", "right_lip_cleft_percentage": "cleft.lip.r",
    "left_lip_cleft_percentage": "cleft.lip.l", "cleft_palate_percentage": "cleft.palate",
    "right_alveolar_cleft_size": "cleft.alveolar.r", "left_alveolar_cleft_size": "cleft.alveolar.l",
}  # fmt: skip


def id_of(name: str) -> str:
    """Our id of an id or of the reference's name, `_side-adjusted` ones too; the name itself when it is neither."""
    if name in CATALOGUE:
        return name
    stem, adjusted = name.removesuffix("_side-adjusted"), name.endswith("_side-adjusted")
    own = REFERENCE_NAMES.get(stem)
    if own is None:
        return name
    return own + ".adj" if adjusted and own in ADJUSTED else name if adjusted else own
