"""3D statistical shape models of infant faces and heads."""

__version__ = "0.1.0"
