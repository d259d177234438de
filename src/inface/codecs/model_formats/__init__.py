"""Files of models <-> plain records of arrays; nothing here knows a model."""

from inface.codecs.model_formats.data import CARD_LIMIT, ModelData, NetworkData, SkipData, SpanData, contents_hash
from inface.codecs.model_formats.foreign import is_foreign, read_foreign
from inface.codecs.model_formats.h5_tree import ModelFile, open_model_file, read_model, write_model

__all__ = [
    "CARD_LIMIT",
    "ModelData",
    "ModelFile",
    "NetworkData",
    "SkipData",
    "SpanData",
    "contents_hash",
    "is_foreign",
    "open_model_file",
    "read_foreign",
    "read_model",
    "write_model",
]
