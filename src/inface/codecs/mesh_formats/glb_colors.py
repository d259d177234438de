"""Colours of a GLB's vertices: those in the file, times the material's factor, times its texture [gltf2].

All three are linear light in glTF, but for the texture's pixels, which are sRGB; what comes out is sRGB.
"""

import base64
import binascii
from collections.abc import Mapping

import numpy as np

from inface._validate import FloatArray
from inface.codecs.mesh_formats import textures
from inface.codecs.mesh_formats.glb_file import Glb
from inface.errors import MissingDependencyError


def primitive_colors(glb: Glb, primitive: Mapping, count: int) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Colours `(count, 3)` in [0, 1] of a primitive's vertices, None where it has none; and notes of what is lost."""
    document, attributes = glb.document, primitive["attributes"]
    linear: FloatArray | None = None
    if "COLOR_0" in attributes:
        linear = np.clip(glb.accessor(attributes["COLOR_0"])[:, :3].astype(np.float64), 0, 1)
    material = document["materials"][primitive["material"]] if "material" in primitive else {}
    surface = material.get("pbrMetallicRoughness", {})
    old = material.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness", {})
    texture = surface.get("baseColorTexture", old.get("diffuseTexture"))
    factor = np.array(surface.get("baseColorFactor", old.get("diffuseFactor", [1, 1, 1, 1])), np.float64)[:3]
    notes: tuple[str, ...] = ()
    if texture is not None:
        sampled, lost = _sampled(glb, texture, attributes, count)
        notes = (lost,) if lost else ()
        if sampled is not None:
            sampled = _linear(sampled)
            linear = sampled if linear is None else linear * sampled
    if not (factor == 1).all() and not notes:
        linear = np.clip(factor, 0, 1) * (np.ones((count, 3)) if linear is None else linear)
    return (None if linear is None else _display(np.clip(linear, 0, 1))), notes


def _sampled(glb: Glb, texture: Mapping, attributes: Mapping, count: int) -> tuple[FloatArray | None, str]:
    """Texture colours (sRGB) of the vertices, or the sentence that says why they are lost."""
    moved = texture.get("extensions", {}).get("KHR_texture_transform", {})
    name = f"TEXCOORD_{moved.get('texCoord', texture.get('texCoord', 0))}"
    if name not in attributes:
        return None, f"its texture was not read: it has no coordinates {name}"
    uv = glb.accessor(attributes[name]).astype(np.float64)[:, :2]
    if len(uv) != count:
        return None, "its texture was not read: its coordinates do not fit its vertices"
    turn = float(moved.get("rotation", 0))
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    uv = (uv * np.array(moved.get("scale", (1, 1)), np.float64)) @ rotation.T + np.array(moved.get("offset", (0, 0)))
    try:
        source = glb.document["textures"][texture["index"]]["source"]
        picture = textures.read_picture(_picture(glb, glb.document["images"][source]))
    except MissingDependencyError as error:
        return None, f"its colours are lost: {error}"
    except (KeyError, IndexError, TypeError, ValueError) as error:
        return None, f"its texture can't be read, so its colours are lost ({error})"
    return textures.sample(picture, np.stack([uv[:, 0], 1 - uv[:, 1]], 1)), ""


def _picture(glb: Glb, image: Mapping) -> bytes:
    if "bufferView" in image:
        return glb.view(image["bufferView"])
    kind, _, encoded = str(image["uri"]).partition(";base64,")
    if not kind.startswith("data:") or not encoded:
        raise ValueError("it stands in another file")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _linear(colors: FloatArray) -> FloatArray:
    """sRGB to linear light [iec61966]."""
    return np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)


def _display(linear: FloatArray) -> FloatArray:
    """Linear light to sRGB [iec61966]."""
    return np.clip(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), 0, 1)
