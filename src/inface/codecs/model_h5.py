"""The name under which `inface.codecs.model_formats` was first published."""

from inface.codecs.model_formats.h5_tree import ModelFile, open_model_file, read_model, write_model

__all__ = ["ModelFile", "open_model_file", "read_model", "write_model"]
