"""Self-contained HTML pages: documents with tables and plots, and meshes in 3D. One writer makes them all."""

from inface.pages.document import Html, document, element, write_document
from inface.pages.shapes import Panel, write_page

__all__ = ["Html", "Panel", "document", "element", "write_document", "write_page"]
