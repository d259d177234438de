"""Layers in files: safetensors (weights and notes, no pickle), ONNX, and torch's own exported programs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inface._optional import require
from inface.codecs import atomic_write
from inface.errors import FormatError
from inface.torch_layer.layer import InfaceLayer
from inface.torch_layer.parts import FORMAT, LayerParts

if TYPE_CHECKING:
    import torch
else:
    torch = require("torch", "a model as a torch layer")


def save_layer(layer: InfaceLayer, path: str | Path) -> None:
    """Write a layer as safetensors: its `state_dict`, and what it is as metadata."""
    save_file = require("safetensors.torch", "writing a torch layer").save_file
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in layer.state_dict().items()}
    with atomic_write(path) as temporary:
        save_file(tensors, str(temporary), metadata={"inface": json.dumps(layer.notes)})


def load_layer(path: str | Path, *, trainable: bool = False) -> InfaceLayer:
    """The layer that `save_layer` wrote, equal to the bit; no model file is needed.

    Raises:
        FileNotFoundError: no such file.
        FormatError: another kind of file, or damaged.
    """
    safe_open = require("safetensors", "reading a torch layer").safe_open
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file '{path}'")
    try:
        with safe_open(str(path), "pt") as file:
            notes = json.loads((file.metadata() or {}).get("inface", "null"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # its own kinds of error are not public
        raise FormatError(f"'{path}': not a safetensors file, or damaged ({error})") from None
    if not isinstance(notes, dict) or notes.get("format") != FORMAT:
        raise FormatError(f"'{path}': a safetensors file, but not of a layer of this package; write one by save_layer")
    try:
        return InfaceLayer.from_parts(LayerParts(arrays, notes), trainable=trainable)
    except (KeyError, IndexError) as error:
        raise FormatError(f"'{path}': an array is missing ({error})") from None


def save_exported(layer: InfaceLayer, path: str | Path) -> None:
    """Write the decoder as a program of `torch.export`, with a free batch size: `(B, K)` to `(B, V, 3)`."""
    program = torch.export.export(layer.eval(), (_codes(layer),), dynamic_shapes=_free())
    with atomic_write(path) as temporary:
        torch.export.save(program, str(temporary))


def save_onnx(layer: InfaceLayer, path: str | Path) -> None:
    """Write the decoder as ONNX, with a free batch size: "latent" `(B, K)` to "vertices" `(B, V, 3)`.

    Needs the extra `export`. Weights lie in the file itself up to ONNX's limit of 2 GB.
    """
    require("onnxscript", "writing ONNX")
    program: Any = torch.onnx.export(
        layer.eval(),
        (_codes(layer),),
        dynamic_shapes=_free(),
        input_names=["latent"],
        output_names=["vertices"],
        dynamo=True,
        verbose=False,
    )
    with atomic_write(path) as temporary:
        program.save(str(temporary), external_data=False)


def _codes(layer: InfaceLayer) -> "torch.Tensor":
    return layer.latent_mean.detach().repeat(2, 1)


def _free() -> Any:
    return {"latent": {0: torch.export.Dim("batch")}}
