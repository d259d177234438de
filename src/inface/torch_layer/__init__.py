"""A model as a PyTorch module: `InfaceLayer(model)(latent) -> vertices`, for everyone's training loop."""

from inface.torch_layer.files import load_layer, save_exported, save_layer, save_onnx
from inface.torch_layer.layer import InfaceLayer

__all__ = ["InfaceLayer", "load_layer", "save_exported", "save_layer", "save_onnx"]
